// SPDX-License-Identifier: Apache-2.0
#include "featurestore/vector_table.h"

#include <cstring>
#include <unordered_set>

#include "base/bytes.h"
#include "base/fixed_point.h"
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
  const bool had = HasBlob(ordinal);
  if (const auto wanted = wanted_.find(ordinal);
      wanted != wanted_.end() && (vector.empty() || wanted->second == content)) {
    Unwant(wanted);
  }
  if (vector.empty() && !had) return;
  const Hash128 share = ordinal < info_.capacity() ? info_[ordinal].share : Hash128{};
  Install(ordinal, content, vector, share);
  MarkDirty(ordinal);
}

void VectorTable::Want(Ordinal ordinal, const Hash128& content) {
  const auto wanted = wanted_.find(ordinal);
  if (Has(ordinal) && this->content(ordinal) == content) {
    if (wanted == wanted_.end()) return;
    Unwant(wanted);
  } else {
    EnsureSize(ordinal);
    AddWanted(ordinal, content);
  }
  MarkDirty(ordinal);  // its blob says what is wanted
}

void VectorTable::AddWanted(Ordinal ordinal, const Hash128& content) {
  const bool is_new = wanted_.insert_or_assign(ordinal, content).second;
  if (is_new) wanted_order_.push_back(ordinal);
}

void VectorTable::Unwant(std::unordered_map<Ordinal, Hash128>::iterator wanted) {
  wanted_.erase(wanted);
  while (!wanted_order_.empty() && !wanted_.contains(wanted_order_.front())) {
    wanted_order_.pop_front();
  }
}

std::vector<Ordinal> VectorTable::Wanted(size_t max) const {
  std::vector<Ordinal> found;
  std::unordered_set<Ordinal> seen;
  for (const Ordinal ordinal : wanted_order_) {
    if (found.size() == max) break;
    if (wanted_.contains(ordinal) && seen.insert(ordinal).second) found.push_back(ordinal);
  }
  return found;
}

std::optional<Hash128> VectorTable::LatestContent(Ordinal ordinal) const {
  if (const auto wanted = wanted_.find(ordinal); wanted != wanted_.end()) return wanted->second;
  return Has(ordinal) ? std::optional(content(ordinal)) : std::nullopt;
}

void VectorTable::MarkDirty(Ordinal ordinal) {
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
    if (reason == Reason::kValid && !Has(ordinal)) {
      reason = wanted_.contains(ordinal) ? Reason::kNeverComputed : Reason::kInputNull;
    }
    if (at.want_times) out.times.push_back(row == nullptr ? kNoTime : row->event_time());
    if (reason != Reason::kValid) {
      out.AppendNull(reason);
    } else if (out.type.int8) {
      out.AppendCodes(Find(ordinal).first(feature_->dimensions));
    } else {
      std::vector<float> vector(feature_->dimensions);
      if (feature_->floats) {
        FromFixedPoint(Find(ordinal), vector);
      } else {
        const std::span<const int8_t> codes = Find(ordinal);
        vector.assign(codes.begin(), codes.end());
      }
      out.AppendFloats(vector);
    }
  }
  return OkStatus();
}

void VectorTable::EncodeTo(Ordinal ordinal, std::string& out) const {
  ByteWriter writer(out);
  if (Has(ordinal)) {
    EncodeHash(content(ordinal), writer);
    writer.Raw(AsBytes(Find(ordinal)));
  }
  if (const auto wanted = wanted_.find(ordinal); wanted != wanted_.end()) {
    EncodeHash(wanted->second, writer);
  }
}

Status VectorTable::InstallBlob(Ordinal ordinal, std::string_view body, const Hash128& share,
                                std::string_view name) {
  ByteReader in(body);
  const bool has = in.remaining() != sizeof(Hash128);
  const Hash128 made_of = has ? DecodeHash(in) : Hash128{};
  const std::string_view codes = in.Raw(has ? feature_->code_size() : 0);
  const bool wanted = in.ok() && in.remaining() > 0;
  const Hash128 wanted_content = wanted ? DecodeHash(in) : Hash128{};
  LARDER_RETURN_IF_ERROR(in.Finish(name));
  Install(ordinal, made_of, {reinterpret_cast<const int8_t*>(codes.data()), codes.size()}, share);
  if (wanted) AddWanted(ordinal, wanted_content);
  return OkStatus();
}

}  // namespace larder::featurestore
