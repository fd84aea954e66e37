// SPDX-License-Identifier: Apache-2.0
#include "text/training/contrastive_trainer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/text/sentencepiece/model_forging.h"
#include "text/training/kernels.h"

namespace larder::text::internal {
namespace {

constexpr size_t kItems = 200;
constexpr size_t kDim = 32;

// Item i has the title "t<i>" and the content "s<i>", and no word of its own twice: what belongs
// together has to be learned.
struct Sample {
  explicit Sample(size_t items) {
    std::vector<std::string> pieces;
    for (size_t i = 0; i < items; ++i) {
      pieces.push_back("\u2581t" + std::to_string(i));
      pieces.push_back("\u2581s" + std::to_string(i));
      documents.push_back({.title = "t" + std::to_string(i), .content = "s" + std::to_string(i)});
    }
    tokenizer = TokenizerOf(pieces);
    for (const Document& document : documents) pointers.push_back(&document);
  }
  StatusOr<Corpus> Read() const { return Corpus::Read(pointers, *tokenizer, {}); }
  TokenTable Table() const {
    const auto vocab = static_cast<size_t>(tokenizer->vocab_size());
    return TokenTable(kDim, std::vector<float>(vocab, 1.0f), WholePieces(vocab), 1);
  }

  std::vector<Document> documents;
  std::vector<const Document*> pointers;
  std::unique_ptr<const Tokenizer> tokenizer;
};

float Cosine(const TokenTable& table, size_t a, size_t b) {
  const float dot = DotFloat(table.row(a).data(), table.row(b).data(), kDim);
  return dot / std::sqrt(DotFloat(table.row(a).data(), table.row(a).data(), kDim) *
                         DotFloat(table.row(b).data(), table.row(b).data(), kDim));
}

// Pieces of the title and the content of item i.
size_t TitleOf(size_t i) { return 1 + 2 * i; }
size_t ContentOf(size_t i) { return 2 + 2 * i; }

// The item, other than `but`, whose piece is nearest to a piece.
size_t Nearest(const TokenTable& table, size_t piece, size_t (*piece_of)(size_t), size_t but) {
  size_t nearest = but == 0 ? 1 : 0;
  for (size_t i = 0; i < kItems; ++i) {
    if (i == but) continue;
    const float cosine = Cosine(table, piece, piece_of(i));
    if (cosine > Cosine(table, piece, piece_of(nearest))) nearest = i;
  }
  return nearest;
}

TEST(ContrastiveTrainer, ViewsOfOneItemComeNear) {
  const Sample sample(kItems);
  ASSERT_OK_AND_ASSIGN(const Corpus corpus, sample.Read());
  TokenTable table = sample.Table();

  const ContrastiveOutcome outcome =
      TrainContrastively(corpus, {}, {.epochs = 60, .batch = 64}, {}, table);

  EXPECT_EQ(outcome.text_pairs, kItems);
  EXPECT_EQ(outcome.related_pairs, 0u);
  EXPECT_EQ(outcome.steps, 60 * (kItems / 64));
  for (size_t i = 0; i < kItems; ++i) {
    EXPECT_EQ(Nearest(table, TitleOf(i), ContentOf, kItems), i);
  }
}

TEST(ContrastiveTrainer, RelatedItemsComeNear) {
  const Sample sample(kItems);
  ASSERT_OK_AND_ASSIGN(const Corpus corpus, sample.Read());
  TokenTable table = sample.Table();
  std::vector<RelatedPair> related;
  for (uint32_t i = 0; i < kItems; i += 2) {
    for (int k = 0; k < 4; ++k) related.emplace_back(i, i + 1);
  }

  const ContrastiveOutcome outcome =
      TrainContrastively(corpus, related, {.epochs = 60, .batch = 64}, {}, table);

  EXPECT_EQ(outcome.related_pairs, related.size());
  for (size_t i = 0; i < kItems; i += 2) {
    EXPECT_EQ(Nearest(table, TitleOf(i), TitleOf, i), i + 1);
  }
}

TEST(ContrastiveTrainer, FewPairsOrNoEpochsTeachNothing) {
  for (const size_t items : {127u, 128u}) {
    for (const uint64_t epochs : {0u, 1u}) {
      const Sample sample(items);
      ASSERT_OK_AND_ASSIGN(const Corpus corpus, sample.Read());
      TokenTable table = sample.Table();
      const std::vector<float> before(table.row(1).begin(), table.row(1).end());
      const ContrastiveOptions options = {.epochs = epochs};
      const bool can = items == 128 && epochs == 1;

      const ContrastiveOutcome outcome = TrainContrastively(corpus, {}, options, {}, table);

      EXPECT_EQ(CanTrainContrastively(corpus, {}, options), can) << items << " " << epochs;
      EXPECT_EQ(outcome.steps > 0, can);
      EXPECT_EQ(std::vector<float>(table.row(1).begin(), table.row(1).end()) == before, !can);
    }
  }
}

TEST(ContrastiveTrainer, TellsItsLossToTheEnd) {
  const Sample sample(kItems);
  ASSERT_OK_AND_ASSIGN(const Corpus corpus, sample.Read());
  TokenTable table = sample.Table();
  std::string last;
  uint64_t done = 0, total = 0;

  TrainContrastively(corpus, {}, {.epochs = 3, .batch = 64},
                     [&](std::string_view stage, uint64_t at, uint64_t of) {
                       last = stage;
                       done = at;
                       total = of;
                     },
                     table);

  EXPECT_TRUE(last.starts_with("train, loss ")) << last;
  EXPECT_EQ(done, 9u);
  EXPECT_EQ(total, 9u);
}

}  // namespace
}  // namespace larder::text::internal
