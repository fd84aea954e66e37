// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_FEATURESTORE_TEST_SOURCES_H_
#define LARDER_TESTS_FEATURESTORE_TEST_SOURCES_H_

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "registry/compiled_registry.h"

namespace larder::featurestore {

// A source as the compiler would make it: columns sorted by name, positions set.
inline registry::Source MakeSource(std::string name, bool table, std::string_view time,
                                   std::string_view key, std::string_view id,
                                   std::vector<registry::SourceColumn> columns) {
  registry::Source source;
  source.name = std::move(name);
  source.table = table;
  std::sort(columns.begin(), columns.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  source.columns = std::move(columns);
  const auto at = [&](std::string_view column) {
    return static_cast<size_t>(source.FindColumn(column));
  };
  source.time_column = at(time);
  if (table) {
    source.key_column = at(key);
    source.entity = source.columns[source.key_column].entity;
  }
  if (!id.empty()) source.id_column = at(id);
  return source;
}

inline registry::Type TypeOf(registry::Kind kind) { return registry::Type{.kind = kind}; }
inline registry::Type ListOf(registry::Kind kind) {
  return registry::Type{.kind = kind, .list = true};
}
inline registry::Type VectorOf(uint32_t dimensions) {
  return registry::Type{.kind = registry::Kind::kVector, .of = "ext", .dimensions = dimensions};
}
inline registry::Type KeyOf(std::string entity) {
  return registry::Type{.kind = registry::Kind::kKey, .of = std::move(entity)};
}

// Events with an id and every scalar kind.
inline registry::Source Clicks() {
  using registry::Kind;
  return MakeSource("clicks", false, "clicked_at", "", "click_id",
                    {{"click_id", TypeOf(Kind::kString), ""},
                     {"clicked_at", TypeOf(Kind::kTimestamp), ""},
                     {"item_id", KeyOf("item"), "item"},
                     {"user_id", KeyOf("user"), "user"},
                     {"dwell_s", TypeOf(Kind::kDouble), ""},
                     {"score", TypeOf(Kind::kFloat), ""},
                     {"pos", TypeOf(Kind::kInt64), ""},
                     {"paid", TypeOf(Kind::kBool), ""},
                     {"shown_for", TypeOf(Kind::kDuration), ""}});
}

// A table without an id, with lists and an external vector.
inline registry::Source Catalog() {
  using registry::Kind;
  return MakeSource("catalog", true, "updated_at", "item_id", "",
                    {{"item_id", KeyOf("item"), "item"},
                     {"updated_at", TypeOf(Kind::kTimestamp), ""},
                     {"title", TypeOf(Kind::kString), ""},
                     {"price", TypeOf(Kind::kDouble), ""},
                     {"tags", ListOf(Kind::kString), ""},
                     {"sizes", ListOf(Kind::kInt64), ""},
                     {"weights", ListOf(Kind::kDouble), ""},
                     {"vec", VectorOf(3), ""}});
}

}  // namespace larder::featurestore

#endif  // LARDER_TESTS_FEATURESTORE_TEST_SOURCES_H_
