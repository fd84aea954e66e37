// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_COMPILED_REGISTRY_H_
#define LARDER_REGISTRY_COMPILED_REGISTRY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "registry/program.h"
#include "registry/stored_feature.h"
#include "registry/type.h"

namespace larder::registry {

// The version of meaning of the whole engine: bumped when any function's bits would change (R1).
inline constexpr uint32_t kSemantics = 1;

struct Entity {
  std::string name;
  std::string key;         // the name of its key: "item_id"
  bool candidate = false;  // a set or recipe has it as candidate: all its keys stay in memory
};

struct Encoder {
  std::string name;
  Digest digest;  // of the artifact: the `space`. External: a digest of its name and dimensions
  uint32_t dimensions = 0;
  bool external = false;  // its vectors come with rows
  bool floats = false;    // float32 vectors: of external ones and of transformers; else int8
};

struct SourceColumn {
  std::string name;
  Type type;
  std::string entity;  // the entity that it is a key of (`keys:`, a table's key), or empty
};

// A `table` or an `events` document (S1.2).
struct Source {
  enum class TimeUnit : uint8_t { kRfc3339, kSeconds, kMilliseconds, kMicroseconds };
  std::string name;
  bool table = false;
  std::string entity;                 // tables: whose rows
  std::vector<SourceColumn> columns;  // all of them: keys, time, id and payload; sorted by name
  size_t time_column = 0;
  size_t key_column = 0;              // tables
  std::optional<size_t> id_column;    // absent: the id is the payload's hash (S1.4)
  TimeUnit unit = TimeUnit::kRfc3339;
  DurationUs delay = 0;
  bool ignore_extra = false;

  // Index into `columns`, or -1.
  int FindColumn(std::string_view column) const;
};

enum class AggregateFunction : uint8_t {
  kCount = 1, kSum = 2, kMean = 3, kMin = 4, kMax = 5, kFirst = 6, kLast = 7,
};

// Where a window begins (S3.1).
struct Window {
  enum class Kind : uint8_t { kAll = 1, kTiled = 2, kExact = 3 };
  Kind kind = Kind::kAll;
  DurationUs width = 0;  // kTiled, kExact
  DurationUs hop = 0;    // kTiled: from HopOf(width)
};
// The largest of 1s 10s 1m 5m 15m 30m 1h 3h 6h 1d that is <= max(width / 48, 1s) (S3.1).
DurationUs HopOf(DurationUs width);

// One aggregate over one window: the unit of window state, keyed by its digest (invariant 5).
struct Aggregate {
  Digest digest;
  std::string name;    // "quality.clicks_7d", for people
  std::string source;
  std::string entity;
  size_t key_column = 0;  // of the source: whose key the state belongs to
  AggregateFunction function = AggregateFunction::kCount;
  // Over the record's columns: outputs[0] is the argument (absent for count()), then, if
  // has_where, the condition (true keeps the record).
  Program program;
  bool has_argument = false;
  bool has_where = false;
  uint32_t n = 0;        // last(x, n): list of the newest n; 0: a single value
  bool distinct = false;
  Window window;
  Type argument_type;
  Type type;             // of the finalised value
};

// `embed(...)` in a table view: a vector per key, maintained in apply and indexed.
struct VectorFeature {
  Digest digest;
  std::string name;     // "text_of.vec"
  std::string entity;
  std::string source;   // the table
  Program program;      // over the row's columns: one string output per field of embed(...)
  std::string encoder;  // name
  Digest space;         // digest of the encoder's artifact
  uint32_t dimensions = 0;
  // A column of type vector<external>: the vector comes with the row (float32). -1: none.
  int column = -1;

  bool floats = false;  // as its encoder's

