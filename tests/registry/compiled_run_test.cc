// SPDX-License-Identifier: Apache-2.0
// Compiled definitions, run: what the compiler makes of names reaches the right value.
#include <map>

#include "registry/program.h"
#include "tests/registry/compile_testing.h"
#include "tests/support/status_matchers.h"

namespace larder::registry {
namespace {

// A store that holds text: (what, key) -> value, where what is "table.column" or an aggregate's
// name.
class FakeStore : public FeatureReader {
 public:
  explicit FakeStore(const CompiledRegistry& registry) : registry_(registry) {}

  void Put(const std::string& what, const std::string& key, int64_t value) {
    ints_[{what, key}] = value;
  }
  void Put(const std::string& what, const std::string& key, std::vector<std::string> texts) {
    texts_[{what, key}] = std::move(texts);
  }

  void FindKeys(std::string_view, std::span<const std::string_view> keys,
                std::span<Ordinal> ordinals) override {
    for (size_t i = 0; i < keys.size(); ++i) {
      keys_.emplace_back(keys[i]);
      ordinals[i] = static_cast<Ordinal>(keys_.size() - 1);
    }
  }
  std::string_view KeyOf(std::string_view, Ordinal ordinal) override { return keys_[ordinal]; }

  Status Read(const StoredFeature& feature, std::span<const Ordinal> ordinals, bool,
              Column& out) override {
    std::string what = feature.source + "." + feature.column;
    if (feature.kind == StoredKind::kAggregate) {
      what = registry_.FindAggregate(feature.digest)->name;
    }
    for (const Ordinal ordinal : ordinals) {
      const std::pair<std::string, std::string> at{
          what, ordinal == kNoOrdinal ? "" : keys_[ordinal]};
      if (const auto it = ints_.find(at); it != ints_.end() && !feature.type.list) {
        out.AppendInt(it->second);
      } else if (const auto text = texts_.find(at); text != texts_.end()) {
        Append(text->second, out);
      } else {
        out.AppendNull(Reason::kNotFound);
      }
    }
    return OkStatus();
  }

 private:
  static void Append(const std::vector<std::string>& texts, Column& out) {
    if (!out.type.list) return out.AppendString(texts[0]);
    for (const std::string& text : texts) out.strings.push_back(text);
    if (out.offsets.empty()) out.offsets.push_back(0);
    out.offsets.push_back(static_cast<uint32_t>(out.strings.size()));
    out.reasons.push_back(Reason::kValid);
    ++out.rows;
  }

