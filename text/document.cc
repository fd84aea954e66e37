// SPDX-License-Identifier: Apache-2.0
#include "text/document.h"

#include <array>

#include "base/bytes.h"
#include "text/tokenizer.h"

namespace larder::text {
namespace {

constexpr std::string_view kSpace = " \t\r\n\v\f";

bool IsSpace(char c) { return kSpace.find(c) != std::string_view::npos; }

}  // namespace

std::string JoinFields(std::span<const std::optional<std::string_view>> fields) {
  std::string text;
  bool first = true;
  for (const auto& field : fields) {
    if (!field.has_value()) continue;
    if (!first) text.push_back('\n');
    text.append(*field);
    first = false;
  }
  text.resize(Utf8Prefix(text, kMaxTextBytes).size());
  return text;
}

std::string_view FirstSentence(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  text.remove_prefix(begin);
  size_t end = 0;
  for (; end < text.size(); ++end) {
    const char c = text[end];
    if (c == '\n') break;
    const bool stop = c == '.' || c == '!' || c == '?';
    if (stop && (end + 1 == text.size() || IsSpace(text[end + 1]))) {
      ++end;
      break;
    }
  }
  text = text.substr(0, end);
  return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

std::vector<std::string_view> Sentences(std::string_view text) {
  std::vector<std::string_view> sentences;
  for (;;) {
    const std::string_view sentence = FirstSentence(text);
    if (sentence.empty()) return sentences;
    sentences.push_back(sentence);
    text.remove_prefix(static_cast<size_t>(sentence.data() - text.data()) + sentence.size());
  }
}

std::string FullText(const Document& document) {
  const std::array<std::optional<std::string_view>, 2> fields = {document.title,
                                                                 document.content};
  return JoinFields(fields);
}

}  // namespace larder::text
