// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_CONTEXT_H_
#define LARDER_SERVING_CONTEXT_H_

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/status.h"
#include "featurestore/artifact_store.h"
#include "featurestore/store.h"

namespace larder::v1 {}

namespace larder::serving {

namespace pb = ::larder::v1;

class Encoders;
class IndexSink;
class KeyHashes;
class TopLists;

// Limits on what a client may ask for (invariant 10). They are part of the wire contract, so they
// are constants and not options.
inline constexpr size_t kMaxCandidates = 10'000;
inline constexpr size_t kMaxEmbedTexts = 10'000;
inline constexpr size_t kMaxEmbedBytes = size_t{16} << 20;
inline constexpr size_t kMaxTextBytes = size_t{1} << 20;
inline constexpr size_t kMaxKeyBytes = 256;
inline constexpr size_t kMaxNameBytes = 1'024;
inline constexpr size_t kMaxListValues = 10'000;
inline constexpr size_t kMaxSearchHits = 2'000;
inline constexpr size_t kMaxChunkBytes = size_t{4} << 20;
// Of one gRPC message: a batch of 16 MiB and what goes around it; the largest reply.
inline constexpr int kMaxReceiveBytes = 20 << 20;
inline constexpr int kMaxSendBytes = 64 << 20;

// What the handlers work on. Everything outlives them. Thread-safety: thread-safe, as its parts.
struct Backend {
  featurestore::Store& store;
  featurestore::ArtifactStore& artifacts;
  Encoders& encoders;
  IndexSink& indexes;
  TopLists& top_lists;
  KeyHashes& key_hashes;
};

// One call. Handlers are plain functions `StatusOr<Reply> F(const Request&, const Context&)`:
// they know no transport, so they are tested without one.
struct Context {
  Backend& backend;
  // When the caller stops waiting, by the steady clock.
  std::chrono::steady_clock::time_point deadline;

  bool expired() const { return std::chrono::steady_clock::now() >= deadline; }
};

// Errors: kDeadlineExceeded once the caller no longer waits.
inline Status CheckDeadline(const Context& context) {
  return context.expired() ? DeadlineExceeded("the call's deadline has passed") : OkStatus();
}

}  // namespace larder::serving

#endif  // LARDER_SERVING_CONTEXT_H_
