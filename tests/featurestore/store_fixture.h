// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_FEATURESTORE_STORE_FIXTURE_H_
#define LARDER_TESTS_FEATURESTORE_STORE_FIXTURE_H_

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "featurestore/artifact_store.h"
#include "featurestore/store.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace larder::featurestore {

inline constexpr TimeUs kStartTime = 1'700'000'000 * kSecondUs;
inline constexpr uint32_t kDimensions = 8;

inline constexpr std::string_view kDefinitions = R"(
entity: item
key: item_id
---
entity: user
key: user_id
---
entity: page
key: page_id
---
encoder: titles
path: encoders/titles
---
table: catalog
of: item
time: updated_at
unit: us
columns: {title: string, content: string, price: double, stock: int64, tags: list<string>}
---
events: clicks
keys: {user_id: user, item_id: item, page_id: page}
time: clicked_at
unit: us
id: click_id
columns: {click_id: string, dwell_s: double, position: int64}
---
view: text_of
of: item
from: catalog
define:
  vec: embed(titles, title, content)
---
view: quality
of: item
from: clicks
define:
  clicks: count(over [1h, 1d])
  dwell: mean(dwell_s, where dwell_s < 3600, over 1d)
  best: max(dwell_s, over exact 10m)
  positions: sum(position)
  first_user: first(user_id)
---
view: taste
of: user
from: clicks
define:
  recent: last(item_id, 5, distinct, over 1d)
  clicks: count()
---
request: item_page
keys: {user: user}
---
set: ranker
for: item_page
candidate: item
columns:
  - candidate.quality.clicks_1h
  - user.taste.clicks
)";

// Vectors from a hash of the text.
class FakeEmbedder : public registry::TextEmbedder {
 public:
  Status Embed(const Digest&, registry::TextRole, std::span<const std::string_view> texts,
               std::span<int8_t> out) override {
    if (broken) return NotFound("encoder is not here");
    texts_encoded += texts.size();
    for (size_t i = 0; i < texts.size(); ++i) {
      const std::vector<int8_t> codes = CodesOf(texts[i]);
      std::copy(codes.begin(), codes.end(), out.begin() + static_cast<long>(i * kDimensions));
    }
    return OkStatus();
  }
  std::string JoinFields(std::span<const std::string_view> fields) const override {
    std::string text;
    for (const std::string_view field : fields) {
      if (field.data() != nullptr) text.append(field).push_back('\n');
    }
    return text;
  }
  static std::vector<int8_t> CodesOf(std::string_view text) {
    std::vector<int8_t> codes(kDimensions);
    for (uint32_t d = 0; d < kDimensions; ++d) codes[d] = static_cast<int8_t>(Hash64(text, d));
    return codes;
  }

  std::atomic<bool> broken{false};
  std::atomic<size_t> texts_encoded{0};
};

class FakeSink : public RowSink {
 public:
  void AddVectorFeature(const registry::VectorFeature& feature) override {
    vectors.try_emplace(feature.digest);
  }
  void SetVector(const Digest& feature, registry::Ordinal ordinal,
                 std::span<const int8_t> vector) override {
    ASSERT_TRUE(vectors.contains(feature));
    if (vector.empty()) {
      vectors[feature].erase(ordinal);
    } else {
      vectors[feature][ordinal].assign(vector.begin(), vector.end());
    }
  }
  struct FakeBase : LoadedBase {
    std::string dir;
    registry::Ordinal found = registry::kNoOrdinal;
  };
  StatusOr<std::unique_ptr<LoadedBase>> LoadBase(const Digest&, const std::string& dir,
                                                 registry::FeatureReader& keys) override {
    ++loads;
    if (while_loading) while_loading();
    if (!refuse.empty() && dir.ends_with(refuse)) return DataLoss(dir, ": refused");
    auto base = std::make_unique<FakeBase>();
    base->dir = dir;
    const std::string_view key = "i0";
    keys.FindKeys("item", {&key, 1}, {&base->found, 1});
    return base;
  }
  StatusOr<std::unique_ptr<LoadedBase>> LoadNoBase(const Digest&,
                                                   const VectorTable& table) override {
    auto base = std::make_unique<FakeBase>();
    base->dir = Concat("none of ", table.size());
    return base;
  }
  void InstallBase(const Digest&, LoadedBase& base) override {
    ++installs;
    installed = static_cast<FakeBase&>(base).dir;
    found = static_cast<FakeBase&>(base).found;
  }

