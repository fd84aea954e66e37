// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_VECTOR_LIST_H_
#define LARDER_FEATURESTORE_VECTOR_LIST_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/status.h"
#include "featurestore/store.h"

namespace larder::featurestore {

// Vectors that a job made, as an `activate` record brings them; docs/formats/log.md.
struct ListedVector {
  std::string_view key;
  Hash128 content;  // of the text that it was made from (S7.3)
  std::span<const int8_t> codes;
};

// Shapes: codes [inputs.size(), code_size].
std::string EncodeVectorList(std::span<const VectorInput> inputs, std::span<const int8_t> codes);

// Views into `bytes`.
// Errors: kDataLoss if they are no list of vectors of `code_size` codes.
StatusOr<std::vector<ListedVector>> DecodeVectorList(std::string_view bytes, size_t code_size);

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_VECTOR_LIST_H_
