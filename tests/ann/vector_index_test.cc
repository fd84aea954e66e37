// SPDX-License-Identifier: Apache-2.0
#include "ann/vector_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "tests/ann/ann_testing.h"
#include "tests/ann/graph_forging.h"

namespace larder::ann {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr size_t kDim = 16;
constexpr CodeShape kShape{.dim = kDim};

std::vector<int8_t> Axis(size_t i, int8_t length = 100) {
  std::vector<int8_t> v(kDim);
  v[i] = length;
  return v;
}

VectorIndex EmptyIndex() { return VectorIndex({.shape = {.dim = kDim}, .space = TestSpace()}); }

// Walks the graph if there is one, although so few vectors of so few dimensions are scanned sooner.
SearchRequest Near(std::span<const int8_t> query, size_t k = 10) {
  return {.query = query, .space = TestSpace(), .k = k, .effort = 60, .plan = Plan::kGraph};
}

std::vector<uint32_t> IdsOf(const StatusOr<SearchResult>& result) {
  EXPECT_OK(result);
  std::vector<uint32_t> ids;
  for (const Hit& hit : result->hits) ids.push_back(hit.id);
  return ids;
}

// An index over clustered vectors with ids 0..n-1, all of them in a base.
struct Based {
  explicit Based(uint32_t n) : vectors(ClusteredVectors(21, n, kDim, 50)), index(EmptyIndex()) {
    for (uint32_t id = 0; id < n; ++id) EXPECT_OK(index.Upsert(id, Vector(id)));
    Rebase();
  }
  std::span<const int8_t> Vector(uint32_t id) const {
    return std::span(vectors).subspan(id * kDim, kDim);
  }
  void Rebase() {
    const auto base = BuildFromSnapshot(index.TakeSnapshot(), kShape);
    ASSERT_OK(base);
    ASSERT_OK(index.InstallBase(*base, IdsOfRows(**base)));
  }
  std::vector<int8_t> vectors;
  VectorIndex index;
};

TEST(VectorIndex, AnEmptyIndexFindsNothing) {
  const VectorIndex index = EmptyIndex();

  ASSERT_OK_AND_ASSIGN(const SearchResult result, index.Search(Near(Axis(0))));
  EXPECT_THAT(result.hits, IsEmpty());
  EXPECT_EQ(result.plan, Plan::kScan);
  EXPECT_FALSE(index.WantsBase());
}

TEST(VectorIndex, OrdersByCosineAndGivesAllWhenKIsLarger) {
  VectorIndex index = EmptyIndex();
  std::vector<int8_t> between(kDim);
  between[0] = between[1] = 50;
  ASSERT_OK(index.Upsert(5, Axis(0, -7)));
  ASSERT_OK(index.Upsert(2, between));
  ASSERT_OK(index.Upsert(9, Axis(0, 3)));

  ASSERT_OK_AND_ASSIGN(const SearchResult result, index.Search(Near(Axis(0), 2000)));

  ASSERT_THAT(result.hits, SizeIs(3));
  EXPECT_EQ(result.hits[0], (Hit{9, 1.0}));
  EXPECT_EQ(result.hits[1].id, 2u);
  EXPECT_DOUBLE_EQ(result.hits[1].score, std::sqrt(0.5));
  EXPECT_EQ(result.hits[2], (Hit{5, -1.0}));
}

TEST(VectorIndex, EqualScoresAreOrderedByIdOrByTheGivenOrder) {
  VectorIndex index = EmptyIndex();
  for (const uint32_t id : {4, 1, 3, 2}) ASSERT_OK(index.Upsert(id, Axis(0)));
  class Falling : public IdOrder {
    bool Before(uint32_t a, uint32_t b) const override { return a > b; }
  } falling;
  const auto query = Axis(0);
  SearchRequest request = Near(query, 3);

  EXPECT_THAT(IdsOf(index.Search(request)), ElementsAre(1, 2, 3));
  request.order = &falling;
  EXPECT_THAT(IdsOf(index.Search(request)), ElementsAre(4, 3, 2));
}

TEST(VectorIndex, UpsertsReplaceAndRemovesAreSeenByTheNextSearch) {
  VectorIndex index = EmptyIndex();
  ASSERT_OK(index.Upsert(1, Axis(0)));
  ASSERT_OK(index.Upsert(2, Axis(1)));
  ASSERT_OK(index.Upsert(1, Axis(2)));
  EXPECT_EQ(index.Search(Near(Axis(2), 1))->hits.front(), (Hit{1, 1.0}));

  index.Remove(1);
  index.Remove(1);
  index.Remove(77);

  EXPECT_THAT(IdsOf(index.Search(Near(Axis(2)))), ElementsAre(2));
  EXPECT_EQ(index.size(), 1u);
  EXPECT_TRUE(index.Find(1).empty());
}

TEST(VectorIndex, AZeroVectorHasNoNeighbours) {
  VectorIndex index = EmptyIndex();
  ASSERT_OK(index.Upsert(1, Axis(0)));
  ASSERT_OK(index.Upsert(1, std::vector<int8_t>(kDim)));

  EXPECT_THAT(IdsOf(index.Search(Near(Axis(0)))), IsEmpty());
  EXPECT_THAT(index.Search(Near(std::vector<int8_t>(kDim))),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("zero vector")));
}

