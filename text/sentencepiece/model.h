// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_SENTENCEPIECE_MODEL_H_
#define LARDER_TEXT_SENTENCEPIECE_MODEL_H_

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace larder::text::internal {

// The numbers are those of sentencepiece_model.proto.
enum class PieceType : uint8_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6,
};
enum class ModelType : uint8_t { kUnigram = 1, kBpe = 2, kWord = 3, kChar = 4 };

std::string_view ModelTypeName(ModelType type);

// The character that stands for a space in pieces: U+2581.
inline constexpr std::string_view kSpaceSymbol = "\xe2\x96\x81";

// What a serialised SentencePiece ModelProto says, as far as encoding needs it. Views point into
// the bytes that were parsed.
struct Model {
  struct Piece {
    std::string_view text;
    float score = 0;
    PieceType type = PieceType::kNormal;
  };
  // Of self_test_data: the pieces that encoding `input` gives, with a space between them.
  struct Sample {
    std::string_view input;
    std::string_view expected;
  };

  std::vector<Piece> pieces;  // the index is the id
  int32_t unknown_id = 0;
  std::vector<int32_t> byte_ids;  // the piece of each byte; empty without byte_fallback

  ModelType type = ModelType::kUnigram;
  bool byte_fallback = false;
  bool treat_whitespace_as_suffix = false;

  std::string_view charsmap;  // precompiled_charsmap, see charsmap.h
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
  // Not used for encoding, but the library reads it.
  std::string_view denormalizer_charsmap;

  std::vector<Sample> samples;
};

// True for pieces that a text's characters can become: not symbols, bytes or the unknown piece.
inline bool IsTextPiece(PieceType type) {
  return type == PieceType::kNormal || type == PieceType::kUserDefined ||
         type == PieceType::kUnused;
}

// True if no piece reaches from one word into the next: if spaces become U+2581 and no piece has
// that except at its beginning (with treat_whitespace_as_suffix: at its end). A word begins with
// (ends with) a run of U+2581.
bool PiecesKeepToWords(const Model& model);

// Parses bytes that are not trusted. The library trusts what it reads (a forged offset in its
// normaliser is a read outside its memory), so whatever it is given passes here first.
//
// Checked: the wire format; 1 to 1,000,000 pieces of 1 to 1,024 bytes of UTF-8, 16 MiB in all, each
// with a finite score and a known type and none twice; exactly one unknown piece; 256 byte pieces
// with byte_fallback and none without; the model type; the size of the self test. The charsmaps
// are checked by CharsMap::Open. Unknown fields are left alone.
// Errors: kDataLoss naming `name` and the field.
// Source: sentencepiece_model.proto and model_interface.cc of SentencePiece 0.1.97.
StatusOr<Model> ParseModel(std::string_view bytes, std::string_view name);

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_SENTENCEPIECE_MODEL_H_
