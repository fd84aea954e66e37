// SPDX-License-Identifier: Apache-2.0
#include "featurestore/history_ids.h"

#include <utility>

#include "base/bytes.h"

namespace larder::featurestore {
namespace {

StatusOr<Hash128> DecodeHistoryId(std::string_view body) {
  ByteReader in(body);
  Hash128 payload_hash;
  payload_hash.high = in.Fixed<uint64_t>();
  payload_hash.low = in.Fixed<uint64_t>();
  LARDER_RETURN_IF_ERROR(in.Finish("stored id of bulk history"));
  return payload_hash;
}

}  // namespace

std::string EncodeHistoryId(const Hash128& payload_hash) {
  std::string body;
  ByteWriter out(body);
  out.Fixed(payload_hash.high);
  out.Fixed(payload_hash.low);
  return body;
}

void HistoryIds::Add(const Hash128& id, const OriginalRecord& original) {
  const MutexLock lock(mutex_);
  if (!closed_) waiting_.emplace(id, original);
}

Status HistoryIds::Recall(std::span<const RecordInfo> infos) {
  recalled_.clear();
  for (const RecordInfo& info : infos) {
    const Status status =
        db_.Get(HistoryIdBlobKey(source_, info.id), [&](const Blob& blob) -> Status {
          LARDER_ASSIGN_OR_RETURN(const Hash128 payload_hash, DecodeHistoryId(blob.body));
          recalled_.emplace(info.id, OriginalRecord{payload_hash, blob.position});
          return OkStatus();
        });
    if (!status.ok() && status.code() != StatusCode::kNotFound) return status;
  }
  return OkStatus();
}

std::optional<OriginalRecord> HistoryIds::Find(const Hash128& id) const {
  if (const auto found = recalled_.find(id); found != recalled_.end()) return found->second;
  const MutexLock lock(mutex_);
  for (const auto* ids : {&waiting_, &taken_}) {
    if (const auto found = ids->find(id); found != ids->end()) return found->second;
  }
  return std::nullopt;
}

std::vector<HistoryIds::Id> HistoryIds::Take(Position last) {
  const MutexLock lock(mutex_);
  LARDER_CHECK(taken_.empty());
  std::vector<Id> ids;
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (it->second.position > last) {
      ++it;
      continue;
    }
    ids.push_back({it->first, it->second});
    taken_.insert(*it);
    it = waiting_.erase(it);
  }
  return ids;
}

void HistoryIds::Stored() {
  const MutexLock lock(mutex_);
  taken_.clear();
}

void HistoryIds::Close() {
  const MutexLock lock(mutex_);
  closed_ = true;
  waiting_.clear();
}

}  // namespace larder::featurestore
