// SPDX-License-Identifier: Apache-2.0
#include "featurestore/vectors_file.h"

#include <utility>

#include "base/bytes.h"
#include "base/framed_file.h"
#include "featurestore/hash_bytes.h"

namespace larder::featurestore {
namespace {

constexpr FrameFormat kFormat{"LRDVECTR", 1};
constexpr uint64_t kMaxBytes = uint64_t{4} << 30;  // S11

}  // namespace

std::string EncodeVectorsFile(const Digest& feature, uint32_t dimensions,
                              std::span<const VectorInput> inputs,
                              std::span<const int8_t> vectors) {
  LARDER_CHECK(vectors.size() == inputs.size() * dimensions);
  std::string body;
  ByteWriter out(body);
  out.Raw(feature.view());
  out.Fixed(dimensions);
  out.Varint(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    out.String(inputs[i].key);
    EncodeHash(inputs[i].content, out);
    out.Raw(AsBytes(vectors.subspan(i * dimensions, dimensions)));
  }
  return Frame(kFormat, body);
}

StatusOr<VectorsFile> VectorsFile::Read(FileSystem& fs, const std::string& path,
                                        const Digest& feature, uint32_t dimensions) {
  LARDER_ASSIGN_OR_RETURN(std::string bytes, fs.Read(path, kMaxBytes));
  VectorsFile file;
  file.bytes_ = std::make_unique<const std::string>(std::move(bytes));
  LARDER_ASSIGN_OR_RETURN(const std::string_view body, Unframe(kFormat, *file.bytes_, path));
  ByteReader in(body);
  const std::string_view digest = in.Raw(sizeof feature.bytes);
  const auto stored_dimensions = in.Fixed<uint32_t>();
  if (!in.ok()) return DataLoss(path, ": is too short");
  if (digest != feature.view() || stored_dimensions != dimensions) {
    return DataLoss(path, ": holds vectors of another feature, expected ", feature.Short(),
                    " with ", dimensions, " dimensions");
  }
  file.dimensions_ = dimensions;
  file.count_ = in.Count(1 + sizeof(Hash128) + dimensions);
  file.items_ = body.substr(body.size() - in.remaining());
  for (size_t i = 0; i < file.count_; ++i) {
    in.String();
    in.Raw(sizeof(Hash128) + dimensions);
  }
  LARDER_RETURN_IF_ERROR(in.Finish(path));
  return file;
}

void VectorsFile::ForEach(const std::function<void(const Item&)>& visit) const {
  ByteReader in(items_);
  for (size_t i = 0; i < count_; ++i) {
    Item item;
    item.key = in.String();
    item.content = DecodeHash(in);
    const std::string_view codes = in.Raw(dimensions_);
    item.vector = {reinterpret_cast<const int8_t*>(codes.data()), codes.size()};
    visit(item);
  }
}

}  // namespace larder::featurestore
