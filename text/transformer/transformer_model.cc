// SPDX-License-Identifier: Apache-2.0
#include "text/transformer/transformer_model.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/sync.h"
#include "text/transformer/internal/forward.h"
#include "text/transformer/internal/kernels.h"
#include "text/transformer/internal/pack.h"
#include "text/transformer/transformer_weights.h"

namespace larder::text {
namespace {

using internal::ForwardScratch;
using internal::LayerNorm;
using internal::TokenIds;

LayerNorm ReadNorm(const TransformerWeights& weights, std::string_view name, double epsilon) {
  return {.gamma = weights.Read(Concat(name, ".weight")),
          .beta = weights.Read(Concat(name, ".bias")),
          .epsilon = static_cast<float>(epsilon)};
}

void Pack(const TransformerWeights& weights, const std::string& name, std::span<const float> shift,
          size_t first, internal::Int8Matrix& matrix) {
  PackRows(weights.Read(name + ".weight"), weights.Read(name + ".bias"), shift, first, matrix);
}
void Pack(const TransformerWeights& weights, const std::string& name, std::span<const float>,
          size_t first, internal::FloatMatrix& matrix) {
  PackRows(weights.Read(name + ".weight"), weights.Read(name + ".bias"), first, matrix);
}

// Layer `number`, whose input is normalised by `before`.
template <typename Layer, typename MakeMatrix>
Layer ReadLayer(const TransformerWeights& weights, const TransformerConfig& config, int32_t number,
                const LayerNorm& before, MakeMatrix make) {
  const auto hidden = static_cast<size_t>(config.hidden);
  const auto wide = static_cast<size_t>(config.intermediate);
  const std::string prefix = Concat("encoder.layer.", number, ".");
  const std::string attention = prefix + "attention.";
  Layer layer{
      .heads = make(3 * hidden, hidden),
      .out = make(hidden, hidden),
      .attention_norm = ReadNorm(weights, attention + "output.LayerNorm", config.layer_norm_eps),
      .up = make(wide, hidden),
      .down = make(hidden, wide),
      .output_norm = ReadNorm(weights, prefix + "output.LayerNorm", config.layer_norm_eps)};
  Pack(weights, attention + "self.query", before.beta, 0, layer.heads);
  Pack(weights, attention + "self.key", before.beta, hidden, layer.heads);
  Pack(weights, attention + "self.value", before.beta, 2 * hidden, layer.heads);
  Pack(weights, attention + "output.dense", {}, 0, layer.out);
  Pack(weights, prefix + "intermediate.dense", layer.attention_norm.beta, 0, layer.up);
  Pack(weights, prefix + "output.dense", {}, 0, layer.down);
  return layer;
}

template <typename Layer>
size_t LayerBytes(const Layer& layer) {
  size_t bytes = (4 * layer.attention_norm.gamma.size()) * sizeof(float);
  for (const auto* matrix : {&layer.heads, &layer.out, &layer.up, &layer.down}) {
    bytes += matrix->panels.size_bytes() + 3 * matrix->outputs * sizeof(float);
  }
  return bytes;
}

}  // namespace

struct TransformerModel::Parts {
  TransformerConfig config;
  size_t vocab_size = 0;
  const internal::TransformerKernel* kernel = nullptr;
  std::string engine;
  internal::Embeddings embeddings;
  std::vector<internal::Int8Layer> int8_layers;    // of Precision::kInt8
  std::vector<internal::FloatLayer> float_layers;  // of Precision::kF32

  // Room that no call is using; the last that came back is first, being warm.
  mutable Mutex mu;
  mutable std::vector<std::unique_ptr<ForwardScratch>> free ABSL_GUARDED_BY(mu);

