// SPDX-License-Identifier: Apache-2.0
#include "text/encoder_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

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
constexpr std::array<std::string_view, 8> kStaticKeys = {
    "format", "kind", "dimensions", "tokenizer", "pooling", "max_tokens", "training", "quality"};
constexpr std::array<std::string_view, 9> kTransformerKeys = {
    "format",      "kind",    "dimensions", "tokenizer", "max_tokens",
    "transformer", "prompts", "training",   "quality"};
constexpr std::array<std::string_view, 10> kShapeKeys = {
    "layers",          "heads",          "hidden",     "intermediate", "max_positions",
    "position_offset", "layer_norm_eps", "activation", "pooling",      "precision"};

StatusOr<std::string> Text(const Json& object, std::string_view key, std::string_view file) {
  const Json* value = object.Find(key);
  if (value == nullptr) return DataLoss(file, ": '", key, "' is missing");
  if (!value->is(Json::Kind::kString)) return DataLoss(file, ": '", key, "' is no text");
  return value->text;
}

StatusOr<int32_t> Count(const Json& object, std::string_view key, int32_t max,
                        std::string_view file, int32_t min = 1) {
  const Json* value = object.Find(key);
  if (value == nullptr) return DataLoss(file, ": '", key, "' is missing");
  if (!value->is(Json::Kind::kInteger) || value->integer < min || value->integer > max) {
    return DataLoss(file, ": '", key, "' is no integer from ", min, " to ", max);
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

// The value that a name stands for.
template <typename Enum>
StatusOr<Enum> Named(const Json& object, std::string_view key,
                     std::optional<Enum> (*parse)(std::string_view), std::string_view known,
                     std::string_view file) {
  LARDER_ASSIGN_OR_RETURN(const std::string name, Text(object, key, file));
  const std::optional<Enum> value = parse(name);
  if (!value) {
    return Unimplemented(file, ": ", key, " '", name, "', this version knows ", known);
  }
  return *value;
}

Status ReadTransformer(const Json& json, std::string_view file, EncoderConfig& config) {
  const Json* shape = json.Find("transformer");
  if (shape == nullptr || !shape->is(Json::Kind::kObject)) {
    return DataLoss(file, ": 'transformer' is missing or no object");
  }
  const std::string where = Concat(file, ": transformer");
  LARDER_RETURN_IF_ERROR(CheckKeys(*shape, kShapeKeys, where));
  TransformerConfig& out = config.transformer;
  // Far above what CheckTransformerConfig lets pass, which says what this version knows.
  constexpr int32_t kMax = 1 << 30;
  LARDER_ASSIGN_OR_RETURN(out.layers, Count(*shape, "layers", kMax, where));
  LARDER_ASSIGN_OR_RETURN(out.heads, Count(*shape, "heads", kMax, where));
  LARDER_ASSIGN_OR_RETURN(out.hidden, Count(*shape, "hidden", kMax, where));
  LARDER_ASSIGN_OR_RETURN(out.intermediate, Count(*shape, "intermediate", kMax, where));
  LARDER_ASSIGN_OR_RETURN(out.max_positions, Count(*shape, "max_positions", kMax, where));
  LARDER_ASSIGN_OR_RETURN(out.position_offset, Count(*shape, "position_offset", kMax, where, 0));
  const Json* eps = shape->Find("layer_norm_eps");
  if (eps == nullptr || (!eps->is(Json::Kind::kDouble) && !eps->is(Json::Kind::kInteger))) {
    return DataLoss(where, ": 'layer_norm_eps' is missing or no number");
  }
  out.layer_norm_eps = eps->number;
  LARDER_ASSIGN_OR_RETURN(out.activation, Named(*shape, "activation", ParseActivation,
                                                "gelu, gelu_tanh and relu", where));
  LARDER_ASSIGN_OR_RETURN(out.pooling,
                          Named(*shape, "pooling", ParsePooling, "mean and cls", where));
  LARDER_ASSIGN_OR_RETURN(out.precision,
                          Named(*shape, "precision", ParsePrecision, "int8 and f32", where));
  LARDER_RETURN_IF_ERROR(CheckTransformerConfig(out, where));
  if (out.hidden != config.dimensions) {
    return DataLoss(where, ": 'hidden' is ", out.hidden, ", dimensions are ", config.dimensions);
  }
  return OkStatus();
}

Status ReadPrompts(const Json& json, std::string_view file, EncoderConfig& config) {
  const Json* prompts = json.Find("prompts");
  if (prompts == nullptr) return OkStatus();
  if (!prompts->is(Json::Kind::kObject)) return DataLoss(file, ": 'prompts' is no object");
  for (const auto& [role, prompt] : prompts->members) {
    if (role != "query" && role != "document") {
      return DataLoss(file, ": prompts: unknown key '", role, "'");
    }
    if (!prompt.is(Json::Kind::kString)) {
      return DataLoss(file, ": prompts: '", role, "' is no text");
    }
    (role == "query" ? config.query_prompt : config.document_prompt) = prompt.text;
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

// What only one kind has.
std::string KindText(const EncoderConfig& config) {
  if (config.kind == EncoderKind::kStatic) {
    return Concat(",\n  \"pooling\": ", JsonString(kPooling));
  }
  const TransformerConfig& shape = config.transformer;
  LARDER_CHECK(IsUtf8(config.query_prompt) && IsUtf8(config.document_prompt));
  return Concat(
      ",\n  \"transformer\": {\"layers\": ", shape.layers, ", \"heads\": ", shape.heads,
      ", \"hidden\": ", shape.hidden, ", \"intermediate\": ", shape.intermediate,
      ",\n    \"max_positions\": ", shape.max_positions,
      ", \"position_offset\": ", shape.position_offset,
      ", \"layer_norm_eps\": ", JsonNumber(shape.layer_norm_eps),
      ",\n    \"activation\": ", JsonString(ActivationName(shape.activation)),
      ", \"pooling\": ", JsonString(PoolingName(shape.pooling)),
      ", \"precision\": ", JsonString(PrecisionName(shape.precision)),
      "},\n  \"prompts\": {\"query\": ", JsonString(config.query_prompt),
      ", \"document\": ", JsonString(config.document_prompt), "}");
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
  EncoderConfig config;
  if (kind == EncoderKindName(EncoderKind::kTransformer)) {
    config.kind = EncoderKind::kTransformer;
    LARDER_RETURN_IF_ERROR(CheckKeys(json, kTransformerKeys, file));
  } else if (kind == EncoderKindName(EncoderKind::kStatic)) {
    LARDER_RETURN_IF_ERROR(CheckKeys(json, kStaticKeys, file));
  } else {
    return Unimplemented(file, ": encoder kind '", kind,
                         "', this version knows static and transformer");
  }
  LARDER_ASSIGN_OR_RETURN(config.dimensions, Count(json, "dimensions", kMaxDimensions, file));
  LARDER_RETURN_IF_ERROR(ReadTokenizer(json, file, config));
  if (config.kind == EncoderKind::kTransformer) {
    LARDER_RETURN_IF_ERROR(ReadTransformer(json, file, config));
    LARDER_RETURN_IF_ERROR(ReadPrompts(json, file, config));
  } else {
    LARDER_ASSIGN_OR_RETURN(const std::string pooling, Text(json, "pooling", file));
    if (pooling != kPooling) {
      return Unimplemented(file, ": pooling '", pooling, "', this version knows ", kPooling);
    }
  }
  LARDER_ASSIGN_OR_RETURN(config.max_tokens, Count(json, "max_tokens", kMaxTokensLimit, file));
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
      KindText(config), ",\n  \"max_tokens\": ", config.max_tokens);
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