TEST(VectorIndex, RefusesWhatDoesNotFit) {
  VectorIndex index({.shape = {.dim = kDim}, .space = TestSpace(), .max_ids = 100});
  const std::vector<int8_t> short_vector(kDim - 1, 1);
  EXPECT_THAT(index.Upsert(1, short_vector),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("15 codes, expected 16")));
  EXPECT_THAT(index.Upsert(100, Axis(0)),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("id is 100")));
  EXPECT_THAT(index.Search(Near(short_vector)),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("15 codes, expected 16")));
  EXPECT_THAT(index.Search(Near(Axis(0), 0)),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("k is 0")));
  EXPECT_THAT(index.Search(Near(Axis(0), kMaxK + 1)),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("k is 10001")));

  const auto query = Axis(0);
  SearchRequest request = Near(query);
  request.effort = kMaxEffort + 1;
  EXPECT_THAT(index.Search(request),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("effort is 10001")));
  request = Near(query);
  const std::vector<uint32_t> unsorted = {3, 2};
  request.exclude = unsorted;
  EXPECT_THAT(index.Search(request),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("ascending")));
  std::vector<uint32_t> many(kMaxExcluded + 1);
  std::iota(many.begin(), many.end(), 0u);
  request.exclude = many;
  EXPECT_THAT(index.Search(request),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("2001 excluded ids")));
  request.exclude = request.exclude.first(kMaxExcluded);
  EXPECT_OK(index.Search(request));
}

TEST(VectorIndex, HitsBelowTheMinimumScoreAreLeftOut) {
  Based based(3000);
  const std::vector<int8_t> query(based.Vector(7).begin(), based.Vector(7).end());
  SearchRequest request = Near(query, 20);
  ASSERT_OK_AND_ASSIGN(const SearchResult all, based.index.Search(request));
  request.min_score = all.hits[5].score;

  for (const bool exact : {false, true}) {
    request.exact = exact;
    ASSERT_OK_AND_ASSIGN(const SearchResult some, based.index.Search(request));
    ASSERT_GE(some.hits.size(), 6u);
    EXPECT_GE(some.hits.back().score, request.min_score);
  }
  request.min_score = std::nan("");
  EXPECT_THAT(based.index.Search(request),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("not a number")));
}

// Estimates may be too low for a look at what is just above the k-th best, but not for what is just
// above a minimum while there is room.
TEST(VectorIndex, AMinimumScoreLosesNothingToSketches) {
  constexpr size_t kWide = 128;
  constexpr uint32_t kCount = 2'000;
  const auto codes = ClusteredVectors(5, kCount, kWide, 20);
  std::vector<uint32_t> ids(kCount);
  std::iota(ids.begin(), ids.end(), 0u);
  ASSERT_OK_AND_ASSIGN(const auto base,
                       BuildFromSnapshot({.ids = ids, .codes = codes}, {.dim = kWide}));
  ASSERT_FALSE(base->sketch_shape().empty());
  const VectorIndex index = IndexOver(base);
  for (uint32_t id = 0; id < 300; ++id) {
    SearchRequest request{.query = std::span(codes).subspan(id * kWide, kWide),
                          .space = TestSpace(),
                          .k = 200,
                          .exact = true};
    ASSERT_OK_AND_ASSIGN(const SearchResult exact, index.Search(request));
    request.exact = false;
    request.plan = Plan::kSketches;
    request.min_score = exact.hits[20].score;
    ASSERT_OK_AND_ASSIGN(const SearchResult found, index.Search(request));

    ASSERT_EQ(found.plan, Plan::kSketches);
    EXPECT_GE(found.hits.size(), 21u) << id;
  }
}

