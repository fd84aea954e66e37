// SPDX-License-Identifier: Apache-2.0
// Vectors that all share a large part, or have few components: one bit per component says little
// of them, and no search may lose its hits over it.
#include "ann/internal/sketch_trust.h"

#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "ann/recall.h"
#include "ann/vector_index.h"
#include "tests/ann/ann_testing.h"

namespace larder::ann {
namespace {

constexpr size_t kDim = 96;
constexpr uint32_t kCount = 1'500;
constexpr uint32_t kDelta = 700;  // more than what is compared as it is

// What all vectors share.
enum class Common { kNone, kNormal, kSigns, kOnes, kOneSpike, kSpikes, kHeavyTails };
struct Kind {
  const char* name;
  Common common;
  double length;  // of what is shared, in lengths of the rest
  bool sketches;  // whether estimates hold

  friend std::ostream& operator<<(std::ostream& out, const Kind& kind) { return out << kind.name; }
};
constexpr Kind kKinds[] = {
    {"None", Common::kNone, 0, true},
    {"Normal3", Common::kNormal, 3, true},
    {"Normal10", Common::kNormal, 10, true},
    {"Signs3", Common::kSigns, 3, true},
    {"Signs10", Common::kSigns, 10, true},
    {"Ones3", Common::kOnes, 3, true},
    {"Ones10", Common::kOnes, 10, true},
    {"OneSpike3", Common::kOneSpike, 3, false},
    {"OneSpike10", Common::kOneSpike, 10, false},
    {"Spikes3", Common::kSpikes, 3, false},
    {"Spikes10", Common::kSpikes, 10, false},
    {"HeavyTails3", Common::kHeavyTails, 3, false},
    {"HeavyTails10", Common::kHeavyTails, 10, false},
};

std::vector<double> CommonPart(const Kind& kind, std::mt19937_64& random) {
  std::normal_distribution<double> normal;
  std::vector<double> part(kDim);
  double square = 0;
  for (size_t i = 0; i < kDim; ++i) {
    const double x = normal(random);
    switch (kind.common) {
      case Common::kNone: break;
      case Common::kNormal: part[i] = x; break;
      case Common::kSigns: part[i] = x > 0 ? 1 : -1; break;
      case Common::kOnes: part[i] = 1; break;
      case Common::kOneSpike: part[i] = i == 7 ? 1 : 0; break;
      case Common::kSpikes: part[i] = i % 24 == 7 ? 1 : 0; break;
      case Common::kHeavyTails: part[i] = x * x * x; break;
    }
    square += part[i] * part[i];
  }
  for (double& x : part) x *= square > 0 ? kind.length / std::sqrt(square) : 0;
  return part;
}

// What vectors differ by: half of it shared with a cluster; about 1 long.
class Vectors {
 public:
  Vectors(const Kind& kind, bool has_low, uint64_t seed)
      : random_(seed), has_low_(has_low), common_(CommonPart(kind, random_)) {
    for (int i = 0; i < 30; ++i) clusters_.push_back(Normal());
  }

  std::vector<int8_t> Next() {
    const std::vector<double>& cluster = clusters_[random_() % clusters_.size()];
    const std::vector<double> own = Normal();
    std::vector<double> v(kDim);
    double largest = 0;
    for (size_t i = 0; i < kDim; ++i) {
      v[i] = common_[i] + std::sqrt(0.5) * (cluster[i] + own[i]);
      largest = std::max(largest, std::abs(v[i]));
    }
    std::vector<int8_t> codes(has_low_ ? 2 * kDim : kDim);
    for (size_t i = 0; i < kDim; ++i) {
      const double share = v[i] / largest;
      if (!has_low_) {
        codes[i] = static_cast<int8_t>(std::lround(share * 127));
        continue;
      }
      const auto fixed = static_cast<int>(std::lround(share * 127 * 256));
      codes[i] = static_cast<int8_t>(std::floor((fixed + 128) / 256.0));
      codes[kDim + i] = static_cast<int8_t>(fixed - 256 * codes[i]);
    }
    return codes;
  }

 private:
  std::vector<double> Normal() {
    std::normal_distribution<double> normal(0, 1 / std::sqrt(static_cast<double>(kDim)));
    std::vector<double> v(kDim);
    for (double& x : v) x = normal(random_);
    return v;
  }

