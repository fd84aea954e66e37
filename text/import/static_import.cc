// SPDX-License-Identifier: Apache-2.0
#include "text/import/static_import.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "text/artifact.h"
#include "text/encoder_config.h"
#include "text/internal/half.h"
#include "text/safetensors.h"

namespace larder::text {
namespace {

template <typename T>
T Load(std::string_view bytes, size_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

// The value at `index`, of a type that IsNumber.
double ValueAt(const Tensor& tensor, size_t index) {
  switch (tensor.dtype) {
    case DType::kF64: return Load<double>(tensor.bytes, index);
    case DType::kF32: return static_cast<double>(Load<float>(tensor.bytes, index));
    case DType::kF16: return internal::HalfToFloat(Load<uint16_t>(tensor.bytes, index));
    case DType::kBF16: return internal::BfloatToFloat(Load<uint16_t>(tensor.bytes, index));
    case DType::kI8: return Load<int8_t>(tensor.bytes, index);
    default: LARDER_CHECK(false); return 0;
  }
}

bool IsNumber(DType dtype) {
  return dtype == DType::kF64 || dtype == DType::kF32 || dtype == DType::kF16 ||
         dtype == DType::kBF16 || dtype == DType::kI8;
}

// What is in the file: a row for each piece, or for each number that `mapping` has.
struct Rows {
  const Tensor* table = nullptr;
  const Tensor* weights = nullptr;
  const Tensor* mapping = nullptr;
  bool drops_unknown = false;

  size_t dim() const { return table->shape[1]; }
};

Status CheckRank(const Tensor& tensor, size_t rank, std::string_view file) {
  if (tensor.shape.size() == rank) return OkStatus();
  return DataLoss(file, ": tensor '", tensor.name, "' has rank ", tensor.shape.size(),
                  ", expected ", rank);
}

Status CheckNumber(const Tensor& tensor, std::string_view file) {
  if (IsNumber(tensor.dtype)) return OkStatus();
  return Unimplemented(file, ": tensor '", tensor.name, "' is ", DTypeName(tensor.dtype),
                       ", only F64, F32, F16, BF16 and I8 are supported");
}

// A tensor of one entry for each piece, if there is one of that name.
StatusOr<const Tensor*> FindPerPiece(const SafeTensors& model, std::string_view name,
                                     const Tokenizer& tokenizer, std::string_view file) {
  const Tensor* tensor = model.Find(name);
  if (tensor == nullptr) return tensor;
  LARDER_RETURN_IF_ERROR(CheckRank(*tensor, 1, file));
  if (tensor->shape[0] != static_cast<uint64_t>(tokenizer.vocab_size())) {
    return DataLoss(file, ": tensor '", name, "' has ", tensor->shape[0],
                    " entries, the tokenizer has ", tokenizer.vocab_size(), " pieces");
  }
  return tensor;
}

StatusOr<Rows> FindRows(const SafeTensors& model, const Tokenizer& tokenizer,
                        std::string_view file) {
  Rows rows;
  rows.table = model.Find("embeddings");
  rows.drops_unknown = rows.table != nullptr;
  if (rows.table == nullptr) rows.table = model.Find("embedding.weight");
  if (rows.table == nullptr) {
    return DataLoss(file, ": neither tensor 'embeddings' nor 'embedding.weight' is there");
  }
  LARDER_RETURN_IF_ERROR(CheckNumber(*rows.table, file));
  LARDER_RETURN_IF_ERROR(CheckRank(*rows.table, 2, file));
  const uint64_t dim = rows.table->shape[1];
  if (dim < 1 || dim > static_cast<uint64_t>(kMaxDimensions)) {
    return DataLoss(file, ": vectors of ", dim, " dimensions, expected 1 to ", kMaxDimensions);
  }
  LARDER_ASSIGN_OR_RETURN(rows.weights, FindPerPiece(model, "weights", tokenizer, file));
  if (rows.weights != nullptr) LARDER_RETURN_IF_ERROR(CheckNumber(*rows.weights, file));
  LARDER_ASSIGN_OR_RETURN(rows.mapping, FindPerPiece(model, "mapping", tokenizer, file));
  if (rows.mapping != nullptr) {
    const DType dtype = rows.mapping->dtype;
    if (dtype != DType::kI64 && dtype != DType::kI32) {
      return Unimplemented(file, ": tensor 'mapping' is ", DTypeName(dtype),
                           ", only I64 and I32 are supported");
    }
  } else if (rows.table->shape[0] != static_cast<uint64_t>(tokenizer.vocab_size())) {
    return DataLoss(file, ": tensor '", rows.table->name, "' has ", rows.table->shape[0],
                    " rows, the tokenizer has ", tokenizer.vocab_size(), " pieces");
  }
  return rows;
}

StatusOr<size_t> RowOf(const Rows& rows, size_t piece, std::string_view file) {
  if (rows.mapping == nullptr) return piece;
  const int64_t row = rows.mapping->dtype == DType::kI64
                          ? Load<int64_t>(rows.mapping->bytes, piece)
                          : Load<int32_t>(rows.mapping->bytes, piece);
  if (row < 0 || static_cast<uint64_t>(row) >= rows.table->shape[0]) {
    return DataLoss(file, ": mapping[", piece, "] is ", row, ", there are ",
                    rows.table->shape[0], " rows");
  }
  return static_cast<size_t>(row);
}

// The row of a piece times its weight.
Status ReadRow(const Rows& rows, size_t piece, std::string_view file, std::vector<double>& out) {
  LARDER_ASSIGN_OR_RETURN(const size_t row, RowOf(rows, piece, file));
  const double weight = rows.weights == nullptr ? 1 : ValueAt(*rows.weights, piece);
  for (size_t d = 0; d < out.size(); ++d) {
    out[d] = ValueAt(*rows.table, row * out.size() + d) * weight;
    if (!std::isfinite(out[d])) {
      return DataLoss(file, ": the vector of piece ", piece, " is not finite at ", d);
    }
  }
  return OkStatus();
}

}  // namespace

StatusOr<StaticTables> ImportStaticTables(std::string_view bytes, const Tokenizer& tokenizer,
                                          std::string_view file) {
  LARDER_ASSIGN_OR_RETURN(const SafeTensors model, ParseSafeTensors(bytes, file));
  LARDER_ASSIGN_OR_RETURN(const Rows rows, FindRows(model, tokenizer, file));
  const auto vocab = static_cast<size_t>(tokenizer.vocab_size());
  // With `mapping`, a few rows may stand for any number of pieces.
  if (vocab * (rows.dim() + sizeof(int32_t)) > kMaxModelBytes) {
    return Unimplemented(file, ": ", vocab, " pieces of ", rows.dim(), " dimensions: more than ",
                         kMaxModelBytes, " bytes");
  }
  StaticTables tables;
  tables.dimensions = static_cast<int32_t>(rows.dim());
  tables.table.assign(vocab * rows.dim(), 0);
  tables.weights.assign(vocab, 0);
  std::vector<double> largest(vocab, 0);
  std::vector<double> row(rows.dim());
  for (size_t piece = 0; piece < vocab; ++piece) {
    if (rows.drops_unknown && piece == static_cast<size_t>(tokenizer.unknown_id())) continue;
    LARDER_RETURN_IF_ERROR(ReadRow(rows, piece, file, row));
    for (const double value : row) largest[piece] = std::max(largest[piece], std::abs(value));
    // Dividing first: 127 times the largest number there is would be none.
    for (size_t d = 0; d < row.size() && largest[piece] > 0; ++d) {
      tables.table[piece * row.size() + d] =
          static_cast<int8_t>(std::lround(row[d] / largest[piece] * 127));
    }
  }
  const double of_all = *std::max_element(largest.begin(), largest.end());
  if (!(of_all > 0)) return DataLoss(file, ": all vectors are zero");
  for (size_t piece = 0; piece < vocab; ++piece) {
    tables.weights[piece] =
        static_cast<int32_t>(std::lround(largest[piece] / of_all * kMaxTokenWeight));
  }
  return tables;
}

}  // namespace larder::text