TEST(VectorIndex, ABatchGivesWhatItsSearchesGive) {
  Based based(3000);
  for (uint32_t id = 0; id < 300; ++id) based.index.Remove(id);
  ASSERT_OK(based.index.Upsert(3000, Axis(1)));
  Bitmap filter(3000);
  for (uint32_t id = 1; id < 3000; id += 3) filter.Set(id);
  std::vector<SearchRequest> requests;
  for (uint32_t i = 0; i < 50; ++i) {
    requests.push_back(Near(based.Vector(i * 7), 1 + i));
    requests.back().exact = i % 5 == 1;
    if (i % 7 == 2) requests.back().filter = &filter;
    requests.back().effort = i % 3 == 0 ? 0 : 8;
  }

  ASSERT_OK_AND_ASSIGN(const auto results, based.index.SearchBatch(requests));

  ASSERT_EQ(results.size(), requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    ASSERT_OK_AND_ASSIGN(const SearchResult alone, based.index.Search(requests[i]));
    EXPECT_EQ(results[i].hits, alone.hits) << i;
    EXPECT_EQ(results[i].plan, alone.plan) << i;
    EXPECT_EQ(results[i].walked, alone.walked) << i;
  }
  EXPECT_OK(based.index.SearchBatch({}));
  requests[3].k = 0;
  EXPECT_THAT(based.index.SearchBatch(requests),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("k is 0")));
}

TEST(VectorIndex, AnotherSpaceIsAnErrorThatNamesBoth) {
  const VectorIndex index = EmptyIndex();
  const auto query = Axis(0);
  SearchRequest request = Near(query);
  request.space = Sha256("another encoder");

  EXPECT_THAT(index.Search(request),
              StatusIs(StatusCode::kFailedPrecondition,
                       testing::AllOf(HasSubstr(request.space.Hex()),
                                      HasSubstr(TestSpace().Hex()))));
}

TEST(VectorIndex, ASearchThatIsLateGivesItsScanUp) {
  Based based(300);
  Bitmap all(300);
  for (uint32_t id = 0; id < 300; ++id) all.Set(id);
  SearchRequest request = Near(based.Vector(3));
  request.deadline = std::chrono::steady_clock::now();

  EXPECT_THAT(based.index.Search(request),
              StatusIs(StatusCode::kDeadlineExceeded, HasSubstr("deadline")));
  request.filter = &all;
  EXPECT_THAT(based.index.Search(request),
              StatusIs(StatusCode::kDeadlineExceeded, HasSubstr("deadline")));
}

TEST(VectorIndex, WithABaseWalksTheGraphAndScansTheDelta) {
  Based based(4000);
  std::vector<int8_t> fresh(based.Vector(17).begin(), based.Vector(17).end());
  fresh[0] = static_cast<int8_t>(fresh[0] / 2 + 1);
  ASSERT_OK(based.index.Upsert(9000, fresh));

  ASSERT_OK_AND_ASSIGN(const SearchResult result, based.index.Search(Near(fresh, 5)));

  EXPECT_EQ(result.plan, Plan::kGraph);
  EXPECT_EQ(result.hits.front(), (Hit{9000, 1.0}));
  EXPECT_EQ(result.scanned, 1u);
  EXPECT_GT(result.walked, 100u);
  EXPECT_LT(result.walked, 4000u);
}

TEST(VectorIndex, MaskedRowsAreNeverReturned) {
  Based based(4000);
  const auto query = based.Vector(17);
  const auto before = IdsOf(based.index.Search(Near(query, 20)));
  for (const uint32_t id : before) based.index.Remove(id);

  ASSERT_OK_AND_ASSIGN(const SearchResult result, based.index.Search(Near(query, 20)));

  EXPECT_EQ(result.plan, Plan::kGraph);
  EXPECT_THAT(result.hits, SizeIs(20));
  for (const Hit& hit : result.hits) EXPECT_THAT(before, testing::Not(testing::Contains(hit.id)));
}

TEST(VectorIndex, AWholeMaskedNeighbourhoodDoesNotCostHits) {
  Based based(8000);
  const auto query = based.Vector(17);
  const auto near = IdsOf(based.index.Search(Near(query, 1500)));
  for (const uint32_t id : near) based.index.Remove(id);
  SearchRequest request = Near(query, 100);
  request.exact = true;
  const auto exact = IdsOf(based.index.Search(request));

  const auto found = IdsOf(based.index.Search(Near(query, 100)));

  ASSERT_THAT(found, SizeIs(100));
  std::vector<uint32_t> common;
  for (const uint32_t id : found) {
    if (std::count(exact.begin(), exact.end(), id) > 0) common.push_back(id);
  }
  EXPECT_GE(common.size(), 90u);
}

