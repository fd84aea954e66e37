// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_BASE_PARALLEL_H_
#define LARDER_BASE_PARALLEL_H_

#include <cstddef>
#include <functional>

namespace larder {

// Calls `work(begin, end)` for consecutive pieces that make up [0, n), each on a thread of its own
// (the first on the caller's), and returns when all are done. There are as many pieces as
// processors, but none has fewer than `min_piece` items unless it is the only one. Nothing is
// called for n = 0. `work` must not throw.
//
// Cost: starting a thread per further piece, some 20 us each: for work of a millisecond or more.
void ParallelPieces(size_t n, size_t min_piece,
                    const std::function<void(size_t begin, size_t end)>& work);

// Has ParallelPieces act as on a machine of so many processors; 0: this one's.
void SetProcessorsForTesting(size_t processors);

}  // namespace larder

#endif  // LARDER_BASE_PARALLEL_H_
