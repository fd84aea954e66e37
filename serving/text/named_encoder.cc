// SPDX-License-Identifier: Apache-2.0
#include "serving/text/named_encoder.h"

#include <memory>
#include <span>

#include "base/bytes.h"
#include "serving/encoders.h"
#include "serving/known_names.h"

namespace larder::serving {

StatusOr<NamedEncoder> FindEncoder(const std::string& name, const Context& context) {
  if (name.empty() || name.size() > kMaxNameBytes || !IsUtf8(name)) {
    return InvalidArgument("encoder: expected 1 to ", kMaxNameBytes, " bytes of UTF-8");
  }
  NamedEncoder found;
  {
    LARDER_ASSIGN_OR_RETURN(const auto snapshot, ReadStore(context));
    const registry::Revision* current = snapshot->history().current();
    const registry::Encoder* encoder =
        current == nullptr ? nullptr : current->registry->FindEncoder(name);
    if (encoder == nullptr) {
      std::span<const registry::Encoder> known;
      if (current != nullptr) known = current->registry->encoders;
      return NotFound("unknown encoder '", name, "'", ExpectedOneOf(known));
    }
    if (encoder->external) {
      return FailedPrecondition("encoder '", encoder->name, "' is external: its vectors come with "
                                "the rows");
    }
    const auto version = current->versions.find(encoder->name);
    found.digest = encoder->digest;
    found.ref.set_kind("encoder");
    found.ref.set_name(encoder->name);
    found.ref.set_version(version == current->versions.end() ? 0 : version->second);
    found.ref.set_digest(encoder->digest.Hex());
  }
  // Without the snapshot, so that apply does not wait for a slow disk.
  LARDER_ASSIGN_OR_RETURN(found.encoder, context.backend.encoders.Get(found.digest));
  return found;
}

StatusOr<EncoderNames> ListEncoders(const Context& context) {
  EncoderNames list;
  LARDER_ASSIGN_OR_RETURN(const auto snapshot, ReadStore(context));
  const registry::Revision* current = snapshot->history().current();
  if (current == nullptr) return list;
  list.since = current->arrival;
  for (const registry::Encoder& encoder : current->registry->encoders) {
    if (!encoder.external) list.names.push_back(encoder.name);
  }
  return list;
}

}  // namespace larder::serving
