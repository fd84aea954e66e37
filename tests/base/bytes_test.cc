// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

namespace larder {
namespace {

using ::testing::HasSubstr;

TEST(Bytes, RoundTripsEveryKindOfField) {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.Fixed<uint32_t>(0xdeadbeef);
  writer.Fixed<double>(-0.5);
  writer.Varint(0);
  writer.Varint(std::numeric_limits<uint64_t>::max());
  writer.SignedVarint(std::numeric_limits<int64_t>::min());
  writer.SignedVarint(-1);
  writer.String(std::string_view("a\0b", 3));

  ByteReader reader(bytes);
  EXPECT_EQ(reader.Fixed<uint32_t>(), 0xdeadbeef);
  EXPECT_EQ(reader.Fixed<double>(), -0.5);
  EXPECT_EQ(reader.Varint(), 0u);
  EXPECT_EQ(reader.Varint(), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(reader.SignedVarint(), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(reader.SignedVarint(), -1);
  EXPECT_EQ(reader.String(), std::string_view("a\0b", 3));
  EXPECT_OK(reader.Finish("fields"));
}

TEST(Bytes, EveryTruncationFailsWithoutReadingPastTheEnd) {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.Varint(300);
  writer.String("hello");
  writer.Fixed<uint64_t>(7);

  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::vector<char> exact(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
    ByteReader reader(std::string_view(exact.data(), exact.size()));
    reader.Varint();
    reader.String();
    reader.Fixed<uint64_t>();
    EXPECT_THAT(reader.Finish("cut"), StatusIs(StatusCode::kDataLoss, HasSubstr("truncated")));
  }
}

TEST(Bytes, LeftOverBytesAreAnError) {
  ByteReader reader("ab");
  reader.Raw(1);
  EXPECT_THAT(reader.Finish("x"), StatusIs(StatusCode::kDataLoss, HasSubstr("1 bytes too many")));
}

TEST(Bytes, ForgedCountsFailBeforeAnyAllocation) {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.Varint(uint64_t{1} << 60);
  ByteReader reader(bytes);
  EXPECT_EQ(reader.Count(8), 0u);
  EXPECT_FALSE(reader.ok());
}

TEST(Bytes, VarintOfMoreThanTenBytesFails) {
  const std::string bytes(11, '\xff');
  ByteReader reader(bytes);
  reader.Varint();
  EXPECT_FALSE(reader.ok());
}

TEST(Bytes, HexRoundTripsAndRefusesOtherText) {
  EXPECT_EQ(ToHex(std::string_view("\x00\xff\x10", 3)), "00ff10");
  EXPECT_THAT(FromHex("00FF10"), IsOkAndHolds(std::string("\x00\xff\x10", 3)));
  EXPECT_THAT(FromHex("0"), StatusIs(StatusCode::kInvalidArgument, HasSubstr("even")));
  EXPECT_THAT(FromHex("0g"), StatusIs(StatusCode::kInvalidArgument, HasSubstr("0g")));
}

// Rule by rule from RFC 3629, code point by code point.
bool SlowIsUtf8(const std::string& text) {
  size_t i = 0;
  while (i < text.size()) {
    bool matched = false;
    for (size_t length = 1; length <= 4 && i + length <= text.size() && !matched; ++length) {
      uint32_t code = 0;
      const uint32_t lead = static_cast<uint8_t>(text[i]);
      if (length == 1) {
        matched = lead < 0x80;
        continue;
      }
      if (lead >> (7 - length) != (1u << (length + 1)) - 2) continue;
      code = lead & ((1u << (7 - length)) - 1);
      bool tail = true;
      for (size_t k = 1; k < length; ++k) {
        const auto byte = static_cast<uint8_t>(text[i + k]);
        tail = tail && (byte & 0xC0) == 0x80;
        code = code << 6 | (byte & 0x3F);
      }
      const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
      matched =
          tail && code >= least[length] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
      if (matched) i += length - 1;
    }
    if (!matched) return false;
    ++i;
  }
  return true;
}

TEST(Bytes, Utf8CheckAgreesWithTheRulesOnRandomBytes) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(Concat("seed ", seed));
  std::mt19937_64 random(seed);
  const uint8_t interesting[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0,
                                 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed,
                                 0xee, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff};
  for (int round = 0; round < 200'000; ++round) {
    std::string text;
    for (size_t i = random() % 6; i > 0; --i) {
      text.push_back(static_cast<char>(interesting[random() % sizeof interesting]));
    }
    ASSERT_EQ(IsUtf8(text), SlowIsUtf8(text)) << ToHex(text);
  }
}

TEST(Bytes, BigEndianKeepsTheOrderOfNumbers) {
  EXPECT_EQ(ToHex(BigEndian(0x0102030405060708)), "0102030405060708");
  EXPECT_LT(BigEndian(255), BigEndian(256));
  for (const uint64_t number : {uint64_t{0}, uint64_t{1} << 63, ~uint64_t{0}}) {
    EXPECT_EQ(FromBigEndian(BigEndian(number)), number);
  }
  EXPECT_EQ(FromBigEndian("1234567"), std::nullopt);
  EXPECT_EQ(FromBigEndian("123456789"), std::nullopt);
}

TEST(Bytes, Utf8PrefixCutsBetweenCharacters) {
  const std::string_view text = "aä€😀";  // of 1, 2, 3 and 4 bytes
  const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
  for (size_t max = 0; max < std::size(expected); ++max) {
    EXPECT_EQ(Utf8Prefix(text, max), text.substr(0, expected[max])) << max;
  }
  EXPECT_EQ(Utf8Prefix("\x80\x80\x80", 2), "");
  EXPECT_EQ(Utf8Prefix("", 0), "");
}

}  // namespace
}  // namespace larder
