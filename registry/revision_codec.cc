// SPDX-License-Identifier: Apache-2.0
// docs/formats/revision.md
#include <utility>

#include "base/bytes.h"
#include "registry/history.h"

namespace larder::registry {
namespace {

constexpr std::string_view kMagic = "LRV2";
constexpr std::string_view kMagicOfV1 = "LRV1";  // its encoders were all static
constexpr std::string_view kMagicPrefix = "LRV";
constexpr std::string_view kWhat = "registry revision";

}  // namespace

std::string EncodeRevision(const RevisionRecord& record) {
  std::string body;
  ByteWriter writer(body);
  writer.Varint(record.base);
  writer.String(record.author);
  writer.Varint(record.files.size());
  for (const DefinitionFile& file : record.files) {
    writer.String(file.path);
    writer.String(file.text);
  }
  writer.Varint(record.encoders.size());
  for (const EncoderFacts& encoder : record.encoders) {
    writer.String(encoder.path);
    writer.Raw(encoder.digest.view());
    writer.Varint(encoder.dimensions);
    writer.Fixed(static_cast<uint8_t>(encoder.floats ? 1 : 0));
  }
  std::string bytes(kMagic);
  ByteWriter frame(bytes);
  frame.Fixed(Hash64(body));
  frame.Raw(body);
  return bytes;
}

StatusOr<RevisionRecord> DecodeRevision(std::string_view bytes) {
  ByteReader frame(bytes);
  const std::string_view magic = frame.Raw(kMagic.size());
  if (magic != kMagic && magic != kMagicOfV1) {
    if (magic.starts_with(kMagicPrefix) && magic.back() > kMagic.back()) {
      return Unimplemented(kWhat, ": format '", magic, "' is newer than this program");
    }
    return DataLoss(kWhat, ": it does not begin with '", kMagic, "'");
  }
  const uint64_t checksum = frame.Fixed<uint64_t>();
  const std::string_view body = frame.Raw(frame.remaining());
  if (!frame.ok() || Hash64(body) != checksum) return DataLoss(kWhat, ": wrong checksum");

  ByteReader reader(body);
  RevisionRecord record;
  record.base = reader.Varint();
  record.author = reader.String();
  const size_t files = reader.Count(2);
  for (size_t i = 0; i < files && reader.ok(); ++i) {
    DefinitionFile file;
    file.path = reader.String();
    file.text = reader.String();
    record.files.push_back(std::move(file));
  }
  const size_t encoders = reader.Count(34);
  for (size_t i = 0; i < encoders && reader.ok(); ++i) {
    EncoderFacts facts;
    facts.path = reader.String();
    const std::string_view digest = reader.Raw(sizeof facts.digest.bytes);
    const uint64_t dimensions = reader.Varint();
    const auto floats = magic == kMagicOfV1 ? uint8_t{0} : reader.Fixed<uint8_t>();
    if (!reader.ok() || dimensions > UINT32_MAX || floats > 1) {
      reader.Fail();
      break;
    }
    LARDER_ASSIGN_OR_RETURN(facts.digest, Digest::FromBytes(digest));
    facts.dimensions = static_cast<uint32_t>(dimensions);
    facts.floats = floats != 0;
    record.encoders.push_back(std::move(facts));
  }
  LARDER_RETURN_IF_ERROR(reader.Finish(kWhat));
  return record;
}

}  // namespace larder::registry
