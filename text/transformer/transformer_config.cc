// SPDX-License-Identifier: Apache-2.0
#include "text/transformer/transformer_config.h"

#include <array>
#include <string>

#include "text/internal/json.h"

namespace larder::text {
namespace {

using internal::Json;

constexpr std::array<std::string_view, 3> kActivations = {"gelu", "gelu_tanh", "relu"};
constexpr std::array<std::string_view, 2> kPoolings = {"mean", "cls"};
constexpr std::array<std::string_view, 2> kPrecisions = {"int8", "f32"};
constexpr int32_t kPanel = 64;  // what the kernels compute at once

template <typename Enum, size_t kSize>
std::optional<Enum> ParseName(const std::array<std::string_view, kSize>& names,
                              std::string_view name) {
  for (size_t i = 0; i < kSize; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

Status CheckWidth(std::string_view where, std::string_view name, int32_t value, int32_t max) {
  if (value < 1) return DataLoss(where, ": ", name, " is ", value, ", expected at least 1");
  if (value % kPanel != 0 || value > max) {
    return Unimplemented(where, ": ", name, " is ", value, ", this version knows multiples of ",
                         kPanel, " up to ", max);
  }
  return OkStatus();
}

// ---- config.json of a published model ----------------------------------------------------------

StatusOr<int32_t> Count(const Json& json, std::string_view key, std::string_view file) {
  const Json* value = json.Find(key);
  if (value == nullptr) return DataLoss(file, ": '", key, "' is missing");
  constexpr int64_t kMax = 1 << 30;
  if (!value->is(Json::Kind::kInteger) || value->integer < 0 || value->integer > kMax) {
    return DataLoss(file, ": '", key, "' is no integer from 0 to ", kMax);
  }
  return static_cast<int32_t>(value->integer);
}

// The text of a key; `missing` where it is absent or null.
StatusOr<std::string> Text(const Json& json, std::string_view key, std::string_view missing,
                           std::string_view file) {
  const Json* value = json.Find(key);
  if (value == nullptr || value->is(Json::Kind::kNull)) return std::string(missing);
  if (!value->is(Json::Kind::kString)) return DataLoss(file, ": '", key, "' is no text");
  return value->text;
}

Status RefuseFlag(const Json& json, std::string_view key, std::string_view file) {
  const Json* value = json.Find(key);
  if (value == nullptr || value->is(Json::Kind::kNull)) return OkStatus();
  if (!value->is(Json::Kind::kBool)) return DataLoss(file, ": '", key, "' is no true or false");
  if (value->boolean) {
    return Unimplemented(file, ": '", key, "' is true, expected an encoder alone");
  }
  return OkStatus();
}

StatusOr<Activation> HiddenActivation(const Json& json, std::string_view file) {
  LARDER_ASSIGN_OR_RETURN(const std::string name, Text(json, "hidden_act", "gelu", file));
  if (name == "gelu") return Activation::kGelu;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh") return Activation::kGeluTanh;
  if (name == "relu") return Activation::kRelu;
  return Unimplemented(file, ": hidden_act '", name,
                       "', this version knows gelu, gelu_new, gelu_pytorch_tanh and relu");
}

// Whether positions begin after that of the padding: in models that are made as RoBERTa.
StatusOr<bool> IsRoberta(const Json& json, std::string_view file) {
  LARDER_ASSIGN_OR_RETURN(const std::string type, Text(json, "model_type", "", file));
  if (type == "bert") return false;
  if (type == "roberta" || type == "xlm-roberta" || type == "camembert") return true;
  return Unimplemented(file, ": model_type '", type,
                       "', this version knows bert, roberta, xlm-roberta and camembert");
}

}  // namespace

std::string_view ActivationName(Activation activation) {
  return kActivations[static_cast<size_t>(activation)];
}
std::string_view PoolingName(Pooling pooling) { return kPoolings[static_cast<size_t>(pooling)]; }
std::string_view PrecisionName(Precision precision) {
  return kPrecisions[static_cast<size_t>(precision)];
}
std::optional<Activation> ParseActivation(std::string_view name) {
  return ParseName<Activation>(kActivations, name);
}
std::optional<Pooling> ParsePooling(std::string_view name) {
  return ParseName<Pooling>(kPoolings, name);
}
std::optional<Precision> ParsePrecision(std::string_view name) {
  return ParseName<Precision>(kPrecisions, name);
}

Status CheckTransformerConfig(const TransformerConfig& config, std::string_view where) {
  if (config.layers < 1) {
    return DataLoss(where, ": layers is ", config.layers, ", expected at least 1");
  }
  if (config.layers > kMaxLayers) {
    return Unimplemented(where, ": layers is ", config.layers, ", this version knows up to ",
                         kMaxLayers);
  }
  LARDER_RETURN_IF_ERROR(CheckWidth(where, "hidden", config.hidden, kMaxHidden));
  LARDER_RETURN_IF_ERROR(
      CheckWidth(where, "intermediate", config.intermediate, kMaxIntermediate));
  if (config.heads < 1 || config.hidden % config.heads != 0) {
    return DataLoss(where, ": heads is ", config.heads, ", expected a divisor of hidden ",
                    config.hidden);
  }
  if (config.head_size() != 32 && config.head_size() != 64) {
    return Unimplemented(where, ": hidden / heads is ", config.head_size(),
                         ", this version knows 32 and 64");
  }
  if (config.position_offset < 0 || config.position_offset >= config.max_positions) {
    return DataLoss(where, ": position_offset is ", config.position_offset,
                    ", expected 0 to max_positions ", config.max_positions, " - 1");
  }
  if (config.max_positions > kMaxPositions) {
    return Unimplemented(where, ": max_positions is ", config.max_positions,
                         ", this version knows up to ", kMaxPositions);
  }
  if (!(config.layer_norm_eps > 0 && config.layer_norm_eps <= 0.1)) {
    return DataLoss(where, ": layer_norm_eps is ", config.layer_norm_eps,
                    ", expected over 0 and at most 0.1");
  }
  return OkStatus();
}

StatusOr<TransformerConfig> ParseBertConfig(std::string_view text, std::string_view file) {
  LARDER_ASSIGN_OR_RETURN(const Json json, internal::ParseJson(text, file));
  if (!json.is(Json::Kind::kObject)) return DataLoss(file, ": expected a JSON object");
  LARDER_ASSIGN_OR_RETURN(const bool roberta, IsRoberta(json, file));
  LARDER_ASSIGN_OR_RETURN(const std::string positions,
                          Text(json, "position_embedding_type", "absolute", file));
  if (positions != "absolute") {
    return Unimplemented(file, ": position_embedding_type '", positions,
                         "', this version knows absolute");
  }
  LARDER_RETURN_IF_ERROR(RefuseFlag(json, "is_decoder", file));
  LARDER_RETURN_IF_ERROR(RefuseFlag(json, "add_cross_attention", file));
  TransformerConfig config;
  LARDER_ASSIGN_OR_RETURN(config.activation, HiddenActivation(json, file));
  LARDER_ASSIGN_OR_RETURN(config.layers, Count(json, "num_hidden_layers", file));
  LARDER_ASSIGN_OR_RETURN(config.heads, Count(json, "num_attention_heads", file));
  LARDER_ASSIGN_OR_RETURN(config.hidden, Count(json, "hidden_size", file));
  LARDER_ASSIGN_OR_RETURN(config.intermediate, Count(json, "intermediate_size", file));
  LARDER_ASSIGN_OR_RETURN(config.max_positions, Count(json, "max_position_embeddings", file));
  if (roberta) {
    LARDER_ASSIGN_OR_RETURN(const int32_t padding, Count(json, "pad_token_id", file));
    config.position_offset = padding + 1;
  }
  if (const Json* eps = json.Find("layer_norm_eps"); eps != nullptr) {
    if (!eps->is(Json::Kind::kDouble) && !eps->is(Json::Kind::kInteger)) {
      return DataLoss(file, ": 'layer_norm_eps' is no number");
    }
    config.layer_norm_eps = eps->number;
  }
  LARDER_RETURN_IF_ERROR(CheckTransformerConfig(config, file));
  return config;
}

}  // namespace larder::text
