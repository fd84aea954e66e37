// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece/model.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <unordered_set>

#include "base/bytes.h"

namespace larder::text::internal {
namespace {

constexpr size_t kMaxPieces = 1'000'000;
constexpr size_t kMaxPieceBytes = 1'024;
constexpr size_t kMaxAllPieceBytes = 16u << 20;
constexpr size_t kMaxSamples = 10'000;
constexpr size_t kMaxSampleBytes = 1u << 20;
// Scores are log probabilities or negated merge ranks; the bound keeps sums over a text finite.
constexpr float kMaxAbsScore = 1e9f;

enum Wire : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct Field {
  uint32_t number = 0;
  uint32_t wire = 0;
  uint64_t integer = 0;
  std::string_view bytes;

  bool Is(uint32_t n, Wire w) const { return number == n && wire == w; }
};

// Reads the next protobuf field; fails the reader on anything that is not well formed.
Field NextField(ByteReader& reader) {
  Field field;
  const uint64_t tag = reader.Varint();
  field.number = static_cast<uint32_t>(tag >> 3);
  field.wire = static_cast<uint32_t>(tag & 7);
  if (tag > UINT32_MAX || field.number == 0) {
    reader.Fail();
    return field;
  }
  switch (field.wire) {
    case kVarint: field.integer = reader.Varint(); break;
    case kFixed64: field.integer = reader.Fixed<uint64_t>(); break;
    case kBytes: field.bytes = reader.Raw(reader.Varint()); break;
    case kFixed32: field.integer = reader.Fixed<uint32_t>(); break;
    default: reader.Fail();
  }
  return field;
}

// Calls `take(field)` for the fields of a message; false if it is not well formed. As in protobuf,
// the last of several values of a field counts.
template <typename Take>
bool ReadFields(std::string_view message, const Take& take) {
  ByteReader reader(message);
  while (reader.ok() && reader.remaining() > 0) {
    const Field field = NextField(reader);
    if (reader.ok()) take(field);
  }
  return reader.ok();
}

// The byte of a piece like <0x4F>, -1 for another piece.
int ByteOfPiece(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return -1;
  int value = 0;
  for (const char c : text.substr(3, 2)) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && !(c >= 'A' && c <= 'F')) return -1;
    value = value * 16 + (digit ? c - '0' : c - 'A' + 10);
  }
  return value;
}

class Parser {
 public:
  Parser(std::string_view name, Model& model) : name_(name), model_(model) {}

  Status Parse(std::string_view bytes) {
    Status status;
    const bool ok = ReadFields(bytes, [&](const Field& field) {
      if (status.ok() && field.wire == kBytes) status = Part(field);
    });
    LARDER_RETURN_IF_ERROR(status);
    if (!ok) return DataLoss(name_, ": not a SentencePiece model (truncated or damaged)");
    if (model_.pieces.empty()) return DataLoss(name_, ": not a SentencePiece model (no pieces)");
    LARDER_RETURN_IF_ERROR(CheckTogether());
    return CheckBytePieces();
  }

 private:
  Status Part(const Field& field) {
    switch (field.number) {
      case 1: return ReadPiece(field.bytes);
      case 2: return ReadTrainerSpec(field.bytes);
      case 3: return ReadNormalizer(field.bytes);
      case 4: return ReadSelfTest(field.bytes);
      case 5: return ReadDenormalizer(field.bytes);
      default: return OkStatus();
    }
  }

  Status ReadPiece(std::string_view bytes) {
    const size_t index = model_.pieces.size();
    if (index == kMaxPieces) return DataLoss(name_, ": more than ", kMaxPieces, " pieces");
    Model::Piece piece;
    uint64_t type = 1;
    const bool ok = ReadFields(bytes, [&](const Field& field) {
      if (field.Is(1, kBytes)) piece.text = field.bytes;
      if (field.Is(2, kFixed32)) {
        piece.score = std::bit_cast<float>(static_cast<uint32_t>(field.integer));
      }
      if (field.Is(3, kVarint)) type = field.integer;
    });
    if (!ok) return DataLoss(name_, ": piece ", index, " is not well formed");
    if (piece.text.empty() || piece.text.size() > kMaxPieceBytes) {
      return DataLoss(name_, ": piece ", index, " has ", piece.text.size(),
                      " bytes, expected 1 to ", kMaxPieceBytes);
    }
    piece_bytes_ += piece.text.size();
    if (piece_bytes_ > kMaxAllPieceBytes) {
      return DataLoss(name_, ": the pieces have more than ", kMaxAllPieceBytes, " bytes together");
    }
    if (!IsUtf8(piece.text) || piece.text.find('\0') != std::string_view::npos) {
      return DataLoss(name_, ": piece ", index, " is not UTF-8 text");
    }
    if (!std::isfinite(piece.score) || std::abs(piece.score) > kMaxAbsScore) {
      return DataLoss(name_, ": piece ", index, " has a score that is not a number in range");
    }
    if (type == 0 || type > static_cast<uint64_t>(PieceType::kByte)) {
      return DataLoss(name_, ": piece ", index, " has the unknown type ", type);
    }
    piece.type = static_cast<PieceType>(type);
    model_.pieces.push_back(piece);
    return OkStatus();
  }

