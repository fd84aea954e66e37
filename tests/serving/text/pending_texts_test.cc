// SPDX-License-Identifier: Apache-2.0
#include "serving/text/pending_texts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "base/parallel.h"
#include "serving/encoders.h"
#include "tests/serving/fake_encoder.h"
#include "tests/serving/serving_world.h"
#include "tests/support/status_matchers.h"
#include "tests/text/text_testing.h"

namespace larder::serving {
namespace {

using testing::HasSubstr;
using Texts = std::vector<std::string_view>;

// A world whose encoder is a fake one.
struct FakeWorld {
  explicit FakeWorld(const EncodersOptions& options = {.batcher = {
                         .threads = 1, .wait = std::chrono::microseconds(0)}})
      : world(kEncoderDefinition, 1'000'000, options, OpenFakeEncoders(control)) {}

  StatusOr<EmbeddedTexts> Embed(const Texts& texts, const EmbedCall& call = {}) {
    auto pending = world.encoders->Start(world.encoder_digest, texts, call);
    if (!pending.ok()) return pending.status();
    return pending->Wait();
  }
  std::vector<int8_t> Row(const EmbeddedTexts& embedded, size_t row) const {
    return {embedded.codes.begin() + static_cast<ptrdiff_t>(row * 32),
            embedded.codes.begin() + static_cast<ptrdiff_t>((row + 1) * 32)};
  }

