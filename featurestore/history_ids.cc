// SPDX-License-Identifier: Apache-2.0
#include "featurestore/history_ids.h"

#include <utility>

#include "base/bytes.h"
#include "featurestore/hash_bytes.h"

namespace larder::featurestore {
namespace {

StatusOr<Hash128> DecodeHistoryId(std::string_view body) {
  ByteReader in(body);
  const Hash128 payload_hash = DecodeHash(in);
  LARDER_RETURN_IF_ERROR(in.Finish("stored id of bulk history"));
  return payload_hash;
}

}  // namespace

std::string EncodeHistoryId(const Hash128& payload_hash) {
  std::string body;
  ByteWriter out(body);
  EncodeHash(payload_hash, out);
  return body;
}

void HistoryIds::Add(const Hash128& id, const OriginalRecord& original) {
  const MutexLock lock(mutex_);
  if (!closed_ && in_memory_.emplace(id, original).second) waiting_.push_back(id);
}

std::optional<OriginalRecord> HistoryIds::FindInMemory(const Hash128& id) const {
  const MutexLock lock(mutex_);
  const auto found = in_memory_.find(id);
  return found == in_memory_.end() ? std::nullopt : std::optional(found->second);
}

StatusOr<std::optional<OriginalRecord>> HistoryIds::Find(const Hash128& id) {
  std::optional<OriginalRecord> found = FindInMemory(id);
  if (found.has_value()) return found;
  LARDER_ASSIGN_OR_RETURN(const bool any, AnyOnDisk());
  if (!any) return found;
  const Status status = db_.Get(HistoryIdBlobKey(source_, id), [&](const Blob& blob) -> Status {
    LARDER_ASSIGN_OR_RETURN(const Hash128 payload_hash, DecodeHistoryId(blob.body));
    found = OriginalRecord{payload_hash, blob.position};
    return OkStatus();
  });
  if (!status.ok() && status.code() != StatusCode::kNotFound) return status;
  return found;
}

StatusOr<bool> HistoryIds::AnyOnDisk() {
  {
    const MutexLock lock(mutex_);
    if (took_any_) return true;
  }
  if (!found_on_disk_.has_value()) {
    bool found = false;
    // The first is enough.
    const Status status = db_.Scan(BlobPrefix(BlobKind::kHistoryId, source_), /*once=*/false,
                                   [&](std::string_view, const Blob&) {
                                     found = true;
                                     return Cancelled("found");
                                   });
    if (!status.ok() && !found) return status;
    found_on_disk_ = found;
  }
  return *found_on_disk_;
}

std::vector<HistoryIds::Id> HistoryIds::Take(Position last, size_t limit) {
  const MutexLock lock(mutex_);
  std::vector<Id> ids;
  while (!waiting_.empty() && ids.size() < limit) {
    const auto& [id, original] = *in_memory_.find(waiting_.front());
    if (original.position > last) break;
    ids.push_back({id, original});
    taken_.push_back(id);
    waiting_.pop_front();
  }
  took_any_ |= !ids.empty();
  return ids;
}

void HistoryIds::Stored() {
  const MutexLock lock(mutex_);
  for (const Hash128& id : taken_) in_memory_.erase(id);
  taken_.clear();
}

void HistoryIds::Close() {
  const MutexLock lock(mutex_);
  closed_ = true;
  waiting_.clear();
  taken_.clear();
  in_memory_.clear();
}

}  // namespace larder::featurestore
