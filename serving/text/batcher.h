// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_TEXT_BATCHER_H_
#define LARDER_SERVING_TEXT_BATCHER_H_

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "base/sync.h"
#include "serving/histogram.h"
#include "text/encoder.h"

namespace larder::serving {

struct BatcherOptions {
  // Threads that encode. 0: one per processor.
  size_t threads = 0;
  // How long a thread may wait for more while fewer than `enough_tokens` wait. 0: never.
  std::chrono::microseconds wait{1'000};
  // From so many tokens on an encoder's matrices are as fast as they get.
  size_t enough_tokens = 32;
  // Of one batch; a single text may have more. More makes nothing faster, and holds up who comes
  // next.
  size_t batch_tokens = 128;
  // Tokens that may wait; one request counts for no more than a quarter of them.
  size_t queue_tokens = size_t{64} << 10;
  // Of one piece of background work, likewise.
  size_t background_tokens = 64;
  // How long background work gives way before each of its pieces.
  std::chrono::milliseconds background_patience{20};
};

// The queue of texts for slow encoders, and the threads that encode them: several requests share a
// batch, and one request may need several.
//
// Who comes first is served first, but a request that does not fit into a batch goes to the end of
// the queue with what is left of it: a small one waits for a batch per larger one before it, and
// not for all of these.
// Owns its threads, which begin with the first request. Encoders must outlive their requests, and
// these must end before the batcher. Thread-safety: thread-safe.
class Batcher {
 public:
  using Steady = std::chrono::steady_clock;

  explicit Batcher(const BatcherOptions& options);
  ~Batcher();
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

 private:
  struct Request;

 public:
  // One request that was taken; its end gives the request up.
  // Thread-safety: single-thread.
  class Ticket {
   public:
    Ticket(Batcher& batcher, std::shared_ptr<Request> request);
    ~Ticket();
    Ticket(Ticket&&) = default;
    Ticket& operator=(Ticket&&) = delete;

    // The codes, [texts, code_size] row-major. Once.
    // Errors: kDeadlineExceeded at the deadline; kCancelled, some milliseconds after the caller
    //         no longer waits; the encoder's.
    StatusOr<std::vector<int8_t>> Wait();

   private:
    Batcher* batcher_;
    std::shared_ptr<Request> request_;  // null: moved from
  };

  // Puts texts into the queue. `cancelled` (may be empty) is asked until the ticket ends, by any
  // thread; what is cancelled or late when its turn comes is not encoded.
  // Errors: kResourceExhausted if too much waits already.
  StatusOr<Ticket> Submit(const text::Encoder& encoder, std::vector<text::TokenizedText> texts,
                          Steady::time_point deadline, std::function<bool()> cancelled);

  // Encodes on the calling thread, which should have a low priority, a piece of at most
  // `background_tokens` at a time; before each it waits, `background_patience` at most, until the
  // queue is empty. Is never refused.
  // Errors: kDeadlineExceeded, kCancelled; the encoder's.
  StatusOr<std::vector<int8_t>> EncodeInBackground(const text::Encoder& encoder,
                                                   std::span<const text::TokenizedText> texts,
                                                   Steady::time_point deadline,
                                                   const std::function<bool()>& cancelled);

  // Of all requests since start; `queue_tokens` and `background_waits` are of now.
  struct Stats {
    size_t queue_tokens = 0;
    size_t background_waits = 0;
    uint64_t rejected = 0;   // requests: the queue was full
    uint64_t abandoned = 0;  // requests: late or cancelled
    Histogram::Reading batch_tokens;
    Histogram::Reading wait_seconds;  // of a request until its first text is encoded
  };
  Stats GetStats() const;

 private:
  using Queue = std::list<std::shared_ptr<Request>>;
  struct Batch;

  void Work();
  void StartLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void TakeLocked(Batch& batch, Queue& unfinished) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void FailLocked(const Batch& batch, const Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void DeliverLocked(const Batch& batch, std::span<const int8_t> codes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EndLocked(Request& request, const Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void GiveUp(Request& request);
  StatusOr<std::vector<int8_t>> WaitFor(Request& request);
  void CountLocked(Request& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Status GiveWay(Steady::time_point deadline, const std::function<bool()>& cancelled);

  const BatcherOptions options_;
  mutable Mutex mu_;
  CondVar work_;  // something came, or the end
  CondVar idle_;  // nothing is left
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  Queue queue_ ABSL_GUARDED_BY(mu_);
  size_t waiting_tokens_ ABSL_GUARDED_BY(mu_) = 0;  // all of the queue's
  size_t queue_tokens_ ABSL_GUARDED_BY(mu_) = 0;    // as far as they count
  size_t encoding_ ABSL_GUARDED_BY(mu_) = 0;        // batches
  size_t background_waits_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t rejected_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t abandoned_ ABSL_GUARDED_BY(mu_) = 0;
  Histogram batch_tokens_;
  Histogram wait_seconds_;
  std::vector<std::jthread> threads_ ABSL_GUARDED_BY(mu_);
};

}  // namespace larder::serving

#endif  // LARDER_SERVING_TEXT_BATCHER_H_
