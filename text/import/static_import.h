// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_IMPORT_STATIC_IMPORT_H_
#define LARDER_TEXT_IMPORT_STATIC_IMPORT_H_

#include <string_view>

#include "base/status.h"
#include "text/static/static_encoder.h"
#include "text/tokenizer.h"

namespace larder::text {

// The tables of a model.safetensors of model2vec (tensor "embeddings"; unknown pieces are left out)
// or of a StaticEmbedding ("embedding.weight"; they count), for the pieces of `tokenizer`. With
// "weights" rows are multiplied by them; with "mapping" it says which row a piece has.
//
// A row becomes int8 by its own largest entry, which goes into the weight of the piece: directions
// of texts stay what they were but for rounding (docs/formats/encoder.md).
// Errors: kDataLoss naming `file`, the tensor and what is wrong, also if the tokenizer has another
//         number of pieces; kUnimplemented for another type of number, or for tables of more than
//         kMaxModelBytes.
// Cost: reads the bytes twice; memory for the result only.
StatusOr<StaticTables> ImportStaticTables(std::string_view bytes, const Tokenizer& tokenizer,
                                          std::string_view file);

}  // namespace larder::text

#endif  // LARDER_TEXT_IMPORT_STATIC_IMPORT_H_
