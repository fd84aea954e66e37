// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_TEXT_SENTENCEPIECE_MODEL_FORGING_H_
#define LARDER_TESTS_TEXT_SENTENCEPIECE_MODEL_FORGING_H_

#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/sentencepiece/model.h"
#include "text/tokenizer.h"

namespace larder::text {

// Hand-made ModelProtos: a field with bytes or with a number, and whole pieces.
std::string BytesField(int number, std::string_view bytes);
std::string NumberField(int number, uint64_t value);
std::string PieceField(std::string_view text, float score, internal::PieceType type);

// The trainer spec and the normaliser spec, as fields of a model.
struct ForgedSpecs {
  internal::ModelType type = internal::ModelType::kUnigram;
  bool byte_fallback = false;
  bool treat_whitespace_as_suffix = false;
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
  std::string charsmap = {};
};
std::string SpecFields(const ForgedSpecs& specs);
// The 256 pieces of byte_fallback.
std::string BytePieceFields();

// The tokenizer of a unigram model of the unknown piece, 0, and these.
std::unique_ptr<const Tokenizer> TokenizerOf(std::span<const std::string> pieces);

// A charsmap with the units of a double array and one empty replacement.
std::string CharsMap(const std::vector<uint32_t>& units);

// A valid unigram or BPE model over three letters and spaces, of pieces of every kind with few
// different scores, so that ties are many: what training does not give.
std::string RandomModel(std::mt19937_64& random);
// A text over the characters of RandomModel's pieces, of up to `words` words.
std::string RandomTextForModel(std::mt19937_64& random, size_t words);

}  // namespace larder::text

#endif  // LARDER_TESTS_TEXT_SENTENCEPIECE_MODEL_FORGING_H_
