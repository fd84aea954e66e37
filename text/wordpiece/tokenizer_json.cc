// SPDX-License-Identifier: Apache-2.0
#include "text/wordpiece/tokenizer_json.h"

#include <algorithm>
#include <map>
#include <span>

#include "text/internal/json_reader.h"

namespace larder::text::internal {
namespace {

StatusOr<int32_t> PieceId(const Json& value, std::string_view where) {
  if (!value.is(Json::Kind::kInteger) || value.integer < 0 || value.integer >= kMaxWordPieces) {
    return DataLoss(where, ": the id is no integer from 0 to ", kMaxWordPieces - 1);
  }
  return static_cast<int32_t>(value.integer);
}

Status CheckDistinctIds(const WordPieceModel& model, std::string_view where) {
  std::vector<const std::string*> owner(static_cast<size_t>(model.vocab_size));
  for (const auto& [piece, id] : model.pieces) {
    const std::string*& known = owner[static_cast<size_t>(id)];
    if (known != nullptr) {
      return DataLoss(where, ": '", *known, "' and '", piece, "' both have the id ", id);
    }
    known = &piece;
  }
  return OkStatus();
}

Status ReadVocab(const Json& vocab, const std::string& where, WordPieceModel& model) {
  for (const auto& [piece, value] : vocab.members) {
    if (piece.size() > kMaxPieceBytes) {
      return DataLoss(where, ": a piece of ", piece.size(), " bytes, the limit is ",
                      kMaxPieceBytes);
    }
    LARDER_ASSIGN_OR_RETURN(const int32_t id, PieceId(value, Concat(where, ": '", piece, "'")));
    model.pieces.emplace_back(piece, id);
    model.vocab_size = std::max(model.vocab_size, id + 1);
  }
  if (model.pieces.empty()) return DataLoss(where, ": no pieces");
  return CheckDistinctIds(model, where);
}

Status ReadModel(const Json& root, std::string_view file, WordPieceModel& model) {
  const Json* json = root.Find("model");
  if (json == nullptr) return DataLoss(file, ": 'model' is missing");
  LARDER_ASSIGN_OR_RETURN(const JsonReader reader, JsonReader::Of(*json, Concat(file, ": model")));
  // Files of old have no type: then it is WordPiece if it has what that needs.
  const bool old = reader.Find("type") == nullptr && reader.Find("merges") == nullptr &&
                   reader.Find("continuing_subword_prefix") != nullptr;
  std::string type = "WordPiece";
  if (!old) {
    LARDER_ASSIGN_OR_RETURN(type, reader.Text("type"));
  }
  if (type != "WordPiece") {
    return Unimplemented(reader.where(), " ", type, " is not supported, only WordPiece is");
  }
  LARDER_ASSIGN_OR_RETURN(model.unknown, reader.Text("unk_token"));
  LARDER_ASSIGN_OR_RETURN(model.prefix, reader.Text("continuing_subword_prefix"));
  LARDER_ASSIGN_OR_RETURN(
      const Json* max_chars,
      reader.Get("max_input_chars_per_word", Json::Kind::kInteger, "integer"));
  if (max_chars->integer < 0) {
    return DataLoss(reader.where(), ": 'max_input_chars_per_word' is ", max_chars->integer);
  }
  model.max_word_chars = static_cast<uint64_t>(max_chars->integer);
  LARDER_ASSIGN_OR_RETURN(const Json* vocab, reader.Get("vocab", Json::Kind::kObject, "object"));
  LARDER_RETURN_IF_ERROR(ReadVocab(*vocab, Concat(reader.where(), ": vocab"), model));
  if (vocab->Find(model.unknown) == nullptr) {
    return DataLoss(reader.where(), ": unk_token '", model.unknown, "' is not in the vocabulary");
  }
  return OkStatus();
}

Status ReadBertNormalizer(const JsonReader& reader, std::vector<NormalizerStep>& steps) {
  LARDER_ASSIGN_OR_RETURN(const bool clean, reader.Bool("clean_text"));
  LARDER_ASSIGN_OR_RETURN(const bool chinese, reader.Bool("handle_chinese_chars"));
  LARDER_ASSIGN_OR_RETURN(const bool lowercase, reader.Bool("lowercase"));
  LARDER_ASSIGN_OR_RETURN(const bool strip, reader.BoolOr("strip_accents", lowercase));
  if (clean) steps.push_back(NormalizerStep::kClean);
  if (chinese) steps.push_back(NormalizerStep::kSpaceChinese);
  if (strip) {
    steps.push_back(NormalizerStep::kDecompose);
    steps.push_back(NormalizerStep::kStripNonspacing);
  }
  if (lowercase) steps.push_back(NormalizerStep::kLowercase);
  return OkStatus();
}

Status ReadNormalizer(const Json& json, std::string where, std::vector<NormalizerStep>& steps) {
  // Each step passes over the text once.
  constexpr size_t kMaxSteps = 32;
  if (steps.size() > kMaxSteps) return DataLoss(where, ": more than ", kMaxSteps, " steps");
  LARDER_ASSIGN_OR_RETURN(const JsonReader reader, JsonReader::Of(json, std::move(where)));
  LARDER_ASSIGN_OR_RETURN(const std::string type, reader.Text("type"));
  if (type == "BertNormalizer") return ReadBertNormalizer(reader, steps);
  if (type == "Lowercase") {
    steps.push_back(NormalizerStep::kLowercase);
  } else if (type == "NFD") {
    steps.push_back(NormalizerStep::kDecompose);
  } else if (type == "StripAccents") {
    steps.push_back(NormalizerStep::kStripMarks);
  } else if (type == "Sequence") {
    LARDER_ASSIGN_OR_RETURN(const Json* parts,
                            reader.Get("normalizers", Json::Kind::kArray, "array"));
    for (const Json& part : parts->items) {
      LARDER_RETURN_IF_ERROR(ReadNormalizer(part, reader.where(), steps));
    }
  } else {
    return Unimplemented(reader.where(), " ", type, " is not supported, only BertNormalizer, ",
                         "Lowercase, NFD, StripAccents and a Sequence of them are");
  }
  return OkStatus();
}

Status CheckPreTokenizer(const Json& root, std::string_view file) {
  const std::string where = Concat(file, ": pre_tokenizer");
  const Json* json = root.Find("pre_tokenizer");
  if (json == nullptr || json->is(Json::Kind::kNull)) {
    return Unimplemented(where, ": none is not supported, only BertPreTokenizer is");
  }
  LARDER_ASSIGN_OR_RETURN(const JsonReader reader, JsonReader::Of(*json, where));
  LARDER_ASSIGN_OR_RETURN(const std::string type, reader.Text("type"));
  if (type == "BertPreTokenizer") return OkStatus();
  return Unimplemented(where, " ", type, " is not supported, only BertPreTokenizer is");
}

Status ReadAddedTokens(const Json& root, std::string_view file, WordPieceModel& model) {
  const Json* list = root.Find("added_tokens");
  if (list == nullptr) return OkStatus();
  if (!list->is(Json::Kind::kArray)) return DataLoss(file, ": 'added_tokens' is no array");
  if (list->items.size() > kMaxAddedTokens) {
    return DataLoss(file, ": ", list->items.size(), " added tokens, the limit is ",
                    kMaxAddedTokens);
  }
  const Json& vocab = *root.Find("model")->Find("vocab");
  std::map<std::string, int32_t, std::less<>> known;
  // What the package gives the first token that is no piece, whatever the file says.
  int64_t next_id = static_cast<int64_t>(model.pieces.size());
  for (const Json& item : list->items) {
    LARDER_ASSIGN_OR_RETURN(const JsonReader reader,
                            JsonReader::Of(item, Concat(file, ": added token")));
    AddedToken token;
    LARDER_ASSIGN_OR_RETURN(token.content, reader.Text("content"));
    const std::string where = Concat(file, ": added token '", token.content, "'");
    if (token.content.empty()) return DataLoss(where, ": the content is empty");
    LARDER_ASSIGN_OR_RETURN(token.single_word, reader.Bool("single_word"));
    LARDER_ASSIGN_OR_RETURN(token.left_strip, reader.Bool("lstrip"));
    LARDER_ASSIGN_OR_RETURN(token.right_strip, reader.Bool("rstrip"));
    LARDER_ASSIGN_OR_RETURN(token.normalized, reader.Bool("normalized"));
    LARDER_ASSIGN_OR_RETURN(token.special, reader.Bool("special"));
    LARDER_ASSIGN_OR_RETURN(const Json* id, reader.Get("id", Json::Kind::kInteger, "integer"));
    LARDER_ASSIGN_OR_RETURN(token.id, PieceId(*id, where));
    const Json* piece = vocab.Find(token.content);
    const int64_t expected = piece != nullptr ? piece->integer : next_id++;
    if (token.id != expected) {
      return DataLoss(where, ": the id is ", token.id, ", expected ", expected);
    }
    if (!known.emplace(token.content, token.id).second) {
      return DataLoss(where, ": is there twice");
    }
    model.vocab_size = std::max(model.vocab_size, token.id + 1);
    model.added.push_back(std::move(token));
  }
  return OkStatus();
}

Status ReadBertProcessing(const JsonReader& reader, WordPieceModel& model) {
  const auto read = [&reader](std::string_view key) -> StatusOr<int32_t> {
    LARDER_ASSIGN_OR_RETURN(const Json* pair, reader.Get(key, Json::Kind::kArray, "array"));
    const std::string where = Concat(reader.where(), ": '", key, "'");
    if (pair->items.size() != 2) return DataLoss(where, " is no pair of a token and its id");
    return PieceId(pair->items[1], where);
  };
  LARDER_ASSIGN_OR_RETURN(const int32_t cls, read("cls"));
  LARDER_ASSIGN_OR_RETURN(const int32_t sep, read("sep"));
  model.before = {cls};
  model.after = {sep};
  return OkStatus();
}

// The ids of one special token of a template.
Status AddSpecial(const JsonReader& reader, const Json& special, std::vector<int32_t>& ids) {
  LARDER_ASSIGN_OR_RETURN(const JsonReader piece,
                          JsonReader::Of(special, Concat(reader.where(), ": SpecialToken")));
  LARDER_ASSIGN_OR_RETURN(const std::string name, piece.Text("id"));
  LARDER_ASSIGN_OR_RETURN(const Json* all,
                          reader.Get("special_tokens", Json::Kind::kObject, "object"));
  const Json* token = all->Find(name);
  const std::string where = Concat(reader.where(), ": special token '", name, "'");
  if (token == nullptr) return DataLoss(where, " is missing");
  LARDER_ASSIGN_OR_RETURN(const JsonReader entry, JsonReader::Of(*token, where));
  LARDER_ASSIGN_OR_RETURN(const Json* list, entry.Get("ids", Json::Kind::kArray, "array"));
  for (const Json& id : list->items) {
    LARDER_ASSIGN_OR_RETURN(const int32_t one, PieceId(id, where));
    ids.push_back(one);
  }
  return OkStatus();
}

Status ReadTemplate(const JsonReader& reader, WordPieceModel& model) {
  LARDER_ASSIGN_OR_RETURN(const Json* single, reader.Get("single", Json::Kind::kArray, "array"));
  bool seen_text = false;
  for (const Json& item : single->items) {
    const Json* special = item.Find("SpecialToken");
    const Json* sequence = item.Find("Sequence");
    const Json* part = special != nullptr ? special : sequence;
    if (part == nullptr || (special != nullptr && sequence != nullptr)) {
      return DataLoss(reader.where(), ": a part is neither SpecialToken nor Sequence");
    }
    const Json* type = part->Find("type_id");
    if (type == nullptr || !type->is(Json::Kind::kInteger) || type->integer != 0) {
      return Unimplemented(reader.where(), ": a type_id other than 0 for one text");
    }
    if (special != nullptr) {
      LARDER_RETURN_IF_ERROR(AddSpecial(reader, *special, seen_text ? model.after : model.before));
      continue;
    }
    const Json* id = sequence->Find("id");
    if (id == nullptr || id->text != "A" || seen_text) {
      return Unimplemented(reader.where(), ": a template of one text that is not once A");
    }
    seen_text = true;
  }
  if (!seen_text) return Unimplemented(reader.where(), ": a template without the text");
  return OkStatus();
}

Status ReadPostProcessor(const Json& root, std::string_view file, WordPieceModel& model) {
  const Json* json = root.Find("post_processor");
  if (json == nullptr || json->is(Json::Kind::kNull)) return OkStatus();
  LARDER_ASSIGN_OR_RETURN(const JsonReader reader,
                          JsonReader::Of(*json, Concat(file, ": post_processor")));
  LARDER_ASSIGN_OR_RETURN(const std::string type, reader.Text("type"));
  if (type == "BertProcessing") {
    LARDER_RETURN_IF_ERROR(ReadBertProcessing(reader, model));
  } else if (type == "TemplateProcessing") {
    LARDER_RETURN_IF_ERROR(ReadTemplate(reader, model));
  } else {
    return Unimplemented(reader.where(), " ", type, " is not supported, only BertProcessing and ",
                         "TemplateProcessing are");
  }
  // A text has to have room beside them.
  constexpr size_t kMaxSymbols = 16;
  if (model.before.size() + model.after.size() > kMaxSymbols) {
    return DataLoss(reader.where(), ": more than ", kMaxSymbols, " symbols around a text");
  }
  for (const auto* ids : {&model.before, &model.after}) {
    for (const int32_t id : *ids) {
      if (id >= model.vocab_size) {
        return DataLoss(reader.where(), ": the id ", id, ", the vocabulary ends at ",
                        model.vocab_size - 1);
      }
    }
  }
  return OkStatus();
}

}  // namespace

StatusOr<WordPieceModel> ParseTokenizerJson(std::string_view bytes, std::string_view file) {
  LARDER_ASSIGN_OR_RETURN(const Json root, ParseJson(bytes, file));
  LARDER_ASSIGN_OR_RETURN(const JsonReader reader, JsonReader::Of(root, std::string(file)));
  if (const Json* version = root.Find("version");
      version != nullptr && (!version->is(Json::Kind::kString) || version->text != "1.0")) {
    return Unimplemented(file, ": a version other than 1.0");
  }
  WordPieceModel model;
  LARDER_RETURN_IF_ERROR(ReadModel(root, file, model));
  if (const Json* normalizer = reader.Find("normalizer"); normalizer != nullptr) {
    LARDER_RETURN_IF_ERROR(ReadNormalizer(*normalizer, Concat(file, ": normalizer"), model.steps));
  }
  LARDER_RETURN_IF_ERROR(CheckPreTokenizer(root, file));
  LARDER_RETURN_IF_ERROR(ReadAddedTokens(root, file, model));
  LARDER_RETURN_IF_ERROR(ReadPostProcessor(root, file, model));
  return model;
}

}  // namespace larder::text::internal
