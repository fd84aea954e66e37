// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_STATIC_STATIC_ENCODER_H_
#define LARDER_TEXT_STATIC_STATIC_ENCODER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "base/status.h"
#include "text/encoder.h"
#include "text/encoder_config.h"
#include "text/tokenizer.h"

namespace larder::text {

// Weights are 0 to kMaxTokenWeight, so that a product with a table entry fits 32 bits with room.
inline constexpr int32_t kMaxTokenWeight = 32'767;

// What a static encoder learns: one row and one weight per piece of the tokenizer.
struct StaticTables {
  int32_t dimensions = 0;
  std::vector<int8_t> table;     // [vocab, dimensions] row-major
  std::vector<int32_t> weights;  // [vocab], 0 to kMaxTokenWeight; 0 leaves the piece out

  int32_t vocab_size() const { return static_cast<int32_t>(weights.size()); }
};

// out[d] = round(sums[d] * 127 / max|sums|), halves away from zero; all zero if all sums are.
//
// Shapes: both of one size. |sums| must be below 2^55.
void ScaleToInt8(std::span<const int64_t> sums, std::span<int8_t> out);

// sums[d] = sum over `ids` of weight[id] * table[id][d], exactly.
//
// Shapes: sums [dimensions]. Each id must be in [0, vocab).
// Cost: O(ids * dimensions); some 4 ns per token at 256 dimensions (AVX-512).
void SumTokens(const StaticTables& tables, std::span<const int32_t> ids, std::span<int64_t> sums);

// The vector of a text is the weighted sum of its pieces' rows in integers, scaled to int8.
// Integer sums do not depend on order, so neither batch, thread nor vector width can change a bit.
//
// Thread-safety: thread-safe.
class StaticEncoder final : public Encoder {
 public:
  // Errors: kDataLoss naming `file` if sizes disagree or a weight is out of range.
  static StatusOr<std::unique_ptr<const StaticEncoder>> Create(
      const EncoderInfo& info, const EncoderConfig& config,
      std::unique_ptr<const Tokenizer> tokenizer, StaticTables tables, std::string_view file);

  // Roles make no difference.
  Status Tokenize(std::string_view text, TextRole role, TokenizedText& out) const override;

 private:
  StaticEncoder(const EncoderInfo& info, int32_t max_tokens,
                std::unique_ptr<const Tokenizer> tokenizer, StaticTables tables);
  Status EncodeTexts(std::span<const std::string_view> texts, std::span<int8_t> out,
                     size_t first, TextRole role) const override;
  void EncodeInt8(std::span<const TokenizedText> texts, std::span<int8_t> out) const override;
  // Shapes: scratch and out [dimensions()].
  void EncodeIds(std::span<const int32_t> ids, std::span<int32_t> scratch,
                 std::span<int8_t> out) const;
  void Prefetch(std::span<const int32_t> ids) const;

  const StaticTables tables_;
};

// model.safetensors of a static encoder, and back.
std::string WriteStaticModel(const StaticTables& tables);
// Errors: kDataLoss naming `file` and what is wrong.
StatusOr<StaticTables> ParseStaticModel(std::string_view bytes, std::string_view file);

// WriteArtifact (text/artifact.h) of a static encoder; what a server will say of it.
StatusOr<EncoderInfo> WriteStaticEncoder(FileSystem& fs, const std::string& dir,
                                         const EncoderConfig& config,
                                         std::string_view tokenizer_bytes,
                                         const StaticTables& tables);

}  // namespace larder::text

#endif  // LARDER_TEXT_STATIC_STATIC_ENCODER_H_