  bool external() const { return column >= 0; }
  // Too slow for apply: a job computes the vectors (R4).
  bool deferred() const { return floats && !external(); }
  // The codes of one vector: an encoder's int8, or a float vector in fixed point of two halves.
  size_t code_size() const { return floats ? size_t{2} * dimensions : dimensions; }
};

// A feature of a view, after the fan-out of `over [1h, 7d]`.
struct ViewFeature {
  std::string name;
  Type type;
  Digest identity;                      // of what it means: changes whenever its bits could
  std::optional<StoredFeature> stored;  // it is stored as it is; else it is computed at read
};

// A `view` document; what it stores is in `aggregates` and `vectors`.
struct View {
  std::string name;
  std::string entity;
  std::string source;  // empty: derived from other views
  std::vector<ViewFeature> features;  // in the order written
};

struct Role {
  std::string name;
  std::string entity;
  bool candidate = false;  // one key per candidate; others have one key per request
};

struct RequestColumn {
  std::string name;
  Type type;
};

struct Request {
  std::string name;
  std::vector<Role> roles;  // without the candidate
  std::vector<RequestColumn> columns;
};

struct OutputColumn {
  std::string name;
  Type type;  // as sent: double is float unless `as: double` (S4.4)
};

struct FeatureSet {
  std::string name;
  Digest digest;
  std::string request;
  std::string candidate;            // the entity
  std::vector<Role> roles;          // the request's roles, then `candidate`; kRoleKey indexes
  std::vector<RequestColumn> request_columns;  // kRequestColumn indexes
  std::vector<OutputColumn> columns;
  Program program;                  // outputs[i] is columns[i]
  std::vector<StoredFeature> needs; // every stored feature that it reads (S7.5)
};

struct Channel {
  enum class Kind : uint8_t { kNear = 1, kTop = 2, kSample = 3 };
  std::string name;
  Kind kind = Kind::kNear;
  StoredFeature feature;  // kNear: the vector feature; kTop: the feature when it is stored as is
  Program program;        // kNear: outputs[0] is `to`, one row. kTop: the feature for a candidate
  std::optional<Program> where;  // further condition of this channel, over the candidate
  uint32_t take = 0;             // kSample: its n
  DurationUs deadline = 0;       // 0: none of its own
};

struct Retrieval {
  std::string name;
  Digest digest;
  std::string request;
  std::string candidate;
  std::vector<Role> roles;
  std::vector<RequestColumn> request_columns;
  std::vector<Channel> channels;
  std::optional<Program> where;       // outputs[0] bool per candidate, applied before `take` (S9.1)
  std::optional<Program> exclude;     // outputs: key or list-of-key columns of the request
  std::vector<size_t> rrf;            // channels named in score: rrf(...) (S9.3)
  uint32_t limit = 0;
  std::string return_set;             // name, empty if no features are returned
  Digest return_digest;
  std::vector<StoredFeature> needs;
};

// A named definition of any kind, for plan, show and list.
struct Definition {
  std::string kind;       // "view"
  std::string name;
  Digest digest;          // Merkle: canonical form, what it uses, kSemantics (invariant 5)
  std::string canonical;  // a document of the language again (JSON, which is YAML), no comments
  std::vector<std::string> uses;  // names of other definitions, sorted
};

// The one of that name, or nullptr. The lists are short and looked up when something is compiled,
// planned or opened, not per row.
template <typename T>
const T* FindByName(const std::vector<T>& items, std::string_view name) {
  for (const T& item : items) {
    if (item.name == name) return &item;
  }
  return nullptr;
}

// A whole directory of definitions, compiled: immutable, so thread-safe.
struct CompiledRegistry {
  std::vector<Definition> definitions;  // sorted by name
  std::vector<Entity> entities;
  std::vector<Encoder> encoders;
  std::vector<Source> sources;
  std::vector<Aggregate> aggregates;    // unique by digest
  std::vector<VectorFeature> vectors;   // unique by digest
  // Every "view.feature" that is a vector: several may be one VectorFeature.
  std::map<std::string, Digest> vector_names;
  std::vector<View> views;
  std::vector<Request> requests;
  std::vector<FeatureSet> sets;
  std::vector<Retrieval> retrievals;

  const Definition* FindDefinition(std::string_view name) const;
  const Entity* FindEntity(std::string_view name) const;
  const Encoder* FindEncoder(std::string_view name) const;
  const Source* FindSource(std::string_view name) const;
  const Aggregate* FindAggregate(const Digest& digest) const;
  const VectorFeature* FindVector(const Digest& digest) const;
  // By "view.feature".
  const VectorFeature* FindVectorByName(std::string_view name) const;
  const View* FindView(std::string_view name) const;
  const FeatureSet* FindSet(std::string_view name) const;
  const Retrieval* FindRetrieval(std::string_view name) const;
};

}  // namespace larder::registry

#endif  // LARDER_REGISTRY_COMPILED_REGISTRY_H_
