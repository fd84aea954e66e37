// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "text/internal/json.h"
#include "text/wordpiece/tokenizer_json.h"
#include "text/wordpiece/wordpiece_tokenizer.h"

namespace larder::text {
namespace {

using internal::JsonString;

constexpr std::array<std::string_view, 5> kSpecials = {"[PAD]", "[UNK]", "[CLS]", "[SEP]",
                                                       "[MASK]"};

using Ids = std::map<std::string_view, size_t>;

StatusOr<std::vector<std::string_view>> Lines(std::string_view vocab, std::string_view name) {
  if (vocab.size() > kMaxTokenizerJsonBytes) {
    return DataLoss(name, ": ", vocab.size(), " bytes, the limit is ", kMaxTokenizerJsonBytes);
  }
  if (!IsUtf8(vocab)) return DataLoss(name, ": not UTF-8");
  std::vector<std::string_view> lines;
  while (!vocab.empty()) {
    const size_t end = std::min(vocab.find('\n'), vocab.size());
    std::string_view line = vocab.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (lines.size() == static_cast<size_t>(internal::kMaxWordPieces)) {
      return DataLoss(name, ": more than ", internal::kMaxWordPieces, " lines");
    }
    lines.push_back(line);
    vocab.remove_prefix(std::min(end + 1, vocab.size()));
  }
  return lines;
}

std::string AddedToken(std::string_view content, size_t id) {
  return Concat("{\"id\": ", id, ", \"content\": ", JsonString(content),
                ", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, ",
                "\"normalized\": false, \"special\": true}");
}

std::string Special(std::string_view content, size_t id) {
  const std::string name = JsonString(content);
  return Concat(name, ": {\"id\": ", name, ", \"ids\": [", id, "], \"tokens\": [", name, "]}");
}

}  // namespace

StatusOr<std::string> TokenizerJsonOfVocab(std::string_view vocab, bool lowercase,
                                           std::string_view name) {
  LARDER_ASSIGN_OR_RETURN(const auto lines, Lines(vocab, name));
  Ids ids;
  std::string pieces;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!ids.emplace(lines[i], i).second) {
      return DataLoss(name, ": line ", i + 1, ": the piece '", lines[i], "' is there twice");
    }
    pieces += Concat(i > 0 ? ", " : "", JsonString(lines[i]), ": ", i);
  }
  for (const std::string_view needed : {"[UNK]", "[CLS]", "[SEP]"}) {
    if (!ids.contains(needed)) return DataLoss(name, ": the piece ", needed, " is missing");
  }
  std::string added;
  for (const std::string_view special : kSpecials) {
    const auto found = ids.find(special);
    if (found == ids.end()) continue;
    added += Concat(added.empty() ? "\n    " : ",\n    ", AddedToken(special, found->second));
  }
  const std::string_view first = "{\"SpecialToken\": {\"id\": \"[CLS]\", \"type_id\": 0}}";
  const std::string_view text = "{\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}";
  const std::string_view last = "{\"SpecialToken\": {\"id\": \"[SEP]\", \"type_id\": 0}}";
  return Concat(
      "{\n  \"version\": \"1.0\",\n  \"added_tokens\": [", added, "\n  ],",
      "\n  \"normalizer\": {\"type\": \"BertNormalizer\", \"clean_text\": true, ",
      "\"handle_chinese_chars\": true, \"strip_accents\": null, \"lowercase\": ", lowercase, "},",
      "\n  \"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"},",
      "\n  \"post_processor\": {\"type\": \"TemplateProcessing\",\n    \"single\": [", first, ", ",
      text, ", ", last, "],\n    \"pair\": [", first, ", ", text, ", ", last,
      ", {\"Sequence\": {\"id\": \"B\", \"type_id\": 1}}, ",
      "{\"SpecialToken\": {\"id\": \"[SEP]\", \"type_id\": 1}}],\n    \"special_tokens\": {",
      Special("[CLS]", ids.at("[CLS]")), ", ", Special("[SEP]", ids.at("[SEP]")), "}},",
      "\n  \"decoder\": {\"type\": \"WordPiece\", \"prefix\": \"##\", \"cleanup\": true},",
      "\n  \"model\": {\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\", ",
      "\"continuing_subword_prefix\": \"##\", \"max_input_chars_per_word\": 100,",
      "\n    \"vocab\": {", pieces, "}}\n}\n");
}

}  // namespace larder::text
