// SPDX-License-Identifier: Apache-2.0
#include "ann/bitmap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace larder::ann {
namespace {

using testing::ElementsAre;

std::vector<uint32_t> Members(const Bitmap& bitmap) {
  std::vector<uint32_t> ids;
  bitmap.ForEach([&](uint32_t id) { ids.push_back(id); });
  return ids;
}

Bitmap Of(size_t size, std::vector<uint32_t> ids) {
  Bitmap bitmap(size);
  for (const uint32_t id : ids) bitmap.Set(id);
  return bitmap;
}

TEST(Bitmap, HoldsWhatWasSet) {
  Bitmap bitmap = Of(130, {0, 63, 64, 129});
  bitmap.Clear(63);

  EXPECT_THAT(Members(bitmap), ElementsAre(0, 64, 129));
  EXPECT_EQ(bitmap.Count(), 3u);
  EXPECT_TRUE(bitmap.Test(64));
  EXPECT_FALSE(bitmap.Test(63));
}

TEST(Bitmap, TestIsFalsePastTheEnd) {
  EXPECT_FALSE(Bitmap().Test(0));
  EXPECT_FALSE(Of(10, {9}).Test(10));
  EXPECT_FALSE(Of(10, {9}).Test(0xffffffff));
}

TEST(Bitmap, ShrinkingForgetsIds) {
  Bitmap bitmap = Of(100, {3, 70, 99});
  bitmap.Resize(71);
  bitmap.Resize(200);

  EXPECT_THAT(Members(bitmap), ElementsAre(3, 70));
  bitmap.Resize(0);
  EXPECT_EQ(bitmap.Count(), 0u);
}

TEST(Bitmap, SetOperationsWorkAcrossSizes) {
  const Bitmap large = Of(200, {1, 2, 150});
  const Bitmap small = Of(10, {2, 3});

  Bitmap both = large;
  both.And(small);
  EXPECT_THAT(Members(both), ElementsAre(2));
  Bitmap rest = large;
  rest.AndNot(small);
  EXPECT_THAT(Members(rest), ElementsAre(1, 150));
  Bitmap either = small;
  either.Or(large);
  EXPECT_THAT(Members(either), ElementsAre(1, 2, 3, 150));
}

}  // namespace
}  // namespace larder::ann
