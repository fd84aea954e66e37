// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_VECTOR_TABLE_H_
#define LARDER_FEATURESTORE_VECTOR_TABLE_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/status.h"
#include "featurestore/chunked_array.h"
#include "featurestore/row_table.h"
#include "registry/column.h"
#include "registry/compiled_registry.h"

namespace larder::featurestore {

// How far a vector feature is. It serves reads, and its name means it, once it is active (S7.5).
enum class VectorStage : uint8_t {
  kComputing,  // rows older than it have no vectors yet
  kReady,      // all rows have theirs; its epoch has still to be checked and activated
  kActive,
};

// The vectors of one vector feature, by ordinal of its entity, as codes in one arena; each with the
// hash of the content that it was made from (S7.3), so that unchanged content is not encoded again.
// Thread-safety: one writer, which excludes readers.
class VectorTable {
 public:
  // `rows` is the feature's table; `column` its vector column if the vectors come with the rows,
  // else empty.
  VectorTable(const registry::VectorFeature& feature, std::string column, const RowTable& rows,
              VectorStage stage)
      : feature_(&feature),
        column_(std::move(column)),
        rows_(rows),
        stage_(stage),
        codes_(feature.code_size()) {}

  // As the newest revision that has it says; only its name differs from one to another.
  const registry::VectorFeature& feature() const { return *feature_; }
  // It must live as long as this.
  void set_feature(const registry::VectorFeature& feature) { feature_ = &feature; }
  VectorStage stage() const { return stage_; }
  bool active() const { return stage_ == VectorStage::kActive; }
  // Stages only rise.
  void Raise(VectorStage stage) { stage_ = std::max(stage_, stage); }

  // Ordinals at or above this have no vector.
  registry::Ordinal end() const { return static_cast<registry::Ordinal>(info_.capacity()); }

  // Empty if the key has none.
  std::span<const int8_t> Find(registry::Ordinal ordinal) const {
    if (!Has(ordinal)) return {};
    return {&codes_[ordinal], feature_->code_size()};
  }
  bool Has(registry::Ordinal ordinal) const {
    return ordinal < info_.capacity() && info_[ordinal].has;
  }
  // Of the vector's content; only if Has().
  const Hash128& content(registry::Ordinal ordinal) const { return info_[ordinal].content; }
  // Of what the vector will be made of, if it is wanted, else is made of; nothing if neither.
  std::optional<Hash128> LatestContent(registry::Ordinal ordinal) const;

  // An empty vector removes it, and that it is wanted. Marks it dirty.
  void Set(registry::Ordinal ordinal, const Hash128& content, std::span<const int8_t> vector);

  // A deferred feature's vector of this content is wanted from a job; until it comes, the key keeps
  // the one that it has. One that has this content already is wanted no more.
  void Want(registry::Ordinal ordinal, const Hash128& content);
  // Up to `max` of those wanted, in the order in which they came. Rows without a vector that were
  // there before the table was are not among them: they are found by looking at the rows.
  std::vector<registry::Ordinal> Wanted(size_t max) const;
  size_t wanted_count() const { return wanted_.size(); }
  // Puts a stored vector in; `share` as in AggregateState.
  void Install(registry::Ordinal ordinal, const Hash128& content, std::span<const int8_t> vector,
               const Hash128& share);
  // Puts the body of a stored blob in. Errors: kDataLoss naming `name`.
  Status InstallBlob(registry::Ordinal ordinal, std::string_view body, const Hash128& share,
                     std::string_view name);

  // Appends the vectors: as codes, or as floats if out.type says so. Before it is active
  // they read `never_computed`; then a row whose vector is wanted reads so too, and any other
  // without a vector has no text: `input_null`.
  Status Read(std::span<const registry::Ordinal> ordinals, const ReadAt& at,
              registry::Column& out) const;

  std::vector<registry::Ordinal> TakeDirty() { return std::exchange(dirty_, {}); }
  size_t dirty_count() const { return dirty_.size(); }
  size_t size() const { return size_; }
  // Whether there is anything to store of a key, and the body of its blob.
  bool HasBlob(registry::Ordinal ordinal) const {
    return Has(ordinal) || wanted_.contains(ordinal);
  }
  void EncodeTo(registry::Ordinal ordinal, std::string& out) const;
  Hash128& share(registry::Ordinal ordinal) { return info_[ordinal].share; }
  void ClearDirty(registry::Ordinal ordinal) { info_[ordinal].dirty = false; }

  // Since the store was opened.
  std::atomic<uint64_t> encoded{0};
  std::atomic<uint64_t> reused{0};

 private:
  struct Info {
    Hash128 content;
    Hash128 share;
    bool has = false;
    bool dirty = false;
  };
  void EnsureSize(registry::Ordinal ordinal);
  void Prefetch(registry::Ordinal ordinal) const;
  void AddWanted(registry::Ordinal ordinal, const Hash128& content);
  void Unwant(std::unordered_map<registry::Ordinal, Hash128>::iterator wanted);
  void MarkDirty(registry::Ordinal ordinal);

  const registry::VectorFeature* feature_;
  const std::string column_;
  const RowTable& rows_;
  VectorStage stage_;
  ChunkedArray<int8_t> codes_;
  ChunkedArray<Info> info_;
  std::vector<registry::Ordinal> dirty_;
  size_t size_ = 0;
  std::unordered_map<registry::Ordinal, Hash128> wanted_;
  std::deque<registry::Ordinal> wanted_order_;  // as they came; also some not wanted any more
};

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_VECTOR_TABLE_H_
