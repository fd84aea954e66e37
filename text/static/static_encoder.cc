// SPDX-License-Identifier: Apache-2.0
#include "text/static/static_encoder.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/bytes.h"
#include "text/artifact.h"
#include "text/safetensors.h"
#include "text/static/kernels.h"

namespace larder::text {
namespace {

constexpr std::string_view kTableTensor = "token_table";
constexpr std::string_view kWeightsTensor = "token_weights";
// A catalog's texts lie anywhere in memory: they are on their way while others are encoded.
constexpr size_t kTextsAhead = 4;

void PrefetchText(std::string_view text) {
  constexpr size_t kLine = 64;
  constexpr size_t kMost = 4 * kLine;
  const size_t bytes = std::min(text.size(), kMost);
  for (size_t at = 0; at < bytes; at += kLine) __builtin_prefetch(text.data() + at);
}

uint64_t Magnitude(int64_t value) {
  return value < 0 ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
}

}  // namespace

void ScaleToInt8(std::span<const int64_t> sums, std::span<int8_t> out) {
  uint64_t largest = 0;
  for (const int64_t sum : sums) largest = std::max(largest, Magnitude(sum));
  if (largest == 0) {
    std::fill(out.begin(), out.end(), int8_t{0});
    return;
  }
  for (size_t d = 0; d < sums.size(); ++d) {
    // floor(x * 127 / m + 1/2) in integers: halves go up in magnitude.
    const uint64_t rounded = (Magnitude(sums[d]) * 254 + largest) / (2 * largest);
    const auto value = static_cast<int32_t>(rounded);
    out[d] = static_cast<int8_t>(sums[d] < 0 ? -value : value);
  }
}

void SumTokens(const StaticTables& tables, std::span<const int32_t> ids,
               std::span<int64_t> sums) {
  std::fill(sums.begin(), sums.end(), int64_t{0});
  std::vector<int32_t> part(sums.size());
  for (; !ids.empty(); ids = ids.subspan(std::min(ids.size(), kTokensPerSum))) {
    BestStaticKernel().sum(tables.table.data(), tables.weights.data(), ids.data(),
                           std::min(ids.size(), kTokensPerSum), sums.size(), part.data());
    for (size_t d = 0; d < sums.size(); ++d) sums[d] += part[d];
  }
}

StatusOr<std::unique_ptr<const StaticEncoder>> StaticEncoder::Create(
    const EncoderInfo& info, const EncoderConfig& config,
    std::unique_ptr<const Tokenizer> tokenizer, StaticTables tables, std::string_view file) {
  if (tables.dimensions != config.dimensions || info.dimensions != config.dimensions) {
    return DataLoss(file, ": ", tables.dimensions, " dimensions, ", kEncoderConfigFile, " says ",
                    config.dimensions);
  }
  if (tables.vocab_size() != tokenizer->vocab_size()) {
    return DataLoss(file, ": ", tables.vocab_size(), " rows, the tokenizer has ",
                    tokenizer->vocab_size(), " pieces");
  }
  if (tables.table.size() !=
      tables.weights.size() * static_cast<size_t>(tables.dimensions)) {
    return DataLoss(file, ": the table's size does not follow from its shape");
  }
  for (size_t i = 0; i < tables.weights.size(); ++i) {
    if (tables.weights[i] < 0 || tables.weights[i] > kMaxTokenWeight) {
      return DataLoss(file, ": ", kWeightsTensor, "[", i, "] is ", tables.weights[i],
                      ", expected 0 to ", kMaxTokenWeight);
    }
  }
  return std::unique_ptr<const StaticEncoder>(
      new StaticEncoder(info, config.max_tokens, std::move(tokenizer), std::move(tables)));
}

StaticEncoder::StaticEncoder(const EncoderInfo& info, int32_t max_tokens,
                             std::unique_ptr<const Tokenizer> tokenizer, StaticTables tables)
    : Encoder(info, std::move(tokenizer), static_cast<size_t>(max_tokens)),
      tables_(std::move(tables)) {}

Status StaticEncoder::Tokenize(std::string_view text, TextRole, TokenizedText& out) const {
  // What is too long to be a text stays whole: the tokenizer refuses it.
  const std::string_view head =
      text.size() > kMaxTextBytes ? text : Utf8Prefix(text, max_tokens() * kMaxBytesPerToken);
  LARDER_RETURN_IF_ERROR(tokenizer().Encode(head, out.ids));
  out.truncated = head.size() < text.size() || out.ids.size() > max_tokens();
  out.ids.resize(std::min(out.ids.size(), max_tokens()));
  return OkStatus();
}

// Rows are fetched while the next text is split.
Status StaticEncoder::EncodeTexts(std::span<const std::string_view> texts, std::span<int8_t> out,
                                  size_t first, TextRole role) const {
  const auto dim = static_cast<size_t>(dimensions());
  std::vector<int32_t> scratch(dim);
  std::array<TokenizedText, 2> tokenized;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (i + kTextsAhead < texts.size()) PrefetchText(texts[i + kTextsAhead]);
    TokenizedText& next = tokenized[i % 2];
    if (const Status status = Tokenize(texts[i], role, next); !status.ok()) {
      return Annotate(status, Concat("text ", first + i));
    }
    Prefetch(next.ids);
    if (i == 0) continue;
    EncodeIds(tokenized[(i - 1) % 2].ids, scratch, out.subspan((i - 1) * dim, dim));
  }
  if (texts.empty()) return OkStatus();
  EncodeIds(tokenized[(texts.size() - 1) % 2].ids, scratch, out.last(dim));
  return OkStatus();
}

