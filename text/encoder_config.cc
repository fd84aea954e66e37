// SPDX-License-Identifier: Apache-2.0
#include "text/encoder_config.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/bytes.h"
#include "base/directory_digest.h"
#include "text/internal/json.h"

namespace larder::text {
namespace {

using internal::Json;
using internal::JsonString;

constexpr std::string_view kFormat = "larder-encoder-1";
constexpr std::string_view kPooling = "weighted_sum";
constexpr uint64_t kMaxConfigBytes = 64u << 10;
constexpr std::array<std::string_view, 9> kKeys = {"format",     "kind",     "dimensions",
                                                   "tokenizer",  "pooling",  "max_tokens",
                                                   "training",   "quality",    "matryoshka"};

StatusOr<std::string> Text(const Json& object, std::string_view key, std::string_view file) {
  const Json* value = object.Find(key);
  if (value == nullptr) return DataLoss(file, ": '", key, "' is missing");
  if (!value->is(Json::Kind::kString)) return DataLoss(file, ": '", key, "' is no text");
  return value->text;
}

StatusOr<int32_t> Count(const Json& object, std::string_view key, int32_t max,
                        std::string_view file) {
  const Json* value = object.Find(key);
  if (value == nullptr) return DataLoss(file, ": '", key, "' is missing");
  if (!value->is(Json::Kind::kInteger) || value->integer < 1 || value->integer > max) {
    return DataLoss(file, ": '", key, "' is no integer from 1 to ", max);
  }
  return static_cast<int32_t>(value->integer);
}

Status CheckKeys(const Json& object, std::span<const std::string_view> known,
                 std::string_view file) {
  for (const auto& [key, value] : object.members) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return DataLoss(file, ": unknown key '", key, "'");
    }
  }
  return OkStatus();
}

Status ReadTokenizer(const Json& json, std::string_view file, EncoderConfig& config) {
  const Json* tokenizer = json.Find("tokenizer");
  if (tokenizer == nullptr || !tokenizer->is(Json::Kind::kObject)) {
    return DataLoss(file, ": 'tokenizer' is missing or no object");
  }
  constexpr std::array<std::string_view, 2> kTokenizerKeys = {"kind", "file"};
  LARDER_RETURN_IF_ERROR(CheckKeys(*tokenizer, kTokenizerKeys, Concat(file, ": tokenizer")));
  LARDER_ASSIGN_OR_RETURN(const std::string kind,
                          Text(*tokenizer, "kind", Concat(file, ": tokenizer")));
  if (kind == TokenizerKindName(TokenizerKind::kSentencePiece)) {
    config.tokenizer_kind = TokenizerKind::kSentencePiece;
  } else if (kind == TokenizerKindName(TokenizerKind::kWordPiece)) {
    config.tokenizer_kind = TokenizerKind::kWordPiece;
  } else {
    return Unimplemented(file, ": tokenizer kind '", kind,
                         "', this version knows sentencepiece and wordpiece");
  }
  LARDER_ASSIGN_OR_RETURN(config.tokenizer_file,
                          Text(*tokenizer, "file", Concat(file, ": tokenizer")));
  if (!IsSafeRelativePath(config.tokenizer_file)) {
    return DataLoss(file, ": tokenizer: 'file' must stay inside the artifact's directory");
  }
  return OkStatus();
}

Status ReadMatryoshka(const Json& json, std::string_view file, EncoderConfig& config) {
  const Json* sizes = json.Find("matryoshka");
  if (sizes == nullptr) return OkStatus();
  if (!sizes->is(Json::Kind::kArray)) return DataLoss(file, ": 'matryoshka' is no list");
  int64_t last = 0;
  for (const Json& size : sizes->items) {
    if (!size.is(Json::Kind::kInteger) || size.integer <= last ||
        size.integer >= config.dimensions) {
      return DataLoss(file, ": 'matryoshka' is no ascending list of integers from 1 to below ",
                      config.dimensions);
    }
    last = size.integer;
    config.matryoshka.push_back(static_cast<int32_t>(last));
  }
  return OkStatus();
}

Status ReadNotes(const Json& json, std::string_view file, EncoderConfig& config) {
  if (const Json* training = json.Find("training"); training != nullptr) {
    if (!training->is(Json::Kind::kObject)) return DataLoss(file, ": 'training' is no object");
    for (const auto& [key, value] : training->members) {
      if (value.is(Json::Kind::kString)) {
        config.training[key] = value.text;
      } else if (value.is(Json::Kind::kInteger) || value.is(Json::Kind::kDouble)) {
        config.training[key] = value.number;
      } else {
        return DataLoss(file, ": training: '", key, "' is neither number nor text");
      }
    }
  }
  if (const Json* quality = json.Find("quality"); quality != nullptr) {
    if (!quality->is(Json::Kind::kObject)) return DataLoss(file, ": 'quality' is no object");
    for (const auto& [key, value] : quality->members) {
      if (!value.is(Json::Kind::kInteger) && !value.is(Json::Kind::kDouble)) {
        return DataLoss(file, ": quality: '", key, "' is no number");
      }
      config.quality[key] = value.number;
    }
  }
  return OkStatus();
}

