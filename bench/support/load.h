// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_BENCH_SUPPORT_LOAD_H_
#define LARDER_BENCH_SUPPORT_LOAD_H_

#include <cstddef>
#include <functional>

#include "base/status.h"
#include "bench/support/timing.h"

namespace larder::bench {

// Makes the i-th call; safe to call from several threads.
using Call = std::function<Status(size_t i)>;

// A closed loop: one client that sends the next call when the last one is answered.
// Errors: the first call that fails.
StatusOr<Round> ClosedLoop(size_t calls, const Call& call);

// An open loop: calls are due at a fixed rate, whether earlier ones are answered or not, and their
// latency counts from when they were due. `clients` threads make them; a call that finds all of
// them busy waits, which counts too.
// Errors: the first call that fails.
StatusOr<Round> OpenLoop(size_t calls, double per_second, size_t clients, const Call& call);

}  // namespace larder::bench

#endif  // LARDER_BENCH_SUPPORT_LOAD_H_
