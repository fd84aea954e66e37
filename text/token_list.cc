// SPDX-License-Identifier: Apache-2.0
#include "text/token_list.h"

#include <algorithm>
#include <string>

#include "text/tokenizer.h"

namespace larder::text {

StatusOr<TokenList> ListTokens(const Encoder& encoder, std::string_view text, TextRole role) {
  TokenizedText read;
  LARDER_RETURN_IF_ERROR(encoder.Tokenize(text, role, read));
  const Tokenizer& tokenizer = encoder.tokenizer();
  const std::string_view prompt = encoder.prompt(role);
  std::vector<Token> placed;
  LARDER_RETURN_IF_ERROR(tokenizer.EncodeWithOffsets(Concat(prompt, text), placed));
  // A static encoder has no use for symbols around a text.
  const bool symbols = encoder.kind() == EncoderKind::kTransformer;
  const size_t before = symbols ? tokenizer.before().size() : 0;
  const size_t after = symbols ? tokenizer.after().size() : 0;

  TokenList list{.tokens = {}, .total = before + placed.size() + after,
                 .truncated = read.truncated};
  const auto prompt_size = static_cast<uint32_t>(prompt.size());
  uint32_t place = 0;
  for (size_t i = 0; i < read.ids.size(); ++i) {
    ListedToken token{.id = read.ids[i], .piece = tokenizer.piece(read.ids[i])};
    const bool around = i < before || i + after >= read.ids.size();
    // Behind a cut the last piece may be another one: it has no place then.
    if (!around && i - before < placed.size() && placed[i - before].id == token.id) {
      const Token& at = placed[i - before];
      token.special = prompt_size > 0 && at.end <= prompt_size;
      token.begin = std::max(at.begin, prompt_size) - prompt_size;
      token.end = std::max(at.end, prompt_size) - prompt_size;
      place = token.end;
    } else {
      token.special = around;
      token.begin = token.end = place;
    }
    list.tokens.push_back(token);
  }
  return list;
}

}  // namespace larder::text
