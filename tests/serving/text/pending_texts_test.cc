// SPDX-License-Identifier: Apache-2.0
#include "serving/text/pending_texts.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "serving/encoders.h"
#include "tests/serving/fake_encoder.h"
#include "tests/serving/serving_world.h"
#include "tests/support/status_matchers.h"

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
    EXPECT_EQ(fake.Row(embedded, 1), std::vector<int8_t>(32));
    // What was allowed once and is cached is refused all the same.
    ASSERT_OK_AND_ASSIGN(const EmbeddedTexts lenient, fake.Embed({"\xff", long_text}));
    EXPECT_OK(lenient.outcomes[0].status);
    EXPECT_TRUE(lenient.outcomes[1].truncated);
    EXPECT_EQ(lenient.outcomes[1].tokens, 64U);
  }
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
