// SPDX-License-Identifier: Apache-2.0
#include "base/parallel.h"

#include <algorithm>
#include <thread>
#include <vector>

namespace larder {

void ParallelPieces(size_t n, size_t min_piece,
                    const std::function<void(size_t begin, size_t end)>& work) {
  if (n == 0) return;
  const size_t processors = std::max(1U, std::thread::hardware_concurrency());
  const size_t pieces = std::clamp<size_t>(n / std::max<size_t>(min_piece, 1), 1, processors);
  std::vector<std::jthread> threads;  // joined when they go out of scope
  for (size_t piece = 1; piece < pieces; ++piece) {
    threads.emplace_back(work, n * piece / pieces, n * (piece + 1) / pieces);
  }
  work(0, n / pieces);
}

}  // namespace larder
