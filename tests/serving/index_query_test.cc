// SPDX-License-Identifier: Apache-2.0
#include "serving/index_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "ann/graph_base.h"
#include "ann/recall.h"
#include "serving/admin.h"
#include "serving/jobs.h"
#include "serving/live_recall.h"
#include "serving/metrics.h"
#include "serving/search.h"
#include "tests/serving/serving_world.h"
#include "tests/support/eventually.h"
#include "tests/support/status_matchers.h"

namespace larder::serving {
namespace {

const LiveIndex& Live(ServingWorld& world, const featurestore::Snapshot& snapshot) {
  return *world.indexes.All(snapshot).front();
}

std::unique_ptr<featurestore::Snapshot> Read(ServingWorld& world) {
  return *world.store->Read({}, std::chrono::steady_clock::now());
}

void AddItems(ServingWorld& world, int count) {
  std::mt19937_64 random(7);
  const std::vector<std::string> words = {"apple", "pie", "green", "pear", "cake", "red"};
  for (int i = 0; i < count; ++i) {
    std::string title;
    for (int word = 0; word < 3; ++word) title += words[random() % words.size()] + " ";
    world.AddItem(std::to_string(i), title + std::to_string(i));
  }
}

// In pieces of ids, and more of them than one piece has.
TEST(IndexQueries, TheExactAnswerInPiecesIsTheExactAnswer) {
  ServingWorld world;
  AddItems(world, 9'000);
  IndexQueries queries(*world.store, world.indexes);
  const Digest feature = Live(world, *Read(world)).feature;
  for (const uint32_t id : {0U, 4'095U, 4'096U, 8'999U}) {
    ASSERT_OK_AND_ASSIGN(auto query, queries.Neighbours(feature, id, 50));
    ASSERT_TRUE(query.has_value());
    for (const bool filtered : {false, true}) {
      if (filtered) {
        query->filter = ann::Bitmap(8'000);
        for (uint32_t other = 0; other < 8'000; other += 3) query->filter->Set(other);
      }
      ASSERT_OK_AND_ASSIGN(const auto pieces, queries.Exact(*query));
      const auto snapshot = Read(world);
      ann::SearchRequest request = query->Request();
      request.exact = true;
      ASSERT_OK_AND_ASSIGN(const auto whole, Live(world, *snapshot).index->Search(request));
      EXPECT_EQ(pieces, whole.hits) << id << (filtered ? " filtered" : "");
      EXPECT_EQ(pieces.size(), 50U);
    }
  }
}

TEST(IndexQueries, NameWhatIsMissing) {
  ServingWorld world;
  world.AddItem("a", "apple pie");
  IndexQueries queries(*world.store, world.indexes);
  const Digest feature = Live(world, *Read(world)).feature;
  ASSERT_OK_AND_ASSIGN(const auto none, queries.Neighbours(feature, 7, 10));
  EXPECT_FALSE(none.has_value());
  EXPECT_THAT(queries.Neighbours(Sha256("other"), 0, 10),
              StatusIs(StatusCode::kNotFound, testing::HasSubstr("has no index")));
}

TEST(FilterShapes, GoByTheShareThatIsAdmitted) {
  const ann::Bitmap filter(10);
  ann::SearchRequest request;
  ann::SearchResult result{.survivors = 500};
  EXPECT_EQ(FilterShapeOf(request, result, 1'000), FilterShape::kNone);
  request.filter = &filter;
  EXPECT_EQ(FilterShapeOf(request, result, 5'000), FilterShape::kMost);
  EXPECT_EQ(FilterShapeOf(request, result, 5'001), FilterShape::kTenth);
  EXPECT_EQ(FilterShapeOf(request, result, 50'001), FilterShape::kHundredth);
  EXPECT_EQ(FilterShapeOf(request, result, 500'001), FilterShape::kFewer);
  EXPECT_STREQ(FilterShapeName(FilterShape::kFewer), "<0.1%");
}

TEST(LiveRecall, MeasuresEveryShapeOfFilter) {
  ServingWorld world;
  AddItems(world, 300);
  LiveRecall recall(*world.store, world.indexes, 1.0);
  ann::Bitmap filter(300);
  for (uint32_t id = 0; id < 300; id += 20) filter.Set(id);
  const auto served = [&](const ann::Bitmap* admitted) {
    const auto snapshot = Read(world);
    const LiveIndex& live = Live(world, *snapshot);
    const std::vector<int8_t> codes = live.index->Find(3).Codes();
    const ann::SearchRequest request{.query = codes,
                                     .space = live.index->space(),
                                     .filter = admitted};
    const auto result = live.index->Search(request);
    ASSERT_OK(result);
    recall.Offer(live, request, *result);
  };

  ASSERT_TRUE(Eventually([&] {
    served(nullptr);
    served(&filter);
    return recall.Reports().size() == 2 && recall.Reports()[0].queries > 3;
  }));

  for (const LiveRecall::Report& report : recall.Reports()) {
    EXPECT_EQ(report.recall, 1.0) << "a small index is scanned";
  }
  EXPECT_EQ(recall.Reports()[0].shape, FilterShape::kNone);
  EXPECT_EQ(recall.Reports()[1].shape, FilterShape::kTenth);
}

// An index of wide vectors without any order: so the planner walks its graph, and a walk that keeps
// few candidates misses much of what is near.
class BadlySearched {
 public:
  explicit BadlySearched(ServingWorld& world) : world_(world) {
    constexpr uint32_t kDim = 256;
    constexpr uint32_t kIds = 3'000;
    registry::VectorFeature feature;
    feature.digest = digest_;
    feature.space = digest_;
    feature.name = "wide.vec";
    feature.entity = "item";
    feature.dimensions = kDim;
    world.indexes.AddVectorFeature(feature);
    std::mt19937_64 random(3);
    std::vector<int8_t> codes(size_t{kIds} * kDim);
    for (int8_t& code : codes) code = static_cast<int8_t>(random());
    std::vector<std::string> keys(kIds);
    for (uint32_t id = 0; id < kIds; ++id) {
      keys[id] = Concat("item-", id);
      world.AddItem(keys[id], "apple");
      world.indexes.SetVector(digest_, id, std::span(codes).subspan(id * kDim, kDim));
    }
    ann::GraphOptions options;
    options.shape = {.dim = kDim};
    options.space = digest_;
    const std::string dir = world.dir.path() + "/base";
    const auto base = ann::BuildGraphBase(options, codes, keys);
    LARDER_CHECK(base.ok() && (*base)->Save(FileSystem::Posix(), dir).ok());
    const auto snapshot = Read(world);
    const auto loaded = world.indexes.LoadBase(digest_, dir, *snapshot);
    LARDER_CHECK(loaded.ok());
    world.indexes.InstallBase(digest_, **loaded);
    LARDER_CHECK((*Find(*snapshot).index->base()).Load().ok());
  }

  const LiveIndex& Find(const featurestore::Snapshot& snapshot) const {
    return *world_.indexes.Find(digest_, snapshot);
  }
  // Searches until one search has missed something, tells `live_recall` of that one, and returns
  // its recall; 1 if none has.
  double Serve(LiveRecall& live_recall) const {
    const auto snapshot = Read(world_);
    const LiveIndex& live = Find(*snapshot);
    for (const uint32_t id : live.index->Ids()) {
      const std::vector<int8_t> codes = live.index->Find(id).Codes();
      ann::SearchRequest request{.query = codes, .space = digest_, .effort = 10};
      const auto result = live.index->Search(request);
      LARDER_CHECK(result.ok());
      EXPECT_EQ(result->plan, ann::Plan::kGraph);
      ann::SearchRequest all = request;
      all.exact = true;
      const auto exact = live.index->Search(all);
      LARDER_CHECK(exact.ok());
      const double recall = ann::Recall(result->hits, exact->hits);
      if (recall == 1) continue;
      live_recall.Offer(live, request, *result);
      return recall;
    }
    return 1;
  }

 private:
  ServingWorld& world_;
  const Digest digest_ = Sha256("wide");
};

TEST(LiveRecall, ShowsWhatBadSearchesMiss) {
  ServingWorld world;
  world.live_recall.emplace(*world.store, world.indexes, 1.0);
  const BadlySearched index(world);
  const double recall = index.Serve(*world.live_recall);
  ASSERT_LT(recall, 1);
  ASSERT_TRUE(Eventually([&] { return world.live_recall->Reports().size() == 1; }));

  EXPECT_EQ(world.live_recall->Reports()[0].recall, recall);
  const Jobs jobs({*world.store, *world.artifacts, *world.encoders, world.indexes}, {});
  const ServerFacts facts{"some/dir", 0, std::chrono::steady_clock::now(), jobs};
  EXPECT_THAT(
      Metrics().Text(CollectGauges(facts, world.context())),
      testing::AllOf(
          testing::HasSubstr(Concat("larder_live_recall{feature=\"wide.vec\",epoch=\"",
                                    Sha256("wide").Short(), "\",filter=\"none\"} ", recall)),
          testing::HasSubstr("larder_live_recall_searches_total{feature=\"wide.vec\"")));
}

TEST(LiveRecall, WithoutABudgetNothingIsMeasured) {
  ServingWorld world;
  AddItems(world, 300);
  LiveRecall without(*world.store, world.indexes, 0.0);
  LiveRecall with(*world.store, world.indexes, 1.0);
  {
    const auto snapshot = Read(world);
    const LiveIndex& live = Live(world, *snapshot);
    const std::vector<int8_t> codes = live.index->Find(3).Codes();
    const ann::SearchRequest request{.query = codes, .space = live.index->space()};
    ASSERT_OK_AND_ASSIGN(const ann::SearchResult result, live.index->Search(request));
    without.Offer(live, request, result);
    with.Offer(live, request, result);
  }
  ASSERT_TRUE(Eventually([&] { return !with.Reports().empty(); }));
  EXPECT_TRUE(without.Reports().empty());
}

// What a client searches is what is measured.
TEST(LiveRecall, IsToldOfTheSearchesThatAreServed) {
  ServingWorld world;
  world.live_recall.emplace(*world.store, world.indexes, 1.0);
  world.AddItem("a", "apple pie");
  v1::SearchRequest request;
  request.set_feature("text_of.vec");
  request.set_text("apple");
  ASSERT_OK(Search(request, world.context()));
  EXPECT_TRUE(Eventually([&] { return world.live_recall->Reports().size() == 1; }));
}

}  // namespace
}  // namespace larder::serving
