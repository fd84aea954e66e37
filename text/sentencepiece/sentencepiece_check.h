// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_SENTENCEPIECE_SENTENCEPIECE_CHECK_H_
#define LARDER_TEXT_SENTENCEPIECE_SENTENCEPIECE_CHECK_H_

#include <string_view>

#include "base/status.h"

namespace larder::text::internal {

// Checks a serialised SentencePiece ModelProto before the library sees it, because the library
// trusts its normaliser table: a forged offset there is a read outside its memory.
//
// Checked: the wire format; 1 to 1,000,000 distinct-looking pieces (not empty, UTF-8, finite
// score, known type, exactly one unknown piece); the model type; every transition and every
// value of the normaliser's double array. Unknown fields are left alone.
// Errors: kDataLoss naming `name` and the field.
// Source: sentencepiece_model.proto, normalizer.cc and darts_clone of SentencePiece 0.1.97.
Status CheckSentencePieceModel(std::string_view bytes, std::string_view name);

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_SENTENCEPIECE_SENTENCEPIECE_CHECK_H_
