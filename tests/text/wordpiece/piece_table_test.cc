// SPDX-License-Identifier: Apache-2.0
#include "text/wordpiece/piece_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "tests/support/status_matchers.h"

namespace larder::text::internal {
namespace {

using testing::HasSubstr;

std::string RandomWord(std::mt19937_64& random, size_t longest) {
  std::string word(1 + random() % longest, 'a');
  for (char& c : word) c = static_cast<char>('a' + random() % 3);
  return word;
}

TEST(PieceTable, FindsWhatAMapFinds) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    std::map<std::pair<bool, std::string>, int32_t> pieces;
    PieceTable table(1'000);
    for (int32_t id = 0; id < 1'000; ++id) {
      const std::pair key(random() % 2 == 0, RandomWord(random, 9));
      if (pieces.emplace(key, id).second) {
        ASSERT_OK(table.Add(key.second, key.first, id));
      }
    }
    for (int i = 0; i < 2'000; ++i) {
      const bool continues = random() % 2 == 0;
      const std::string text = RandomWord(random, 12);
      int32_t id = -1;
      size_t size = text.size();
      for (; size > 0; --size) {
        const auto found = pieces.find({continues, text.substr(0, size)});
        if (found == pieces.end()) continue;
        id = found->second;
        break;
      }

      const PieceTable::Match match = table.Longest(text, continues);

      EXPECT_EQ(match.id, id) << text;
      EXPECT_EQ(match.size, size) << text;
    }
  }
}

TEST(PieceTable, HoldsPiecesUpToTheLimit) {
  PieceTable table(3);
  const std::string longest(kMaxPieceBytes, 'a');
  ASSERT_OK(table.Add(longest, false, 7));
  ASSERT_OK(table.Add("", false, 8));

  EXPECT_EQ(table.Longest(longest + "a", false).size, kMaxPieceBytes);
  EXPECT_EQ(table.Longest("a", false).id, -1);
  EXPECT_EQ(table.Longest("", false).id, -1);
  EXPECT_THAT(table.Add(longest + "a", false, 9),
              StatusIs(StatusCode::kDataLoss, HasSubstr("a piece of 257 bytes")));
  EXPECT_THAT(table.Add(longest, false, 9),
              StatusIs(StatusCode::kDataLoss, HasSubstr("is there twice")));
}

}  // namespace
}  // namespace larder::text::internal