  FakeEncoderControl control;
  ServingWorld world;
};

TEST(PendingTexts, EncodesATextOnceHoweverOftenItIsAskedFor) {
  FakeWorld fake;
  ASSERT_OK_AND_ASSIGN(const EmbeddedTexts first, fake.Embed({"a", "b", "a", "", "a"}));
  ASSERT_OK_AND_ASSIGN(const EmbeddedTexts second, fake.Embed({"b", "a"}));

  EXPECT_EQ(fake.control.CountOf("a"), 1U);
  EXPECT_EQ(fake.control.CountOf("b"), 1U);
  EXPECT_EQ(fake.Row(first, 0), fake.Row(first, 4));
  EXPECT_NE(fake.Row(first, 0), fake.Row(first, 1));
  EXPECT_NE(fake.Row(first, 3), std::vector<int8_t>(32));  // its symbols have a vector
  EXPECT_EQ(fake.Row(second, 1), fake.Row(first, 0));
  EXPECT_EQ(fake.Row(second, 0), fake.Row(first, 1));
  for (const TextOutcome& outcome : second.outcomes) EXPECT_EQ(outcome.tokens, 3U);
  EXPECT_EQ(first.outcomes[3].tokens, 2U);
  const Encoders::Stats stats = fake.world.encoders->GetStats();
  EXPECT_EQ(stats.cache_hits, 2U);
  EXPECT_EQ(stats.cache_misses, 3U);
  EXPECT_EQ(stats.texts, 7U);
  EXPECT_EQ(stats.tokens, 5 * 3 + 2 + 3U);
}

TEST(PendingTexts, BackgroundWorkLooksIntoTheSameCache) {
  FakeWorld fake;
  ASSERT_OK_AND_ASSIGN(const EmbeddedTexts live, fake.Embed({"a"}));
  std::vector<int8_t> codes(64);
  const Texts texts = {"a", "b"};
  ASSERT_OK(fake.world.encoders->Embed(fake.world.encoder_digest,
                                       registry::TextRole::kDocument, texts, codes));
  ASSERT_OK_AND_ASSIGN(const EmbeddedTexts again, fake.Embed({"b"}));

  EXPECT_EQ(fake.control.CountOf("a"), 1U);
  EXPECT_EQ(fake.control.CountOf("b"), 1U);
  EXPECT_EQ(std::vector<int8_t>(codes.begin() + 32, codes.end()), again.codes);
}

TEST(PendingTexts, RolesHaveVectorsOfTheirOwn) {
  FakeWorld fake;
  ASSERT_OK_AND_ASSIGN(const EmbeddedTexts document, fake.Embed({"a"}));
  ASSERT_OK_AND_ASSIGN(const EmbeddedTexts query,
                       fake.Embed({"a"}, {.role = text::TextRole::kQuery}));
  EXPECT_NE(document.codes, query.codes);
  EXPECT_EQ(fake.control.CountOf("query: a"), 1U);
  EXPECT_EQ(query.outcomes[0].tokens, 10U);
}

TEST(PendingTexts, ABadTextDoesNotConcernTheOthers) {
  FakeWorld fake;
  const std::string long_text(63, 'x');
  const std::string huge(text::kMaxTextBytes + 1, 'x');
  const EmbedCall strict{.refuse_truncation = true, .refuse_invalid_utf8 = true};
  const Texts texts = {"a", "\xff", long_text, huge, "b", "\xff"};
  for (int round = 0; round < 2; ++round) {  // the second time from the cache
    ASSERT_OK_AND_ASSIGN(const EmbeddedTexts embedded, fake.Embed(texts, strict));
    EXPECT_OK(embedded.outcomes[0].status);
    EXPECT_THAT(embedded.outcomes[1].status,
                StatusIs(StatusCode::kInvalidArgument, HasSubstr("not UTF-8")));
    EXPECT_THAT(embedded.outcomes[2].status,
                StatusIs(StatusCode::kOutOfRange, HasSubstr("more tokens than the 64")));
    EXPECT_THAT(embedded.outcomes[3].status,
                StatusIs(StatusCode::kOutOfRange, HasSubstr("1048577 bytes")));
    EXPECT_OK(embedded.outcomes[4].status);
    EXPECT_THAT(embedded.outcomes[5].status, StatusIs(StatusCode::kInvalidArgument, testing::_));
    for (const size_t row : {1, 2, 3, 5}) {
      EXPECT_EQ(fake.Row(embedded, row), std::vector<int8_t>(32)) << row;
    }
    // What was allowed once and is cached is refused all the same.
    ASSERT_OK_AND_ASSIGN(const EmbeddedTexts lenient, fake.Embed({"\xff", long_text}));
    EXPECT_OK(lenient.outcomes[0].status);
    EXPECT_TRUE(lenient.outcomes[1].truncated);
    EXPECT_EQ(lenient.outcomes[1].tokens, 64U);
  }
}

TEST(PendingTexts, OnlyLookUpsThatMissedCountAsMisses) {
  FakeWorld fake;
  const std::string long_text(63, 'x');
  const EmbedCall strict{.refuse_truncation = true, .refuse_invalid_utf8 = true};
  ASSERT_OK(fake.Embed({"\xff", long_text}).status());  // two misses
  ASSERT_OK(fake.Embed({"\xff", long_text, "a"}, strict).status());  // "a" is one more
  ASSERT_OK(fake.Embed({"a"}, strict).status());
  EXPECT_EQ(fake.world.encoders->GetStats().cache_misses, 3U);
  EXPECT_EQ(fake.world.encoders->GetStats().cache_hits, 1U);
}

TEST(PendingTexts, AllOrNothingEncodesNothingIfATextIsWrong) {
  FakeWorld fake;
  const EmbedCall call{.refuse_invalid_utf8 = true, .all_or_nothing = true};
  ASSERT_OK_AND_ASSIGN(const EmbeddedTexts refused, fake.Embed({"a", "b", "\xff", "c"}, call));
  EXPECT_THAT(refused.outcomes[2].status,
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("not UTF-8")));
  ASSERT_OK_AND_ASSIGN(
      PendingTexts tokens,
      fake.world.encoders->StartTokens(fake.world.encoder_digest, {{2}, {258}, {3}}, call));
  ASSERT_OK_AND_ASSIGN(const EmbeddedTexts refused_tokens, tokens.Wait());
  EXPECT_THAT(refused_tokens.outcomes[1].status,
              StatusIs(StatusCode::kInvalidArgument, testing::_));
  EXPECT_TRUE(fake.control.batches().empty());
  EXPECT_EQ(fake.world.encoders->GetStats().texts, 0U);

  ASSERT_OK_AND_ASSIGN(const EmbeddedTexts good, fake.Embed({"a", "b", "c"}, call));
  EXPECT_NE(fake.Row(good, 0), std::vector<int8_t>(32));
  EXPECT_EQ(fake.control.CountOf("a"), 1U);
}

// An int8 encoder that finds no memory for some texts: to split them, or to encode them.
class ThrowingEncoder final : public text::Encoder {
 public:
  ThrowingEncoder() : Encoder({.dimensions = 2}, text::SampleTokenizer(), 100) {}
  Status Tokenize(std::string_view text, text::TextRole, text::TokenizedText& out) const override {
    if (text == "split") throw std::bad_alloc();
    out.ids = {text == "encode" ? 1 : 2};
    return OkStatus();
  }

