// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_DOCUMENT_H_
#define LARDER_TEXT_DOCUMENT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace larder::text {

// One item of a catalog, as training and evaluation see it.
struct Document {
  std::string title = {};
  std::string content = {};
  // Known labels, for evaluation only; training never reads them.
  std::vector<std::string> tags = {};
  // When it came; to hold out or to ask about the newest. 0 when that is not known.
  TimeUs time = 0;
  // What its other fields say, each once, "creator=Donald E. Knuth"; training may give them
  // vectors.
  std::vector<std::string> values = {};
};

// A user engaged with an item: bought, liked, answered.
struct Interaction {
  uint32_t user = 0;
  uint32_t item = 0;  // the number of a document
  TimeUs time = 0;
};

// The one text that several columns of `embed(encoder, title, content)` become: the columns that
// are not null, in order, joined by a newline. An empty column counts; a null one does not. What
// lies beyond kMaxTextBytes is cut off, at the start of a UTF-8 character.
std::string JoinFields(std::span<const std::optional<std::string_view>> fields);

// The first sentence of `text`: up to the first '.', '!' or '?' that is followed by white space
// or the end, a newline, or the end; surrounding white space removed.
std::string_view FirstSentence(std::string_view text);

// All sentences of `text` as above, in order, empty ones left out. The views are into `text`.
std::vector<std::string_view> Sentences(std::string_view text);

// Title and content as `embed(encoder, title, content)` reads them.
std::string FullText(const Document& document);

}  // namespace larder::text

#endif  // LARDER_TEXT_DOCUMENT_H_
