// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_TEXT_LETTER_ENCODER_H_
#define LARDER_TESTS_TEXT_LETTER_ENCODER_H_

#include <algorithm>
#include <span>
#include <string_view>

#include "tests/text/text_testing.h"
#include "text/encoder.h"

namespace larder::text {

// Counts letters: simple enough to work out by hand what is near what.
class LetterEncoder final : public Encoder {
 public:
  LetterEncoder() : Encoder({.dimensions = 26}, SampleTokenizer(), 100) {}
  Status Tokenize(std::string_view, TextRole, TokenizedText&) const override {
    return Unimplemented("letters are not tokens");
  }

 private:
  Status EncodeTexts(std::span<const std::string_view> texts, std::span<int8_t> out,
                     size_t, TextRole) const override {
    std::fill(out.begin(), out.end(), int8_t{0});
    for (size_t i = 0; i < texts.size(); ++i) {
      for (const char c : texts[i]) {
        if (c >= 'a' && c <= 'z') ++out[i * 26 + static_cast<size_t>(c - 'a')];
      }
    }
    return OkStatus();
  }
};

}  // namespace larder::text

#endif  // LARDER_TESTS_TEXT_LETTER_ENCODER_H_
