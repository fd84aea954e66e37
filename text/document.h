// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_DOCUMENT_H_
#define LARDER_TEXT_DOCUMENT_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace larder::text {

// One item of a catalog, as training and evaluation see it.
struct Document {
  std::string title;
  std::string content;
  // Known labels, for evaluation only; training never reads them.
  std::vector<std::string> tags;
};

// The one text that several columns of `embed(encoder, title, content)` become: the columns that
// are not null, in order, joined by a newline. An empty column counts; a null one does not. What
// lies beyond kMaxTextBytes is cut off, at the start of a UTF-8 character.
std::string JoinFields(std::span<const std::optional<std::string_view>> fields);

// The first sentence of `text`: up to the first '.', '!' or '?' that is followed by white space
// or the end, a newline, or the end; surrounding white space removed.
std::string_view FirstSentence(std::string_view text);

}  // namespace larder::text

#endif  // LARDER_TEXT_DOCUMENT_H_