  Status ReadTrainerSpec(std::string_view bytes) {
    uint64_t type = static_cast<uint64_t>(model_.type);
    const bool ok = ReadFields(bytes, [&](const Field& field) {
      if (field.Is(3, kVarint)) type = field.integer;
      if (field.Is(24, kVarint)) model_.treat_whitespace_as_suffix = field.integer != 0;
      if (field.Is(35, kVarint)) model_.byte_fallback = field.integer != 0;
    });
    if (!ok) return DataLoss(name_, ": the trainer spec is not well formed");
    if (type == 0 || type > static_cast<uint64_t>(ModelType::kChar)) {
      return DataLoss(name_, ": unknown model type ", type);
    }
    model_.type = static_cast<ModelType>(type);
    return OkStatus();
  }

  Status ReadNormalizer(std::string_view bytes) {
    const bool ok = ReadFields(bytes, [&](const Field& field) {
      if (field.Is(2, kBytes)) model_.charsmap = field.bytes;
      if (field.Is(3, kVarint)) model_.add_dummy_prefix = field.integer != 0;
      if (field.Is(4, kVarint)) model_.remove_extra_whitespaces = field.integer != 0;
      if (field.Is(5, kVarint)) model_.escape_whitespaces = field.integer != 0;
    });
    if (!ok) return DataLoss(name_, ": the normaliser spec is not well formed");
    return OkStatus();
  }

  Status ReadDenormalizer(std::string_view bytes) {
    const bool ok = ReadFields(bytes, [&](const Field& field) {
      if (field.Is(2, kBytes)) model_.denormalizer_charsmap = field.bytes;
    });
    if (!ok) return DataLoss(name_, ": the denormaliser spec is not well formed");
    return OkStatus();
  }

  Status ReadSelfTest(std::string_view bytes) {
    bool ok = true;
    const auto read_sample = [&](const Field& field) {
      if (!field.Is(1, kBytes)) return;
      Model::Sample sample;
      ok &= ReadFields(field.bytes, [&](const Field& part) {
        if (part.Is(1, kBytes)) sample.input = part.bytes;
        if (part.Is(2, kBytes)) sample.expected = part.bytes;
      });
      sample_bytes_ += sample.input.size() + sample.expected.size();
      if (model_.samples.size() <= kMaxSamples) model_.samples.push_back(sample);
    };
    ok &= ReadFields(bytes, read_sample);
    if (!ok) return DataLoss(name_, ": the self test is not well formed");
    if (model_.samples.size() > kMaxSamples || sample_bytes_ > kMaxSampleBytes) {
      return DataLoss(name_, ": a self test of more than ", kMaxSamples, " samples or ",
                      kMaxSampleBytes, " bytes");
    }
    return OkStatus();
  }

  // Text pieces and other pieces have a name space each, as in the library.
  Status CheckTogether() {
    std::unordered_set<std::string_view> texts;
    std::unordered_set<std::string_view> symbols;
    size_t unknown = 0;
    for (size_t i = 0; i < model_.pieces.size(); ++i) {
      const Model::Piece& piece = model_.pieces[i];
      if (!(IsTextPiece(piece.type) ? texts : symbols).insert(piece.text).second) {
        return DataLoss(name_, ": piece ", i, " is the same as one before it");
      }
      if (piece.type != PieceType::kUnknown) continue;
      ++unknown;
      model_.unknown_id = static_cast<int32_t>(i);
    }
    if (unknown != 1) {
      return DataLoss(name_, ": ", unknown, " unknown pieces, expected exactly one");
    }
    if (texts.empty() && model_.type == ModelType::kUnigram) {
      return DataLoss(name_, ": a unigram model without a piece for any text");
    }
    return OkStatus();
  }

  Status CheckBytePieces() {
    std::vector<int32_t> ids(256, -1);
    size_t found = 0;
    for (size_t i = 0; i < model_.pieces.size(); ++i) {
      if (model_.pieces[i].type != PieceType::kByte) continue;
      const int byte = ByteOfPiece(model_.pieces[i].text);
      if (byte < 0) return DataLoss(name_, ": piece ", i, " is a byte but not like <0x00>");
      ids[static_cast<size_t>(byte)] = static_cast<int32_t>(i);
      ++found;
    }
    if (found != (model_.byte_fallback ? 256u : 0u)) {
      return DataLoss(name_, ": ", found, " byte pieces, expected ",
                      model_.byte_fallback ? "256" : "none", " with byte_fallback ",
                      model_.byte_fallback);
    }
    if (model_.byte_fallback) model_.byte_ids = std::move(ids);
    return OkStatus();
  }

  const std::string_view name_;
  Model& model_;
  size_t piece_bytes_ = 0;
  size_t sample_bytes_ = 0;
};

}  // namespace

std::string_view ModelTypeName(ModelType type) {
  switch (type) {
    case ModelType::kUnigram: return "unigram";
    case ModelType::kBpe: return "bpe";
    case ModelType::kWord: return "word";
    case ModelType::kChar: return "char";
  }
  return "?";
}

bool PiecesKeepToWords(const Model& model) {
  if (!model.escape_whitespaces) return false;
  return std::none_of(model.pieces.begin(), model.pieces.end(), [&](const Model::Piece& piece) {
    if (!IsTextPiece(piece.type)) return false;
    std::string_view text = piece.text;
    if (model.treat_whitespace_as_suffix) {
      while (text.ends_with(kSpaceSymbol)) text.remove_suffix(kSpaceSymbol.size());
    } else {
      while (text.starts_with(kSpaceSymbol)) text.remove_prefix(kSpaceSymbol.size());
    }
    return text.find(kSpaceSymbol) != std::string_view::npos;
  });
}

StatusOr<Model> ParseModel(std::string_view bytes, std::string_view name) {
  Model model;
  LARDER_RETURN_IF_ERROR(Parser(name, model).Parse(bytes));
  return model;
}

}  // namespace larder::text::internal