TEST(VectorIndex, AVectorThatComesBackLeavesTheDelta) {
  Based based(100);
  const std::vector<int8_t> old(based.Vector(3).begin(), based.Vector(3).end());
  ASSERT_OK(based.index.Upsert(3, Axis(0)));
  EXPECT_EQ(based.index.GetStats().delta_size, 1u);
  EXPECT_EQ(based.index.GetStats().masked_rows, 1u);

  ASSERT_OK(based.index.Upsert(3, old));
  EXPECT_EQ(based.index.GetStats().delta_size, 0u);
  EXPECT_EQ(based.index.GetStats().masked_rows, 0u);

  based.index.Remove(3);
  EXPECT_EQ(based.index.size(), 99u);
  ASSERT_OK(based.index.Upsert(3, old));
  EXPECT_EQ(based.index.size(), 100u);
  EXPECT_EQ(based.index.GetStats().delta_size, 0u);
}

TEST(VectorIndex, ExcludedIdsMakeRoomForOthers) {
  Based based(4000);
  const auto query = based.Vector(17);
  auto first = IdsOf(based.index.Search(Near(query, 10)));
  const auto more = IdsOf(based.index.Search(Near(query, 15)));
  std::sort(first.begin(), first.end());
  SearchRequest request = Near(query, 5);
  request.exclude = first;

  EXPECT_EQ(IdsOf(based.index.Search(request)), std::vector(more.begin() + 10, more.end()));
}

TEST(VectorIndex, WantsABaseWhenTheDeltaOrTheMasksGrow) {
  VectorIndex index({.shape = {.dim = kDim}, .space = TestSpace(), .min_delta = 50});
  const auto vectors = ClusteredVectors(2, 1000, kDim, 10);
  const auto vector = [&](uint32_t id) { return std::span(vectors).subspan(id * kDim, kDim); };
  for (uint32_t id = 0; id < 50; ++id) ASSERT_OK(index.Upsert(id, vector(id)));
  EXPECT_FALSE(index.WantsBase());
  ASSERT_OK(index.Upsert(50, vector(50)));
  EXPECT_TRUE(index.WantsBase());

  for (uint32_t id = 51; id < 1000; ++id) ASSERT_OK(index.Upsert(id, vector(id)));
  ASSERT_OK_AND_ASSIGN(const auto base, BuildFromSnapshot(index.TakeSnapshot(), kShape));
  ASSERT_OK(index.InstallBase(base, IdsOfRows(*base)));
  EXPECT_FALSE(index.WantsBase());
  for (uint32_t id = 0; id < 100; ++id) ASSERT_OK(index.Upsert(2000 + id, Axis(1)));
  EXPECT_FALSE(index.WantsBase()) << "more than 50, but not more than a tenth";
  ASSERT_OK(index.Upsert(3000, Axis(1)));
  EXPECT_TRUE(index.WantsBase());

  for (uint32_t id = 0; id < 101; ++id) index.Remove(2000 + id);
  EXPECT_FALSE(index.WantsBase());
  EXPECT_FALSE(index.WantsRebuild());
  for (uint32_t id = 0; id < 251; ++id) index.Remove(id);
  EXPECT_TRUE(index.WantsBase());
  EXPECT_TRUE(index.WantsRebuild()) << "more than a quarter of the nodes is dead";
}

TEST(VectorIndex, AFoldInputMakesTheBaseThatTheIndexWants) {
  Based based(1000);
  for (uint32_t id = 0; id < 50; ++id) based.index.Remove(id);
  for (uint32_t id = 50; id < 100; ++id) ASSERT_OK(based.index.Upsert(id, Axis(id % kDim)));
  for (uint32_t id = 1000; id < 1100; ++id) {
    ASSERT_OK(based.index.Upsert(id, based.Vector(id - 1000)));
  }

  const VectorIndex::FoldInput input = based.index.TakeFoldInput();
  ASSERT_OK_AND_ASSIGN(const auto folded, FoldGraphBase(*input.base, input.removed,
                                                        input.added.codes,
                                                        TestKeys(input.added.ids)));
  ASSERT_OK(based.index.InstallBase(folded, IdsOfRows(*folded)));

  EXPECT_EQ(based.index.size(), 1050u);
  const VectorIndex::Stats stats = based.index.GetStats();
  EXPECT_EQ(stats.delta_size, 0u);
  EXPECT_EQ(stats.masked_rows, 0u);
  EXPECT_EQ(stats.base_rows, 1050u);
}

