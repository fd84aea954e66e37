// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_TEXT_SENTENCEPIECE_COMPARE_H_
#define LARDER_TESTS_TEXT_SENTENCEPIECE_COMPARE_H_

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "text/tokenizer.h"

namespace larder::text {

// Our own tokenizer of a SentencePiece model beside libsentencepiece with the same model.
struct Pair {
  std::unique_ptr<const Tokenizer> own;
  std::unique_ptr<const Tokenizer> library;

  // Errors: those of OpenSentencePiece.
  static StatusOr<Pair> Open(std::string_view model, std::string_view name);
};

// Empty if both give the same for a text: ids, ids with offsets, errors. Otherwise what differs.
std::string Difference(const Pair& pair, std::string_view text);

// The text with everything but printable ASCII as \xNN.
std::string Escaped(std::string_view text);

}  // namespace larder::text

#endif  // LARDER_TESTS_TEXT_SENTENCEPIECE_COMPARE_H_
