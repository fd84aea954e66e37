// SPDX-License-Identifier: Apache-2.0
// docs/formats/revision.md
#include <utility>

#include "base/bytes.h"
#include "registry/history.h"

namespace larder::registry {
namespace {

constexpr std::string_view kMagic = "LRV1";
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
  if (magic != kMagic) {
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
    if (!reader.ok() || dimensions > UINT32_MAX) {
      reader.Fail();
      break;
    }
    LARDER_ASSIGN_OR_RETURN(facts.digest, Digest::FromBytes(digest));
    facts.dimensions = static_cast<uint32_t>(dimensions);
    record.encoders.push_back(std::move(facts));
  }
  LARDER_RETURN_IF_ERROR(reader.Finish(kWhat));
  return record;
}

}  // namespace larder::registry
