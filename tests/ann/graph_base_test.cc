// SPDX-License-Identifier: Apache-2.0
#include "ann/graph_base.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <string>
#include <vector>

#include "tests/ann/ann_testing.h"

namespace larder::ann {
namespace {

using testing::ElementsAreArray;
using testing::HasSubstr;

constexpr size_t kDim = 24;

GraphOptions SmallOptions() {
  return {.shape = {.dim = kDim}, .space = TestSpace(), .degree = 8, .ef_construction = 40};
}

std::vector<uint32_t> FirstIds(uint32_t n) {
  std::vector<uint32_t> ids(n);
  for (uint32_t i = 0; i < n; ++i) ids[i] = i;
  return ids;
}

std::shared_ptr<const GraphBase> Build(const GraphOptions& options, uint32_t n,
                                       uint64_t seed = 3) {
  auto base = BuildGraphBase(options, ClusteredVectors(seed, n, options.shape.dim, 20),
                             TestKeys(FirstIds(n)));
  EXPECT_OK(base);
  return *base;
}

TEST(GraphBase, KeepsEveryVectorUnderItsKey) {
  const auto vectors = ClusteredVectors(3, 500, kDim, 20);

  ASSERT_OK_AND_ASSIGN(const auto base,
                       BuildGraphBase(SmallOptions(), vectors, TestKeys(FirstIds(500))));

  ASSERT_EQ(base->row_count(), 500u);
  EXPECT_EQ(base->dim(), kDim);
  EXPECT_EQ(base->space(), TestSpace());
  std::set<std::string_view> keys;
  for (size_t row = 0; row < base->row_count(); ++row) {
    EXPECT_TRUE(keys.insert(base->key(row)).second);
    const uint32_t id = IdOfTestKey(base->key(row));
    const uint32_t node = base->node_of_row(row);
    EXPECT_THAT(base->vector(node).high,
                ElementsAreArray(std::span(vectors).subspan(id * kDim, kDim)));
    EXPECT_EQ(base->inverse_norms()[node], NormOf(base->vector(node)).inverse);
  }
}

TEST(GraphBase, OneThreadGivesTheSameBytesWhateverTheOrderOfTheInput) {
  const auto vectors = ClusteredVectors(5, 400, kDim, 10);
  std::vector<uint32_t> ids = FirstIds(400);
  ASSERT_OK_AND_ASSIGN(const auto first,
                       BuildGraphBase(SmallOptions(), vectors, TestKeys(ids)));

  std::shuffle(ids.begin(), ids.end(), std::mt19937_64(1));
  std::vector<int8_t> shuffled;
  for (const uint32_t id : ids) {
    shuffled.insert(shuffled.end(), &vectors[id * kDim], &vectors[id * kDim] + kDim);
  }
  ASSERT_OK_AND_ASSIGN(const auto second,
                       BuildGraphBase(SmallOptions(), shuffled, TestKeys(ids)));

  EXPECT_EQ(first->bytes(), second->bytes());
}

TEST(GraphBase, AnotherSeedGivesAnotherGraph) {
  GraphOptions options = SmallOptions();
  const auto first = Build(options, 300);
  options.seed = 2;

  EXPECT_NE(first->bytes(), Build(options, 300)->bytes());
}

TEST(GraphBase, EqualVectorsShareANode) {
  std::vector<int8_t> vectors = ClusteredVectors(9, 3, kDim, 3);
  const std::vector<int8_t> twin(vectors.begin(), vectors.begin() + kDim);
  vectors.insert(vectors.end(), twin.begin(), twin.end());

  ASSERT_OK_AND_ASSIGN(const auto base,
                       BuildGraphBase(SmallOptions(), vectors, TestKeys(FirstIds(4))));

  EXPECT_EQ(base->node_count(), 3u);
  std::vector<std::string> twins;
  for (uint32_t node = 0; node < 3; ++node) {
    const RowRange rows = base->rows_of_node(node);
    if (rows.size() < 2) continue;
    for (uint32_t row = rows.begin; row < rows.end; ++row) twins.emplace_back(base->key(row));
  }
  EXPECT_THAT(twins, testing::ElementsAre(TestKey(0), TestKey(3)));
}

TEST(GraphBase, ZeroVectorsAreLeftOut) {
  std::vector<int8_t> vectors = ClusteredVectors(9, 3, kDim, 3);
  std::fill_n(vectors.begin() + kDim, kDim, int8_t{0});

  ASSERT_OK_AND_ASSIGN(const auto base,
                       BuildGraphBase(SmallOptions(), vectors, TestKeys(FirstIds(3))));

  ASSERT_EQ(base->row_count(), 2u);
  EXPECT_THAT((std::vector{base->key(0), base->key(1)}),
              testing::UnorderedElementsAre(TestKey(0), TestKey(2)));
}

TEST(GraphBase, LevelsNarrowAndEveryNodeIsReachable) {
  const auto base = Build(SmallOptions(), 2000);

  ASSERT_GE(base->level_count(), 2u);
  std::set<uint32_t> reached = {base->entry_node()};
  std::vector<uint32_t> open = {base->entry_node()};
  while (!open.empty()) {
    const uint32_t node = open.back();
    open.pop_back();
    for (const uint32_t link : base->links(0, node)) {
      if (link == kNoNode) break;
      if (reached.insert(link).second) open.push_back(link);
    }
  }
  EXPECT_GE(reached.size(), base->node_count() * 999 / 1000);
}

TEST(GraphBase, SeveralThreadsBuildAWholeGraph) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "FAISS and its OpenMP locks are not instrumented: ThreadSanitizer cannot see "
                  "that links are changed under a lock";
#endif
  GraphOptions options = SmallOptions();
  options.threads = 3;
  const auto base = Build(options, 1000);

