// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece/punctuation_rules.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/support/status_matchers.h"
#include "tests/text/text_testing.h"
#include "text/sentencepiece/model.h"

namespace larder::text::internal {
namespace {

// The rules of a model that was trained with punctuation kept: nmt_nfkc_cf.
StatusOr<CharsMap> PublishedRules() {
  LARDER_ASSIGN_OR_RETURN(const Model model, ParseModel(SampleTokenizerBytes(), "sample"));
  return CharsMap::Open(model.charsmap, "sample", "normaliser");
}

std::map<std::string, std::string> Lines(const std::string& tsv) {
  std::map<std::string, std::string> lines;
  for (size_t begin = 0, end; begin < tsv.size(); begin = end + 1) {
    end = tsv.find('\n', begin);
    const size_t tab = tsv.find('\t', begin);
    EXPECT_TRUE(lines.emplace(tsv.substr(begin, tab - begin),
                              tsv.substr(tab + 1, end - tab - 1)).second);
  }
  return lines;
}

TEST(CharsMap, VisitsEveryRuleOnceInOrder) {
  ASSERT_OK_AND_ASSIGN(const CharsMap rules, PublishedRules());
  std::string last;
  size_t count = 0;

  rules.ForEach([&](std::string_view from, std::string_view to) {
    EXPECT_LT(last, from);
    const CharsMap::Match match = rules.Find(from);
    EXPECT_EQ(match.length, from.size());
    EXPECT_EQ(match.replacement, to);
    last = from;
    ++count;
  });

  EXPECT_GT(count, 10'000u);  // Unicode's compatibility forms
  CharsMap().ForEach([](std::string_view, std::string_view) { FAIL() << "no rules"; });
}

TEST(PunctuationAsSpace, ReplacesPunctuationAndWhatRulesMakeOfIt) {
  ASSERT_OK_AND_ASSIGN(const CharsMap rules, PublishedRules());

  const std::map<std::string, std::string> lines = Lines(PunctuationAsSpace(rules));

  const auto of = [&](const std::string& from) {
    const auto found = lines.find(from);
    return found == lines.end() ? "none" : found->second;
  };
  EXPECT_EQ(of("2c"), "20");           // ,
  EXPECT_EQ(of("2014"), "20");         // a dash
  EXPECT_EQ(of("3002"), "20");         // an ideographic full stop
  EXPECT_EQ(of("ff08"), "20");         // a wide parenthesis, which becomes a narrow one
  EXPECT_EQ(of("2026"), "20");         // ..., once
  EXPECT_EQ(of("2474"), "20 31 20");   // (1)
  EXPECT_EQ(of("41"), "61");           // A becomes a, as before
  EXPECT_EQ(of("ff21"), "61");
  EXPECT_EQ(of("23"), "none");         // # and + stay
  EXPECT_EQ(of("2b"), "none");
  EXPECT_EQ(of("ff03"), "23");
  EXPECT_EQ(of("30"), "none");
}

TEST(PunctuationAsSpace, WorksWithoutRules) {
  const std::map<std::string, std::string> lines = Lines(PunctuationAsSpace(CharsMap()));

  EXPECT_EQ(lines.at("21"), "20");
  EXPECT_FALSE(lines.contains("41"));
  EXPECT_FALSE(lines.contains("20"));
}

}  // namespace
}  // namespace larder::text::internal