// S7.3: a job's vectors are dropped where the input changed since.
TEST(VectorIndex, InstallMasksWhatChangedSinceTheSnapshot) {
  Based based(1000);
  VectorIndex& index = based.index;
  const VectorIndex::Snapshot snapshot = index.TakeSnapshot();
  index.Remove(1);
  ASSERT_OK(index.Upsert(2, Axis(3)));
  ASSERT_OK(index.Upsert(5000, Axis(4)));
  ASSERT_OK_AND_ASSIGN(const auto base, BuildFromSnapshot(snapshot, kShape));

  ASSERT_OK(index.InstallBase(base, IdsOfRows(*base)));

  EXPECT_EQ(index.size(), 1000u);
  EXPECT_TRUE(index.Find(1).empty());
  EXPECT_THAT(index.Find(2).high, testing::ElementsAreArray(Axis(3)));
  EXPECT_THAT(index.Find(5000).high, testing::ElementsAreArray(Axis(4)));
  EXPECT_EQ(index.GetStats().delta_size, 2u);
  EXPECT_EQ(index.GetStats().masked_rows, 2u);
}

TEST(VectorIndex, InstallOfASmallerBaseKeepsWhatOnlyTheOldOneHad) {
  Based based(300);
  VectorIndex& index = based.index;
  VectorIndex::Snapshot snapshot = index.TakeSnapshot();
  snapshot.ids.resize(100);
  snapshot.codes.resize(100 * kDim);
  ASSERT_OK_AND_ASSIGN(const auto base, BuildFromSnapshot(snapshot, kShape));
  auto ids = IdsOfRows(*base);
  ids[7] = kNoId;

  ASSERT_OK(index.InstallBase(base, ids));

  EXPECT_EQ(index.GetStats().delta_size, 201u);
  for (uint32_t id = 0; id < 300; ++id) {
    ASSERT_THAT(index.Find(id).high, testing::ElementsAreArray(based.Vector(id)));
  }
}

TEST(VectorIndex, ABaseInstalledFirstServesRowsOnceTheirVectorsArrive) {
  Based source(200);
  VectorIndex index = EmptyIndex();
  ASSERT_OK(index.InstallBase(source.index.base(), IdsOfRows(*source.index.base())));
  EXPECT_EQ(index.size(), 0u);
  EXPECT_THAT(IdsOf(index.Search(Near(Axis(0)))), IsEmpty());

  for (uint32_t id = 0; id < 200; ++id) ASSERT_OK(index.Upsert(id, source.Vector(id)));

  EXPECT_EQ(index.size(), 200u);
  EXPECT_EQ(index.GetStats().delta_size, 0u);
}

TEST(VectorIndex, RefusesABaseThatDoesNotFitAndStaysAsItWas) {
  Based based(100);
  VectorIndex& index = based.index;
  const auto base = index.base();
  auto ids = IdsOfRows(*base);
  ids[1] = ids[0];
  EXPECT_THAT(index.InstallBase(base, ids),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("comes twice")));
  ids[1] = 0xfffffffe;
  EXPECT_THAT(index.InstallBase(base, ids),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("id is 4294967294")));
  ids.pop_back();
  EXPECT_THAT(index.InstallBase(base, ids),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("99 ids for a base of 100 rows")));

  VectorIndex other({.shape = {.dim = kDim}, .space = Sha256("other")});
  EXPECT_THAT(other.InstallBase(base, IdsOfRows(*base)),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr(TestSpace().Short())));
  VectorIndex wide({.shape = {.dim = kDim + 1}, .space = TestSpace()});
  EXPECT_THAT(wide.InstallBase(base, IdsOfRows(*base)),
              StatusIs(StatusCode::kInvalidArgument,
                       HasSubstr("vectors of 16 codes, expected 17")));
  EXPECT_EQ(index.size(), 100u);
  EXPECT_EQ(index.GetStats().masked_rows, 0u);
}

