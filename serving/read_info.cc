// SPDX-License-Identifier: Apache-2.0
#include "serving/read_info.h"

#include <string>

#include "registry/compiled_registry.h"

namespace larder::serving {

void SetTime(TimeUs time, google::protobuf::Timestamp* out) {
  // Protobuf wants nanoseconds that count forward, also before the epoch.
  const TimeUs seconds = time / kSecondUs - (time % kSecondUs < 0 ? 1 : 0);
  out->set_seconds(seconds);
  out->set_nanos(static_cast<int32_t>((time - seconds * kSecondUs) * 1'000));
}

void SetDuration(DurationUs duration, google::protobuf::Duration* out) {
  out->set_seconds(duration / kSecondUs);
  out->set_nanos(static_cast<int32_t>(duration % kSecondUs * 1'000));
}

void SetReadInfo(const featurestore::Snapshot& snapshot, uint64_t revision, v1::ReadInfo* out) {
  out->mutable_position()->set_value(snapshot.position().value);
  SetTime(snapshot.time(), out->mutable_time());
  out->set_semantics(registry::kSemantics);
  out->set_revision(revision);
}

void AddDefinition(std::string_view kind, std::string_view name, uint32_t version,
                   const Digest& digest, v1::ReadInfo* out) {
  v1::DefinitionRef* ref = out->add_definitions();
  ref->set_kind(std::string(kind));
  ref->set_name(std::string(name));
  ref->set_version(version);
  ref->set_digest(digest.Hex());
}

}  // namespace larder::serving