std::string JsonNumber(double value) {
  LARDER_CHECK(std::isfinite(value));
  return Concat(value);
}

}  // namespace

std::string_view EncoderKindName(EncoderKind kind) {
  switch (kind) {
    case EncoderKind::kStatic: return "static";
    case EncoderKind::kTransformer: return "transformer";
  }
  return "?";
}

StatusOr<EncoderConfig> ParseEncoderConfig(std::string_view text, std::string_view file) {
  LARDER_ASSIGN_OR_RETURN(const Json json, internal::ParseJson(text, file));
  if (!json.is(Json::Kind::kObject)) return DataLoss(file, ": expected a JSON object");
  // The format and the kind first: of another one, the rest may mean something else.
  LARDER_ASSIGN_OR_RETURN(const std::string format, Text(json, "format", file));
  if (format != kFormat) {
    return Unimplemented(file, ": format '", format, "', this version knows ", kFormat);
  }
  LARDER_ASSIGN_OR_RETURN(const std::string kind, Text(json, "kind", file));
  if (kind != EncoderKindName(EncoderKind::kStatic)) {
    return Unimplemented(file, ": encoder kind '", kind, "', this version knows static");
  }
  LARDER_RETURN_IF_ERROR(CheckKeys(json, kKeys, file));
  EncoderConfig config;
  LARDER_ASSIGN_OR_RETURN(config.dimensions, Count(json, "dimensions", kMaxDimensions, file));
  LARDER_RETURN_IF_ERROR(ReadTokenizer(json, file, config));
  LARDER_ASSIGN_OR_RETURN(const std::string pooling, Text(json, "pooling", file));
  if (pooling != kPooling) {
    return Unimplemented(file, ": pooling '", pooling, "', this version knows ", kPooling);
  }
  LARDER_ASSIGN_OR_RETURN(config.max_tokens, Count(json, "max_tokens", kMaxTokensLimit, file));
  LARDER_RETURN_IF_ERROR(ReadMatryoshka(json, file, config));
  LARDER_RETURN_IF_ERROR(ReadNotes(json, file, config));
  return config;
}

StatusOr<EncoderConfig> ReadEncoderConfig(FileSystem& fs, const std::string& dir) {
  const std::string path = JoinPath(dir, kEncoderConfigFile);
  auto text = fs.Read(path, kMaxConfigBytes);
  if (!text.ok() && text.status().code() == StatusCode::kResourceExhausted) {
    return DataLoss(path, ": larger than ", kMaxConfigBytes, " bytes");
  }
  LARDER_RETURN_IF_ERROR(text.status());
  return ParseEncoderConfig(*text, path);
}

std::string WriteEncoderConfig(const EncoderConfig& config) {
  std::string out = Concat(
      "{\n  \"format\": ", JsonString(kFormat),
      ",\n  \"kind\": ", JsonString(EncoderKindName(config.kind)),
      ",\n  \"dimensions\": ", config.dimensions,
      ",\n  \"tokenizer\": {\"kind\": ", JsonString(TokenizerKindName(config.tokenizer_kind)),
      ", \"file\": ", JsonString(config.tokenizer_file), "}",
      ",\n  \"pooling\": ", JsonString(kPooling), ",\n  \"max_tokens\": ", config.max_tokens);
  if (!config.matryoshka.empty()) {
    std::string sizes;
    for (const int32_t size : config.matryoshka) {
      sizes += Concat(sizes.empty() ? "" : ", ", size);
    }
    out += Concat(",\n  \"matryoshka\": [", sizes, "]");
  }
  std::string_view separator = "\n    ";
  out += ",\n  \"training\": {";
  for (const auto& [key, value] : config.training) {
    const auto* text = std::get_if<std::string>(&value);
    LARDER_CHECK(IsUtf8(key) && (text == nullptr || IsUtf8(*text)));
    out += Concat(separator, JsonString(key), ": ",
                  text != nullptr ? JsonString(*text) : JsonNumber(std::get<double>(value)));
    separator = ",\n    ";
  }
  separator = "\n    ";
  out += "\n  },\n  \"quality\": {";
  for (const auto& [key, value] : config.quality) {
    LARDER_CHECK(IsUtf8(key));
    out += Concat(separator, JsonString(key), ": ", JsonNumber(value));
    separator = ",\n    ";
  }
  out += "\n  }\n}\n";
  return out;
}

}  // namespace larder::text
