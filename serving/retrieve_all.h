// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_RETRIEVE_ALL_H_
#define LARDER_SERVING_RETRIEVE_ALL_H_

#include <cstddef>
#include <functional>

#include "base/status.h"
#include "larder/v1/retrieval_service.pb.h"
#include "serving/context.h"

namespace larder::serving {

// How many calls of RetrieveAll a server works on at once: each takes processors from calls that
// somebody waits for. Not one, so that a client that was killed does not keep its successor out.
inline constexpr size_t kMaxRetrieveAllCalls = 2;

// RetrievalService.RetrieveAll: calls `send` for every message, until it returns an error, which is
// returned.
//
// Works on as many threads as the machine has processors; each reads in snapshots of its own that
// last a few milliseconds, or one key if that takes longer, or twice as long as the conditions that
// keys share, so that apply gets its turn. Not at low priority: who waits for the processor in a
// snapshot keeps apply out, and apply all other readers.
//
// A key whose channel fails is tried again twice, within a second; then the call ends with what
// failed, after all results before it are sent.
// Errors: as the proto says.
// Cost: docs/benchmarks.md. Memory: about 50 bytes per key, and the results of 250 ms.
Status RetrieveAll(const larder::v1::RetrieveAllRequest& request, const Context& context,
                   const std::function<Status(const larder::v1::RetrieveAllResponse&)>& send);

}  // namespace larder::serving

#endif  // LARDER_SERVING_RETRIEVE_ALL_H_
