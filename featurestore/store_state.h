// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_STORE_STATE_H_
#define LARDER_FEATURESTORE_STORE_STATE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "base/status.h"
#include "featurestore/entity_state.h"
#include "featurestore/entry.h"
#include "featurestore/position.h"
#include "featurestore/row_table.h"
#include "featurestore/vector_table.h"
#include "featurestore/window_table.h"
#include "registry/compiled_registry.h"
#include "registry/history.h"

namespace larder::featurestore {

// What apply does with the records of one source: which keys they name, which states they go to.
struct SourceState {
  // A column of the source that is a key of an entity.
  struct KeyUse {
    std::string column;
    EntityState* entity = nullptr;
  };
  // `schema`: the source as of the newest revision that has the aggregate; its columns are what
  // the aggregate's program indexes.
  struct AggregateUse {
    WindowTable* window = nullptr;
    const registry::Aggregate* aggregate = nullptr;
    const registry::Source* schema = nullptr;
    size_t key_use = 0;
  };
  struct VectorUse {
    VectorTable* vectors = nullptr;
    const registry::VectorFeature* feature = nullptr;
    const registry::Source* schema = nullptr;
  };

  std::string name;
  RowTable* rows = nullptr;                  // tables only
  size_t row_key = 0;                        // their key, in `key_uses`
  std::vector<KeyUse> key_uses;
  std::vector<AggregateUse> aggregates;
  std::vector<VectorUse> vectors;
  uint64_t records = 0;  // applied
  uint64_t skipped = 0;  // S1.8
  uint64_t first_live = 0;  // entry of the first live append (S2.3); 0: none yet
};

// A control record as kept in the state: with what apply saw or did, which later replays must not
// decide anew.
struct ControlNote {
  Position position;
  TimeUs arrival = 0;
  EntryKind kind = EntryKind::kRevision;
  std::string control;
  std::set<std::string, std::less<>> sources_with_records;  // kRevision
  // kActivate: the artifact was loaded and is in use. (A base that was replayed is loaded later.)
  bool installed = false;
};
std::string EncodeControlNote(const ControlNote& note);
StatusOr<ControlNote> DecodeControlNote(Position position, std::string_view bytes);

// Everything that apply maintains and reads see, in memory.
// Thread-safety: one writer, which excludes readers; the writer may read at any time.
class StoreState {
 public:
  const registry::History& history() const { return history_; }

  // Decides a revision (S7.1) and makes room for what it brings. Aggregates and vector features
  // whose source has records already are inactive: they miss a past (S7.2). So are vector features
  // that take the place of one whose source has records: they become active by an `activate`.
  // `compiled`: what Compile says of the record, which takes long.
  // Errors: what History::Check says; the state is then unchanged.
  StatusOr<const registry::Revision*> ApplyRevision(registry::RevisionRecord record,
                                                    const registry::CompileResult& compiled,
                                                    const ControlNote& note);

  // nullptr if there is none.
  EntityState* FindEntity(std::string_view name) const;
  SourceState* FindSource(std::string_view name) const;
  RowTable* FindTable(std::string_view name) const;
  WindowTable* FindWindow(const Digest& digest) const;
  VectorTable* FindVectors(const Digest& digest) const;
  // By the first 16 bytes of the digest, as blobs name them.
  WindowTable* FindWindowByPrefix(std::string_view digest_prefix) const;
  VectorTable* FindVectorsByPrefix(std::string_view digest_prefix) const;
  bool IsActive(const registry::StoredFeature& feature) const;

  // In the order in which revisions brought them.
  const std::vector<std::unique_ptr<EntityState>>& entities() const { return entities_; }
  const std::vector<std::unique_ptr<SourceState>>& sources() const { return sources_; }
  const std::vector<std::unique_ptr<RowTable>>& tables() const { return tables_; }
  const std::vector<std::unique_ptr<WindowTable>>& windows() const { return windows_; }
  const std::vector<std::unique_ptr<VectorTable>>& vectors() const { return vectors_; }
  RowLayouts& layouts() { return layouts_; }
  std::set<std::string, std::less<>> SourcesWithRecords() const;
  size_t DirtyCount() const;

  Position applied;         // P
  uint64_t checksum = 0;    // of the log entry of P
  TimeUs last_arrival = 0;  // log time (S2.7)
  // Applied but not yet stored, for the checkpoint.
  std::vector<ControlNote> new_notes;
  struct NewIds {
    std::string source;
    uint64_t entry = 0;
    std::string bytes;  // EncodeIds
  };
  std::vector<NewIds> new_ids;

 private:
  EntityState& EntityFor(const std::string& name);
  SourceState& SourceFor(const std::string& name);
  static size_t KeyUseFor(SourceState& source, const std::string& column, EntityState& entity);
  void AddSource(const registry::Source& schema);
  void AddAggregate(const registry::CompiledRegistry& registry,
                    const registry::Aggregate& aggregate, const ControlNote& note);
  // True if this name means an active feature so far, and there are rows for it.
  bool Replaces(const registry::VectorFeature& feature, const ControlNote& note) const;
  void AddVector(const registry::CompiledRegistry& registry, const registry::VectorFeature& feature,
                 const ControlNote& note);

  registry::History history_;
  RowLayouts layouts_;
  std::vector<std::unique_ptr<EntityState>> entities_;
  std::vector<std::unique_ptr<SourceState>> sources_;
  std::vector<std::unique_ptr<RowTable>> tables_;
  std::vector<std::unique_ptr<WindowTable>> windows_;
  std::vector<std::unique_ptr<VectorTable>> vectors_;
  std::map<std::string, EntityState*, std::less<>> entity_by_name_;
  std::map<std::string, SourceState*, std::less<>> source_by_name_;
  std::unordered_map<Digest, WindowTable*> window_by_digest_;
  std::unordered_map<Digest, VectorTable*> vectors_by_digest_;
  std::map<std::string, WindowTable*, std::less<>> window_by_prefix_;
  std::map<std::string, VectorTable*, std::less<>> vectors_by_prefix_;
};

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_STORE_STATE_H_