  const CompiledRegistry& registry_;
  std::vector<std::string> keys_;
  std::map<std::pair<std::string, std::string>, int64_t> ints_;
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> texts_;
};

constexpr std::string_view kDefinitions = R"yaml(
entity: user
key: user_id
---
entity: item
key: item_id
---
entity: maker
key: maker_id
---
table: catalog
of: item
time: updated_at
columns: {maker: key<maker>, stock: int64, related: list<key<item>>}
---
events: clicks
keys: {user_id: user, item_id: item}
time: at
columns: {dwell_s: double, valid: bool}
---
view: quality
of: item
from: clicks
where: valid
define:
  clicks: count(over [1h, 7d])
  dwell: sum(dwell_s, where dwell_s > 10)
---
view: rates
of: item
define:
  ctr: (quality.clicks_1h + 1) / (quality.clicks_7d + 2)
---
request: page
keys: {user: user, seed: item}
columns: {hour: int64}
---
set: ranker
for: page
candidate: item
columns:
  - candidate.rates.ctr
  - seed.rates.ctr
  - is_seed: candidate == seed
  - same_maker: candidate.catalog.maker == seed.catalog.maker
  - best_related: max(gather(candidate.catalog.related, rates.ctr))
  - late: page.hour > 20
  - twice: 2 * page.hour
  - again: twice + 1
)yaml";

Column Keys(std::string_view entity, const std::vector<std::string>& keys) {
  Type type;
  type.kind = Kind::kKey;
  type.of = entity;
  Column column = Column::Of(type);
  for (const std::string& key : keys) column.AppendString(key);
  return column;
}

TEST(CompiledRun, ASetReadsTheRightKeysAndColumns) {
  const auto registry = MustCompile(kDefinitions);
  const FeatureSet& set = *registry->FindSet("ranker");
  FakeStore store(*registry);
  for (const auto& [item, hour, week] : std::vector<std::tuple<std::string, int, int>>{
           {"a", 1, 2}, {"b", 3, 6}, {"s", 0, 0}}) {
    store.Put("quality.clicks_1h", item, hour);
    store.Put("quality.clicks_7d", item, week);
  }
  store.Put("catalog.maker", "a", std::vector<std::string>{"m"});
  store.Put("catalog.maker", "b", std::vector<std::string>{"n"});
  store.Put("catalog.maker", "s", std::vector<std::string>{"n"});
  store.Put("catalog.related", "a", {"b", "s"});
  store.Put("catalog.related", "s", {"a"});
  ASSERT_EQ(set.roles[0].name, "seed");  // roles by name, then the candidate
  const std::vector<Column> roles{Keys("item", {"s"}), Keys("user", {"u"}),
                                  Keys("item", {"a", "b", "s"})};
  Column hour = Column::Of(set.request_columns[0].type);
  hour.AppendInt(21);
  ProgramInput input;
  input.rows = 3;
  input.roles = roles;
  input.request = std::span<const Column>(&hour, 1);
  input.reader = &store;

  ASSERT_OK_AND_ASSIGN(const std::vector<Column> columns, registry::Run(set.program, input));

  EXPECT_EQ(columns[0].doubles, (std::vector<double>{0.5, 0.5, 0.5}));
  ASSERT_EQ(columns[1].rows, 1u);  // of the request: once
  EXPECT_EQ(columns[1].doubles[0], 0.5);
  EXPECT_EQ(columns[2].ints, (std::vector<int64_t>{0, 0, 1}));
  EXPECT_EQ(columns[3].ints, (std::vector<int64_t>{0, 1, 1}));
  EXPECT_EQ(columns[4].doubles[0], 0.5);
  EXPECT_FALSE(columns[4].valid(1));  // no related items
  EXPECT_EQ(columns[5].ints, (std::vector<int64_t>{1}));
  EXPECT_EQ(columns[6].ints, (std::vector<int64_t>{42}));
  EXPECT_EQ(columns[7].ints, (std::vector<int64_t>{43}));
}

TEST(CompiledRun, AnAggregateReadsItsRecords) {
  const auto registry = MustCompile(kDefinitions);
  const Source& clicks = *registry->FindSource("clicks");
  const Aggregate* dwell = nullptr;
  for (const Aggregate& aggregate : registry->aggregates) {
    if (aggregate.name == "quality.dwell") dwell = &aggregate;
  }
  ASSERT_NE(dwell, nullptr);
  std::vector<Column> record;
  for (const SourceColumn& column : clicks.columns) {
    record.push_back(Column::Of(column.type));
    for (size_t row = 0; row < 3; ++row) {
      if (column.name == "dwell_s") {
        record.back().AppendDouble(static_cast<double>(row) * 10);  // 0 10 20
      } else if (column.name == "valid") {
        record.back().AppendInt(row != 0);
      } else if (column.type.kind == Kind::kKey) {
        record.back().AppendString("k");
      } else {
        record.back().AppendInt(0);
      }
    }
  }
  ProgramInput input;
  input.rows = 3;
  input.record = record;

  ASSERT_OK_AND_ASSIGN(const std::vector<Column> columns, registry::Run(dwell->program, input));

  EXPECT_EQ(columns[0].doubles, (std::vector<double>{0, 10, 20}));
  EXPECT_EQ(columns[1].ints, (std::vector<int64_t>{0, 0, 1}));  // valid and dwell_s > 10
}

}  // namespace
}  // namespace larder::registry
