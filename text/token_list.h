// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TOKEN_LIST_H_
#define LARDER_TEXT_TOKEN_LIST_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "text/encoder.h"

namespace larder::text {

// A token as people look at it.
struct ListedToken {
  int32_t id = 0;
  std::string_view piece;  // as the vocabulary has it; lives as long as the encoder
  // The bytes [begin, end) of the text that became it; none for what is not of the text.
  uint32_t begin = 0;
  uint32_t end = 0;
  bool special = false;  // of the prompt, or a symbol around the text
};

struct TokenList {
  std::vector<ListedToken> tokens;  // what the encoder reads, in order
  size_t total = 0;                 // of the whole text, with what is special
  bool truncated = false;           // the encoder does not read all of it
};

// Splits a text as the encoder does and says where in the text its tokens stand.
// Errors: as Encoder::Tokenize; kInvalidArgument also if the prompt makes the text too long.
// Cost: that of splitting it twice.
StatusOr<TokenList> ListTokens(const Encoder& encoder, std::string_view text, TextRole role);

}  // namespace larder::text

#endif  // LARDER_TEXT_TOKEN_LIST_H_
