// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TOKENIZER_H_
#define LARDER_TEXT_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace larder::text {

namespace internal {
class SentencePieceModel;
}

inline constexpr size_t kMaxTokenizerBytes = 64u << 20;
// No text of a record is longer (S1: a record is at most 1 MiB).
inline constexpr size_t kMaxTextBytes = 1u << 20;

// Splits text into the pieces of a SentencePiece model (unigram, BPE, word or char).
//
// Thread-safety: thread-safe.
class Tokenizer {
 public:
  // Opens a model from its serialised bytes, which are not trusted; `name` is for messages.
  // Errors: kDataLoss naming `name` when the bytes are not a usable model.
  static StatusOr<std::unique_ptr<const Tokenizer>> Open(std::string_view model_bytes,
                                                         std::string_view name);
  ~Tokenizer();
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  // Replaces `ids` by the ids of the text's pieces, in order. Bytes that are not UTF-8 count as
  // U+FFFD each, as libsentencepiece has it. No begin or end symbols are added.
  // Errors: kInvalidArgument for a text over kMaxTextBytes.
  // Cost: about 10 MB/s of text.
  Status Encode(std::string_view text, std::vector<int32_t>& ids) const;

  int32_t vocab_size() const { return vocab_size_; }
  // The id of whatever the vocabulary does not cover.
  int32_t unknown_id() const { return unknown_id_; }
  // True for symbols that stand for no text (<s>, </s>): Encode never yields them.
  bool is_control(int32_t id) const;
  // The text of a piece (U+2581 for a space); empty for an id outside the vocabulary. The view
  // lives as long as the tokenizer.
  std::string_view piece(int32_t id) const;

 private:
  explicit Tokenizer(std::unique_ptr<const internal::SentencePieceModel> model);
  const std::unique_ptr<const internal::SentencePieceModel> model_;
  const int32_t vocab_size_;
  const int32_t unknown_id_;
};

}  // namespace larder::text

#endif  // LARDER_TEXT_TOKENIZER_H_
