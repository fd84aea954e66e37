// SPDX-License-Identifier: Apache-2.0
#include "base/hash.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace larder {
namespace {

using ::testing::HasSubstr;

TEST(Hash, Sha256OfKnownTexts) {
  // FIPS 180-4 examples.
  EXPECT_EQ(Sha256("").Hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256("abc").Hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Hash, StreamInPiecesEqualsTheWhole) {
  Sha256Stream stream;
  stream.Update("a");
  stream.Update("");
  stream.Update("bc");
  EXPECT_EQ(stream.Finish(), Sha256("abc"));
}

// Stored on disk: these values must never change.
TEST(Hash, StoredHashesKeepTheirValues) {
  EXPECT_EQ(Hash64(""), 0x2d06800538d394c2u);
  EXPECT_EQ(HashTo128("").high, 0x99aa06d3014798d8u);
  EXPECT_EQ(HashTo128("").low, 0x6001c324468d497fu);
}

TEST(Hash, DigestTextRoundTripsAndRefusesOtherLengths) {
  const Digest digest = Sha256("x");
  EXPECT_THAT(Digest::FromHex(digest.Hex()), IsOkAndHolds(digest));
  EXPECT_THAT(Digest::FromHex("abc"), StatusIs(StatusCode::kInvalidArgument, HasSubstr("64 hex")));
  EXPECT_THAT(Digest::FromBytes("abc"), StatusIs(StatusCode::kInvalidArgument, HasSubstr("32")));
}

}  // namespace
}  // namespace larder