  EXPECT_EQ(base->row_count(), 1000u);
  EXPECT_OK(GraphBase::FromBytes(base->bytes(), "copy"));
}

TEST(GraphBase, ASingleVectorIsAGraph) {
  const auto base = Build(SmallOptions(), 1);

  EXPECT_EQ(base->node_count(), 1u);
  EXPECT_EQ(base->links(0, 0).front(), kNoNode);
}

TEST(GraphBase, ProgressRisesToTheTotal) {
  size_t last = 0;
  size_t calls = 0;
  const auto progress = [&](size_t done, size_t total) {
    EXPECT_GE(done, last);
    EXPECT_EQ(total, 2500u);
    last = done;
    ++calls;
  };

  ASSERT_OK(BuildGraphBase(SmallOptions(), ClusteredVectors(3, 2500, kDim, 20),
                           TestKeys(FirstIds(2500)), progress));

  EXPECT_EQ(last, 2500u);
  EXPECT_GE(calls, 3u);
}

TEST(GraphBase, StopEndsTheBuild) {
  std::stop_source stop;
  const auto progress = [&](size_t, size_t) { stop.request_stop(); };

  EXPECT_THAT(BuildGraphBase(SmallOptions(), ClusteredVectors(3, 2500, kDim, 20),
                             TestKeys(FirstIds(2500)), progress, stop.get_token()),
              StatusIs(StatusCode::kCancelled, HasSubstr("stopped")));
}

TEST(GraphBase, RefusesOptionsAndInputOutOfRange) {
  const auto vectors = ClusteredVectors(3, 2, kDim, 2);
  const auto keys = TestKeys(FirstIds(2));
  const auto refuses = [&](auto change, const char* message) {
    GraphOptions options = SmallOptions();
    change(options);
    EXPECT_THAT(BuildGraphBase(options, vectors, keys),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr(message)));
  };
  refuses([](GraphOptions& o) { o.shape.dim = 0; }, "dim is 0");
  refuses([](GraphOptions& o) { o.shape.dim = kMaxDim + 1; }, "dim is 4097");
  refuses([](GraphOptions& o) { o.shape.dim = 23; }, "expected 2 vectors of 23");
  refuses([](GraphOptions& o) { o.degree = 3; }, "degree is 3");
  refuses([](GraphOptions& o) { o.degree = 65; }, "degree is 65");
  refuses([](GraphOptions& o) { o.ef_construction = 7; }, "ef_construction is 7");
  refuses([](GraphOptions& o) { o.threads = 0; }, "threads is 0");

  const auto refuses_keys = [&](std::vector<std::string> bad, const char* message) {
    EXPECT_THAT(BuildGraphBase(SmallOptions(), vectors, bad),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr(message)));
  };
  refuses_keys({"a", "a"}, "key 'a' comes twice");
  refuses_keys({"a", ""}, "key of vector 1 has 0 bytes");
  refuses_keys({"a", std::string(257, 'x')}, "257 bytes");
  refuses_keys({"a", "\xff"}, "UTF-8");
  EXPECT_THAT(BuildGraphBase(SmallOptions(), std::vector<int8_t>(2 * kDim), keys),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("no vector")));
  EXPECT_THAT(BuildGraphBase(SmallOptions(), {}, {}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("no vector")));
}

TEST(GraphBase, SavesAndOpensTheSameBytes) {
  const std::string dir = testing::TempDir() + "/graph_base_" + std::to_string(getpid());
  FileSystem& fs = FileSystem::Posix();
  const auto base = Build(SmallOptions(), 300);

  ASSERT_OK(base->Save(fs, dir));
  ASSERT_OK_AND_ASSIGN(const auto opened, GraphBase::Open(dir));

  EXPECT_EQ(opened->bytes(), base->bytes());
  EXPECT_EQ(opened->key(299), base->key(299));
  EXPECT_THAT(opened->links(0, 17), ElementsAreArray(base->links(0, 17)));
  ASSERT_OK(fs.RemoveTree(dir));
  EXPECT_THAT(GraphBase::Open(dir), StatusIs(StatusCode::kNotFound, HasSubstr(dir)));
}

}  // namespace
}  // namespace larder::ann