  std::map<Digest, std::map<registry::Ordinal, std::vector<int8_t>>> vectors;
  int loads = 0;
  int installs = 0;
  std::string refuse;                   // the end of the directory of a base that is damaged
  std::function<void()> while_loading;  // a base
  std::string installed;                // directory of the last base
  registry::Ordinal found = registry::kNoOrdinal;
};

// A store over a directory, with all that it needs.
class TestStore {
 public:
  explicit TestStore(std::string dir, FileSystem* fs = &FileSystem::Posix(),
                     rocksdb::Env* env = nullptr)
      : clock(kStartTime) {
    options.dir = std::move(dir);
    options.fs = fs;
    options.env = env;
    options.clock = &clock;
    options.dedupe_ids = 1 << 16;
    options.checkpoint_every = std::chrono::hours(1);
  }

  Status Open() {
    sink = std::make_unique<FakeSink>();
    sink->refuse = refuse_base;
    LARDER_RETURN_IF_ERROR(options.fs->MakeDirs(options.dir));
    LARDER_ASSIGN_OR_RETURN(artifacts,
                            ArtifactStore::Open(*options.fs, options.dir + "/artifacts"));
    LARDER_ASSIGN_OR_RETURN(store, Store::Open(options, *artifacts, embedder, *sink));
    return OkStatus();
  }
  void Close() {
    store.reset();
    artifacts.reset();
  }
  Status Reopen() {
    Close();
    return Open();
  }

  // Puts the encoder's artifact in and proposes the definitions on top of the live revision.
  StatusOr<uint64_t> Define(std::string_view definitions = kDefinitions) {
    LARDER_ASSIGN_OR_RETURN(const Digest encoder, PutArtifact("encoder.json", "{}"));
    registry::RevisionRecord record;
    record.base = store->Stats().revision;
    record.author = "test";
    record.files = {{"larder.yaml", std::string(definitions)}};
    record.encoders = {{"encoders/titles", encoder, kDimensions, floats}};
    Position position;
    return store->Propose(std::move(record), &position);
  }

  StatusOr<Digest> PutArtifact(std::string_view name, std::string_view bytes) {
    LARDER_ASSIGN_OR_RETURN(auto writer, artifacts->Create());
    LARDER_RETURN_IF_ERROR(writer->BeginFile(name));
    LARDER_RETURN_IF_ERROR(writer->Append(bytes));
    return writer->Commit(Digest{});
  }

  StatusOr<IngestResult> Ingest(std::string_view source, const std::vector<std::string>& records) {
    IngestRequest request;
    request.source = source;
    request.records.assign(records.begin(), records.end());
    LARDER_ASSIGN_OR_RETURN(IngestResult result, store->Ingest(request));
    last = std::max(last, result.last);
    return result;
  }

  StatusOr<std::unique_ptr<Snapshot>> Read() {
    return store->Read(last, std::chrono::steady_clock::now() + std::chrono::seconds(30));
  }

