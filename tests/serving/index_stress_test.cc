// SPDX-License-Identifier: Apache-2.0
// An index while all happens to it at once: searches, changes, folds, rebuilds, new bases and their
// reading to the end, under a lock that is used as the store uses its own. ThreadSanitizer watches.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "ann/graph_base.h"
#include "ann/recall.h"
#include "base/sync.h"
#include "serving/index_build.h"
#include "serving/index_sink.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace larder::serving {
namespace {

using registry::Ordinal;

constexpr uint32_t kDim = 64;
constexpr uint32_t kIds = 1'000;
constexpr size_t kSearchers = 3;

std::string KeyOfId(Ordinal id) { return Concat("key-", id); }

// A snapshot is the reader's lock and the keys; an index asks it for no more.
class StressSnapshot final : public featurestore::Snapshot {
 public:
  StressSnapshot(SharedMutex& mutex, const std::vector<std::string>& keys)
      : lock_(mutex), keys_(keys) {}

  featurestore::Position position() const override { return {}; }
  TimeUs time() const override { return 0; }
  const registry::History& history() const override { return history_; }
  bool IsActive(const registry::StoredFeature&) const override { return true; }
  std::span<const uint64_t> Candidates(std::string_view) const override { return {}; }
  registry::Reason CandidateState(std::string_view, Ordinal) const override {
    return registry::Reason::kValid;
  }
  void FindKeys(std::string_view, std::span<const std::string_view> keys,
                std::span<Ordinal> ordinals) override {
    for (size_t i = 0; i < keys.size(); ++i) {
      ordinals[i] = static_cast<Ordinal>(std::stoul(std::string(keys[i].substr(4))));
    }
  }
  std::string_view KeyOf(std::string_view, Ordinal ordinal) override { return keys_[ordinal]; }
  Status Read(const registry::StoredFeature&, std::span<const Ordinal>, bool,
              registry::Column&) override {
    return OkStatus();
  }

 private:
  ReaderLock lock_;
  const std::vector<std::string>& keys_;
  registry::History history_;
};

class IndexStress : public testing::TestWithParam<bool> {
 protected:
  IndexStress() {
    feature_.digest = Sha256("feature");
    feature_.name = "text_of.vec";
    feature_.entity = "item";
    feature_.space = Sha256("space");
    feature_.dimensions = kDim;
    feature_.column = GetParam() ? 0 : -1;  // external: float vectors
    for (Ordinal id = 0; id < kIds; ++id) keys_.push_back(KeyOfId(id));
    std::mt19937_64 random(seed_);
    for (size_t i = 0; i < 30; ++i) centres_.push_back(Noise(random, 200));
    sink_.AddVectorFeature(feature_);
  }

  std::vector<int8_t> Noise(std::mt19937_64& random, int range) const {
    std::vector<int8_t> v(feature_.code_size());
    for (int8_t& x : v) {
      x = static_cast<int8_t>(static_cast<int>(random() % static_cast<uint64_t>(range)) -
                              range / 2);
    }
    return v;
  }
  // Near one of the centres: like text, neighbours are really near.
  std::vector<int8_t> Vector(std::mt19937_64& random) const {
    std::vector<int8_t> v = Noise(random, 60);
    const auto& centre = centres_[random() % centres_.size()];
    for (size_t i = 0; i < v.size(); ++i) v[i] = static_cast<int8_t>((v[i] + centre[i]) / 2);
    return v;
  }

  // As apply does it: one thread, the writer's lock for as long as one change takes.
  void Change(std::mt19937_64& random, Ordinal id, bool remove) {
    const std::vector<int8_t> v = remove ? std::vector<int8_t>() : Vector(random);
    WriterLock lock(mutex_);
    sink_.SetVector(feature_.digest, id, v);
    if (remove) {
      model_.erase(id);
    } else {
      model_[id] = v;
    }
  }

  // Lets searches in between: else a writer that never rests would keep them out.
  void AwaitSearch() {
    const size_t before = searches_;
    while (searches_ == before && running_ > 0) std::this_thread::yield();
  }

  // As Jobs does it: the input under a snapshot for each piece, the base without.
  void Build(const std::string& dir) {
    BaseInputReader reader;
    for (bool more = true; more;) {
      StressSnapshot snapshot(mutex_, keys_);
      more = reader.Read(*sink_.Find(feature_.digest, snapshot), snapshot);
    }
    const BaseInput input = reader.Take();
    ++(input.fold.has_value() ? folds_ : rebuilds_);
    const auto base = MakeBase(input, 1, {}, {});
    ASSERT_OK(base);
    ASSERT_OK((*base)->Save(FileSystem::Posix(), dir));
  }

  void Activate(const std::string& dir) {
    std::unique_ptr<featurestore::RowSink::LoadedBase> base;
    {
      StressSnapshot keys(unused_, keys_);
      ASSERT_OK_AND_ASSIGN(base, sink_.LoadBase(feature_.digest, dir, keys));
    }
    WriterLock lock(mutex_);
    sink_.InstallBase(feature_.digest, *base);
  }

  void LoadNewest() {
    std::shared_ptr<const ann::GraphBase> base;
    {
      StressSnapshot snapshot(mutex_, keys_);
      base = sink_.Find(feature_.digest, snapshot)->index->base();
    }
    if (base == nullptr) return;
    ASSERT_OK(base->Load());
  }

  double Cosine(std::span<const int8_t> a, std::span<const int8_t> b) const {
    const ann::CodeShape shape{.dim = kDim, .has_low = feature_.external()};
    const ann::VectorView x = ann::View(shape, a);
    const ann::VectorView y = ann::View(shape, b);
    return ann::Cosine(ann::Dot(x, y), ann::SquaredNorm(x), ann::SquaredNorm(y));
  }

