// SPDX-License-Identifier: Apache-2.0
#include "text/transformer/transformer_weights.h"

#include <array>
#include <cstring>
#include <utility>

#include "text/artifact.h"
#include "text/internal/half.h"

namespace larder::text {
namespace {

constexpr std::array<std::string_view, 3> kPrefixes = {"", "bert.", "roberta."};
constexpr std::string_view kWords = "embeddings.word_embeddings.weight";
constexpr uint64_t kMaxTokenTypes = 1'024;

template <typename T>
T NumberAt(std::string_view bytes, size_t i) {
  T value;
  std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof value);
  return value;
}

// The index of the first value that is infinite or no number; the number of values if none is.
size_t FirstNotFinite(const Tensor& tensor) {
  const size_t size_bytes = DTypeSizeBytes(tensor.dtype);
  const size_t count = tensor.bytes.size() / size_bytes;
  const uint32_t exponent = tensor.dtype == DType::kF32   ? 0x7f800000u
                            : tensor.dtype == DType::kF16 ? 0x7c00u
                                                          : 0x7f80u;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t bits = size_bytes == 4 ? NumberAt<uint32_t>(tensor.bytes, i)
                                          : NumberAt<uint16_t>(tensor.bytes, i);
    if ((bits & exponent) == exponent) return i;
  }
  return count;
}

std::string ShapeText(const std::vector<uint64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += Concat(i > 0 ? ", " : "", shape[i]);
  return text + "]";
}

std::string LayerPrefix(int32_t layer) { return Concat("encoder.layer.", layer, "."); }

}  // namespace

Status TransformerWeights::CheckTensor(std::string_view name,
                                       const std::vector<uint64_t>& shape) const {
  const std::string full = Concat(prefix_, name);
  const Tensor* tensor = tensors_.Find(full);
  if (tensor == nullptr) return DataLoss(file_, ": tensor '", full, "' is missing");
  if (tensor->dtype != DType::kF32 && tensor->dtype != DType::kF16 &&
      tensor->dtype != DType::kBF16) {
    return Unimplemented(file_, ": tensor '", full, "' is ", DTypeName(tensor->dtype),
                         ", this version knows F32, F16 and BF16");
  }
  if (tensor->shape != shape) {
    return DataLoss(file_, ": tensor '", full, "' has the shape ", ShapeText(tensor->shape),
                    ", expected ", ShapeText(shape));
  }
  const size_t bad = FirstNotFinite(*tensor);
  if (bad < tensor->bytes.size() / DTypeSizeBytes(tensor->dtype)) {
    return DataLoss(file_, ": tensor '", full, "': value ", bad, " is not finite");
  }
  return OkStatus();
}

Status TransformerWeights::CheckEmbeddings(const TransformerConfig& config) {
  const auto hidden = static_cast<uint64_t>(config.hidden);
  const Tensor* words = tensors_.Find(Concat(prefix_, kWords));
  vocab_size_ = words->shape.size() == 2 ? words->shape[0] : 0;
  if (vocab_size_ < 1 || vocab_size_ > kMaxVocab) {
    return DataLoss(file_, ": tensor '", prefix_, kWords, "' has the shape ",
                    ShapeText(words->shape), ", expected 1 to ", kMaxVocab, " rows of ", hidden);
  }
  LARDER_RETURN_IF_ERROR(CheckTensor(kWords, {vocab_size_, hidden}));
  LARDER_RETURN_IF_ERROR(CheckTensor("embeddings.position_embeddings.weight",
                                     {static_cast<uint64_t>(config.max_positions), hidden}));
  // Only the row of type 0 counts.
  constexpr std::string_view kTypes = "embeddings.token_type_embeddings.weight";
  const Tensor* types = tensors_.Find(Concat(prefix_, kTypes));
  uint64_t rows = 1;
  if (types != nullptr && types->shape.size() == 2 && types->shape[0] >= 1 &&
      types->shape[0] <= kMaxTokenTypes) {
    rows = types->shape[0];
  }
  LARDER_RETURN_IF_ERROR(CheckTensor(kTypes, {rows, hidden}));
  LARDER_RETURN_IF_ERROR(CheckTensor("embeddings.LayerNorm.weight", {hidden}));
  return CheckTensor("embeddings.LayerNorm.bias", {hidden});
}

