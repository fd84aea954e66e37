// SPDX-License-Identifier: Apache-2.0
#include "featurestore/vector_list.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

namespace larder::featurestore {
namespace {

std::string TwoVectors() {
  const std::vector<VectorInput> inputs = {{"a", {1, 2}, "text"}, {"b", {3, 4}, "other"}};
  return EncodeVectorList(inputs, std::vector<int8_t>{1, -2, 3, 4, 5, -128});
}

TEST(VectorList, GivesBackItsVectors) {
  const std::string bytes = TwoVectors();
  ASSERT_OK_AND_ASSIGN(const auto list, DecodeVectorList(bytes, 3));

  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].key, "a");
  EXPECT_EQ(list[1].key, "b");
  EXPECT_EQ(list[1].content, (Hash128{3, 4}));
  EXPECT_THAT(list[1].codes, testing::ElementsAre(4, 5, -128));
}

TEST(VectorList, AnEmptyListIsFine) {
  ASSERT_OK_AND_ASSIGN(const auto list, DecodeVectorList(EncodeVectorList({}, {}), 3));
  EXPECT_TRUE(list.empty());
}

TEST(VectorList, WhatIsNoListIsDataLoss) {
  const std::string bytes = TwoVectors();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(DecodeVectorList(bytes.substr(0, size), 3),
                StatusIs(StatusCode::kDataLoss, testing::_));
  }
  EXPECT_THAT(DecodeVectorList(bytes + "x", 3), StatusIs(StatusCode::kDataLoss, testing::_));
  EXPECT_THAT(DecodeVectorList(bytes, 4), StatusIs(StatusCode::kDataLoss, testing::_));
  EXPECT_THAT(DecodeVectorList("\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 3),
              StatusIs(StatusCode::kDataLoss, testing::_));
}

}  // namespace
}  // namespace larder::featurestore
