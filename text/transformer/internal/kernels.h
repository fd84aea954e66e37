// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TRANSFORMER_INTERNAL_KERNELS_H_
#define LARDER_TEXT_TRANSFORMER_INTERNAL_KERNELS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "text/transformer/internal/aligned_buffer.h"
#include "text/transformer/transformer_config.h"

#if defined(__x86_64__)
#define LARDER_TEXT_X86 1
#endif

namespace larder::text::internal {

// Every size of a model is a multiple of a panel; a tile is what one kernel call multiplies.
inline constexpr size_t kLanes = 16;
inline constexpr size_t kPanelColumns = 64;
inline constexpr size_t kFloatPanelColumns = 32;
inline constexpr size_t kTileRows = 6;
// The least that GELU gives is -0.16997; the least code of its output stands for this.
inline constexpr float kGeluFloor = -0.17f;

// y = gamma · (x - mean) / sqrt(variance + epsilon) + beta.
struct LayerNorm {
  std::vector<float> gamma;  // [hidden]
  std::vector<float> beta;
  float epsilon = 0;
};

// A matrix [outputs, inputs] of int8 with one scale per output: w = scale · code.
struct Int8Matrix {
  size_t outputs = 0;
  size_t inputs = 0;
  AlignedBuffer<int8_t> panels;  // [outputs / 64][inputs / 4][64][4]
  std::vector<float> scale;      // [outputs]
  std::vector<float> sum;        // [outputs]: scale · Σ codes, times which an input's offset counts
  std::vector<float> bias;
};

struct FloatMatrix {
  size_t outputs = 0;
  size_t inputs = 0;
  AlignedBuffer<float> panels;  // [outputs / 32][inputs][32]
  std::vector<float> bias;
};

// Rows of activations in bytes: x = offset + scale · code. One scale and offset per row.
struct QuantizedRows {
  uint8_t* codes = nullptr;  // [rows, columns]
  float* scale = nullptr;
  float* offset = nullptr;
  size_t columns = 0;

  QuantizedRows From(size_t row) const {
    return {codes + row * columns, scale + row, offset + row, columns};
  }
};

// Queries, keys and values of the tokens of several texts. Keys have slots: those of a text begin
// at a multiple of 16, so that a panel of 16 keys belongs to one text.
struct Heads {
  size_t count = 0;
  size_t size = 0;                 // of a head: 32 or 64
  size_t slots = 0;                // a multiple of 16
  const uint32_t* slot = nullptr;  // [tokens]
  uint8_t* query = nullptr;        // [tokens, count, size], code + 128
  float* query_scale = nullptr;    // [tokens, count], with log2(e) / sqrt(size) in it
  int8_t* key = nullptr;           // [count][slots / 16][size / 4][16][4]
  float* key_scale = nullptr;      // [count, slots]
  float* value = nullptr;          // [tokens, count, size]

  size_t hidden() const { return count * size; }
};

// What attention needs besides, for texts of up to so many tokens.
struct AttentionScratch {
  AlignedBuffer<int32_t> key_sums;    // [padded]: 128 · Σ of a key's codes
  AlignedBuffer<int32_t> scores;      // [6, padded]
  AlignedBuffer<uint8_t> probability;  // [6, padded]
  AlignedBuffer<int8_t> value;        // [size / 16][padded / 4][16][4]
  AlignedBuffer<float> floats;        // f32: keys [size, padded], then scores [6, padded]
};

// What a float product does with its sums besides adding the bias.
enum class FloatEpilogue { kNone, kAdd, kActivate };

// One implementation of what the forward pass computes. The int8 functions give the same bits in
// all of them, and so do the float ones: docs/formats/encoder.md says how.
// Thread-safety: thread-safe (pure functions).
struct TransformerKernel {
  std::string_view name;  // "scalar", "avx2", "avx512vnni"
  // Rows of x become the normalised ones. With `codes`, those are of the values before beta.
  void (*normalize)(float* x, size_t rows, const LayerNorm& norm, const QuantizedRows* codes);
  // Codes of rows, each with its own least and greatest value.
  void (*quantize)(const float* x, size_t rows, const QuantizedRows& codes);
  // Three products at once, [3 · hidden, hidden]: queries, keys, values of tokens.
  void (*project_heads)(const QuantizedRows& in, size_t rows, const Int8Matrix& weights,
                        const Heads& out);
  // x += weights · in + bias.
  void (*project_add)(const QuantizedRows& in, size_t rows, const Int8Matrix& weights, float* x);
  // x = activation(weights · in + bias), and the codes of that. `peaks` [rows, 16] is scratch.
  void (*project_activate)(const QuantizedRows& in, size_t rows, const Int8Matrix& weights,
                           Activation activation, float* x, float* peaks,
                           const QuantizedRows& codes);
  // One text's tokens [first, first + count) attend to each other; out [tokens, hidden].
  void (*attend)(const Heads& heads, size_t first, size_t count, AttentionScratch& scratch,
                 float* out);
  // The mean of the rows, or the first of them, scaled to length 1; zero if it has no direction.
  void (*pool)(const float* x, size_t rows, size_t hidden, Pooling pooling, float* out);

  // out [rows, weights.outputs]: weights · in + bias, then what `epilogue` says (kAdd: added to
  // what is in out).
  void (*float_project)(const float* in, size_t rows, const FloatMatrix& weights,
                        FloatEpilogue epilogue, Activation activation, float* out);
  // As attend; qkv [tokens, 3, heads, size].
  void (*float_attend)(const float* qkv, size_t heads, size_t size, size_t first, size_t count,
                       AttentionScratch& scratch, float* out);
};

// The kernels that this processor can run, slowest first; the first is always "scalar".
std::span<const TransformerKernel> AvailableTransformerKernels();

// The fastest available kernel, chosen once.
const TransformerKernel& BestTransformerKernel();

// One per instruction set. Functions carry target attributes instead of files carrying flags:
// nothing inline from a shared header is ever compiled for a newer processor.
namespace scalar {
extern const TransformerKernel kKernel;
}
#ifdef LARDER_TEXT_X86
namespace avx2 {
extern const TransformerKernel kKernel;
}
namespace avx512vnni {
extern const TransformerKernel kKernel;
}
#endif

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_TRANSFORMER_INTERNAL_KERNELS_H_