Status TransformerWeights::CheckLayer(const TransformerConfig& config, int32_t layer) const {
  const auto hidden = static_cast<uint64_t>(config.hidden);
  const auto wide = static_cast<uint64_t>(config.intermediate);
  struct Part {
    std::string_view name;
    std::vector<uint64_t> shape;
  };
  const std::array<Part, 8> parts = {{{"attention.self.query", {hidden, hidden}},
                                      {"attention.self.key", {hidden, hidden}},
                                      {"attention.self.value", {hidden, hidden}},
                                      {"attention.output.dense", {hidden, hidden}},
                                      {"attention.output.LayerNorm", {hidden}},
                                      {"intermediate.dense", {wide, hidden}},
                                      {"output.dense", {hidden, wide}},
                                      {"output.LayerNorm", {hidden}}}};
  for (const Part& part : parts) {
    const std::string name = Concat(LayerPrefix(layer), part.name);
    LARDER_RETURN_IF_ERROR(CheckTensor(name + ".weight", part.shape));
    LARDER_RETURN_IF_ERROR(CheckTensor(name + ".bias", {part.shape[0]}));
  }
  return OkStatus();
}

StatusOr<TransformerWeights> TransformerWeights::Open(std::string_view bytes,
                                                      std::string_view file,
                                                      const TransformerConfig& config) {
  LARDER_RETURN_IF_ERROR(CheckTransformerConfig(config, file));
  TransformerWeights weights;
  weights.file_ = file;
  LARDER_ASSIGN_OR_RETURN(weights.tensors_, ParseSafeTensors(bytes, file));
  bool found = false;
  for (const std::string_view prefix : kPrefixes) {
    if (weights.tensors_.Find(Concat(prefix, kWords)) == nullptr) continue;
    if (found) {
      return DataLoss(file, ": tensor '", kWords, "' is there with and without a prefix");
    }
    weights.prefix_ = prefix;
    found = true;
  }
  if (!found) {
    return DataLoss(file, ": tensor '", kWords, "' is missing, also as 'bert.' and 'roberta.'");
  }
  LARDER_RETURN_IF_ERROR(weights.CheckEmbeddings(config));
  for (int32_t layer = 0; layer < config.layers; ++layer) {
    LARDER_RETURN_IF_ERROR(weights.CheckLayer(config, layer));
  }
  const std::string beyond = Concat(weights.prefix_, LayerPrefix(config.layers));
  for (const Tensor& tensor : weights.tensors_.tensors) {
    if (tensor.name.starts_with(beyond)) {
      return DataLoss(file, ": tensor '", tensor.name, "' belongs to a layer beyond the ",
                      config.layers, " of the configuration");
    }
  }
  return weights;
}

std::vector<float> TransformerWeights::Read(std::string_view name) const {
  const Tensor* tensor = tensors_.Find(Concat(prefix_, name));
  LARDER_CHECK(tensor != nullptr);
  const size_t count = tensor->bytes.size() / DTypeSizeBytes(tensor->dtype);
  std::vector<float> values(count);
  switch (tensor->dtype) {
    case DType::kF32:
      std::memcpy(values.data(), tensor->bytes.data(), tensor->bytes.size());
      break;
    case DType::kF16:
      for (size_t i = 0; i < count; ++i) {
        values[i] = internal::HalfToFloat(NumberAt<uint16_t>(tensor->bytes, i));
      }
      break;
    case DType::kBF16:
      for (size_t i = 0; i < count; ++i) {
        values[i] = internal::BfloatToFloat(NumberAt<uint16_t>(tensor->bytes, i));
      }
      break;
    default: LARDER_CHECK(false);  // Open has refused it
  }
  return values;
}

}  // namespace larder::text