 private:
  void EncodeInt8(std::span<const text::TokenizedText> texts,
                  std::span<int8_t> out) const override {
    std::fill(out.begin(), out.end(), int8_t{7});
    if (texts[0].ids[0] == 1) throw std::bad_alloc();
  }
};

TEST(PendingTexts, WhatAHelperThrowsIsTheTextsError) {
  SetProcessorsForTesting(4);
  const ThrowingEncoder encoder;
  EncoderCounts counts;
  Batcher batcher({});
  VectorCache cache(0);
  Texts texts(300, "good");
  const std::vector<size_t> bad = {10, 100, 200, 299};  // one for each thread
  for (const size_t row : bad) texts[row] = row == 200 ? "encode" : "split";

  auto pending = PendingTexts::Start({encoder, 0, counts, batcher, cache}, texts, {});
  SetProcessorsForTesting(0);
  ASSERT_OK(pending.status());
  ASSERT_OK_AND_ASSIGN(const EmbeddedTexts embedded, pending->Wait());

  for (size_t row = 0; row < texts.size(); ++row) {
    const bool good = std::find(bad.begin(), bad.end(), row) == bad.end();
    EXPECT_EQ(embedded.outcomes[row].status.code(),
              good ? StatusCode::kOk : StatusCode::kResourceExhausted) << row;
    EXPECT_EQ(embedded.codes[2 * row], good ? 7 : 0) << row;
  }
  EXPECT_EQ(counts.texts, 296U);
}

TEST(PendingTexts, TokensAreTakenAsTheyAre) {
  FakeWorld fake;
  ASSERT_OK_AND_ASSIGN(const text::Encoder* encoder,
                       fake.world.encoders->Get(fake.world.encoder_digest));
  text::TokenizedText tokens;
  ASSERT_OK(encoder->Tokenize("abc", text::TextRole::kQuery, tokens));
  ASSERT_OK_AND_ASSIGN(const EmbeddedTexts text,
                       fake.Embed({"abc"}, {.role = text::TextRole::kQuery}));

  ASSERT_OK_AND_ASSIGN(
      PendingTexts pending,
      fake.world.encoders->StartTokens(fake.world.encoder_digest,
                                       {tokens.ids, {258}, {-1}, std::vector<int32_t>(65, 2)},
                                       {.refuse_truncation = true}));
  ASSERT_OK_AND_ASSIGN(const EmbeddedTexts embedded, pending.Wait());

  EXPECT_EQ(fake.Row(embedded, 0), text.codes);
  EXPECT_THAT(embedded.outcomes[1].status,
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("0 to 257")));
  EXPECT_THAT(embedded.outcomes[2].status, StatusIs(StatusCode::kInvalidArgument, testing::_));
  EXPECT_THAT(embedded.outcomes[3].status,
              StatusIs(StatusCode::kOutOfRange, HasSubstr("65 tokens")));
}

TEST(PendingTexts, SaysWhenNobodyWaitsAnyMore) {
  FakeWorld fake;
  EXPECT_THAT(fake.Embed({"a"}, {.deadline = std::chrono::steady_clock::now()}),
              StatusIs(StatusCode::kDeadlineExceeded, testing::_));
  EXPECT_THAT(fake.Embed({"a"}, {.cancelled = [] { return true; }}),
              StatusIs(StatusCode::kCancelled, testing::_));
  EXPECT_TRUE(fake.control.batches().empty());
}

TEST(PendingTexts, StaticEncodersTakeTokensToo) {
  ServingWorld world(kEncoderDefinition);
  ASSERT_OK_AND_ASSIGN(const text::Encoder* encoder, world.encoders->Get(world.encoder_digest));
  text::TokenizedText tokens;
  ASSERT_OK(encoder->Tokenize("apple pie", text::TextRole::kDocument, tokens));
  const Texts texts = {"apple pie"};
  ASSERT_OK_AND_ASSIGN(auto from_text, world.encoders->Start(world.encoder_digest, texts, {}));
  ASSERT_OK_AND_ASSIGN(auto from_tokens,
                       world.encoders->StartTokens(world.encoder_digest, {tokens.ids}, {}));
  ASSERT_OK_AND_ASSIGN(const EmbeddedTexts a, from_text.Wait());
  ASSERT_OK_AND_ASSIGN(const EmbeddedTexts b, from_tokens.Wait());
  EXPECT_EQ(a.codes, b.codes);
  EXPECT_NE(a.codes, std::vector<int8_t>(16));
  EXPECT_EQ(a.outcomes[0].tokens, tokens.ids.size());
  EXPECT_EQ(world.encoders->GetStats().cache.entries, 0U);
}

}  // namespace
}  // namespace larder::serving
