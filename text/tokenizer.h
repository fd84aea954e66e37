// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TOKENIZER_H_
#define LARDER_TEXT_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace larder::text {

inline constexpr size_t kMaxTokenizerBytes = 64u << 20;
// No text of a record is longer (S1: a record is at most 1 MiB).
inline constexpr size_t kMaxTextBytes = 1u << 20;

enum class TokenizerKind { kSentencePiece, kWordPiece };

// The name of a kind in encoder.json: "sentencepiece", "wordpiece".
std::string_view TokenizerKindName(TokenizerKind kind);

// One piece of a text.
struct Token {
  int32_t id = 0;
  // The bytes [begin, end) of the text that became it, spaces before it among them where the token
  // has them. Of two tokens in order, neither bound of the second is before that of the first; a
  // token that stands for nothing in the text is empty. Of the bytes of a character that a
  // vocabulary does not have (byte_fallback), the last has its place and the others are empty, at
  // its beginning.
  uint32_t begin = 0;
  uint32_t end = 0;
  bool operator==(const Token&) const = default;
};

// Splits text into the pieces of a vocabulary.
//
// Bytes that are not UTF-8 count as U+FFFD each, as libsentencepiece has it.
//
// Thread-safety: thread-safe.
class Tokenizer {
 public:
  // Opens a tokenizer from its file's bytes, which are not trusted; `name` is for messages.
  // Errors: kDataLoss naming `name` when the bytes are not a usable tokenizer of that kind;
  //         kUnimplemented for a tokenizer.json of a kind that there is not.
  static StatusOr<std::unique_ptr<const Tokenizer>> Open(TokenizerKind kind,
                                                         std::string_view bytes,
                                                         std::string_view name);
  virtual ~Tokenizer() = default;
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  // Replaces `ids` by the ids of the text's pieces, in order. No begin or end symbols are added.
  // Errors: kInvalidArgument for a text over kMaxTextBytes; no other.
  Status Encode(std::string_view text, std::vector<int32_t>& ids) const;
  // The same with each piece's place in the text.
  Status EncodeWithOffsets(std::string_view text, std::vector<Token>& tokens) const;

  int32_t vocab_size() const { return vocab_size_; }
  // The id of whatever the vocabulary does not cover.
  int32_t unknown_id() const { return unknown_id_; }
  // True for symbols that stand for no text (<s>, [CLS]). Encode never yields them, but where a
  // WordPiece tokenizer finds one spelt out ("[SEP]").
  virtual bool is_control(int32_t id) const = 0;
  // The text of a piece as the vocabulary has it (U+2581 for a space, ## for a continuation);
  // empty for an id outside the vocabulary. The view lives as long as the tokenizer.
  virtual std::string_view piece(int32_t id) const = 0;
  // What does the work, for people: "own unigram", "libsentencepiece word".
  virtual std::string_view engine() const = 0;
  // The symbols that a transformer's input has around a text ([CLS] … [SEP]); maybe none.
  std::span<const int32_t> before() const { return before_; }
  std::span<const int32_t> after() const { return after_; }

 protected:
  Tokenizer(int32_t vocab_size, int32_t unknown_id, std::vector<int32_t> before = {},
            std::vector<int32_t> after = {});

 private:
  // As the public ones; the text is no longer than kMaxTextBytes.
  virtual Status EncodeText(std::string_view text, std::vector<int32_t>& ids) const = 0;
  virtual Status EncodeTextWithOffsets(std::string_view text, std::vector<Token>& tokens) const = 0;

  const int32_t vocab_size_;
  const int32_t unknown_id_;
  const std::vector<int32_t> before_;
  const std::vector<int32_t> after_;
};

}  // namespace larder::text

#endif  // LARDER_TEXT_TOKENIZER_H_
