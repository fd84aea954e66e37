// SPDX-License-Identifier: Apache-2.0
#include "base/parallel.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "base/sync.h"

namespace larder {
namespace {

using Pieces = std::set<std::pair<size_t, size_t>>;

Pieces PiecesOf(size_t n, size_t min_piece) {
  Mutex mu;
  Pieces pieces;
  ParallelPieces(n, min_piece, [&](size_t begin, size_t end) {
    MutexLock lock(mu);
    pieces.emplace(begin, end);
  });
  return pieces;
}

TEST(ParallelPieces, CoverEveryItemOnce) {
  for (const size_t n : {1, 2, 3, 7, 64, 1000, 1001}) {
    for (const size_t min_piece : {0, 1, 2, 10, 5000}) {
      SCOPED_TRACE(testing::Message() << n << " items, pieces of at least " << min_piece);
      size_t next = 0;
      const Pieces pieces = PiecesOf(n, min_piece);
      for (const auto& [begin, end] : pieces) {
        EXPECT_EQ(begin, next);
        EXPECT_LT(begin, end);
        EXPECT_TRUE(pieces.size() == 1 || end - begin >= min_piece);
        next = end;
      }
      EXPECT_EQ(next, n);
      EXPECT_LE(pieces.size(), std::max(1U, std::thread::hardware_concurrency()));
    }
  }
}

TEST(ParallelPieces, NothingForNoItems) { EXPECT_TRUE(PiecesOf(0, 1).empty()); }

TEST(ParallelPieces, WorkIsDoneOnReturn) {
  std::vector<int> items(10'000, 1);
  ParallelPieces(items.size(), 1, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) items[i] = 2;
  });
  EXPECT_EQ(std::accumulate(items.begin(), items.end(), 0), 20'000);
}

}  // namespace
}  // namespace larder
