// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_TEXT_EMBED_CALL_H_
#define LARDER_SERVING_TEXT_EMBED_CALL_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "text/encoder.h"

namespace larder::serving {

// Who waits for vectors. It matters for slow encoders (text::VectorElement::kFloat) only.
enum class EmbedPriority {
  // Somebody does: through the queue, which refuses what is too much.
  kLive,
  // Nobody does: on the calling thread, which should have a low priority, in small pieces that give
  // way to what is live. Is never refused.
  kBackground,
};

// How texts are to be encoded, and for how long.
struct EmbedCall {
  text::TextRole role = text::TextRole::kDocument;
  EmbedPriority priority = EmbedPriority::kLive;
  // A text that has more tokens than the encoder reads is an error; else its end is cut off.
  bool refuse_truncation = false;
  // A text that is not UTF-8 is an error; else each byte that is none counts as U+FFFD.
  bool refuse_invalid_utf8 = false;
  // Vectors of some of the texts are of no use: nothing is encoded once one is wrong, and the texts
  // behind the first one that is are not looked at.
  bool all_or_nothing = false;
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  // True once nobody waits any more; empty: never. Called from any thread.
  std::function<bool()> cancelled = {};
};

// What became of one text.
struct TextOutcome {
  // kInvalidArgument: not UTF-8. kOutOfRange: too many bytes or tokens. What the encoder says.
  Status status;
  uint32_t tokens = 0;  // that the encoder read, with its prompt and symbols
  bool truncated = false;
};

struct EmbeddedTexts {
  std::vector<int8_t> codes;          // [texts, code_size] row-major; zero where it went wrong
  std::vector<TextOutcome> outcomes;  // [texts]
};

// Errors: kDeadlineExceeded or kCancelled once nobody waits any more.
Status CheckDeadline(const EmbedCall& call);

// Splits one text as the call asks for it.
TextOutcome TokenizeText(const text::Encoder& encoder, std::string_view text,
                         const EmbedCall& call, text::TokenizedText& out);

}  // namespace larder::serving

#endif  // LARDER_SERVING_TEXT_EMBED_CALL_H_