void StaticEncoder::EncodeInt8(std::span<const TokenizedText> texts, std::span<int8_t> out) const {
  const auto dim = static_cast<size_t>(dimensions());
  std::vector<int32_t> scratch(dim);
  for (size_t i = 0; i < texts.size(); ++i) {
    EncodeIds(texts[i].ids, scratch, out.subspan(i * dim, dim));
  }
}

void StaticEncoder::Prefetch(std::span<const int32_t> ids) const {
  constexpr size_t kLine = 64;
  constexpr size_t kTokens = 32;  // the rest comes while these are added
  const auto dim = static_cast<size_t>(dimensions());
  for (const int32_t id : ids.first(std::min(ids.size(), kTokens))) {
    const int8_t* row = tables_.table.data() + static_cast<size_t>(id) * dim;
    for (size_t d = 0; d < dim; d += kLine) __builtin_prefetch(row + d);
  }
}

void StaticEncoder::EncodeIds(std::span<const int32_t> ids, std::span<int32_t> scratch,
                              std::span<int8_t> out) const {
  if (ids.size() > kTokensPerSum) {
    std::vector<int64_t> sums(out.size());
    SumTokens(tables_, ids, sums);
    ScaleToInt8(sums, out);
    return;
  }
  const StaticKernel& kernel = BestStaticKernel();
  kernel.sum(tables_.table.data(), tables_.weights.data(), ids.data(), ids.size(), out.size(),
             scratch.data());
  kernel.scale(scratch.data(), out.size(), out.data());
}

std::string WriteStaticModel(const StaticTables& tables) {
  const auto vocab = static_cast<uint64_t>(tables.vocab_size());
  return WriteSafeTensors({
      {.name = std::string(kTableTensor),
       .dtype = DType::kI8,
       .shape = {vocab, static_cast<uint64_t>(tables.dimensions)},
       .bytes = AsBytes(std::span<const int8_t>(tables.table))},
      {.name = std::string(kWeightsTensor),
       .dtype = DType::kI32,
       .shape = {vocab},
       .bytes = AsBytes(std::span<const int32_t>(tables.weights))},
  });
}

StatusOr<StaticTables> ParseStaticModel(std::string_view bytes, std::string_view file) {
  LARDER_ASSIGN_OR_RETURN(const SafeTensors model, ParseSafeTensors(bytes, file));
  LARDER_ASSIGN_OR_RETURN(const Tensor* table, model.Require(kTableTensor, DType::kI8, 2, file));
  LARDER_ASSIGN_OR_RETURN(const Tensor* weights,
                          model.Require(kWeightsTensor, DType::kI32, 1, file));
  if (model.tensors.size() != 2) {
    return DataLoss(file, ": ", model.tensors.size(), " tensors, expected ", kTableTensor,
                    " and ", kWeightsTensor);
  }
  const uint64_t vocab = table->shape[0];
  const uint64_t dim = table->shape[1];
  if (vocab < 1 || vocab > kMaxVocab || dim < 1 ||
      dim > static_cast<uint64_t>(kMaxDimensions)) {
    return DataLoss(file, ": ", kTableTensor, " is ", vocab, " x ", dim, ", the limits are ",
                    kMaxVocab, " x ", kMaxDimensions);
  }
  if (weights->shape[0] != vocab) {
    return DataLoss(file, ": ", weights->shape[0], " weights for ", vocab, " rows");
  }
  StaticTables tables;
  tables.dimensions = static_cast<int32_t>(dim);
  tables.table.resize(vocab * dim);
  std::memcpy(tables.table.data(), table->bytes.data(), table->bytes.size());
  tables.weights.resize(vocab);
  std::memcpy(tables.weights.data(), weights->bytes.data(), weights->bytes.size());
  return tables;
}

StatusOr<EncoderInfo> WriteStaticEncoder(FileSystem& fs, const std::string& dir,
                                         const EncoderConfig& config,
                                         std::string_view tokenizer_bytes,
                                         const StaticTables& tables) {
  LARDER_ASSIGN_OR_RETURN(const auto encoder, WriteArtifact(fs, dir, config, tokenizer_bytes,
                                                            WriteStaticModel(tables)));
  return encoder->info();
}

}  // namespace larder::text