// The estimate of a vector with few components may be far below any cosine.
TEST(VectorIndex, AScanOfSketchesFindsAllWhenAllAreWanted) {
  constexpr size_t kWide = 64;
  VectorIndex index({.shape = {.dim = kWide}, .space = TestSpace()});
  for (uint32_t id = 0; id < 20; ++id) {
    std::vector<int8_t> v(kWide);
    v[id] = -100;
    ASSERT_OK(index.Upsert(id, v));
  }
  const auto base = BuildFromSnapshot(index.TakeSnapshot(), {.dim = kWide});
  ASSERT_OK(base);
  ASSERT_OK(index.InstallBase(*base, IdsOfRows(**base)));
  const std::vector<int8_t> query(kWide, 100);
  SearchRequest request = Near(query, 20);
  request.plan = Plan::kSketches;

  EXPECT_THAT(IdsOf(index.Search(request)), SizeIs(20));
}

// A graph may have parts that no walk reaches; rows that do not answer must not hide that.
TEST(VectorIndex, AWalkThatFindsTooFewIsFollowedByAScan) {
  VectorIndex index(EmptyIndex());
  for (uint32_t id = 0; id < 8; ++id) ASSERT_OK(index.Upsert(id, Axis(id < 4 ? 0 : id)));
  const auto built = BuildFromSnapshot(index.TakeSnapshot(), kShape);
  ASSERT_OK(built);
  auto parts = GraphParts::Of((*built)->bytes());
  ASSERT_TRUE(parts.has_value());
  std::fill(parts->base_links.begin(), parts->base_links.end(), kNoNode);
  // The walk begins at the node of four rows and sees no other.
  parts->header.entry_node = (*built)->node_of_row(0);
  ASSERT_OK_AND_ASSIGN(const auto base, GraphBase::FromBytes(parts->File(), "cut to pieces"));
  ASSERT_EQ(base->rows_of_node(base->entry_node()).size(), 4u);
  ASSERT_OK(index.InstallBase(base, IdsOfRows(*base)));
  for (const uint32_t id : {1u, 2u, 3u}) index.Remove(id);
  const std::vector<int8_t> query = Axis(0);
  EXPECT_THAT(IdsOf(index.Search(Near(query, 3))), SizeIs(3));

  Bitmap filter(8);
  for (const uint32_t id : {0u, 5u}) filter.Set(id);
  SearchRequest request = Near(query, 4);
  request.filter = &filter;
  EXPECT_THAT(IdsOf(index.Search(request)), ElementsAre(0, 5));
}

TEST(VectorIndex, AMappedBaseAnswersUntilDamageIsFound) {
  const std::string dir = testing::TempDir() + "/vector_index_" + std::to_string(getpid());
  FileSystem& fs = FileSystem::Posix();
  Based based(500);
  const auto query = based.Vector(7);
  const auto expected = IdsOf(based.index.Search(Near(query)));
  ASSERT_OK(based.index.base()->Save(fs, dir));
  for (const bool damaged : {false, true}) {
    const std::string path = JoinPath(dir, "index.larder");
    if (damaged) {
      ASSERT_OK_AND_ASSIGN(std::string bytes, fs.Read(path, 1 << 30));
      bytes[1'024] = static_cast<char>(bytes[1'024] ^ 1);  // one bit of the vectors
      ASSERT_OK(WriteFileAtomically(fs, path, bytes));
    }
    ASSERT_OK_AND_ASSIGN(const auto base, GraphBase::Open(dir));
    ASSERT_FALSE(base->is_loaded());
    ASSERT_OK(based.index.InstallBase(base, IdsOfRows(*base)));
    EXPECT_EQ(IdsOf(based.index.Search(Near(query))), expected);
    if (damaged) {
      EXPECT_THAT(base->Load(), StatusIs(StatusCode::kDataLoss, HasSubstr(path)));
      EXPECT_THAT(based.index.Search(Near(query)),
                  StatusIs(StatusCode::kDataLoss, HasSubstr(path)));
      EXPECT_THAT(base->Load(), StatusIs(StatusCode::kDataLoss, HasSubstr(path))) << "for good";
    } else {
      EXPECT_OK(base->Load());
      EXPECT_TRUE(base->is_loaded());
      EXPECT_EQ(IdsOf(based.index.Search(Near(query))), expected);
      EXPECT_OK(base->Load());
    }
  }
  ASSERT_OK(fs.RemoveTree(dir));
}

TEST(VectorIndex, StatsCountMemoryPerVector) {
  const Based based(2000);
  const VectorIndex::Stats stats = based.index.GetStats();

  EXPECT_EQ(stats.size, 2000u);
  EXPECT_EQ(stats.base_rows, 2000u);
  EXPECT_GT(stats.bytes_per_vector, double{kDim});
  EXPECT_LT(stats.bytes_per_vector, 400.0);
}

}  // namespace
}  // namespace larder::ann
