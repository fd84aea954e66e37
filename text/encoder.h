// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_ENCODER_H_
#define LARDER_TEXT_ENCODER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "base/hash.h"
#include "base/status.h"
#include "text/tokenizer.h"

namespace larder::text {

// A text is cut after so many bytes for each of its max_tokens before it is split: splitting takes
// memory and time for all of it, many times its size. Ordinary text, in any script, has several
// pieces in as many bytes, so that the cut lies behind all tokens that count.
inline constexpr size_t kMaxBytesPerToken = 32;

enum class EncoderKind { kStatic, kTransformer };

// The name of a kind in encoder.json: "static", "transformer".
std::string_view EncoderKindName(EncoderKind kind);

// What an encoder's own vectors are made of. A kInt8 encoder's vector *is* int8; a kFloat encoder's
// is float32 of length 1, which is stored in 16-bit fixed point (base/fixed_point.h).
enum class VectorElement { kInt8, kFloat };

// What is known about an artifact without loading its tables.
struct EncoderInfo {
  Digest digest{};  // DirectoryDigest of the artifact: the `space` of its vectors
  EncoderKind kind = EncoderKind::kStatic;
  int32_t dimensions = 0;
  // Lengths, below `dimensions` and ascending, for which the encoder was trained: the first so many
  // components of a vector, scaled to length 1, are one too.
  std::vector<int32_t> matryoshka = {};

  VectorElement element() const {
    return kind == EncoderKind::kStatic ? VectorElement::kInt8 : VectorElement::kFloat;
  }
  // The codes of one vector, as the store and the index hold it: [dimensions] int8 of a kInt8
  // encoder; the high halves, then the low ones, of a kFloat one.
  size_t code_size() const {
    const auto size = static_cast<size_t>(dimensions);
    return element() == VectorElement::kFloat ? 2 * size : size;
  }
};

// How a text is used: encoders trained with prompts put another one before each.
enum class TextRole { kDocument, kQuery };

// A text as an encoder reads it.
struct TokenizedText {
  std::vector<int32_t> ids;  // with its prompt and the symbols around it, at most max_tokens
  bool truncated = false;    // the text has more tokens than `ids` holds
};

// Turns texts into vectors. Vectors of one digest are comparable by cosine or dot product; vectors
// of two digests never are. The same text has the same bits on every machine, in every batch and
// on every thread. A text of which nothing is known (an empty one, for a static encoder) has the
// zero vector, whose cosine with anything is null (S4.1).
//
// Thread-safety: thread-safe.
class Encoder {
 public:
  virtual ~Encoder() = default;
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  const EncoderInfo& info() const { return info_; }
  int32_t dimensions() const { return info_.dimensions; }
  EncoderKind kind() const { return info_.kind; }
  const Digest& digest() const { return info_.digest; }
  const Tokenizer& tokenizer() const { return *tokenizer_; }
  // Of one text, with its prompt and the symbols around it.
  size_t max_tokens() const { return max_tokens_; }
  // What Tokenize puts before a text of this role; lives as long as the encoder.
  virtual std::string_view prompt(TextRole) const { return {}; }

  // Splits a text into what the encoder reads; beyond max_tokens() its end is cut off.
  // Errors: kInvalidArgument for a text over kMaxTextBytes.
  // Cost: that of the tokenizer.
  virtual Status Tokenize(std::string_view text, TextRole role, TokenizedText& out) const = 0;

  // The vectors of tokenized texts: as codes, or as floats of length 1.
  //
  // Shapes: codes [texts.size(), info().code_size()] row-major; vectors [texts.size(),
  // dimensions()]. Ids must be in [0, tokenizer().vocab_size()), at most max_tokens() of a text.
  // Errors: kInvalidArgument if the output has another size or an id is out of range.
  Status EncodeTokens(std::span<const TokenizedText> texts, std::span<int8_t> codes) const;
  Status EncodeTokens(std::span<const TokenizedText> texts, std::span<float> vectors) const;

  // The codes of texts, as documents unless `role` says otherwise.
  //
  // Shapes: codes [texts.size(), info().code_size()] row-major.
  // Errors: as Tokenize and EncodeTokens; the message names the text's place, counted from `first`,
  //         which is that of texts[0]. Nothing in `codes` is to be used then.
  Status Encode(std::span<const std::string_view> texts, std::span<int8_t> codes,
                size_t first = 0, TextRole role = TextRole::kDocument) const;

 protected:
  Encoder(const EncoderInfo& info, std::unique_ptr<const Tokenizer> tokenizer, size_t max_tokens);

 private:
  // As Encode, of a kInt8 encoder; `codes` has the size that it must have. Derived from the two
  // below unless there is a shorter way.
  virtual Status EncodeTexts(std::span<const std::string_view> texts, std::span<int8_t> codes,
                             size_t first, TextRole role) const;
  // In the encoder's own element, of ids and output that were checked. The other is derived.
  virtual void EncodeInt8(std::span<const TokenizedText> texts, std::span<int8_t> out) const;
  virtual void EncodeFloat(std::span<const TokenizedText> texts, std::span<float> out) const;

  // `size` values of output for `texts`, of which each needs `per_text`.
  Status CheckTokens(std::span<const TokenizedText> texts, size_t size, size_t per_text) const;

  const EncoderInfo info_;
  const std::unique_ptr<const Tokenizer> tokenizer_;
  const size_t max_tokens_;
};

// Opens the artifact directory `dir` (docs/formats/encoder.md). Its files are not trusted.
// Errors: kNotFound without encoder.json; kDataLoss naming the file and what is wrong with it;
//         kUnimplemented for a kind or format that this version does not know.
// Cost: reads every file twice (digest, load).
StatusOr<std::unique_ptr<const Encoder>> OpenEncoder(FileSystem& fs, const std::string& dir);

// Reads what encoder.json says and computes the digest, without loading the tables.
// Errors: as OpenEncoder, for what it looks at.
// Cost: reads every file once.
StatusOr<EncoderInfo> ReadEncoderInfo(FileSystem& fs, const std::string& dir);

}  // namespace larder::text

#endif  // LARDER_TEXT_ENCODER_H_
