// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_SUPPORT_EXPRESSION_FIXTURE_H_
#define LARDER_TESTS_SUPPORT_EXPRESSION_FIXTURE_H_

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "registry/ast.h"
#include "registry/lower.h"
#include "registry/parser.h"
#include "registry/program.h"
#include "registry/program_builder.h"

namespace larder::registry {

inline Type TypeOf(Kind kind) {
  Type type;
  type.kind = kind;
  return type;
}
inline Type KeyOf(std::string_view entity) {
  Type type = TypeOf(Kind::kKey);
  type.of = entity;
  return type;
}
inline Type ListOfType(Type element) {
  element.list = true;
  return element;
}
inline Type VectorOf(std::string_view space, uint32_t dimensions, bool int8) {
  Type type = TypeOf(Kind::kVector);
  type.of = space;
  type.dimensions = dimensions;
  type.int8 = int8;
  return type;
}

inline Column IntColumn(std::vector<std::optional<int64_t>> values, Kind kind = Kind::kInt64) {
  Column column = Column::Of(TypeOf(kind));
  for (const auto& value : values) {
    if (value) {
      column.AppendInt(*value);
    } else {
      column.AppendNull(Reason::kNotFound);
    }
  }
  return column;
}
inline Column DoubleColumn(std::vector<std::optional<double>> values) {
  Column column = Column::Of(TypeOf(Kind::kDouble));
  for (const auto& value : values) {
    if (value) {
      column.AppendDouble(*value);
    } else {
      column.AppendNull(Reason::kNotFound);
    }
  }
  return column;
}
inline Column TextColumn(std::vector<std::optional<std::string>> values,
                         Type type = TypeOf(Kind::kString)) {
  Column column = Column::Of(std::move(type));
  for (const auto& value : values) {
    if (value) {
      column.AppendString(*value);
    } else {
      column.AppendNull(Reason::kNotFound);
    }
  }
  return column;
}

// Names for tests: record columns by name, roles, and per role `role.table.column`; `view.name` of
// a role or key is an expression over the table's columns.
class FakeScope : public Scope {
 public:
  std::vector<std::pair<std::string, Type>> records;
  std::vector<std::pair<std::string, std::string>> roles;  // name, entity
  std::map<std::string, Type> stored;          // "item.catalog.price": entity, table, column
  std::map<std::string, std::string> derived;  // "item.text.price_log": "log1p(price)"
  std::vector<Encoder> encoders;

  int Resolve(const Expr& path, ProgramBuilder& builder,
              std::vector<Diagnostic>& diagnostics) override {
    if (path.kind == Expr::Kind::kPath) {
      for (size_t i = 0; i < records.size(); ++i) {
        if (path.IsName(records[i].first)) {
          return builder.RecordColumn(static_cast<int>(i), records[i].second);
        }
      }
      for (size_t i = 0; i < roles.size(); ++i) {
        if (path.names[0] != roles[i].first) continue;
        const int key = builder.RoleKey(static_cast<int>(i), roles[i].second);
        return path.names.size() == 1 ? key : Follow(key, path, 1, builder, diagnostics);
      }
    }
    Report(diagnostics, path, "unknown name '", path.PathText(), "'");
    return -1;
  }

  int ResolveFrom(int key, const Expr& path, ProgramBuilder& builder,
                  std::vector<Diagnostic>& diagnostics) override {
    return Follow(key, path, 0, builder, diagnostics);
  }

  const Encoder* FindEncoder(std::string_view name) override {
    for (const Encoder& encoder : encoders) {
      if (encoder.name == name) return &encoder;
    }
    return nullptr;
  }

  static StoredFeature Stored(const std::string& entity, const std::string& table,
                              const std::string& column, Type type) {
    StoredFeature feature;
    feature.entity = entity;
    feature.source = table;
    feature.column = column;
    feature.type = std::move(type);
    feature.id = HashTo128(entity + "." + table + "." + column);
    return feature;
  }

