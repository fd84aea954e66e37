// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_TEXT_OPENAI_REQUEST_H_
#define LARDER_SERVING_TEXT_OPENAI_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "text/encoder.h"

namespace larder::serving {

inline constexpr size_t kMaxOpenAiInputs = 2'048;

// The body of POST /v1/embeddings.
struct OpenAiRequest {
  std::string model;
  std::vector<std::string> texts;
  std::vector<std::vector<int32_t>> tokens;  // instead of `texts`
  bool base64 = false;
  std::optional<uint32_t> dimensions;
  text::TextRole role = text::TextRole::kDocument;  // `input_type`, which OpenAI does not have
};

// Reads it. Strict: a field that is not known or stands twice is an error, and so is null but for
// what is optional; text is UTF-8 (a lone surrogate is an error), NUL may be part of it.
//
// `param` becomes the field that an error is about, or empty.
// Errors: kInvalidArgument saying what was expected.
// Cost: memory of the values alone, whatever the body is nested like.
StatusOr<OpenAiRequest> ParseOpenAiRequest(std::string_view body, std::string& param);

}  // namespace larder::serving

#endif  // LARDER_SERVING_TEXT_OPENAI_REQUEST_H_
