// SPDX-License-Identifier: Apache-2.0
#include "text/safetensors.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/bytes.h"
#include "text/internal/json.h"

namespace larder::text {
namespace {

using internal::Json;

constexpr uint64_t kMaxHeaderBytes = 8u << 20;
constexpr size_t kMaxTensors = 10'000;
constexpr size_t kMaxRank = 8;
constexpr size_t kDataAlignment = 64;

struct DTypeRow {
  std::string_view name;
  size_t size_bytes;
};
// In the order of DType.
constexpr std::array<DTypeRow, 13> kDTypes = {{{"BOOL", 1},
                                               {"I8", 1},
                                               {"U8", 1},
                                               {"I16", 2},
                                               {"U16", 2},
                                               {"F16", 2},
                                               {"BF16", 2},
                                               {"I32", 4},
                                               {"U32", 4},
                                               {"F32", 4},
                                               {"I64", 8},
                                               {"U64", 8},
                                               {"F64", 8}}};

std::optional<DType> ParseDType(std::string_view name) {
  for (size_t i = 0; i < kDTypes.size(); ++i) {
    if (kDTypes[i].name == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

// The size that shape and type ask for; nothing on overflow.
std::optional<uint64_t> SizeOf(const std::vector<uint64_t>& shape, DType dtype) {
  uint64_t size = DTypeSizeBytes(dtype);
  for (const uint64_t extent : shape) {
    if (__builtin_mul_overflow(size, extent, &size)) return std::nullopt;
  }
  return size;
}

struct Placed {
  Tensor tensor;
  uint64_t begin = 0;
  uint64_t end = 0;
};

std::optional<uint64_t> AsUnsigned(const Json& json) {
  if (!json.is(Json::Kind::kInteger) || json.integer < 0) return std::nullopt;
  return static_cast<uint64_t>(json.integer);
}

StatusOr<Placed> ReadTensor(const std::string& name, const Json& json, uint64_t data_bytes,
                            std::string_view file) {
  const std::string where = Concat(file, ": tensor '", name, "': ");
  if (!json.is(Json::Kind::kObject)) return DataLoss(where, "expected an object");
  for (const auto& [key, value] : json.members) {
    if (key != "dtype" && key != "shape" && key != "data_offsets") {
      return DataLoss(where, "unknown key '", key, "'");
    }
  }
  Placed placed;
  placed.tensor.name = name;
  const Json* dtype = json.Find("dtype");
  if (dtype == nullptr || !dtype->is(Json::Kind::kString)) {
    return DataLoss(where, "dtype is missing or no text");
  }
  const auto parsed = ParseDType(dtype->text);
  if (!parsed) return DataLoss(where, "unknown dtype '", dtype->text, "'");
  placed.tensor.dtype = *parsed;

  const Json* shape = json.Find("shape");
  if (shape == nullptr || !shape->is(Json::Kind::kArray)) {
    return DataLoss(where, "shape is missing or no array");
  }
  if (shape->items.size() > kMaxRank) {
    return DataLoss(where, "rank is ", shape->items.size(), ", the limit is ", kMaxRank);
  }
  for (const Json& item : shape->items) {
    const auto extent = AsUnsigned(item);
    if (!extent) return DataLoss(where, "shape holds something else than counts");
    placed.tensor.shape.push_back(*extent);
  }
  const Json* offsets = json.Find("data_offsets");
  if (offsets == nullptr || !offsets->is(Json::Kind::kArray) || offsets->items.size() != 2) {
    return DataLoss(where, "data_offsets is missing or no pair");
  }
  const auto begin = AsUnsigned(offsets->items[0]);
  const auto end = AsUnsigned(offsets->items[1]);
  if (!begin || !end || *begin > *end) {
    return DataLoss(where, "data_offsets are not a range");
  }
  if (*end > data_bytes) {
    return DataLoss(where, "ends at byte ", *end, ", the data has ", data_bytes);
  }
  const auto size = SizeOf(placed.tensor.shape, placed.tensor.dtype);
  if (!size) return DataLoss(where, "the size of its shape overflows");
  if (*size != *end - *begin) {
    return DataLoss(where, "holds ", *end - *begin, " bytes, its shape needs ", *size);
  }
  placed.begin = *begin;
  placed.end = *end;
  return placed;
}

Status ReadMetadata(const Json& json, std::string_view file, SafeTensors& out) {
  if (!json.is(Json::Kind::kObject)) return DataLoss(file, ": __metadata__ is no object");
  for (const auto& [key, value] : json.members) {
    if (!value.is(Json::Kind::kString)) {
      return DataLoss(file, ": __metadata__ '", key, "' is no text");
    }
    out.metadata.emplace_back(key, value.text);
  }
  return OkStatus();
}

}  // namespace

std::string_view DTypeName(DType dtype) { return kDTypes[static_cast<size_t>(dtype)].name; }
size_t DTypeSizeBytes(DType dtype) { return kDTypes[static_cast<size_t>(dtype)].size_bytes; }

const Tensor* SafeTensors::Find(std::string_view name) const {
  for (const Tensor& tensor : tensors) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

StatusOr<const Tensor*> SafeTensors::Require(std::string_view name, DType dtype, size_t rank,
                                             std::string_view file) const {
  const Tensor* tensor = Find(name);
  if (tensor == nullptr) return DataLoss(file, ": tensor '", name, "' is missing");
  if (tensor->dtype != dtype) {
    return DataLoss(file, ": tensor '", name, "' is ", DTypeName(tensor->dtype), ", expected ",
                    DTypeName(dtype));
  }
  if (tensor->shape.size() != rank) {
    return DataLoss(file, ": tensor '", name, "' has rank ", tensor->shape.size(), ", expected ",
                    rank);
  }
  return tensor;
}

StatusOr<SafeTensors> ParseSafeTensors(std::string_view bytes, std::string_view file) {
  ByteReader reader(bytes);
  const auto header_bytes = reader.Fixed<uint64_t>();
  if (!reader.ok()) return DataLoss(file, ": ", bytes.size(), " bytes are no safetensors file");
  if (header_bytes > kMaxHeaderBytes) {
    return DataLoss(file, ": a header of ", header_bytes, " bytes, the limit is ",
                    kMaxHeaderBytes);
  }
  if (header_bytes > reader.remaining()) {
    return DataLoss(file, ": a header of ", header_bytes, " bytes in a file of ", bytes.size());
  }
  const std::string_view header = reader.Raw(header_bytes);
  if (header.empty() || header.front() != '{') {
    return DataLoss(file, ": the header does not start with '{'");
  }
  const std::string_view data = bytes.substr(sizeof(uint64_t) + header_bytes);
  LARDER_ASSIGN_OR_RETURN(const Json json, internal::ParseJson(header, Concat(file, ": header")));
  if (json.members.size() > kMaxTensors) {
    return DataLoss(file, ": ", json.members.size(), " tensors, the limit is ", kMaxTensors);
  }
  SafeTensors out;
  std::vector<Placed> placed;
  for (const auto& [name, value] : json.members) {
    if (name == "__metadata__") {
      LARDER_RETURN_IF_ERROR(ReadMetadata(value, file, out));
      continue;
    }
    LARDER_ASSIGN_OR_RETURN(Placed one, ReadTensor(name, value, data.size(), file));
    placed.push_back(std::move(one));
  }
  std::sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  uint64_t covered = 0;
  for (Placed& one : placed) {
    if (one.begin < covered) {
      return DataLoss(file, ": tensor '", one.tensor.name, "' overlaps another");
    }
    if (one.begin > covered) {
      return DataLoss(file, ": ", one.begin - covered, " bytes before tensor '", one.tensor.name,
                      "' belong to no tensor");
    }
    covered = one.end;
    one.tensor.bytes = data.substr(one.begin, one.end - one.begin);
    out.tensors.push_back(std::move(one.tensor));
  }
  if (covered != data.size()) {
    return DataLoss(file, ": ", data.size() - covered, " bytes at the end belong to no tensor");
  }
  return out;
}

std::string WriteSafeTensors(const std::vector<Tensor>& tensors,
                             const std::vector<std::pair<std::string, std::string>>& metadata) {
  std::string header = "{";
  if (!metadata.empty()) {
    header += "\"__metadata__\":{";
    for (size_t i = 0; i < metadata.size(); ++i) {
      header += Concat(i > 0 ? "," : "", internal::JsonString(metadata[i].first), ":",
                       internal::JsonString(metadata[i].second));
    }
    header += "}";
  }
  uint64_t offset = 0;
  for (const Tensor& tensor : tensors) {
    LARDER_CHECK(SizeOf(tensor.shape, tensor.dtype) == tensor.bytes.size());
    if (header.size() > 1) header += ",";
    header += Concat(internal::JsonString(tensor.name), ":{\"dtype\":\"",
                     DTypeName(tensor.dtype), "\",\"shape\":[");
    for (size_t i = 0; i < tensor.shape.size(); ++i) {
      header += Concat(i > 0 ? "," : "", tensor.shape[i]);
    }
    header += Concat("],\"data_offsets\":[", offset, ",", offset + tensor.bytes.size(), "]}");
    offset += tensor.bytes.size();
  }
  header += "}";
  // The format allows spaces after the header; they put the data on a cache line's start.
  while ((sizeof(uint64_t) + header.size()) % kDataAlignment != 0) header.push_back(' ');
  std::string out;
  ByteWriter writer(out);
  writer.Fixed<uint64_t>(header.size());
  writer.Raw(header);
  for (const Tensor& tensor : tensors) writer.Raw(tensor.bytes);
  return out;
}

}  // namespace larder::text
