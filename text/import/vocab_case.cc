// SPDX-License-Identifier: Apache-2.0
#include "text/import/vocab_case.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "text/import/json_file.h"
#include "text/internal/json_reader.h"

namespace larder::text {
namespace {

using internal::Json;
using internal::JsonReader;

// Classes that split as BertTokenizer does, which "Fast" after the name does not change.
constexpr std::array<std::string_view, 4> kPlainClasses = {
    "BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer", "MobileBertTokenizer"};

struct PlainText {
  std::string_view key;
  std::string_view value;
};
constexpr std::array<PlainText, 8> kPlainTexts = {{{"word_tokenizer_type", "basic"},
                                                   {"subword_tokenizer_type", "wordpiece"},
                                                   {"wordpieces_prefix", "##"},
                                                   {"unk_token", "[UNK]"},
                                                   {"cls_token", "[CLS]"},
                                                   {"sep_token", "[SEP]"},
                                                   {"pad_token", "[PAD]"},
                                                   {"mask_token", "[MASK]"}}};
// true, or not there.
constexpr std::array<std::string_view, 3> kPlainFlags = {"do_basic_tokenize",
                                                         "tokenize_chinese_chars", "clean_text"};
// Empty, null or not there.
constexpr std::array<std::string_view, 4> kPlainEmpty = {
    "never_split", "additional_special_tokens", "extra_special_tokens", "strip_accents"};

template <typename... Parts>
Status NotPlain(const JsonReader& reader, const Parts&... parts) {
  return Unimplemented(reader.where(), ": ", parts...,
                       " is not supported without a tokenizer.json");
}

// The text of a value: itself, or that of a token with options. Empty for anything else.
std::string_view TextOf(const Json& value) {
  const Json* content = value.Find("content");
  return content == nullptr ? value.text : content->text;
}

Status CheckClass(const JsonReader& reader) {
  const Json* value = reader.Find("tokenizer_class");
  if (value == nullptr) return OkStatus();
  std::string_view name = TextOf(*value);
  if (name.ends_with("Fast")) name.remove_suffix(4);
  const bool plain = std::find(kPlainClasses.begin(), kPlainClasses.end(), name) !=
                     kPlainClasses.end();
  return plain ? OkStatus() : NotPlain(reader, "tokenizer_class '", TextOf(*value), "'");
}

// A token on top of those of vocab.txt: BERT's own are there anyway.
Status CheckAdded(const JsonReader& reader, std::string_view token) {
  const bool plain = std::any_of(kPlainTexts.begin(), kPlainTexts.end(), [&](const auto& text) {
    return text.key.ends_with("_token") && text.value == token;
  });
  return plain ? OkStatus() : NotPlain(reader, "the added token '", token, "'");
}

Status CheckPlain(const JsonReader& reader) {
  for (const PlainText& plain : kPlainTexts) {
    const Json* value = reader.Find(plain.key);
    if (value == nullptr || TextOf(*value) == plain.value) continue;
    return NotPlain(reader, plain.key, " '", TextOf(*value), "'");
  }
  for (const std::string_view key : kPlainFlags) {
    LARDER_ASSIGN_OR_RETURN(const bool on, reader.BoolOr(key, true));
    if (!on) return NotPlain(reader, key, " false");
  }
  for (const std::string_view key : kPlainEmpty) {
    const Json* value = reader.Find(key);
    if (value == nullptr) continue;
    const bool is_list = value->is(Json::Kind::kArray) || value->is(Json::Kind::kObject);
    if (!is_list || !value->items.empty() || !value->members.empty()) return NotPlain(reader, key);
  }
  const Json* added = reader.Find("added_tokens_decoder");
  if (added == nullptr) return OkStatus();
  for (const auto& [id, token] : added->members) {
    LARDER_RETURN_IF_ERROR(CheckAdded(reader, TextOf(token)));
  }
  return OkStatus();
}

}  // namespace

StatusOr<std::optional<bool>> ReadVocabCase(FileSystem& fs, const ModelDirectory& model) {
  const std::string path = model.FileOfModule("tokenizer_config.json");
  LARDER_ASSIGN_OR_RETURN(const Json json, ReadOptionalJsonFile(fs, path));
  LARDER_ASSIGN_OR_RETURN(const JsonReader reader, JsonReader::Of(json, path));
  LARDER_RETURN_IF_ERROR(CheckClass(reader));
  LARDER_RETURN_IF_ERROR(CheckPlain(reader));
  // Where the first names no class, this one may.
  const std::string config_path = model.FileOfModule("config.json");
  LARDER_ASSIGN_OR_RETURN(const Json config, ReadOptionalJsonFile(fs, config_path));
  LARDER_ASSIGN_OR_RETURN(const JsonReader of_model, JsonReader::Of(config, config_path));
  if (reader.Find("tokenizer_class") == nullptr) LARDER_RETURN_IF_ERROR(CheckClass(of_model));

  const std::string added_path = model.FileOfModule("added_tokens.json");
  LARDER_ASSIGN_OR_RETURN(const Json added, ReadOptionalJsonFile(fs, added_path));
  LARDER_ASSIGN_OR_RETURN(const JsonReader of_added, JsonReader::Of(added, added_path));
  for (const auto& [token, id] : added.members) {
    LARDER_RETURN_IF_ERROR(CheckAdded(of_added, token));
  }
  if (reader.Find("do_lower_case") == nullptr) return std::optional<bool>();
  LARDER_ASSIGN_OR_RETURN(const bool lowercase, reader.Bool("do_lower_case"));
  return std::optional(lowercase);
}

}  // namespace larder::text
