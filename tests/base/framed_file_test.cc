// SPDX-License-Identifier: Apache-2.0
#include "base/framed_file.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/status_matchers.h"

namespace larder {
namespace {

using ::testing::HasSubstr;

constexpr FrameFormat kFormat{"LRDTEST\n", 2};

TEST(FramedFile, RoundTrips) {
  const std::string framed = Frame(kFormat, "body");
  EXPECT_THAT(Unframe(kFormat, framed, "f"), IsOkAndHolds(std::string_view("body")));
}

TEST(FramedFile, EveryTruncationIsDataLossNamingTheFile) {
  const std::string framed = Frame(kFormat, "body");
  for (size_t size = 0; size < framed.size(); ++size) {
    EXPECT_THAT(Unframe(kFormat, framed.substr(0, size), "x.larder"),
                StatusIs(StatusCode::kDataLoss, HasSubstr("x.larder")));
  }
}

TEST(FramedFile, EveryFlippedBitIsFound) {
  const std::string framed = Frame(kFormat, "body");
  for (size_t bit = 0; bit < framed.size() * 8; ++bit) {
    std::string damaged = framed;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    const auto result = Unframe(kFormat, damaged, "x.larder");
    // A flip inside the version may make an older, still readable version: not damage we can see.
    if (bit / 8 == 8 && result.ok()) continue;
    EXPECT_FALSE(result.ok()) << "bit " << bit;
  }
}

TEST(FramedFile, NewerVersionIsRefusedWithItsNumber) {
  const std::string framed = Frame({"LRDTEST\n", 3}, "body");
  EXPECT_THAT(Unframe(kFormat, framed, "f"),
              StatusIs(StatusCode::kUnimplemented, HasSubstr("version 3")));
}

}  // namespace
}  // namespace larder
