// SPDX-License-Identifier: Apache-2.0
#include "text/document.h"

#include <gtest/gtest.h>

#include <vector>

#include "text/tokenizer.h"

namespace larder::text {
namespace {

using Fields = std::vector<std::optional<std::string_view>>;

TEST(JoinFields, JoinsWithLineEndsAndSkipsNulls) {
  EXPECT_EQ(JoinFields(Fields{"title", "content"}), "title\ncontent");
  EXPECT_EQ(JoinFields(Fields{"title", std::nullopt, "content"}), "title\ncontent");
  EXPECT_EQ(JoinFields(Fields{std::nullopt, "content"}), "content");
  EXPECT_EQ(JoinFields(Fields{"title"}), "title");
}

TEST(JoinFields, AnEmptyFieldIsNotNull) {
  EXPECT_EQ(JoinFields(Fields{"", "content"}), "\ncontent");
  EXPECT_EQ(JoinFields(Fields{"title", ""}), "title\n");
}

TEST(JoinFields, NothingGivesTheEmptyText) {
  EXPECT_EQ(JoinFields(Fields{}), "");
  EXPECT_EQ(JoinFields(Fields{std::nullopt, std::nullopt}), "");
}

TEST(JoinFields, CutsAtACharacter) {
  const std::string nearly(kMaxTextBytes - 1, 'a');
  EXPECT_EQ(JoinFields(Fields{nearly, ""}).size(), kMaxTextBytes);
  EXPECT_EQ(JoinFields(Fields{nearly + "é"}), nearly);
  EXPECT_EQ(JoinFields(Fields{nearly, nearly}), nearly + "\n");
}

TEST(FirstSentence, EndsAtAStopBeforeWhiteSpace) {
  EXPECT_EQ(FirstSentence("One two. Three."), "One two.");
  EXPECT_EQ(FirstSentence("Really? Yes."), "Really?");
  EXPECT_EQ(FirstSentence("Version 1.2 is out! Get it"), "Version 1.2 is out!");
  EXPECT_EQ(FirstSentence("no stop at all"), "no stop at all");
  EXPECT_EQ(FirstSentence("ends here."), "ends here.");
}

TEST(FirstSentence, EndsAtALineEnd) {
  EXPECT_EQ(FirstSentence("\n  heading \nmore text."), "heading");
}

TEST(FirstSentence, OfNothingIsNothing) {
  EXPECT_EQ(FirstSentence(""), "");
  EXPECT_EQ(FirstSentence(" \n\t"), "");
}

}  // namespace
}  // namespace larder::text
