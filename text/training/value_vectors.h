// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TRAINING_VALUE_VECTORS_H_
#define LARDER_TEXT_TRAINING_VALUE_VECTORS_H_

#include <span>
#include <string_view>
#include <unordered_map>

#include "base/status.h"
#include "text/document.h"
#include "text/encoder.h"
#include "text/training/static_trainer.h"

namespace larder::text {

// Vectors of items by their texts and the values of their fields: the text's direction plus half
// the direction of the sum of its values' vectors, not scaled; why:
// docs/adr/0016-values-beside-texts.md.
//
// Thread-safety: thread-safe.
class ItemVectors {
 public:
  // Both must outlive it; the values are of the training that gave the encoder.
  ItemVectors(const Encoder& encoder, std::span<const ValueVector> values);
  // Values that have no vector do not count, nor does a text of which nothing is known.
  //
  // Shapes: vector [encoder's dimensions].
  // Errors: as Encoder::Tokenize.
  Status Of(const Document& document, std::span<float> vector) const;

 private:
  const Encoder& encoder_;
  std::unordered_map<std::string_view, const ValueVector*> by_name_;
};

}  // namespace larder::text

#endif  // LARDER_TEXT_TRAINING_VALUE_VECTORS_H_