  void ReadEmbeddings(const TransformerWeights& weights);
  void ReadLayers(const TransformerWeights& weights);
  std::unique_ptr<ForwardScratch> Borrow() const;
  void GiveBack(std::unique_ptr<ForwardScratch> scratch) const;
  void Forward(std::span<const TokenIds> texts, ForwardScratch& scratch, float* out) const;
};

void TransformerModel::Parts::ReadEmbeddings(const TransformerWeights& weights) {
  embeddings.words = weights.Read("embeddings.word_embeddings.weight");
  embeddings.positions = weights.Read("embeddings.position_embeddings.weight");
  const std::vector<float> types = weights.Read("embeddings.token_type_embeddings.weight");
  const auto hidden = static_cast<size_t>(config.hidden);
  for (size_t i = 0; i < embeddings.positions.size(); ++i) {
    embeddings.positions[i] += types[i % hidden];
  }
  embeddings.norm = ReadNorm(weights, "embeddings.LayerNorm", config.layer_norm_eps);
}

void TransformerModel::Parts::ReadLayers(const TransformerWeights& weights) {
  LayerNorm before = embeddings.norm;
  for (int32_t number = 0; number < config.layers; ++number) {
    if (config.precision == Precision::kInt8) {
      int8_layers.push_back(ReadLayer<internal::Int8Layer>(weights, config, number, before,
                                                           internal::MakeInt8Matrix));
      before = int8_layers.back().output_norm;
    } else {
      float_layers.push_back(ReadLayer<internal::FloatLayer>(weights, config, number, before,
                                                             internal::MakeFloatMatrix));
      before = float_layers.back().output_norm;
    }
  }
}

std::unique_ptr<ForwardScratch> TransformerModel::Parts::Borrow() const {
  {
    MutexLock lock(mu);
    if (!free.empty()) {
      std::unique_ptr<ForwardScratch> scratch = std::move(free.back());
      free.pop_back();
      return scratch;
    }
  }
  return std::make_unique<ForwardScratch>();
}

void TransformerModel::Parts::GiveBack(std::unique_ptr<ForwardScratch> scratch) const {
  MutexLock lock(mu);
  free.push_back(std::move(scratch));
}

void TransformerModel::Parts::Forward(std::span<const TokenIds> texts, ForwardScratch& scratch,
                                      float* out) const {
  if (config.precision == Precision::kInt8) {
    internal::ForwardInt8(*kernel, config, embeddings, int8_layers, texts, scratch, out);
  } else {
    internal::ForwardFloat(*kernel, config, embeddings, float_layers, texts, scratch, out);
  }
}

StatusOr<std::unique_ptr<const TransformerModel>> TransformerModel::Create(
    const TransformerConfig& config, std::string_view bytes, std::string_view file,
    const internal::TransformerKernel* kernel) {
  LARDER_ASSIGN_OR_RETURN(const TransformerWeights weights,
                          TransformerWeights::Open(bytes, file, config));
  auto parts = std::make_unique<Parts>();
  parts->config = config;
  parts->vocab_size = weights.vocab_size();
  parts->kernel = kernel != nullptr ? kernel : &internal::BestTransformerKernel();
  parts->engine = Concat(parts->kernel->name, " ", PrecisionName(config.precision));
  parts->ReadEmbeddings(weights);
  parts->ReadLayers(weights);
  return std::unique_ptr<const TransformerModel>(new TransformerModel(std::move(parts)));
}

TransformerModel::TransformerModel(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
TransformerModel::~TransformerModel() = default;

const TransformerConfig& TransformerModel::config() const { return parts_->config; }
size_t TransformerModel::vocab_size() const { return parts_->vocab_size; }
std::string_view TransformerModel::engine() const { return parts_->engine; }

size_t TransformerModel::memory_bytes() const {
  size_t bytes =
      (parts_->embeddings.words.size() + parts_->embeddings.positions.size()) * sizeof(float);
  for (const auto& layer : parts_->int8_layers) bytes += LayerBytes(layer);
  for (const auto& layer : parts_->float_layers) bytes += LayerBytes(layer);
  return bytes;
}

void TransformerModel::Encode(std::span<const std::span<const int32_t>> texts,
                              std::span<float> out) const {
  const auto hidden = static_cast<size_t>(parts_->config.hidden);
  LARDER_CHECK(out.size() == texts.size() * hidden);
  const auto max_tokens = static_cast<size_t>(parts_->config.max_tokens());
  std::unique_ptr<ForwardScratch> scratch = parts_->Borrow();
  size_t first = 0;
  while (first < texts.size()) {
    if (texts[first].empty()) {
      std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(first * hidden), hidden, 0.0f);
      ++first;
      continue;
    }
    size_t tokens = 0;
    size_t end = first;
    while (end < texts.size() && !texts[end].empty() &&
           (end == first || tokens + texts[end].size() <= kPassTokens)) {
      LARDER_CHECK(texts[end].size() <= max_tokens);
      tokens += texts[end++].size();
    }
    parts_->Forward(texts.subspan(first, end - first), *scratch, out.data() + first * hidden);
    first = end;
  }
  parts_->GiveBack(std::move(scratch));
}

}  // namespace larder::text
