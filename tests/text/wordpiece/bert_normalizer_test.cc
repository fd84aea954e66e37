// SPDX-License-Identifier: Apache-2.0
#include "text/wordpiece/bert_normalizer.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/hash.h"
#include "tests/support/status_matchers.h"
#include "tests/text/text_testing.h"
#include "text/internal/json.h"
#include "text/wordpiece/unicode.h"

namespace larder::text::internal {
namespace {

using Step = NormalizerStep;

std::string Utf8(std::span<const NormalizedChar> chars) {
  std::string out;
  for (const NormalizedChar& one : chars) AppendUtf8(one.c, out);
  return out;
}

std::string Normalized(std::vector<Step> steps, std::string_view text) {
  BertNormalizer normalizer(steps);
  return Utf8(normalizer.Run(text, 0, text.size()));
}

// As tests/testdata/wordpiece/make.py has it.
std::string CharactersDigest(const std::function<std::string(std::string_view)>& function) {
  Sha256Stream stream;
  for (char32_t c = 0; c < 0xE0200; ++c) {
    if (c == 0x33000) c = 0xE0000;  // nothing between, nor above
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text = "a";
    AppendUtf8(c, text);
    stream.Update(function(text + "\u0301\u0323b"));
  }
  return stream.Finish().Hex();
}

// The words of a text by the flags of its characters, joined by |.
std::string Split(std::string_view text) {
  std::vector<std::string> words(1);
  for (size_t at = 0; at < text.size();) {
    const char32_t c = NextChar(text, at);
    const bool alone = Unicode::Get().is(c, kPunctuation);
    const bool space = Unicode::Get().is(c, kSpace);
    if ((alone || space) && !words.back().empty()) words.emplace_back();
    if (!space) AppendUtf8(c, words.back());
    if (alone) words.emplace_back();
  }
  std::string out;
  for (const std::string& word : words) {
    if (!word.empty()) out += Concat(out.empty() ? "" : "|", word);
  }
  return out;
}

TEST(BertNormalizer, MakesOfEveryCharacterWhatTheTokenizersPackageMakesOfIt) {
  ASSERT_OK_AND_ASSIGN(
      const Json expected,
      ParseJson(ReadFile("tests/testdata/wordpiece/characters.json"), "characters"));
  const std::map<std::string, std::vector<Step>> steps = {
      {"clean", {Step::kClean}},
      {"nfd", {Step::kDecompose}},
      {"lowercase", {Step::kLowercase}},
      {"strip_marks", {Step::kStripMarks}},
      {"bert",
       {Step::kClean, Step::kSpaceChinese, Step::kDecompose, Step::kStripNonspacing,
        Step::kLowercase}}};
  for (const auto& [name, list] : steps) {
    BertNormalizer normalizer(list);
    EXPECT_EQ(CharactersDigest([&](std::string_view text) {
                return Utf8(normalizer.Run(text, 0, text.size()));
              }),
              expected.members.at(name).text)
        << name;
  }
  EXPECT_EQ(CharactersDigest(Split), expected.members.at("split").text);
}

TEST(BertNormalizer, MarksThatChangePlacesStandWhereTheyCome) {
  const std::vector<Step> steps = {Step::kDecompose};
  BertNormalizer normalizer(steps);
  // e with acute, then a dot below, which belongs before the acute.
  const auto chars = normalizer.Run("x\u00e9\u0323", 1, 5);

  ASSERT_EQ(Utf8(chars), "e\u0323\u0301");
  EXPECT_EQ(chars[0].begin, 1u);
  EXPECT_EQ(chars[0].end, 3u);
  EXPECT_EQ(chars[1].begin, 3u);
  EXPECT_EQ(chars[2].begin, 3u);
  EXPECT_EQ(chars[2].end, 5u);
}

TEST(BertNormalizer, StepsComeInTheirOrder) {
  EXPECT_EQ(Normalized({Step::kStripMarks, Step::kDecompose}, "\u00e9"), "e\u0301");
  EXPECT_EQ(Normalized({Step::kDecompose, Step::kStripMarks}, "\u00e9"), "e");
  EXPECT_EQ(Normalized({}, "\u00c9"), "\u00c9");
  EXPECT_EQ(Normalized({Step::kSpaceChinese}, "a\u6771"), "a \u6771 ");
}

}  // namespace
}  // namespace larder::text::internal
