// SPDX-License-Identifier: Apache-2.0
#include "serving/text/embed_call.h"

#include "base/bytes.h"

namespace larder::serving {

Status CheckDeadline(const EmbedCall& call) {
  if (std::chrono::steady_clock::now() >= call.deadline) {
    return DeadlineExceeded("the call's deadline has passed");
  }
  if (call.cancelled && call.cancelled()) return Cancelled("the caller no longer waits");
  return OkStatus();
}

TextOutcome TokenizeText(const text::Encoder& encoder, std::string_view text,
                         const EmbedCall& call, text::TokenizedText& out) {
  TextOutcome outcome;
  if (text.size() > text::kMaxTextBytes) {
    outcome.status = OutOfRange("a text of ", text.size(), " bytes, at most ",
                                text::kMaxTextBytes);
    return outcome;
  }
  if (call.refuse_invalid_utf8 && !IsUtf8(text)) {
    outcome.status = InvalidArgument("the text is not UTF-8");
    return outcome;
  }
  outcome.status = encoder.Tokenize(text, call.role, out);
  if (!outcome.status.ok()) return outcome;
  outcome.tokens = static_cast<uint32_t>(out.ids.size());
  outcome.truncated = out.truncated;
  if (out.truncated && call.refuse_truncation) {
    outcome.status = OutOfRange("the text has more tokens than the ", encoder.max_tokens(),
                                " that the encoder reads");
  }
  return outcome;
}

}  // namespace larder::serving
