// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_WORDPIECE_ADDED_TOKENS_H_
#define LARDER_TEXT_WORDPIECE_ADDED_TOKENS_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "text/wordpiece/piece_table.h"

namespace larder::text::internal {

// A token that stands for itself wherever it is found, before the text is split into words:
// "[SEP]" in a text is one.
struct AddedToken {
  int32_t id = 0;
  std::string content;
  bool single_word = false;  // only where no letter or digit touches it
  bool left_strip = false;   // takes the white space before it along
  bool right_strip = false;  // … and behind it
  bool normalized = false;   // is looked for in the normalised text, normalised itself
  bool special = false;
};

// Finds tokens in texts: the leftmost first, of those the longest.
//
// Thread-safety: thread-safe once created.
// Source: tokenizers 0.23, tokenizer/added_vocabulary.rs.
class AddedTokens {
 public:
  // The bytes [begin, end) of a text: a token, or with id -1 what lies between.
  struct Segment {
    int32_t id = -1;
    size_t begin = 0;
    size_t end = 0;
  };

  // `tokens`: their ids are distinct, their contents what is to be found, not empty.
  // Errors: kDataLoss for a content that is there twice or is too long; kUnimplemented if the white
  // space that one token takes along could be the beginning of another.
  static StatusOr<AddedTokens> Create(std::vector<AddedToken> tokens);

  bool empty() const { return tokens_.empty(); }

  // Replaces `segments` by those of `text`, well-formed UTF-8, in order and without gaps.
  void Split(std::string_view text, std::vector<Segment>& segments) const;

 private:
  explicit AddedTokens(std::vector<AddedToken> tokens);
  // Where the next token begins at or after `at`; text.size() if nowhere.
  size_t Next(std::string_view text, size_t at, PieceTable::Match& match) const;

  std::vector<AddedToken> tokens_;  // their places are the ids in the table
  PieceTable table_;
  std::array<bool, 256> starts_{};  // the first bytes of contents
};

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_WORDPIECE_ADDED_TOKENS_H_
