// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_SENTENCEPIECE_SENTENCEPIECE_TOKENIZER_H_
#define LARDER_TEXT_SENTENCEPIECE_SENTENCEPIECE_TOKENIZER_H_

#include <memory>
#include <string_view>

#include "base/status.h"
#include "text/tokenizer.h"

namespace larder::text {

// Opens a SentencePiece model from its serialised bytes, which are not trusted; `name` is for
// messages. Unigram and BPE models run in our own code, with the ids and offsets of
// libsentencepiece 0.1.97; word and char models run in the library, and so do models that
// OwnTokenizer does not cover or whose self test it does not pass. There only the first 128 KiB of
// a text's normal form are looked at, because the library's time can be its square; and a text that
// the library fails on, because it spells a symbol, is one unknown piece.
// Errors: kDataLoss naming `name` when the bytes are not a usable model.
StatusOr<std::unique_ptr<const Tokenizer>> OpenSentencePiece(std::string_view model_bytes,
                                                             std::string_view name);

// The same with the library for every model: the oracle of tests and the peer of benchmarks.
StatusOr<std::unique_ptr<const Tokenizer>> OpenSentencePieceLibrary(std::string_view model_bytes,
                                                                    std::string_view name);

}  // namespace larder::text

#endif  // LARDER_TEXT_SENTENCEPIECE_SENTENCEPIECE_TOKENIZER_H_
