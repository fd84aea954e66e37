// SPDX-License-Identifier: Apache-2.0
#include "text/training/distill.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/text/text_testing.h"
#include "text/encoder_config.h"

namespace larder::text {
namespace {

using testing::HasSubstr;

constexpr size_t kTeacherDimensions = 24;

std::vector<std::string> Texts(size_t count) {
  std::vector<std::string> texts;
  for (const Document& document : SampleCatalog(count, 5)) texts.push_back(document.content);
  return texts;
}

// Knows a few words, of which "network" and "castle" mean the same to it.
Teacher FakeTeacher() {
  const auto encode = [](std::span<const std::string_view> texts, std::span<float> vectors) {
    const std::map<std::string_view, size_t> meanings = {
        {"network", 0}, {"castle", 0}, {"player", 1}, {"audio", 2},  {"pixel", 3}, {"parser", 4},
        {"matrix", 5},  {"inbox", 6},  {"syntax", 7}, {"proxy", 8}, {"enemy", 9}};
    std::fill(vectors.begin(), vectors.end(), 0.0f);
    for (size_t i = 0; i < texts.size(); ++i) {
      const auto vector = vectors.subspan(i * kTeacherDimensions, kTeacherDimensions);
      vector[23] = 0.5f;
      for (const auto& [word, place] : meanings) {
        if (texts[i].find(word) != std::string_view::npos) vector[place] += 1;
      }
      float square = 0;
      for (const float x : vector) square += x * x;
      for (float& x : vector) x /= std::sqrt(square);
    }
    return OkStatus();
  };
  return {.dimensions = kTeacherDimensions, .encode = encode};
}

double Cosine(const StaticTables& tables, std::string_view a, std::string_view b) {
  const auto tokenizer = SampleTokenizer();
  const auto dim = static_cast<size_t>(tables.dimensions);
  std::vector<std::vector<int64_t>> sums(2, std::vector<int64_t>(dim));
  std::vector<int32_t> ids;
  EXPECT_OK(tokenizer->Encode(a, ids));
  SumTokens(tables, ids, sums[0]);
  EXPECT_OK(tokenizer->Encode(b, ids));
  SumTokens(tables, ids, sums[1]);
  double ab = 0;
  double aa = 0;
  double bb = 0;
  for (size_t d = 0; d < dim; ++d) {
    ab += static_cast<double>(sums[0][d]) * static_cast<double>(sums[1][d]);
    aa += static_cast<double>(sums[0][d]) * static_cast<double>(sums[0][d]);
    bb += static_cast<double>(sums[1][d]) * static_cast<double>(sums[1][d]);
  }
  return ab / std::sqrt(aa * bb);
}

TEST(Distill, TheStudentSaysWhatTheTeacherSays) {
  const std::vector<std::string> texts = Texts(800);
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const auto tokenizer = SampleTokenizer();
  const DistillOptions options = {.dimensions = 16, .epochs = 0, .batch = 64};

  ASSERT_OK_AND_ASSIGN(const Distilled before,
                       DistillStaticTables(views, FakeTeacher(), *tokenizer, options));
  DistillOptions more = options;
  more.epochs = 20;
  ASSERT_OK_AND_ASSIGN(const Distilled after,
                       DistillStaticTables(views, FakeTeacher(), *tokenizer, more));

  EXPECT_EQ(after.texts, 800u);
  EXPECT_GT(after.cosine, before.cosine);
  EXPECT_GT(after.cosine, 0.7);
  EXPECT_GT(Cosine(after.tables, "network", "castle"), 0.8);
  EXPECT_LT(Cosine(after.tables, "network", "parser"), 0.5);
}

TEST(Distill, TheSameInputGivesTheSameArtifact) {
  const std::vector<std::string> texts = Texts(200);
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  EncoderDistillOptions options;
  options.tokenizer_model = SampleTokenizerBytes();
  options.table = {.dimensions = 16, .max_texts = 150, .epochs = 2, .batch = 64};
  TempDir one;
  TempDir two;
  FileSystem& fs = FileSystem::Posix();

  ASSERT_OK_AND_ASSIGN(const auto first, DistillStaticEncoder(fs, one.path(), views, FakeTeacher(),
                                                              "fake", options));
  ASSERT_OK_AND_ASSIGN(const auto second, DistillStaticEncoder(fs, two.path(), views, FakeTeacher(),
                                                               "fake", options));

  EXPECT_EQ(first.info.digest, second.info.digest);
  EXPECT_EQ(first.texts, 150u);
  ASSERT_OK_AND_ASSIGN(const EncoderConfig config, ReadEncoderConfig(fs, one.path()));
  EXPECT_EQ(std::get<std::string>(config.training.at("teacher")), "fake");
  EXPECT_EQ(config.quality.at("teacher_cosine"), first.cosine);
  ASSERT_OK(OpenEncoder(fs, one.path()));
}

TEST(Distill, ATextThatTheTeacherPutsInTheMiddleDoesNoHarm) {
  const std::vector<std::string> texts = Texts(200);
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  Teacher teacher = FakeTeacher();
  // Every other text is the mean of the others, which are two opposites.
  teacher.encode = [](std::span<const std::string_view> asked, std::span<float> vectors) {
    std::fill(vectors.begin(), vectors.end(), 0.0f);
    for (size_t i = 0; i < asked.size(); ++i) {
      vectors[i * kTeacherDimensions] = std::array{0.0f, 1.0f, 0.0f, -1.0f}[i % 4];
    }
    return OkStatus();
  };

  ASSERT_OK_AND_ASSIGN(
      const Distilled distilled,
      DistillStaticTables(views, teacher, *SampleTokenizer(),
                          {.dimensions = 16, .epochs = 2, .batch = 64}));

  EXPECT_TRUE(std::isfinite(distilled.cosine));
  EXPECT_GT(*std::max_element(distilled.tables.weights.begin(), distilled.tables.weights.end()), 0);
}

TEST(Distill, AnEncoderTeaches) {
  TempDir dir;
  ASSERT_OK(WriteSampleEncoder(dir.path()));
  ASSERT_OK_AND_ASSIGN(const auto encoder, OpenEncoder(FileSystem::Posix(), dir.path()));
  const std::vector<std::string_view> texts = {"network daemon", "enemy castle"};
  const Teacher teacher = TeacherOf(*encoder);
  std::vector<float> vectors(2 * teacher.dimensions);

  ASSERT_OK(teacher.encode(texts, vectors));

  EXPECT_EQ(teacher.dimensions, 16u);
  float square = 0;
  for (size_t d = 0; d < 16; ++d) square += vectors[d] * vectors[d];
  EXPECT_NEAR(square, 1, 1e-5);
}

TEST(Distill, RefusesWhatCannotWork) {
  const std::vector<std::string> texts = Texts(100);
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const auto tokenizer = SampleTokenizer();
  const auto distil = [&](const Teacher& teacher, const DistillOptions& options) {
    return DistillStaticTables(views, teacher, *tokenizer, options).status();
  };

  EXPECT_THAT(distil(FakeTeacher(), {.dimensions = 25}),
              StatusIs(StatusCode::kInvalidArgument,
                       HasSubstr("dimensions is 25, expected 8 to 24")));
  EXPECT_THAT(distil(FakeTeacher(), {.dimensions = 16, .max_texts = 99}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("max_texts is 99")));
  EXPECT_THAT(DistillStaticTables(std::span(views).first(99), FakeTeacher(), *tokenizer,
                                  {.dimensions = 16})
                  .status(),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("99 texts")));
  Teacher broken = FakeTeacher();
  broken.encode = [](std::span<const std::string_view>, std::span<float> vectors) {
    std::fill(vectors.begin(), vectors.end(), std::numeric_limits<float>::quiet_NaN());
    return OkStatus();
  };
  EXPECT_THAT(distil(broken, {.dimensions = 16}),
              StatusIs(StatusCode::kInternal, HasSubstr("texts 0 to 63 are not finite")));
  broken.encode = [](std::span<const std::string_view>, std::span<float> vectors) {
    std::fill(vectors.begin(), vectors.end(), 0.1f);
    return OkStatus();
  };
  EXPECT_THAT(distil(broken, {.dimensions = 16}),
              StatusIs(StatusCode::kInvalidArgument,
                       HasSubstr("the teacher gives all 100 texts the same vector")));
  broken.encode = [](std::span<const std::string_view>, std::span<float>) {
    return Unavailable("asleep");
  };
  EXPECT_THAT(distil(broken, {.dimensions = 16}),
              StatusIs(StatusCode::kUnavailable, HasSubstr("asleep")));
}

}  // namespace
}  // namespace larder::text
