// SPDX-License-Identifier: Apache-2.0
#include "text/evaluation/ranking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "base/file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/text/text_testing.h"
#include "text/internal/dot.h"

namespace larder::text::internal {
namespace {

// Scores from a table.
class TableSearcher final : public Searcher {
 public:
  TableSearcher(std::vector<float> table, size_t texts) : table_(std::move(table)), texts_(texts) {}
  void Score(std::span<const size_t> queries, std::span<float> scores) const override {
    for (size_t i = 0; i < queries.size(); ++i) {
      std::copy_n(table_.begin() + static_cast<std::ptrdiff_t>(queries[i] * texts_), texts_,
                  scores.begin() + static_cast<std::ptrdiff_t>(i * texts_));
    }
  }

 private:
  const std::vector<float> table_;
  const size_t texts_;
};

TEST(DotRows, EqualsPlainSumsForEveryLength) {
  const uint64_t seed = 11;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (const size_t dim : {1u, 3u, 16u, 31u, 32u, 64u, 65u, 256u, 300u}) {
    std::vector<int8_t> query(dim);
    std::vector<int8_t> rows(7 * dim);
    for (int8_t& x : query) x = static_cast<int8_t>(random());
    for (int8_t& x : rows) x = static_cast<int8_t>(random());
    query[0] = rows[0] = -128;
    std::vector<int32_t> dots(7);

    DotRows(query.data(), rows.data(), 7, dim, dots.data());

    for (size_t i = 0; i < 7; ++i) {
      int32_t expected = 0;
      for (size_t d = 0; d < dim; ++d) expected += query[d] * rows[i * dim + d];
      EXPECT_EQ(dots[i], expected) << dim;
    }
  }
}

TEST(Ranking, EqualsSortingAllScores) {
  const uint64_t seed = 5;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  constexpr size_t kTexts = 50;
  constexpr size_t kQueries = 40;
  std::vector<float> table;
  // Few values, so that there are ties.
  for (size_t i = 0; i < kTexts * kQueries; ++i) table.push_back(static_cast<float>(random() % 9));
  std::vector<size_t> own;
  for (size_t q = 0; q < kQueries; ++q) own.push_back(random() % kTexts);
  const TableSearcher searcher(table, kTexts);

  const auto ranks = RanksOfOwn(searcher, kTexts, own);
  const auto nearest = NearestTexts(searcher, kTexts, own);

  for (size_t q = 0; q < kQueries; ++q) {
    std::vector<size_t> order(kTexts);
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return table[q * kTexts + a] > table[q * kTexts + b];
    });
    EXPECT_EQ(order[ranks[q]], own[q]);
    std::erase(order, own[q]);
    order.resize(kNearest);
    EXPECT_EQ(nearest[q], order);
  }
}

TEST(Ranking, OwnBeyondTheTextsLeavesNothingOut) {
  const TableSearcher searcher({1, 3, 2}, 3);

  EXPECT_THAT(NearestTexts(searcher, 3, std::vector<size_t>{3}),
              testing::ElementsAre(testing::ElementsAre(1, 2, 0)));
}

TEST(VectorSet, ScoresAreCosinesTimesTheQuerysLength) {
  TempDir dir;
  ASSERT_OK(WriteSampleEncoder(dir.path()));
  ASSERT_OK_AND_ASSIGN(const auto encoder, OpenEncoder(FileSystem::Posix(), dir.path()));
  const std::vector<std::string_view> texts = {"network daemon", "", "enemy castle"};
  ASSERT_OK_AND_ASSIGN(const VectorSet set,
                       VectorSet::Encode(*encoder, texts, TextRole::kDocument));
  std::vector<int8_t> codes(3 * 16);
  ASSERT_OK(encoder->Encode(texts, codes));
  std::vector<float> scores(3);

  set.Score(set, std::vector<size_t>{0}, scores);

  double square = 0;
  for (size_t d = 0; d < 16; ++d) square += codes[d] * codes[d];
  EXPECT_NEAR(scores[0], std::sqrt(square), 1e-3);
  EXPECT_EQ(scores[1], 0);
  EXPECT_NEAR(set.Cosine(0, set, 0), 1, 1e-6);
  EXPECT_EQ(set.Cosine(0, set, 1), 0);
  EXPECT_NEAR(set.Cosine(0, set, 2) * std::sqrt(square), scores[2], 1e-3);
}

}  // namespace
}  // namespace larder::text::internal
