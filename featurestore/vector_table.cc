// SPDX-License-Identifier: Apache-2.0
#include "featurestore/vector_table.h"

#include <cstring>

#include "base/bytes.h"
#include "featurestore/hash_bytes.h"

namespace larder::featurestore {

using registry::Column;
using registry::kNoTime;
using registry::Ordinal;
using registry::Reason;

namespace {

constexpr size_t kPrefetch = 4;

}  // namespace

void VectorTable::Prefetch(Ordinal ordinal) const {
  if (ordinal >= info_.capacity()) return;
  __builtin_prefetch(&info_[ordinal]);
  for (size_t i = 0; i < feature_->code_size(); i += 64) __builtin_prefetch(&codes_[ordinal] + i);
}

void VectorTable::EnsureSize(Ordinal ordinal) {
  info_.EnsureSize(size_t{ordinal} + 1);
  codes_.EnsureSize(size_t{ordinal} + 1);
}

void VectorTable::Set(Ordinal ordinal, const Hash128& content, std::span<const int8_t> vector) {
  if (vector.empty() && !Has(ordinal)) return;
  const Hash128 share = ordinal < info_.capacity() ? info_[ordinal].share : Hash128{};
  Install(ordinal, content, vector, share);
  Info& info = info_[ordinal];
  if (info.dirty) return;
  info.dirty = true;
  dirty_.push_back(ordinal);
}

void VectorTable::Install(Ordinal ordinal, const Hash128& content, std::span<const int8_t> vector,
                          const Hash128& share) {
  LARDER_CHECK(vector.empty() || vector.size() == feature_->code_size());
  EnsureSize(ordinal);
  Info& info = info_[ordinal];
  if (info.has) --size_;
  info.has = !vector.empty();
  if (info.has) ++size_;
  info.content = content;
  info.share = share;
  if (info.has) std::memcpy(&codes_[ordinal], vector.data(), vector.size());
}

Status VectorTable::Read(std::span<const Ordinal> ordinals, const ReadAt& at, Column& out) const {
  if (out.type.kind != registry::Kind::kVector || out.type.list ||
      out.type.dimensions != feature_->dimensions) {
    return Internal("vector ", feature_->name, " of ", feature_->dimensions,
                    " dimensions read as ", out.type.Name());
  }
  if (!out.type.int8 && !column_.empty()) return rows_.Read(column_, ordinals, at, out);
  for (size_t i = 0; i < ordinals.size(); ++i) {
    const Ordinal ordinal = ordinals[i];
    rows_.Prefetch(ordinals, i);
    if (i + kPrefetch < ordinals.size()) Prefetch(ordinals[i + kPrefetch]);
    const Row* row = rows_.Find(ordinal);
    Reason reason = RowTable::ReasonOf(row, at);
    if (reason == Reason::kValid && !active()) reason = Reason::kNeverComputed;
    if (reason == Reason::kValid && !Has(ordinal)) reason = Reason::kInputNull;
    if (at.want_times) out.times.push_back(row == nullptr ? kNoTime : row->event_time());
    if (reason != Reason::kValid) {
      out.AppendNull(reason);
    } else if (out.type.int8) {
      out.AppendCodes(Find(ordinal).first(feature_->dimensions));
    } else {
      const std::span<const int8_t> codes = Find(ordinal);
      out.AppendFloats(std::vector<float>(codes.begin(), codes.end()));
    }
  }
  return OkStatus();
}

void VectorTable::EncodeTo(Ordinal ordinal, std::string& out) const {
  ByteWriter writer(out);
  EncodeHash(content(ordinal), writer);
  writer.Raw(AsBytes(Find(ordinal)));
}

}  // namespace larder::featurestore