 private:
  // The rest of `path` from name `at` on, two names a step, of the key `key`.
  int Follow(int key, const Expr& path, size_t at, ProgramBuilder& builder,
             std::vector<Diagnostic>& diagnostics) {
    const std::string entity = builder.type(key).of;
    if (at + 2 > path.names.size()) {
      Report(diagnostics, path, "incomplete path");
      return -1;
    }
    const std::string name = entity + "." + path.names[at] + "." + path.names[at + 1];
    int value = -1;
    if (const auto found = stored.find(name); found != stored.end()) {
      value =
          builder.Lookup(Stored(entity, path.names[at], path.names[at + 1], found->second), key);
    } else if (const auto view = derived.find(name); view != derived.end()) {
      value = Derived(key, view->second, builder, diagnostics);
    } else {
      Report(diagnostics, path, "unknown feature '", name, "'");
    }
    if (value < 0 || at + 2 == path.names.size()) return value;
    return Follow(value, path, at + 2, builder, diagnostics);
  }

  int Derived(int key, const std::string& text, ProgramBuilder& builder,
              std::vector<Diagnostic>& diagnostics) {
    class Row : public Scope {
     public:
      Row(FakeScope& outer, int row_key) : outer_(outer), key_(row_key) {}
      int Resolve(const Expr& path, ProgramBuilder& b, std::vector<Diagnostic>& d) override {
        return outer_.Follow(key_, path, 0, b, d);
      }
      int ResolveFrom(int k, const Expr& path, ProgramBuilder& b,
                      std::vector<Diagnostic>& d) override {
        return outer_.ResolveFrom(k, path, b, d);
      }

     private:
      FakeScope& outer_;
      int key_;
    };
    const std::optional<Expr> expr = Parse(SourceText::Plain(text), diagnostics);
    if (!expr) return -1;
    Row row(*this, key);
    return Lower(*expr, row, builder, diagnostics);
  }
};

// "line:column: message" of every diagnostic.
inline std::vector<std::string> Messages(const std::vector<Diagnostic>& diagnostics) {
  std::vector<std::string> messages;
  for (const Diagnostic& d : diagnostics) {
    messages.push_back(Concat(d.line, ":", d.column, ": ", d.message));
  }
  return messages;
}

// Parses `text`; a failure of the test if it does not parse.
inline Expr MustParse(std::string_view text) {
  std::vector<Diagnostic> diagnostics;
  std::optional<Expr> expr = Parse(SourceText::Plain(text), diagnostics);
  for (const std::string& message : Messages(diagnostics)) ADD_FAILURE() << text << ": " << message;
  return expr ? std::move(*expr) : Expr{};
}

// The messages of parsing and lowering `text`.
inline std::vector<std::string> ErrorsOf(std::string_view text, Scope& scope) {
  std::vector<Diagnostic> diagnostics;
  const std::optional<Expr> expr = Parse(SourceText::Plain(text), diagnostics);
  if (expr) {
    ProgramBuilder builder;
    const int node = Lower(*expr, scope, builder, diagnostics);
    EXPECT_EQ(node < 0, !diagnostics.empty()) << text;
  }
  return Messages(diagnostics);
}

// The program of `text`; a failure of the test if there are diagnostics.
inline Program CompileText(std::string_view text, Scope& scope) {
  std::vector<Diagnostic> diagnostics;
  const std::optional<Expr> expr = Parse(SourceText::Plain(text), diagnostics);
  ProgramBuilder builder;
  const int node = expr ? Lower(*expr, scope, builder, diagnostics) : -1;
  for (const std::string& message : Messages(diagnostics)) ADD_FAILURE() << text << ": " << message;
  if (node < 0) return {};
  return builder.Finish(std::vector<int>{node});
}

}  // namespace larder::registry

#endif  // LARDER_TESTS_SUPPORT_EXPRESSION_FIXTURE_H_
