// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_CONTEXT_H_
#define LARDER_SERVING_CONTEXT_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "ann/search.h"
#include "base/status.h"
#include "featurestore/artifact_store.h"
#include "featurestore/store.h"

namespace larder::serving {

class Encoders;
class IndexSink;
class KeyHashes;
class LiveRecall;
class TopLists;

// Limits on what a client may ask for (invariant 10). They are part of the wire contract, so they
// are constants and not options.
inline constexpr size_t kMaxCandidates = 10'000;
inline constexpr size_t kMaxEmbedTexts = 10'000;
inline constexpr size_t kMaxEmbedBytes = size_t{16} << 20;
inline constexpr size_t kMaxTextBytes = size_t{1} << 20;
// Of one Tokenize, all texts together: a reply lists a token per byte at worst.
inline constexpr size_t kMaxTokenizeBytes = size_t{1} << 20;
inline constexpr size_t kMaxSearchTextBytes = size_t{64} << 10;
inline constexpr size_t kMaxKeyBytes = 256;
inline constexpr size_t kMaxNameBytes = 1'024;
inline constexpr size_t kMaxListValues = 10'000;
// Of Search; a `near` channel takes up to ann::kMaxK.
inline constexpr size_t kMaxSearchHits = 2'000;
inline constexpr size_t kMaxSearchEffort = ann::kMaxEffort;
inline constexpr size_t kMaxChunkBytes = size_t{4} << 20;
// Of one gRPC message: a batch of 16 MiB and what goes around it; the largest reply.
inline constexpr int kMaxReceiveBytes = 20 << 20;
inline constexpr int kMaxSendBytes = 64 << 20;
// No call is worked on for longer, whatever deadline its client sets.
inline constexpr std::chrono::hours kMaxCallTime{1};

// What the handlers work on. Everything outlives them. Thread-safety: thread-safe, as its parts.
struct Backend {
  featurestore::Store& store;
  featurestore::ArtifactStore& artifacts;
  Encoders& encoders;
  IndexSink& indexes;
  TopLists& top_lists;
  KeyHashes& key_hashes;
  LiveRecall& live_recall;
};

// One call. Handlers are plain functions `StatusOr<Reply> F(const Request&, const Context&)`:
// they know no transport, so they are tested without one.
struct Context {
  Backend& backend;
  // When the caller stops waiting, by the steady clock.
  std::chrono::steady_clock::time_point deadline;
  // True once the caller has gone away or a shutdown ends what still runs. Empty: never.
  std::function<bool()> cancelled = {};
};

// Errors: kDeadlineExceeded or kCancelled once the caller no longer waits.
// Cost: a few microseconds.
inline Status CheckDeadline(const Context& context) {
  if (std::chrono::steady_clock::now() >= context.deadline) {
    return DeadlineExceeded("the call's deadline has passed");
  }
  if (context.cancelled && context.cancelled()) return Cancelled("the caller no longer waits");
  return OkStatus();
}

// The store's state once it has `min_position`.
// Errors: kUnavailable if it does not get there before the deadline (S2.4); kCancelled.
inline StatusOr<std::unique_ptr<featurestore::Snapshot>> ReadStore(
    const Context& context, featurestore::Position min_position = {}) {
  return context.backend.store.Read(min_position, context.deadline, context.cancelled);
}

}  // namespace larder::serving

#endif  // LARDER_SERVING_CONTEXT_H_
