// SPDX-License-Identifier: Apache-2.0
#include "text/encoder.h"

#include <algorithm>
#include <utility>

#include "base/directory_digest.h"
#include "base/fixed_point.h"
#include "text/artifact.h"
#include "text/encoder_config.h"
#include "text/static/static_encoder.h"
#include "text/tokenizer.h"
#include "text/transformer/transformer_encoder.h"

namespace larder::text {
namespace {

StatusOr<EncoderInfo> InfoOf(FileSystem& fs, const std::string& dir,
                             const EncoderConfig& config) {
  EncoderInfo info;
  LARDER_ASSIGN_OR_RETURN(info.digest, DirectoryDigest(fs, dir));
  info.kind = config.kind;
  info.dimensions = config.dimensions;
  info.matryoshka = config.matryoshka;
  return info;
}

Status WrongSize(size_t size, size_t texts, size_t needed) {
  return InvalidArgument("room for ", size, " values, ", texts, " texts need ", needed);
}

}  // namespace

Encoder::Encoder(const EncoderInfo& info, std::unique_ptr<const Tokenizer> tokenizer,
                 size_t max_tokens)
    : info_(info), tokenizer_(std::move(tokenizer)), max_tokens_(max_tokens) {}

Status Encoder::CheckTokens(std::span<const TokenizedText> texts, size_t size,
                            size_t per_text) const {
  const size_t needed = texts.size() * per_text;
  if (size != needed) return WrongSize(size, texts.size(), needed);
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::vector<int32_t>& ids = texts[i].ids;
    if (ids.size() > max_tokens_) {
      return InvalidArgument("text ", i, ": ", ids.size(), " tokens, the limit is ", max_tokens_);
    }
    for (const int32_t id : ids) {
      if (id < 0 || id >= tokenizer_->vocab_size()) {
        return InvalidArgument("text ", i, ": token ", id, ", the vocabulary has ",
                               tokenizer_->vocab_size());
      }
    }
  }
  return OkStatus();
}

Status Encoder::EncodeTokens(std::span<const TokenizedText> texts, std::span<int8_t> codes) const {
  LARDER_RETURN_IF_ERROR(CheckTokens(texts, codes.size(), info_.code_size()));
  if (info_.element() == VectorElement::kInt8) {
    EncodeInt8(texts, codes);
    return OkStatus();
  }
  const auto dim = static_cast<size_t>(dimensions());
  std::vector<float> vectors(texts.size() * dim);
  EncodeFloat(texts, vectors);
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::vector<int8_t> fixed = ToFixedPoint(std::span(vectors).subspan(i * dim, dim));
    std::copy(fixed.begin(), fixed.end(), codes.begin() + static_cast<std::ptrdiff_t>(2 * i * dim));
  }
  return OkStatus();
}

Status Encoder::EncodeTokens(std::span<const TokenizedText> texts, std::span<float> vectors) const {
  const auto dim = static_cast<size_t>(dimensions());
  LARDER_RETURN_IF_ERROR(CheckTokens(texts, vectors.size(), dim));
  if (info_.element() == VectorElement::kFloat) {
    EncodeFloat(texts, vectors);
    return OkStatus();
  }
  std::vector<int8_t> codes(vectors.size());
  EncodeInt8(texts, codes);
  for (size_t i = 0; i < texts.size(); ++i) {
    FromInt8(std::span(codes).subspan(i * dim, dim), vectors.subspan(i * dim, dim));
  }
  return OkStatus();
}

Status Encoder::Encode(std::span<const std::string_view> texts, std::span<int8_t> codes,
                       size_t first, TextRole role) const {
  const size_t needed = texts.size() * info_.code_size();
  if (codes.size() != needed) return WrongSize(codes.size(), texts.size(), needed);
  return EncodeTexts(texts, codes, first, role);
}

Status Encoder::EncodeTexts(std::span<const std::string_view> texts, std::span<int8_t> codes,
                            size_t first, TextRole role) const {
  std::vector<TokenizedText> tokenized(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    if (const Status status = Tokenize(texts[i], role, tokenized[i]); !status.ok()) {
      return Annotate(status, Concat("text ", first + i));
    }
  }
  return EncodeTokens(tokenized, codes);
}

void Encoder::EncodeInt8(std::span<const TokenizedText>, std::span<int8_t>) const {
  LARDER_CHECK(false);  // of kInt8 encoders, which have their own
}

void Encoder::EncodeFloat(std::span<const TokenizedText>, std::span<float>) const {
  LARDER_CHECK(false);  // of kFloat encoders, which have their own
}

StatusOr<EncoderInfo> ReadEncoderInfo(FileSystem& fs, const std::string& dir) {
  LARDER_ASSIGN_OR_RETURN(const EncoderConfig config, ReadEncoderConfig(fs, dir));
  for (const std::string& name : {config.tokenizer_file, std::string(kEncoderModelFile)}) {
    const std::string path = JoinPath(dir, name);
    if (!fs.Exists(path)) return DataLoss(path, ": missing");
  }
  return InfoOf(fs, dir, config);
}

StatusOr<std::unique_ptr<const Encoder>> OpenEncoder(FileSystem& fs, const std::string& dir) {
  LARDER_ASSIGN_OR_RETURN(const EncoderConfig config, ReadEncoderConfig(fs, dir));
  const std::string tokenizer_path = JoinPath(dir, config.tokenizer_file);
  LARDER_ASSIGN_OR_RETURN(const std::string tokenizer_bytes,
                          ReadPart(fs, tokenizer_path, kMaxTokenizerBytes));
  LARDER_ASSIGN_OR_RETURN(
      auto tokenizer, Tokenizer::Open(config.tokenizer_kind, tokenizer_bytes, tokenizer_path));
  const std::string model_path = JoinPath(dir, kEncoderModelFile);
  LARDER_ASSIGN_OR_RETURN(const std::string model_bytes,
                          ReadPart(fs, model_path, kMaxModelBytes));
  LARDER_ASSIGN_OR_RETURN(const EncoderInfo info, InfoOf(fs, dir, config));
  if (config.kind == EncoderKind::kTransformer) {
    return OpenTransformer(info, config, std::move(tokenizer),
                           {.model = model_bytes,
                            .model_file = model_path,
                            .config_file = JoinPath(dir, kEncoderConfigFile)});
  }
  LARDER_ASSIGN_OR_RETURN(StaticTables tables, ParseStaticModel(model_bytes, model_path));
  LARDER_ASSIGN_OR_RETURN(auto encoder,
                          StaticEncoder::Create(info, config, std::move(tokenizer),
                                                std::move(tables), model_path));
  return std::unique_ptr<const Encoder>(std::move(encoder));
}

}  // namespace larder::text
