// SPDX-License-Identifier: Apache-2.0
#include "serving/bounded_reader.h"

#include <algorithm>

namespace larder::serving {
namespace {

using registry::Column;
using registry::Kind;
using registry::StoredKind;

constexpr size_t kAtATime = 128;

// True if a value of `type` has one size and that is small.
bool IsSmall(const registry::Type& type) {
  return !type.list && type.kind != Kind::kString && type.kind != Kind::kKey &&
         type.kind != Kind::kVector;
}

size_t BytesOf(const Column& column) {
  return column.strings.bytes.size() + column.strings.ends.size() * sizeof(uint32_t) +
         column.ints.size() * sizeof(int64_t) + column.doubles.size() * sizeof(double) +
         column.codes.size() + column.floats.size() * sizeof(float);
}

}  // namespace

std::string BoundedReader::NameOf(const registry::StoredFeature& feature) const {
  if (feature.kind == StoredKind::kTableColumn) return feature.source + "." + feature.column;
  for (const auto& revision : snapshot_.history().revisions()) {
    if (const auto* found = revision->registry->FindAggregate(feature.digest)) return found->name;
    if (const auto* found = revision->registry->FindVector(feature.digest)) return found->name;
  }
  return feature.digest.Short();
}

Status BoundedReader::Read(const registry::StoredFeature& feature,
                           std::span<const registry::Ordinal> ordinals, bool want_times,
                           Column& out) {
  if (IsSmall(out.type)) return snapshot_.Read(feature, ordinals, want_times, out);
  size_t bytes = BytesOf(out);
  while (!ordinals.empty()) {
    const size_t n = std::min(kAtATime, ordinals.size());
    LARDER_RETURN_IF_ERROR(snapshot_.Read(feature, ordinals.first(n), want_times, out));
    ordinals = ordinals.subspan(n);
    const size_t more = BytesOf(out) - bytes;
    if (more > left_) {
      return ResourceExhausted("the request reads too much at once: '", NameOf(feature),
                               "' does not fit any more; ask for fewer candidates");
    }
    left_ -= more;
    bytes += more;
  }
  return OkStatus();
}

}  // namespace larder::serving
