// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_BENCH_SUPPORT_MEMORY_H_
#define LARDER_BENCH_SUPPORT_MEMORY_H_

#include <cstddef>

#include "base/status.h"

namespace larder::bench {

// The process's resident memory that is no file's, after the allocator has given back what it can:
// RssAnon, which has transparent huge pages in it, and reserved huge pages. What is mapped from
// files does not count; bench/ann/engine.py counts the same way.
// Errors: kUnimplemented where /proc does not tell.
StatusOr<size_t> AnonymousBytes();

}  // namespace larder::bench

#endif  // LARDER_BENCH_SUPPORT_MEMORY_H_
