// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece/unigram.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "text/sentencepiece/utf8.h"

namespace larder::text::internal {
namespace {

constexpr float kUnknownPenalty = 10;
constexpr float kNever = -std::numeric_limits<float>::infinity();
// A thread keeps the working memory of texts up to so many bytes.
constexpr size_t kKept = 1u << 16;
// Words up to so many bytes need no memory but the stack.
constexpr size_t kShortWord = 64;

}  // namespace

StatusOr<Unigram> Unigram::Create(const Model& model, std::string_view name) {
  Unigram unigram;
  // The library's own beginnings: the least positive float, not the lowest one.
  float min_score = std::numeric_limits<float>::max();
  unigram.max_score_ = std::numeric_limits<float>::min();
  std::vector<PieceTrie::Entry> entries;
  for (size_t i = 0; i < model.pieces.size(); ++i) {
    const Model::Piece& piece = model.pieces[i];
    unigram.user_defined_.push_back(piece.type == PieceType::kUserDefined);
    unigram.any_user_defined_ |= piece.type == PieceType::kUserDefined;
    if (piece.type == PieceType::kNormal) {
      min_score = std::min(min_score, piece.score);
      unigram.max_score_ = std::max(unigram.max_score_, piece.score);
    }
    if (piece.type == PieceType::kNormal || piece.type == PieceType::kUserDefined) {
      entries.push_back({piece.text, static_cast<int32_t>(i), piece.score});
    }
  }
  unigram.unknown_id_ = model.unknown_id;
  unigram.unknown_score_ = min_score - kUnknownPenalty;
  // Then no score is above 0: of a user-defined symbol it is below 0 for any length.
  unigram.trusts_words_ =
      unigram.unknown_score_ <= 0 && unigram.max_score_ == std::numeric_limits<float>::min();
  LARDER_ASSIGN_OR_RETURN(unigram.trie_, PieceTrie::Build(std::move(entries), name));
  return unigram;
}

template <bool kWithSecond>
void Unigram::FindWays(std::string_view text, std::span<Way> ways) const {
  std::fill(ways.begin(), ways.end(), Way{0, 0, -1, -1});
  const auto offer = [&](size_t from, size_t to, double score, int32_t id) {
    Way& way = ways[to];
    if (way.from < 0 || score > way.score) {
      if constexpr (kWithSecond) way.second = way.from < 0 ? kNever : way.score;
      way.score = static_cast<float>(score);
      way.from = static_cast<int32_t>(from);
      way.id = id;
    } else if constexpr (kWithSecond) {
      way.second = std::max(way.second, static_cast<float>(score));
    }
  };
  size_t from = 0;
  while (from < text.size()) {
    const double before = ways[from].score;
    const size_t next = from + CharacterLength(text.substr(from));
    bool known_character = false;
    PieceTrie::Node node = PieceTrie::kRoot;
    for (size_t to = from; to < text.size();) {
      node = trie_.Child(node, static_cast<unsigned char>(text[to]));
      if (node == PieceTrie::kNone) break;
      ++to;
      if (!trie_.is_piece(node)) continue;
      const int32_t id = trie_.id(node);
      double score = trie_.score(node);
      if (any_user_defined_ && user_defined_[static_cast<size_t>(id)]) {
        score = static_cast<float>(to - from) * max_score_ - 0.1;
      }
      offer(from, to, score + before, id);
      known_character |= to == next;
    }
    if (!known_character) {
      offer(from, next, unknown_score_ + ways[from].score, unknown_id_);
    }
    from = next;
  }
}

void Unigram::Follow(std::span<const Way> ways, std::vector<Piece>& pieces) {
  pieces.clear();
  for (auto at = static_cast<int32_t>(ways.size() - 1); at > 0;) {
    const Way& way = ways[static_cast<size_t>(at)];
    pieces.push_back({static_cast<uint32_t>(at), way.id});
    at = way.from;
  }
  std::reverse(pieces.begin(), pieces.end());
}

void Unigram::Segment(std::string_view text, std::vector<Piece>& pieces) const {
  thread_local std::vector<Way> ways;
  ways.resize(text.size() + 1);
  FindWays<false>(text, ways);
  Follow(ways, pieces);
  if (ways.size() > kKept) std::vector<Way>().swap(ways);
}

WordTrust Unigram::SegmentWord(std::string_view word, std::vector<Piece>& pieces) const {
  if (!trusts_words_) {
    Segment(word, pieces);
    return {.cost = 0, .limit = 0};
  }
  std::array<Way, kShortWord + 1> few;
  thread_local std::vector<Way> many;
  if (word.size() > kShortWord) many.resize(word.size() + 1);
  const std::span<Way> ways =
      (word.size() > kShortWord ? std::span<Way>(many) : std::span<Way>(few))
          .first(word.size() + 1);
  FindWays<true>(word, ways);
  Follow(ways, pieces);
  float gap = std::numeric_limits<float>::infinity();
  for (const Piece& piece : pieces) {
    const Way& way = ways[piece.end];
    gap = std::min(gap, way.score - way.second);
  }
  size_t characters = 0;
  for (const char c : word) characters += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  const WordTrust trust = {.cost = -ways.back().score,
                           .limit = gap * 0x1p21f / static_cast<float>(characters)};
  if (many.size() > kKept) std::vector<Way>().swap(many);
  return trust;
}

}  // namespace larder::text::internal
