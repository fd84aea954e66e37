// SPDX-License-Identifier: Apache-2.0
#include "text/transformer/internal/forward.h"

#include <algorithm>

namespace larder::text::internal {
namespace {

struct Sizes {
  size_t hidden;
  size_t heads;
  size_t intermediate;
  size_t tokens = 0;
  size_t slots = 0;    // every text's tokens rounded up to 16
  size_t longest = 0;  // in slots

  Sizes(const TransformerConfig& config, std::span<const TokenIds> texts)
      : hidden(static_cast<size_t>(config.hidden)),
        heads(static_cast<size_t>(config.heads)),
        intermediate(static_cast<size_t>(config.intermediate)) {
    for (const TokenIds text : texts) {
      const size_t padded = (text.size() + kLanes - 1) / kLanes * kLanes;
      tokens += text.size();
      slots += padded;
      longest = std::max(longest, padded);
    }
  }
  size_t head_size() const { return hidden / heads; }
};

// Sums of the tables' rows, one row per token.
void Embed(const TransformerConfig& config, const Embeddings& embeddings,
           std::span<const TokenIds> texts, float* x) {
  const auto hidden = static_cast<size_t>(config.hidden);
  for (const TokenIds text : texts) {
    const float* position =
        embeddings.positions.data() + static_cast<size_t>(config.position_offset) * hidden;
    for (const int32_t id : text) {
      const float* word = embeddings.words.data() + static_cast<size_t>(id) * hidden;
      for (size_t i = 0; i < hidden; ++i) x[i] = word[i] + position[i];
      x += hidden;
      position += hidden;
    }
  }
}

void PoolAll(const TransformerKernel& kernel, const TransformerConfig& config,
             std::span<const TokenIds> texts, const float* x, float* out) {
  const auto hidden = static_cast<size_t>(config.hidden);
  for (const TokenIds text : texts) {
    kernel.pool(x, text.size(), hidden, config.pooling, out);
    x += text.size() * hidden;
    out += hidden;
  }
}

struct Int8Rows {
  QuantizedRows codes;
  QuantizedRows wide;
  Heads heads;
};

// Room for a pass over texts of these sizes.
Int8Rows Prepare(const Sizes& sizes, std::span<const TokenIds> texts, ForwardScratch& scratch) {
  const size_t tokens = sizes.tokens;
  scratch.x.Grow(tokens * sizes.hidden);
  scratch.attended.Grow(tokens * sizes.hidden);
  scratch.value.Grow(tokens * sizes.hidden);
  scratch.codes.Grow(tokens * sizes.hidden);
  scratch.query.Grow(tokens * sizes.hidden);
  scratch.key.Grow(sizes.slots * sizes.hidden);
  scratch.scales.Grow(2 * (tokens + kFeedForwardRows) + (tokens + sizes.slots) * sizes.heads);
  scratch.slot.Grow(tokens);
  const size_t block = std::min(tokens, kFeedForwardRows);
  scratch.wide.Grow(block * sizes.intermediate);
  scratch.wide_codes.Grow(block * sizes.intermediate);
  scratch.peaks.Grow(block * kLanes);
  scratch.attention.key_sums.Grow(sizes.longest);
  scratch.attention.scores.Grow(kTileRows * sizes.longest);
  scratch.attention.probability.Grow(kTileRows * sizes.longest);
  scratch.attention.value.Grow(sizes.longest * sizes.head_size());

  uint32_t* slot = scratch.slot.data();
  uint32_t next = 0;
  for (const TokenIds text : texts) {
    for (size_t t = 0; t < text.size(); ++t) *slot++ = next + static_cast<uint32_t>(t);
    next += static_cast<uint32_t>((text.size() + kLanes - 1) / kLanes * kLanes);
  }
  float* scales = scratch.scales.data();
  float* wide = scales + 2 * tokens;
  float* query = wide + 2 * kFeedForwardRows;
  return {.codes = {scratch.codes.data(), scales, scales + tokens, sizes.hidden},
          .wide = {scratch.wide_codes.data(), wide, wide + kFeedForwardRows, sizes.intermediate},
          .heads = {.count = sizes.heads,
                    .size = sizes.head_size(),
                    .slots = sizes.slots,
                    .slot = scratch.slot.data(),
                    .query = scratch.query.data(),
                    .query_scale = query,
                    .key = scratch.key.data(),
                    .key_scale = query + tokens * sizes.heads,
                    .value = scratch.value.data()}};
}

}  // namespace

void ForwardInt8(const TransformerKernel& kernel, const TransformerConfig& config,
                 const Embeddings& embeddings, std::span<const Int8Layer> layers,
                 std::span<const TokenIds> texts, ForwardScratch& scratch, float* out) {
  const Sizes sizes(config, texts);
  const Int8Rows rows = Prepare(sizes, texts, scratch);
  float* x = scratch.x.data();
  Embed(config, embeddings, texts, x);
  kernel.normalize(x, sizes.tokens, embeddings.norm, &rows.codes);
  for (const Int8Layer& layer : layers) {
    kernel.project_heads(rows.codes, sizes.tokens, layer.heads, rows.heads);
    size_t first = 0;
    for (const TokenIds text : texts) {
      kernel.attend(rows.heads, first, text.size(), scratch.attention, scratch.attended.data());
      first += text.size();
    }
    kernel.quantize(scratch.attended.data(), sizes.tokens, rows.codes);
    kernel.project_add(rows.codes, sizes.tokens, layer.out, x);
    kernel.normalize(x, sizes.tokens, layer.attention_norm, &rows.codes);
    for (size_t row = 0; row < sizes.tokens; row += kFeedForwardRows) {
      const size_t count = std::min(kFeedForwardRows, sizes.tokens - row);
      kernel.project_activate(rows.codes.From(row), count, layer.up, config.activation,
                              scratch.wide.data(), scratch.peaks.data(), rows.wide);
      kernel.project_add(rows.wide, count, layer.down, x + row * sizes.hidden);
    }
    kernel.normalize(x, sizes.tokens, layer.output_norm,
                     &layer == &layers.back() ? nullptr : &rows.codes);
  }
  PoolAll(kernel, config, texts, x, out);
}

void ForwardFloat(const TransformerKernel& kernel, const TransformerConfig& config,
                  const Embeddings& embeddings, std::span<const FloatLayer> layers,
                  std::span<const TokenIds> texts, ForwardScratch& scratch, float* out) {
  const Sizes sizes(config, texts);
  const size_t block = std::min(sizes.tokens, kFeedForwardRows);
  scratch.x.Grow(sizes.tokens * sizes.hidden);
  scratch.attended.Grow(sizes.tokens * sizes.hidden);
  scratch.value.Grow(sizes.tokens * 3 * sizes.hidden);
  scratch.wide.Grow(block * sizes.intermediate);
  scratch.attention.floats.Grow((sizes.head_size() + kTileRows) * sizes.longest);
  float* x = scratch.x.data();
  Embed(config, embeddings, texts, x);
  kernel.normalize(x, sizes.tokens, embeddings.norm, nullptr);
  for (const FloatLayer& layer : layers) {
    kernel.float_project(x, sizes.tokens, layer.heads, FloatEpilogue::kNone, config.activation,
                         scratch.value.data());
    size_t first = 0;
    for (const TokenIds text : texts) {
      kernel.float_attend(scratch.value.data(), sizes.heads, sizes.head_size(), first,
                          text.size(), scratch.attention, scratch.attended.data());
      first += text.size();
    }
    kernel.float_project(scratch.attended.data(), sizes.tokens, layer.out, FloatEpilogue::kAdd,
                         config.activation, x);
    kernel.normalize(x, sizes.tokens, layer.attention_norm, nullptr);
    for (size_t row = 0; row < sizes.tokens; row += kFeedForwardRows) {
      const size_t count = std::min(kFeedForwardRows, sizes.tokens - row);
      float* rows = x + row * sizes.hidden;
      kernel.float_project(rows, count, layer.up, FloatEpilogue::kActivate, config.activation,
                           scratch.wide.data());
      kernel.float_project(scratch.wide.data(), count, layer.down, FloatEpilogue::kAdd,
                           config.activation, rows);
    }
    kernel.normalize(x, sizes.tokens, layer.output_norm, nullptr);
  }
  PoolAll(kernel, config, texts, x, out);
}

}  // namespace larder::text::internal
