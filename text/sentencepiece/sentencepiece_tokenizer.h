// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_SENTENCEPIECE_SENTENCEPIECE_TOKENIZER_H_
#define LARDER_TEXT_SENTENCEPIECE_SENTENCEPIECE_TOKENIZER_H_

#include <memory>
#include <string_view>

#include "base/status.h"
#include "text/tokenizer.h"

namespace larder::text {

// Opens a SentencePiece model (unigram, BPE, word or char) from its serialised bytes, which are not
// trusted; `name` is for messages.
// Errors: kDataLoss naming `name` when the bytes are not a usable model.
StatusOr<std::unique_ptr<const Tokenizer>> OpenSentencePiece(std::string_view model_bytes,
                                                             std::string_view name);

}  // namespace larder::text

#endif  // LARDER_TEXT_SENTENCEPIECE_SENTENCEPIECE_TOKENIZER_H_
