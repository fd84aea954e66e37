// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_HISTORY_H_
#define LARDER_REGISTRY_HISTORY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "registry/compile.h"
#include "registry/compiled_registry.h"

namespace larder::registry {

// A revision as proposed by `apply` and as stored in the log (S7.1).
struct RevisionRecord {
  uint64_t base = 0;                    // the revision that it was planned against; 0: none
  std::string author;
  std::vector<DefinitionFile> files;    // as the engineer wrote them
  std::vector<EncoderFacts> encoders;   // the artifacts that this entry activates (S7.4)
};
// The format is docs/formats/revision.md. Decoding takes untrusted bytes.
// Errors: kDataLoss for bytes that EncodeRevision did not write; kUnimplemented for a newer format.
std::string EncodeRevision(const RevisionRecord& record);
StatusOr<RevisionRecord> DecodeRevision(std::string_view bytes);

struct Revision {
  uint64_t number = 0;  // 1, 2, 3 …
  uint64_t base = 0;
  std::string author;
  TimeUs arrival = 0;
  RevisionRecord record;
  std::shared_ptr<const CompiledRegistry> registry;
  // Version number of each definition at this revision: a definition whose digest is new gets the
  // next number of its name; an unchanged or earlier digest keeps its number.
  std::map<std::string, uint32_t> versions;
  // Every digest that a name had at this or an earlier revision, with its version number.
  std::map<std::string, std::map<Digest, uint32_t>> known_versions;

  // The version that `digest` of `name` has, or would get as the next revision.
  uint32_t VersionOf(const std::string& name, const Digest& digest) const;
};

// One line of `plan` (semantic diff).
struct Change {
  enum class Kind : uint8_t { kAdded = 1, kRemoved = 2, kCompatible = 3, kBreaking = 4 };
  Kind kind = Kind::kAdded;
  std::string definition_kind;
  std::string name;
  uint32_t old_version = 0;
  uint32_t new_version = 0;
  std::vector<std::string> details;   // "column price: double added", "new aggregate … folds from
                                      // this revision on; reads never_computed until backfilled"
  std::vector<std::string> used_by;   // definitions that use it, directly or not
};

// "ranker" or "ranker@3" taken apart; points into the text.
struct PinnedName {
  std::string_view name;
  std::optional<uint32_t> version;
};
// Errors: kInvalidArgument for a version that is no number from 1.
StatusOr<PinnedName> ParsePinnedName(std::string_view text);

// All revisions so far: a function of the control records of the log, nothing else. A copy shares
// the revisions, so it costs a pointer each.
// Thread-safety: thread-compatible.
class History {
 public:
  // Why `record` could not become the next revision, or OK: compare-and-set on `base`
  // (kAborted naming both revisions), compiles, and fits earlier revisions (kFailedPrecondition
  // with the Refusals).
  // Call with a compiled result to avoid compiling twice.
  Status Check(const RevisionRecord& record, const CompileResult& compiled) const;

  // What earlier revisions stand against, each complaint at its place in `files`, which `registry`
  // was compiled from: a source's kind, entity, time column, unit and id, a column's type and
  // entity, and an entity's key never change. That is checked against every earlier revision,
  // whether or not records came, even if the source was removed in between.
  std::vector<Diagnostic> Refusals(const std::vector<DefinitionFile>& files,
                                   const CompiledRegistry& registry) const;

  // Decides `record` in log order: returns the new revision, or Check's error. Deterministic.
  StatusOr<const Revision*> Apply(RevisionRecord record, TimeUs arrival);
  // With what Compile says of it: compiling is slow and needs no lock.
  StatusOr<const Revision*> Apply(RevisionRecord record, const CompileResult& compiled,
                                  TimeUs arrival);

  // nullptr before the first revision.
  const Revision* current() const;
  const Revision* Find(uint64_t number) const;
  const std::vector<std::shared_ptr<const Revision>>& revisions() const { return revisions_; }

  // Resolves "ranker" or "ranker@3" (S7.5). An unpinned name is the newest version whose needs
  // all satisfy `active`; if no version has, the newest. A removed name is found only when pinned.
  // The result lives as long as the history, or a copy.
  using IsActive = std::function<bool(const StoredFeature&)>;
  struct ResolvedSet {
    const FeatureSet* set = nullptr;
    uint32_t version = 0;
    uint64_t revision = 0;
  };
  struct ResolvedRetrieval {
    const Retrieval* retrieval = nullptr;
    const FeatureSet* return_set = nullptr;  // of the same revision
    uint32_t version = 0;
    uint64_t revision = 0;
  };
  StatusOr<ResolvedSet> FindSet(std::string_view name, const IsActive& active) const;
  StatusOr<ResolvedRetrieval> FindRetrieval(std::string_view name, const IsActive& active) const;

 private:
  std::vector<std::shared_ptr<const Revision>> revisions_;
};

// The semantic diff from `from` (null: nothing) to `to`, sorted by kind and name; unchanged
// definitions are left out. `source_has_records` says for which sources new state misses a past.
std::vector<Change> Diff(const Revision* from, const CompiledRegistry& to,
                         const std::function<bool(std::string_view source)>& source_has_records);

}  // namespace larder::registry

#endif  // LARDER_REGISTRY_HISTORY_H_
