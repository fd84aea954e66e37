// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_SENTENCEPIECE_VOCABULARY_H_
#define LARDER_TEXT_SENTENCEPIECE_VOCABULARY_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/sentencepiece/model.h"

namespace larder::text::internal {

// The pieces of a model by their ids. Owns its memory. Thread-safety: thread-safe.
class Vocabulary {
 public:
  explicit Vocabulary(const Model& model);

  int32_t size() const { return static_cast<int32_t>(types_.size()); }
  int32_t unknown_id() const { return unknown_id_; }
  bool is_control(int32_t id) const { return Has(id) && types_[At(id)] == PieceType::kControl; }
  // Empty for an id outside the vocabulary.
  std::string_view piece(int32_t id) const {
    if (!Has(id)) return {};
    return std::string_view(texts_).substr(begins_[At(id)], begins_[At(id) + 1] - begins_[At(id)]);
  }

 private:
  static size_t At(int32_t id) { return static_cast<size_t>(id); }
  bool Has(int32_t id) const { return id >= 0 && id < size(); }

  std::string texts_;             // of all pieces, in order
  std::vector<uint32_t> begins_;  // in texts_; one more than there are pieces
  std::vector<PieceType> types_;
  int32_t unknown_id_;
};

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_SENTENCEPIECE_VOCABULARY_H_