  // By "view.name" of an aggregate or vector of the newest revision, or "table.column".
  registry::StoredFeature Feature(const Snapshot& snapshot, std::string_view name) const {
    const registry::CompiledRegistry& compiled = *snapshot.history().current()->registry;
    registry::StoredFeature feature;
    for (const registry::Aggregate& aggregate : compiled.aggregates) {
      if (aggregate.name != name) continue;
      feature.kind = registry::StoredKind::kAggregate;
      feature.entity = aggregate.entity;
      feature.digest = aggregate.digest;
      feature.type = aggregate.type;
      return feature;
    }
    for (const registry::VectorFeature& vectors : compiled.vectors) {
      if (vectors.name != name) continue;
      feature.kind = registry::StoredKind::kVector;
      feature.entity = vectors.entity;
      feature.digest = vectors.digest;
      feature.type = {.kind = registry::Kind::kVector, .of = vectors.encoder,
                      .dimensions = vectors.dimensions, .int8 = !vectors.floats};
      return feature;
    }
    const size_t dot = name.find('.');
    const registry::Source* source = compiled.FindSource(name.substr(0, dot));
    LARDER_CHECK(source != nullptr);
    const int column = source->FindColumn(name.substr(dot + 1));
    LARDER_CHECK(column >= 0);
    feature.entity = source->entity;
    feature.source = source->name;
    feature.column = source->columns[static_cast<size_t>(column)].name;
    feature.type = source->columns[static_cast<size_t>(column)].type;
    return feature;
  }

  // One value for one key, as text: "3", "2.5", "a,b", "null empty".
  std::string Value(Snapshot& snapshot, std::string_view name, std::string_view key,
                    DurationUs ttl = 0) const {
    registry::StoredFeature feature = Feature(snapshot, name);
    feature.ttl = ttl;
    registry::Ordinal ordinal = 0;
    snapshot.FindKeys(feature.entity, {&key, 1}, {&ordinal, 1});
    registry::Column column = registry::Column::Of(feature.type);
    const Status status = snapshot.Read(feature, {&ordinal, 1}, true, column);
    if (!status.ok()) return status.ToString();
    return Show(column);
  }
  std::string Value(std::string_view name, std::string_view key, DurationUs ttl = 0) {
    const auto snapshot = Read();
    if (!snapshot.ok()) return snapshot.status().ToString();
    return Value(**snapshot, name, key, ttl);
  }

  static std::string Show(const registry::Column& column) {
    if (!column.valid(0)) return Concat("null ", registry::ReasonName(column.reasons[0]));
    std::string text;
    for (size_t i = 0; i < column.elements(); ++i) {
      if (i > 0) text += ",";
      if (!column.ints.empty()) text += Concat(column.ints[i]);
      if (!column.doubles.empty()) text += Concat(column.doubles[i]);
      if (column.strings.size() > 0) text += column.strings[i];
    }
    for (const int8_t code : column.codes) text += Concat(static_cast<int>(code), " ");
    for (const float value : column.floats) text += Concat(value, " ");
    return text;
  }

  Hash128 Hash() {
    const auto hash = store->ComputeStateHash();
    EXPECT_OK(hash);
    return hash.ok() ? hash->hash : Hash128{};
  }

  ManualClock clock;
  FakeEmbedder embedder;
  StoreOptions options;
  bool floats = false;      // Define: the encoder makes floats, so that its vectors are deferred
  std::string refuse_base;  // FakeSink::refuse, from the next Open on
  std::unique_ptr<FakeSink> sink;
  std::unique_ptr<ArtifactStore> artifacts;
  std::unique_ptr<Store> store;
  Position last;
};

inline std::string ItemRow(std::string_view key, TimeUs time, std::string_view title,
                           std::string_view rest = "") {
  return Concat(R"({"item_id":")", key, R"(","updated_at":)", time, R"(,"title":")", title, "\"",
                rest, "}");
}
inline std::string ItemDelete(std::string_view key, TimeUs time) {
  return Concat(R"({"_delete":true,"item_id":")", key, R"(","updated_at":)", time, "}");
}
inline std::string Click(std::string_view id, TimeUs time, std::string_view user,
                         std::string_view item, std::string_view rest = "") {
  return Concat(R"({"click_id":")", id, R"(","clicked_at":)", time, R"(,"user_id":")", user,
                R"(","item_id":")", item, "\"", rest, "}");
}

}  // namespace larder::featurestore

#endif  // LARDER_TESTS_FEATURESTORE_STORE_FIXTURE_H_
