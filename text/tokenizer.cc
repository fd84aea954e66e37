// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer.h"

#include <utility>

#include "text/sentencepiece/sentencepiece_tokenizer.h"
#include "text/wordpiece/wordpiece_tokenizer.h"

namespace larder::text {
namespace {

Status CheckSize(std::string_view text) {
  if (text.size() <= kMaxTextBytes) return OkStatus();
  return InvalidArgument("a text of ", text.size(), " bytes, the limit is ", kMaxTextBytes);
}

}  // namespace

std::string_view TokenizerKindName(TokenizerKind kind) {
  switch (kind) {
    case TokenizerKind::kSentencePiece: return "sentencepiece";
    case TokenizerKind::kWordPiece: return "wordpiece";
  }
  return "?";
}

StatusOr<std::unique_ptr<const Tokenizer>> Tokenizer::Open(TokenizerKind kind,
                                                           std::string_view bytes,
                                                           std::string_view name) {
  switch (kind) {
    case TokenizerKind::kSentencePiece: return OpenSentencePiece(bytes, name);
    case TokenizerKind::kWordPiece: return OpenWordPiece(bytes, name);
  }
  return Unimplemented(name, ": tokenizers of kind ", TokenizerKindName(kind));
}

Tokenizer::Tokenizer(int32_t vocab_size, int32_t unknown_id, std::vector<int32_t> before,
                     std::vector<int32_t> after)
    : vocab_size_(vocab_size),
      unknown_id_(unknown_id),
      before_(std::move(before)),
      after_(std::move(after)) {}

Status Tokenizer::Encode(std::string_view text, std::vector<int32_t>& ids) const {
  ids.clear();
  LARDER_RETURN_IF_ERROR(CheckSize(text));
  return EncodeText(text, ids);
}

Status Tokenizer::EncodeWithOffsets(std::string_view text, std::vector<Token>& tokens) const {
  tokens.clear();
  LARDER_RETURN_IF_ERROR(CheckSize(text));
  return EncodeTextWithOffsets(text, tokens);
}

}  // namespace larder::text
