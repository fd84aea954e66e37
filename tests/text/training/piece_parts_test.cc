// SPDX-License-Identifier: Apache-2.0
#include "text/training/piece_parts.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/text/sentencepiece/model_forging.h"

namespace larder::text::internal {
namespace {

using Pieces = std::vector<std::string>;

// The vectors of a piece, without its own.
std::multiset<uint32_t> Shared(const PieceParts& parts, size_t piece) {
  std::multiset<uint32_t> vectors;
  for (const PieceParts::Part& part : parts.of(piece).subspan(1)) vectors.insert(part.vector);
  return vectors;
}

TEST(PieceParts, WholePiecesHaveAVectorEach) {
  const PieceParts parts = WholePieces(3);

  ASSERT_EQ(parts.pieces(), 3u);
  EXPECT_EQ(parts.vectors, 3u);
  for (uint32_t piece = 0; piece < 3; ++piece) {
    ASSERT_EQ(parts.of(piece).size(), 1u);
    EXPECT_EQ(parts.of(piece)[0].vector, piece);
    EXPECT_EQ(parts.of(piece)[0].weight, 1);
  }
}

TEST(PieceParts, PiecesOfOneStemShareVectors) {
  const auto tokenizer = TokenizerOf(Pieces{"net", "nets", "xyz", "ab", "q"});

  const PieceParts parts = PiecesByLetters(*tokenizer, 2);

  ASSERT_EQ(parts.pieces(), 8u);
  // "ne", "et", "net" are in two pieces; "nets", "t" and its end and all others in one.
  EXPECT_EQ(parts.vectors, 8u + 3u);
  EXPECT_EQ(Shared(parts, 1), (std::multiset<uint32_t>{8, 9, 10}));
  EXPECT_EQ(Shared(parts, 2), (std::multiset<uint32_t>{8, 9, 10}));
  for (const size_t piece : {0, 3, 4, 5, 6, 7}) {  // unknown, of other letters, and the two more
    ASSERT_EQ(parts.of(piece).size(), 1u) << piece;
    EXPECT_EQ(parts.of(piece)[0].vector, piece);
    EXPECT_EQ(parts.of(piece)[0].weight, 1);
  }
}

TEST(PieceParts, WeightsHaveLengthOneAndRareLettersMore) {
  const auto tokenizer = TokenizerOf(Pieces{"abc", "abd", "abe", "bc"});

  const PieceParts parts = PiecesByLetters(*tokenizer, 0);

  // By vector: "ab" of three pieces, "bc" and "bc" with the end of two.
  std::map<uint32_t, float> weights;
  float square = 0;
  for (const PieceParts::Part& part : parts.of(1)) {
    weights[part.vector] = part.weight;
    square += part.weight * part.weight;
  }
  EXPECT_NEAR(square, 1, 1e-6);
  EXPECT_NEAR(weights[1], 1 / std::sqrt(10.0f), 1e-6);
  const uint32_t common = parts.of(2)[1].vector;  // of "abd"
  ASSERT_TRUE(weights.contains(common));
  for (const auto& [vector, weight] : weights) {
    if (vector < 5 || vector == common) continue;
    EXPECT_NEAR(weight / weights[common], std::log(5.0f / 2) / std::log(5.0f / 3), 1e-5);
  }
}

TEST(PieceParts, LettersAreCharactersNotBytes) {
  const auto tokenizer = TokenizerOf(Pieces{"\u00e9\u4e2d", "\u00e8\u4e2d", "\u4e2d", "\u00e9"});

  const PieceParts parts = PiecesByLetters(*tokenizer, 0);

  // Only the last character and the end, in three pieces, and "é" with nothing: no two letters.
  EXPECT_EQ(Shared(parts, 1).size(), 1u);
  EXPECT_EQ(Shared(parts, 1), Shared(parts, 2));
  EXPECT_EQ(Shared(parts, 1), Shared(parts, 3));
  EXPECT_TRUE(Shared(parts, 4).empty());
}

}  // namespace
}  // namespace larder::text::internal
