// SPDX-License-Identifier: Apache-2.0
#include "base/framed_file.h"

#include "base/bytes.h"
#include "base/hash.h"

namespace larder {

std::string FrameHeader(const FrameFormat& format, std::string_view body) {
  LARDER_CHECK(format.magic.size() == 8);
  std::string out;
  ByteWriter writer(out);
  writer.Raw(format.magic);
  writer.Fixed<uint32_t>(format.version);
  writer.Fixed<uint32_t>(0);
  writer.Fixed<uint64_t>(body.size());
  writer.Fixed<uint64_t>(Hash64(body));
  return out;
}

std::string Frame(const FrameFormat& format, std::string_view body) {
  std::string out;
  out.reserve(kFrameHeaderSize + body.size());
  out += FrameHeader(format, body);
  out += body;
  return out;
}

uint32_t FrameVersion(std::string_view bytes) {
  ByteReader reader(bytes);
  reader.Raw(8);
  return reader.Fixed<uint32_t>();
}

StatusOr<std::string_view> Unframe(const FrameFormat& format, std::string_view bytes,
                                   std::string_view name, bool verify_checksum) {
  ByteReader reader(bytes);
  const std::string_view magic = reader.Raw(8);
  const auto version = reader.Fixed<uint32_t>();
  const auto zero = reader.Fixed<uint32_t>();
  const auto length = reader.Fixed<uint64_t>();
  const auto checksum = reader.Fixed<uint64_t>();
  if (!reader.ok()) {
    return DataLoss(name, ": ", bytes.size(), " bytes, expected a header of ", kFrameHeaderSize);
  }
  if (magic != format.magic) {
    return DataLoss(name, ": expected magic '", format.magic, "', got other bytes");
  }
  if (version == 0 || version > format.version) {
    return Unimplemented(name, ": format version ", version, ", this binary reads up to ",
                         format.version);
  }
  if (zero != 0) return DataLoss(name, ": reserved field is ", zero, ", expected 0");
  if (length != reader.remaining()) {
    return DataLoss(name, ": header says ", length, " bytes of body, the file has ",
                    reader.remaining());
  }
  const std::string_view body = reader.Raw(reader.remaining());
  if (verify_checksum && Hash64(body) != checksum) {
    return DataLoss(name, ": checksum does not match the content");
  }
  return body;
}

}  // namespace larder
