// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_GRPC_STREAMS_H_
#define LARDER_SERVING_GRPC_STREAMS_H_

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstddef>
#include <map>
#include <thread>

#include "base/status.h"
#include "base/sync.h"

namespace larder::serving {

// The streams that are open now. Each keeps a thread, so there are at most `limit`, and one that
// waits for its client for longer than `idle` is cancelled.
//
// Owns a thread that looks for those. Thread-safety: thread-safe.
class Streams {
 public:
  Streams(size_t limit, std::chrono::milliseconds idle);
  ~Streams();
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  // One open stream; waits for its client at first. Thread-safety: single-thread, but for what is
  // a helper's.
  class Stream {
   public:
    Stream(Streams& all, grpc::ServerContext& call, bool ends_at_drain);
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    // kResourceExhausted if there were `limit` streams already: it must end at once.
    const Status& status() const { return status_; }
    // Call these around what waits for the client. Waits(): false if the stream is to end.
    bool Waits();
    void Works();
    // Call these, from one other thread, around work that the client waits for while the stream
    // does for its client: neither is silent then. A drain ends the stream all the same.
    void HelperWorks();
    void HelperWaits();

   private:
    Streams& all_;
    grpc::ServerContext& call_;
    Status status_;
  };

  // Ends the streams that end at a drain: at once if they wait, else when they next would.
  void Drain();

 private:
  using Steady = std::chrono::steady_clock;
  struct State {
    bool ends_at_drain = false;
    bool waits = true;
    bool helper_works = false;
    Steady::time_point since;  // of the last change
  };

  void CancelIdle();

  const size_t limit_;
  const std::chrono::milliseconds idle_;
  Mutex mu_;
  CondVar stopped_;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::map<grpc::ServerContext*, State> open_ ABSL_GUARDED_BY(mu_);
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace larder::serving

#endif  // LARDER_SERVING_GRPC_STREAMS_H_
