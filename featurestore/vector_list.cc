// SPDX-License-Identifier: Apache-2.0
#include "featurestore/vector_list.h"

#include "base/bytes.h"
#include "featurestore/hash_bytes.h"

namespace larder::featurestore {

std::string EncodeVectorList(std::span<const VectorInput> inputs, std::span<const int8_t> codes) {
  std::string bytes;
  ByteWriter out(bytes);
  out.Varint(inputs.size());
  if (inputs.empty()) return bytes;
  const size_t code_size = codes.size() / inputs.size();
  LARDER_CHECK(codes.size() == inputs.size() * code_size);
  for (size_t i = 0; i < inputs.size(); ++i) {
    out.String(inputs[i].key);
    EncodeHash(inputs[i].content, out);
    out.Raw(AsBytes(codes.subspan(i * code_size, code_size)));
  }
  return bytes;
}

StatusOr<std::vector<ListedVector>> DecodeVectorList(std::string_view bytes, size_t code_size) {
  ByteReader in(bytes);
  std::vector<ListedVector> list(in.Count(1 + sizeof(Hash128) + code_size));
  for (ListedVector& listed : list) {
    listed.key = in.String();
    listed.content = DecodeHash(in);
    const std::string_view codes = in.Raw(code_size);
    listed.codes = {reinterpret_cast<const int8_t*>(codes.data()), codes.size()};
  }
  LARDER_RETURN_IF_ERROR(in.Finish("list of vectors"));
  return list;
}

}  // namespace larder::featurestore
