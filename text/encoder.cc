// SPDX-License-Identifier: Apache-2.0
#include "text/encoder.h"

#include <utility>

#include "base/directory_digest.h"
#include "text/encoder_config.h"
#include "text/static_encoder.h"
#include "text/tokenizer.h"

namespace larder::text {
namespace {

constexpr uint64_t kMaxModelBytes = uint64_t{2} << 30;

// A file of the artifact; missing or too large means that the artifact is damaged.
StatusOr<std::string> ReadPart(FileSystem& fs, const std::string& path, uint64_t max_bytes) {
  auto bytes = fs.Read(path, max_bytes);
  if (bytes.ok()) return bytes;
  switch (bytes.status().code()) {
    case StatusCode::kNotFound: return DataLoss(path, ": missing");
    case StatusCode::kResourceExhausted:
      return DataLoss(path, ": larger than ", max_bytes, " bytes");
    default: return bytes;
  }
}

StatusOr<EncoderInfo> InfoOf(FileSystem& fs, const std::string& dir,
                             const EncoderConfig& config) {
  EncoderInfo info;
  LARDER_ASSIGN_OR_RETURN(info.digest, DirectoryDigest(fs, dir));
  info.kind = config.kind;
  info.dimensions = config.dimensions;
  return info;
}

}  // namespace

Status Encoder::Encode(std::span<const std::string_view> texts, std::span<int8_t> out,
                       size_t first) const {
  const size_t needed = texts.size() * static_cast<size_t>(dimensions());
  if (out.size() != needed) {
    return InvalidArgument("room for ", out.size(), " values, ", texts.size(), " texts need ",
                           needed);
  }
  return EncodeTexts(texts, out, first);
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
  LARDER_ASSIGN_OR_RETURN(auto tokenizer, Tokenizer::Open(tokenizer_bytes, tokenizer_path));
  const std::string model_path = JoinPath(dir, kEncoderModelFile);
  LARDER_ASSIGN_OR_RETURN(const std::string model_bytes,
                          ReadPart(fs, model_path, kMaxModelBytes));
  LARDER_ASSIGN_OR_RETURN(StaticTables tables, ParseStaticModel(model_bytes, model_path));
  LARDER_ASSIGN_OR_RETURN(const EncoderInfo info, InfoOf(fs, dir, config));
  LARDER_ASSIGN_OR_RETURN(auto encoder,
                          StaticEncoder::Create(info, config, std::move(tokenizer),
                                                std::move(tables), model_path));
  return std::unique_ptr<const Encoder>(std::move(encoder));
}

}  // namespace larder::text