  void Check(const ann::SearchRequest& request, const ann::SearchResult& result) {
    const auto admits = [&](Ordinal id) {
      return request.filter == nullptr || request.filter->Test(id);
    };
    std::vector<double> expected;
    for (const auto& [id, v] : model_) {
      if (!admits(id)) continue;
      expected.push_back(request.exact ? Cosine(request.query, v) : 0);
    }
    std::sort(expected.rbegin(), expected.rend());
    ASSERT_EQ(result.hits.size(), std::min(expected.size(), request.k)) << Describe(result);
    for (size_t i = 0; i < result.hits.size(); ++i) {
      const auto& [id, score] = result.hits[i];
      const auto found = model_.find(id);
      ASSERT_TRUE(found != model_.end() && admits(id)) << id << ", " << Describe(result);
      ASSERT_EQ(score, Cosine(request.query, found->second)) << Describe(result);
      ASSERT_LE(score, result.hits[i == 0 ? 0 : i - 1].score) << i;
      if (!request.exact) continue;
      ASSERT_EQ(score, expected[i]) << i;
    }
  }

  void Search(std::mt19937_64& random) {
    std::vector<std::vector<int8_t>> queries;
    std::vector<ann::SearchRequest> requests;
    ann::Bitmap filter(kIds);
    const uint64_t share = 1 + random() % 20;
    for (Ordinal id = 0; id < kIds; ++id) {
      if (random() % share == 0) filter.Set(id);
    }
    const size_t count = 1 + random() % 4;
    for (size_t i = 0; i < count; ++i) queries.push_back(Vector(random));
    for (const std::vector<int8_t>& query : queries) {
      ann::SearchRequest request{.query = query, .space = feature_.space};
      request.k = 1 + random() % 20;
      request.effort = random() % 2 == 0 ? 0 : 1 + random() % 60;
      if (random() % 2 == 0) request.filter = &filter;
      request.exact = random() % 4 == 0;
      // The planner would scan so few.
      if (!request.exact) request.plan = static_cast<ann::Plan>(random() % 4);
      requests.push_back(request);
    }
    StressSnapshot snapshot(mutex_, keys_);
    const ann::VectorIndex& index = *sink_.Find(feature_.digest, snapshot)->index;
    ASSERT_EQ(index.size(), model_.size());
    const auto results = index.SearchBatch(requests);
    ASSERT_OK(results);
    for (size_t i = 0; i < requests.size(); ++i) {
      ASSERT_NO_FATAL_FAILURE(Check(requests[i], (*results)[i])) << i;
    }
  }

  void SearchUntilDone(uint64_t seed) {
    std::mt19937_64 random(seed);
    while (!done_ && !HasFatalFailure()) {
      Search(random);
      ++searches_;
    }
    --running_;
  }

  const uint64_t seed_ = std::random_device{}();
  const TempDir dir_;
  registry::VectorFeature feature_;
  std::vector<std::string> keys_;
  std::vector<std::vector<int8_t>> centres_;
  SharedMutex mutex_;
  SharedMutex unused_;  // of apply's own reads, which take no lock
  IndexSink sink_{FileSystem::Posix()};
  std::map<Ordinal, std::vector<int8_t>> model_;  // under mutex_
  std::atomic<bool> done_{false};
  std::atomic<size_t> searches_{0};
  std::atomic<size_t> running_{kSearchers};
  size_t folds_ = 0;
  size_t rebuilds_ = 0;
};

TEST_P(IndexStress, EverySearchIsRightWhateverGoesOn) {
  SCOPED_TRACE(Concat("seed ", seed_));
  std::mt19937_64 random(seed_);
  for (Ordinal id = 0; id < kIds; ++id) Change(random, id, id % 7 == 0);
  {
    std::vector<std::jthread> searchers;
    for (uint64_t i = 0; i < kSearchers; ++i) {
      searchers.emplace_back([this, i] { SearchUntilDone(seed_ + 1 + i); });
    }
    // Rounds 0 and 3 build from all vectors, the others fold: after 2 most of the base is dead.
    for (int round = 0; round < 6 && !HasFatalFailure(); ++round) {
      const std::string dir = dir_.File(Concat(round));
      {
        const std::jthread loader([this] { LoadNewest(); });
        const std::jthread builder([&] { Build(dir); });
        for (int i = 0; i < 40; ++i) {
          Change(random, static_cast<Ordinal>(random() % kIds), random() % 3 == 0);
          if (i % 4 == 0) AwaitSearch();
        }
      }
      ASSERT_NO_FATAL_FAILURE(Activate(dir));
      AwaitSearch();
      if (round != 2) continue;
      for (Ordinal id = 0; id < kIds; id += 2) Change(random, id, false);
    }
    done_ = true;
  }
  EXPECT_EQ(rebuilds_, 2u);
  EXPECT_EQ(folds_, 4u);
  EXPECT_EQ(sink_.refused(), 0u);
  EXPECT_GT(searches_, 60u);

  StressSnapshot snapshot(mutex_, keys_);
  const ann::VectorIndex& index = *sink_.Find(feature_.digest, snapshot)->index;
  ASSERT_OK_AND_ASSIGN(
      const ann::RecallReport recall,
      ann::MeasureRecall(index, ann::DrawIds(index, 200, seed_), {.plan = ann::Plan::kGraph}));
  EXPECT_GE(recall.mean, 0.95);
}

INSTANTIATE_TEST_SUITE_P(Spaces, IndexStress, testing::Values(false, true),
                         [](const auto& is) { return is.param ? "Float" : "Int8"; });

}  // namespace
}  // namespace larder::serving
