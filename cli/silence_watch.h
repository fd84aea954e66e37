// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_SILENCE_WATCH_H_
#define LARDER_CLI_SILENCE_WATCH_H_

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "base/status.h"
#include "base/sync.h"

namespace larder::cli {

// Cancels a stream whose server is silent for longer than `patience` while it is waited for.
// Owns a thread. Thread-safety: single-thread.
class SilenceWatch {
 public:
  // `call` must outlive it.
  SilenceWatch(grpc::ClientContext& call, DurationUs patience)
      : call_(call), patience_(patience), thread_([this] { Watch(); }) {}
  ~SilenceWatch();
  SilenceWatch(const SilenceWatch&) = delete;
  SilenceWatch& operator=(const SilenceWatch&) = delete;

  // Call these around what waits for the server.
  void Waits();
  void Works();
  // kDeadlineExceeded, naming --timeout, once the call was cancelled here.
  Status status() const;

 private:
  using Steady = std::chrono::steady_clock;

  void Watch();

  grpc::ClientContext& call_;
  const DurationUs patience_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::optional<Steady::time_point> until_ ABSL_GUARDED_BY(mutex_);  // none: not waiting
  bool late_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace larder::cli

#endif  // LARDER_CLI_SILENCE_WATCH_H_
