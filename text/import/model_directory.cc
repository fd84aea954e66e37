// SPDX-License-Identifier: Apache-2.0
#include "text/import/model_directory.h"

#include <string_view>
#include <utility>

#include "base/directory_digest.h"
#include "text/encoder_config.h"
#include "text/import/json_file.h"
#include "text/internal/json_reader.h"

namespace larder::text {
namespace {

using internal::Json;
using internal::JsonReader;

struct Module {
  std::string type;  // as the file has it, a Python class
  std::string kind;  // the class alone
  std::string dir;
};

StatusOr<std::vector<Module>> ReadModules(FileSystem& fs, const std::string& dir) {
  const std::string path = JoinPath(dir, "modules.json");
  LARDER_ASSIGN_OR_RETURN(const Json json, ReadJsonFile(fs, path));
  if (!json.is(Json::Kind::kArray) || json.items.empty()) {
    return DataLoss(path, ": expected a list of modules");
  }
  std::vector<Module> modules;
  for (const Json& item : json.items) {
    LARDER_ASSIGN_OR_RETURN(const JsonReader reader,
                            JsonReader::Of(item, Concat(path, ": module")));
    Module module;
    LARDER_ASSIGN_OR_RETURN(module.type, reader.Text("type"));
    module.kind = module.type.substr(module.type.rfind('.') + 1);
    LARDER_ASSIGN_OR_RETURN(std::string place, reader.Text("path"));
    if (place == ".") place.clear();
    if (!place.empty() && !IsSafeRelativePath(place)) {
      return DataLoss(path, ": the path of ", module.type, " must stay inside the directory");
    }
    module.dir = place.empty() ? dir : JoinPath(dir, place);
    modules.push_back(std::move(module));
  }
  return modules;
}

// One way of pooling has to be on, and be one of ours.
StatusOr<Pooling> ReadPooling(FileSystem& fs, const std::string& dir) {
  const std::string path = JoinPath(dir, "config.json");
  LARDER_ASSIGN_OR_RETURN(const Json json, ReadJsonFile(fs, path));
  LARDER_ASSIGN_OR_RETURN(const JsonReader reader, JsonReader::Of(json, path));
  LARDER_ASSIGN_OR_RETURN(const bool with_prompt, reader.BoolOr("include_prompt", true));
  if (!with_prompt) {
    return Unimplemented(path, ": include_prompt false is not supported, prompts are pooled too");
  }
  std::vector<std::string> modes;
  constexpr std::string_view kMode = "pooling_mode_";
  for (const auto& [key, value] : json.members) {
    if (!key.starts_with(kMode)) continue;
    LARDER_ASSIGN_OR_RETURN(const bool on, reader.Bool(key));
    if (on) modes.push_back(key.substr(kMode.size()));
  }
  if (modes.empty() && reader.Find("pooling_mode") != nullptr) {
    LARDER_ASSIGN_OR_RETURN(const std::string mode, reader.Text("pooling_mode"));
    modes.push_back(mode);
  }
  std::string all;
  for (const std::string& mode : modes) all += Concat(all.empty() ? "" : " + ", mode);
  if (all == "mean_tokens" || all == "mean") return Pooling::kMean;
  if (all == "cls_token" || all == "cls") return Pooling::kCls;
  if (all.empty()) return DataLoss(path, ": no way of pooling");
  return Unimplemented(path, ": pooling ", all, " is not supported, only mean and cls are");
}

Status ReadPrompts(FileSystem& fs, ModelDirectory& model) {
  const std::string path = JoinPath(model.root, "config_sentence_transformers.json");
  LARDER_ASSIGN_OR_RETURN(const Json json, ReadOptionalJsonFile(fs, path));
  LARDER_ASSIGN_OR_RETURN(const JsonReader reader, JsonReader::Of(json, path));
  if (reader.Find("prompts") != nullptr) {
    LARDER_ASSIGN_OR_RETURN(const Json* prompts,
                            reader.Get("prompts", Json::Kind::kObject, "object"));
    LARDER_ASSIGN_OR_RETURN(const JsonReader texts,
                            JsonReader::Of(*prompts, Concat(path, ": prompts")));
    for (const auto& [name, value] : prompts->members) {
      LARDER_ASSIGN_OR_RETURN(model.prompts[name], texts.Text(name));
    }
  }
  if (reader.Find("default_prompt_name") != nullptr) {
    LARDER_ASSIGN_OR_RETURN(model.default_prompt, reader.Text("default_prompt_name"));
  }
  return OkStatus();
}

StatusOr<std::optional<int32_t>> ReadCount(const JsonReader& reader, std::string_view key) {
  if (reader.Find(key) == nullptr) return std::optional<int32_t>();
  // Some write 10^30 for "no limit".
  if (reader.Find(key)->number > kMaxTokensLimit) return std::optional(kMaxTokensLimit);
  LARDER_ASSIGN_OR_RETURN(const Json* value, reader.Get(key, Json::Kind::kInteger, "integer"));
  if (value->integer < 1) {
    return DataLoss(reader.where(), ": '", key, "' is ", value->integer, ", expected 1 or more");
  }
  return std::optional(static_cast<int32_t>(value->integer));
}

Status ReadTransformerOptions(FileSystem& fs, ModelDirectory& model) {
  const std::string path = model.FileOfModule("sentence_bert_config.json");
  LARDER_ASSIGN_OR_RETURN(const Json json, ReadOptionalJsonFile(fs, path));
  LARDER_ASSIGN_OR_RETURN(const JsonReader reader, JsonReader::Of(json, path));
  LARDER_ASSIGN_OR_RETURN(model.max_tokens, ReadCount(reader, "max_seq_length"));
  LARDER_ASSIGN_OR_RETURN(model.lowercases, reader.BoolOr("do_lower_case", false));
  return OkStatus();
}

Status UnknownModule(const ModelDirectory& model, const Module& module) {
  return Unimplemented(JoinPath(model.root, "modules.json"), ": module ", module.type,
                       " is not supported here, only StaticEmbedding and Normalize, or ",
                       "Transformer, Pooling and Normalize are");
}

StatusOr<ModelDirectory> ReadSentenceTransformers(FileSystem& fs, const std::string& dir) {
  LARDER_ASSIGN_OR_RETURN(const std::vector<Module> modules, ReadModules(fs, dir));
  ModelDirectory model;
  model.layout = "sentence-transformers";
  model.root = dir;
  model.module = modules[0].dir;
  if (modules[0].kind.ends_with("StaticEmbedding")) {
    model.kind = EncoderKind::kStatic;
  } else if (modules[0].kind == "Transformer") {
    LARDER_RETURN_IF_ERROR(ReadTransformerOptions(fs, model));
  } else {
    return UnknownModule(model, modules[0]);
  }
  for (size_t i = 1; i < modules.size(); ++i) {
    if (modules[i].kind == "Normalize" && !model.normalizes) {
      model.normalizes = true;
    } else if (i == 1 && modules[i].kind == "Pooling" && model.kind == EncoderKind::kTransformer) {
      LARDER_ASSIGN_OR_RETURN(model.pooling, ReadPooling(fs, modules[i].dir));
    } else {
      return UnknownModule(model, modules[i]);
    }
  }
  if (model.kind == EncoderKind::kTransformer && !model.pooling) {
    return DataLoss(JoinPath(dir, "modules.json"), ": a Transformer without Pooling");
  }
  LARDER_RETURN_IF_ERROR(ReadPrompts(fs, model));
  return model;
}

bool IsModel2Vec(const Json& config) {
  const Json* type = config.Find("model_type");
  // The package writes the second key with every model, the first with those that it distils.
  return (type != nullptr && type->text == "model2vec") ||
         config.Find("embedding_dtype") != nullptr;
}

}  // namespace

StatusOr<ModelDirectory> ReadModelDirectory(FileSystem& fs, const std::string& dir) {
  const std::string config_path = JoinPath(dir, "config.json");
  LARDER_ASSIGN_OR_RETURN(const Json config, ReadOptionalJsonFile(fs, config_path));
  LARDER_ASSIGN_OR_RETURN(const JsonReader reader, JsonReader::Of(config, config_path));
  ModelDirectory model;
  model.root = dir;
  model.module = dir;
  const bool has_modules = fs.Exists(JoinPath(dir, "modules.json"));
  if (has_modules) {
    LARDER_ASSIGN_OR_RETURN(model, ReadSentenceTransformers(fs, dir));
  }
  // Of model2vec there is a modules.json too, by which sentence-transformers opens it.
  if (IsModel2Vec(config) && (!has_modules || model.kind == EncoderKind::kStatic)) {
    model.kind = EncoderKind::kStatic;
    model.layout = "model2vec";
    // Null is for no limit, nothing for what the package had before it was in the file.
    const bool unlimited = config.Find("max_length") != nullptr;
    LARDER_ASSIGN_OR_RETURN(model.max_tokens, ReadCount(reader, "max_length"));
    if (!model.max_tokens) model.max_tokens = unlimited ? kMaxTokensLimit : 512;
    return model;
  }
  if (has_modules) return model;
  for (const std::string& module : {dir, JoinPath(dir, "0_StaticEmbedding")}) {
    const bool static_one = module != dir || !fs.Exists(config_path);
    if (!static_one || !fs.Exists(JoinPath(module, kEncoderModelFile))) continue;
    model.kind = EncoderKind::kStatic;
    model.layout = "sentence-transformers";
    model.module = module;
    LARDER_RETURN_IF_ERROR(ReadPrompts(fs, model));
    return model;
  }
  if (!fs.Exists(config_path)) {
    return NotFound(dir, ": no modules.json, config.json or ", kEncoderModelFile,
                    ", expected the directory of a published model");
  }
  model.layout = "transformers";
  LARDER_RETURN_IF_ERROR(ReadTransformerOptions(fs, model));
  LARDER_RETURN_IF_ERROR(ReadPrompts(fs, model));
  return model;
}

}  // namespace larder::text
