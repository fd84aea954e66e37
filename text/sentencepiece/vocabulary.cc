// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece/vocabulary.h"

namespace larder::text::internal {

Vocabulary::Vocabulary(const Model& model) : unknown_id_(model.unknown_id) {
  begins_.reserve(model.pieces.size() + 1);
  types_.reserve(model.pieces.size());
  for (const Model::Piece& piece : model.pieces) {
    begins_.push_back(static_cast<uint32_t>(texts_.size()));
    texts_ += piece.text;
    types_.push_back(piece.type);
  }
  begins_.push_back(static_cast<uint32_t>(texts_.size()));
}

}  // namespace larder::text::internal
