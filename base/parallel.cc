// SPDX-License-Identifier: Apache-2.0
#include "base/parallel.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

namespace larder {
namespace {

std::atomic<size_t> processors_for_testing = 0;

}  // namespace

void SetProcessorsForTesting(size_t processors) { processors_for_testing = processors; }

void ParallelPieces(size_t n, size_t min_piece,
                    const std::function<void(size_t begin, size_t end)>& work) {
  if (n == 0) return;
  const size_t set = processors_for_testing;
  const size_t processors =
      set > 0 ? set : std::max<size_t>(1, std::thread::hardware_concurrency());
  const size_t pieces = std::clamp<size_t>(n / std::max<size_t>(min_piece, 1), 1, processors);
  std::vector<std::jthread> threads;  // joined when they go out of scope
  for (size_t piece = 1; piece < pieces; ++piece) {
    const size_t begin = n * piece / pieces;
    try {
      threads.emplace_back(work, begin, n * (piece + 1) / pieces);
    } catch (const std::system_error&) {
      // No more threads may be had: the rest is done here.
      work(begin, n);
      break;
    }
  }
  work(0, n / pieces);
}

}  // namespace larder
