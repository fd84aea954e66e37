// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TRANSFORMER_INTERNAL_FORWARD_H_
#define LARDER_TEXT_TRANSFORMER_INTERNAL_FORWARD_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "text/transformer/internal/aligned_buffer.h"
#include "text/transformer/internal/kernels.h"
#include "text/transformer/transformer_config.h"

namespace larder::text::internal {

// Rows that go through both halves of a feed-forward layer together: what lies between them, the
// widest of all, then stays in the second cache. A multiple of a tile's rows.
inline constexpr size_t kFeedForwardRows = 48;

// Tables that a token's first row comes from.
struct Embeddings {
  std::vector<float> words;      // [vocabulary, hidden]
  std::vector<float> positions;  // [positions, hidden], with the row of token type 0 added
  LayerNorm norm;
};

// Biases of `heads` and `up` contain the product with the beta of the norm before: their input is
// the codes of what the norm gives before beta is added.
struct Int8Layer {
  Int8Matrix heads;  // queries, keys, values: [3 · hidden, hidden]
  Int8Matrix out;
  LayerNorm attention_norm;
  Int8Matrix up;
  Int8Matrix down;
  LayerNorm output_norm;
};

struct FloatLayer {
  FloatMatrix heads;
  FloatMatrix out;
  LayerNorm attention_norm;
  FloatMatrix up;
  FloatMatrix down;
  LayerNorm output_norm;
};

// Room for one pass; grows to what a pass needs and can be used again.
struct ForwardScratch {
  AlignedBuffer<float> x;         // [tokens, hidden]: the residual stream
  AlignedBuffer<float> attended;  // [tokens, hidden]
  AlignedBuffer<float> value;     // [tokens, hidden]; of the float path [tokens, 3 · hidden]
  AlignedBuffer<uint8_t> codes;   // [tokens, hidden]
  AlignedBuffer<uint8_t> query;   // [tokens, hidden]
  AlignedBuffer<int8_t> key;      // [slots, hidden]
  AlignedBuffer<float> scales;    // of codes, queries, keys, and of wide_codes
  AlignedBuffer<uint32_t> slot;   // [tokens]
  AlignedBuffer<float> wide;      // [kFeedForwardRows, intermediate]
  AlignedBuffer<uint8_t> wide_codes;
  AlignedBuffer<float> peaks;  // [kFeedForwardRows, 16]
  AttentionScratch attention;
};

// The vectors of texts that go through the layers together, [texts.size(), hidden]. No text is
// empty; ids and lengths are in range.
using TokenIds = std::span<const int32_t>;
void ForwardInt8(const TransformerKernel& kernel, const TransformerConfig& config,
                 const Embeddings& embeddings, std::span<const Int8Layer> layers,
                 std::span<const TokenIds> texts, ForwardScratch& scratch, float* out);
void ForwardFloat(const TransformerKernel& kernel, const TransformerConfig& config,
                  const Embeddings& embeddings, std::span<const FloatLayer> layers,
                  std::span<const TokenIds> texts, ForwardScratch& scratch, float* out);

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_TRANSFORMER_INTERNAL_FORWARD_H_