  std::mt19937_64 random_;
  bool has_low_;
  std::vector<double> common_;
  std::vector<std::vector<double>> clusters_;
};

double MeanRecall(const VectorIndex& index, const Bitmap* filter, std::optional<Plan> plan) {
  double sum = 0;
  size_t queries = 0;
  for (uint32_t id = 0; id < kCount; id += 50) {
    const std::vector<int8_t> query = index.Find(id).Codes();
    const uint32_t exclude[] = {id};
    SearchRequest request{.query = query,
                          .space = TestSpace(),
                          .filter = filter,
                          .exclude = exclude,
                          .plan = plan};
    const auto found = index.Search(request);
    request.exact = true;
    const auto exact = index.Search(request);
    EXPECT_OK(found);
    EXPECT_OK(exact);
    EXPECT_EQ(found->hits.size(), request.k);
    sum += Recall(found->hits, exact->hits);
    ++queries;
  }
  return sum / static_cast<double>(queries);
}

// Every plan, with and without a filter.
void ExpectRecall(const VectorIndex& index, const char* when) {
  Bitmap filter(kCount);
  std::mt19937_64 random(3);
  for (uint32_t id = 0; id < kCount; ++id) {
    if (random() % 2 == 0) filter.Set(id);
  }
  const Bitmap* const filters[] = {nullptr, &filter};
  for (const Bitmap* f : filters) {
    for (const std::optional<Plan>& plan :
         {std::optional<Plan>(), std::optional<Plan>(Plan::kSurvivors),
          std::optional<Plan>(Plan::kSketches), std::optional<Plan>(Plan::kGraph)}) {
      EXPECT_GE(MeanRecall(index, f, plan), 0.9)
          << (plan.has_value() ? PlanName(*plan) : "chosen") << (f == nullptr ? "" : ", filtered")
          << ", " << when;
    }
  }
}

class CommonParts : public testing::TestWithParam<std::tuple<Kind, bool>> {};

TEST_P(CommonParts, DoNotCostRecall) {
  const auto& [kind, has_low] = GetParam();
  const uint64_t seed = 41;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Vectors vectors(kind, has_low, seed);
  const CodeShape shape{.dim = kDim, .has_low = has_low};
  VectorIndex index({.shape = shape, .space = TestSpace()});
  for (uint32_t id = 0; id < kCount; ++id) ASSERT_OK(index.Upsert(id, vectors.Next()));
  ExpectRecall(index, "no base yet");

  const VectorIndex::Snapshot snapshot = index.TakeSnapshot();
  ASSERT_OK_AND_ASSIGN(
      const auto base, BuildGraphBase({.shape = shape, .space = TestSpace(), .ef_construction = 80},
                                      snapshot.codes, TestKeys(snapshot.ids)));
  EXPECT_EQ(base->sketch_shape().empty(), !kind.sketches);
  ASSERT_OK(index.InstallBase(base, IdsOfRows(*base)));
  ExpectRecall(index, "all in the base");

  for (uint32_t id = 0; id < kDelta; ++id) ASSERT_OK(index.Upsert(2 * id, vectors.Next()));
  ExpectRecall(index, "half in the delta");
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, CommonParts, testing::Combine(testing::ValuesIn(kKinds), testing::Bool()),
    [](const auto& of) {
      return std::string(std::get<0>(of.param).name) + (std::get<1>(of.param) ? "Float" : "Int8");
    });

StatusOr<std::shared_ptr<const GraphBase>> BaseOf(size_t dim, const std::vector<int8_t>& codes) {
  std::vector<uint32_t> ids(codes.size() / dim);
  for (uint32_t i = 0; i < ids.size(); ++i) ids[i] = i;
  return BuildFromSnapshot({.ids = ids, .codes = codes}, {.dim = dim});
}

TEST(SketchTrust, IsGivenToClustersAndNotToVectorsOfFewComponents) {
  for (const size_t dim : {64u, 96u, 384u}) {
    SCOPED_TRACE(testing::Message() << "dim " << dim);
    ASSERT_OK_AND_ASSIGN(const auto text, BaseOf(dim, ClusteredVectors(2, 600, dim, 20)));
    EXPECT_EQ(text->sketch_shape().stride(), SketchShape{.dim = dim}.stride());

    std::mt19937_64 random(4);
    std::vector<int8_t> few(600 * dim);
    for (size_t row = 0; row < 600; ++row) {
      for (int i = 0; i < 6; ++i) {
        few[row * dim + random() % (dim / 2)] = static_cast<int8_t>(1 + random() % 3);
      }
    }
    ASSERT_OK_AND_ASSIGN(const auto sparse, BaseOf(dim, few));
    EXPECT_TRUE(sparse->sketch_shape().empty());
  }
}

TEST(SketchTrust, NeedsSketches) {
  ASSERT_OK_AND_ASSIGN(const auto base, BaseOf(63, ClusteredVectors(2, 300, 63, 20)));
  EXPECT_TRUE(base->sketch_shape().empty());
}

TEST(SketchTrust, ASmallBaseIsNoReasonForDoubt) {
  for (const size_t count : {2u, 3u}) {
    ASSERT_OK_AND_ASSIGN(const auto base, BaseOf(64, ClusteredVectors(2, count, 64, 20)));
    EXPECT_FALSE(base->sketch_shape().empty()) << count;
  }
}

// What is in the delta may be of any kind.
TEST(SketchTrust, NothingToCompareIsNoReasonForTrust) {
  ASSERT_OK_AND_ASSIGN(const auto base, BaseOf(64, ClusteredVectors(2, 1, 64, 20)));
  EXPECT_TRUE(base->sketch_shape().empty());
}

// What differs by less than sketches can see is not held against them.
TEST(SketchTrust, NearCopiesAreNoReasonForDoubt) {
  std::mt19937_64 random(9);
  const auto one = RandomVector(random, 128);
  std::vector<int8_t> codes;
  for (size_t i = 0; i < 128; ++i) {
    codes.insert(codes.end(), one.begin(), one.end());
    codes[i * 128 + i] = static_cast<int8_t>(one[i] / 2 + 1);
  }
  ASSERT_OK_AND_ASSIGN(const auto base, BaseOf(128, codes));
  EXPECT_FALSE(base->sketch_shape().empty());
}

}  // namespace
}  // namespace larder::ann
