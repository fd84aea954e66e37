// SPDX-License-Identifier: Apache-2.0
#include "featurestore/vector_text.h"

#include <algorithm>
#include <utility>

#include "registry/program.h"

namespace larder::featurestore {

using registry::Column;
using registry::Reason;

std::span<const Column> AlignColumns(const registry::Source& schema,
                                     std::span<const std::string> names,
                                     std::span<const Column> columns, size_t rows,
                                     std::vector<Column>& storage) {
  const bool same = names.size() == schema.columns.size() &&
                    std::equal(names.begin(), names.end(), schema.columns.begin(),
                               [](const std::string& name, const registry::SourceColumn& column) {
                                 return name == column.name;
                               });
  if (same) return columns;
  storage.clear();
  storage.reserve(schema.columns.size());
  for (const registry::SourceColumn& column : schema.columns) {
    const auto found = std::find(names.begin(), names.end(), column.name);
    if (found != names.end()) {
      storage.push_back(columns[static_cast<size_t>(found - names.begin())]);
      continue;
    }
    Column missing = Column::Of(column.type, rows);
    for (size_t i = 0; i < rows; ++i) missing.AppendNull(Reason::kInputNull);
    storage.push_back(std::move(missing));
  }
  return storage;
}

StatusOr<std::vector<std::optional<std::string>>> VectorTexts(
    const SourceState::VectorUse& use, std::span<const Column> columns, size_t rows,
    const registry::TextEmbedder& embedder) {
  registry::ProgramInput input;
  input.rows = rows;
  input.record = columns;
  LARDER_ASSIGN_OR_RETURN(const std::vector<Column> outputs, Run(use.feature->program, input));
  std::vector<std::optional<std::string>> texts(rows);
  std::vector<std::string_view> fields(outputs.size());
  for (size_t row = 0; row < rows; ++row) {
    bool any = false;
    for (size_t i = 0; i < outputs.size(); ++i) {
      const size_t at = outputs[i].rows == 1 ? 0 : row;
      fields[i] = {};
      if (!outputs[i].valid(at)) continue;
      fields[i] = outputs[i].strings[at];
      if (fields[i].data() == nullptr) fields[i] = "";  // empty, but not null
      any = true;
    }
    if (any) texts[row] = embedder.JoinFields(fields);
  }
  return texts;
}

StatusOr<std::vector<std::optional<std::string>>> VectorTexts(
    const SourceState::VectorUse& use, std::span<const Row* const> rows,
    const registry::TextEmbedder& embedder) {
  std::vector<Column> columns;
  columns.reserve(use.schema->columns.size());
  for (const registry::SourceColumn& column : use.schema->columns) {
    columns.push_back(Column::Of(column.type));
  }
  // Only what the program reads is unpacked.
  for (const registry::Node& node : use.feature->program.nodes) {
    if (node.op != registry::Node::Op::kRecordColumn) continue;
    Column& column = columns[static_cast<size_t>(node.index)];
    if (column.rows > 0) continue;
    const std::string& name = use.schema->columns[static_cast<size_t>(node.index)].name;
    for (const Row* row : rows) {
      if (row == nullptr || row->deleted()) {
        column.AppendNull(Reason::kInputNull);
      } else {
        row->AppendColumn(row->layout()->Find(name), column);
      }
    }
  }
  LARDER_ASSIGN_OR_RETURN(auto texts, VectorTexts(use, columns, rows.size(), embedder));
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] == nullptr || rows[i]->deleted()) texts[i].reset();
  }
  return texts;
}

std::vector<float> ExternalVector(const SourceState::VectorUse& use, const Row& row) {
  if (row.deleted()) return {};
  const registry::SourceColumn& source =
      use.schema->columns[static_cast<size_t>(use.feature->column)];
  const int index = row.layout()->Find(source.name);
  if (index < 0) return {};
  const registry::Type& type = row.layout()->columns[static_cast<size_t>(index)].type;
  if (type.kind != registry::Kind::kVector || type.dimensions != use.feature->dimensions) return {};
  Column column = Column::Of(type);
  row.AppendColumn(index, column);
  return column.valid(0) ? std::move(column.floats) : std::vector<float>{};
}

}  // namespace larder::featurestore
