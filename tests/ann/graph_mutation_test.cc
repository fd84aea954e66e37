// SPDX-License-Identifier: Apache-2.0
// Files that are not what EncodeGraph wrote, by the thousand; tests/fuzz looks for more.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/ann/graph_exercise.h"
#include "tests/ann/graph_forging.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace larder::ann {
namespace {

TEST(GraphMutation, SamplesAreGood) {
  const TempDir dir;
  for (const std::string& file : SampleGraphFiles()) {
    EXPECT_THAT(ExerciseGraphFile(file, dir.path()), IsOkAndHolds(GraphFate::kGood));
  }
}

TEST(GraphMutation, IsRefusedByNameOrSearchedAsPromised) {
  const TempDir dir;
  std::map<GraphFate, size_t> fates;
  for (const std::string& sample : SampleGraphFiles()) {
    for (uint64_t seed = 1; seed <= 300; ++seed) {
      SCOPED_TRACE(testing::Message() << sample.size() << " bytes, seed " << seed);
      std::mt19937_64 random(seed);
      std::string file = sample;
      for (size_t left = 1 + seed % 2; left > 0; --left) file = MutatedGraphFile(file, random);
      const StatusOr<GraphFate> fate = ExerciseGraphFile(file, dir.path());
      ASSERT_OK(fate);
      ++fates[*fate];
    }
  }
  // Else the mutations test little.
  for (const GraphFate fate : {GraphFate::kRefused, GraphFate::kDamaged, GraphFate::kGood}) {
    EXPECT_GT(fates[fate], 150u) << static_cast<int>(fate);
  }
}

}  // namespace
}  // namespace larder::ann
