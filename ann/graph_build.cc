// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include "ann/graph_base.h"
#include "ann/internal/graph_draft.h"
#include "base/bytes.h"

namespace larder::ann {
namespace {

// Added rows by key: their places in the input, without those whose vector is zero.
StatusOr<std::vector<uint32_t>> SortedRows(const CodeShape& shape, std::span<const int8_t> codes,
                                           std::span<const std::string> keys) {
  if (keys.size() > kMaxNodes) {
    return ResourceExhausted("graph: ", keys.size(), " vectors, expected at most ", kMaxNodes);
  }
  if (codes.size() != keys.size() * shape.size()) {
    return InvalidArgument("graph: ", codes.size(), " components, expected ", keys.size(),
                           " vectors of ", shape.size());
  }
  std::vector<uint32_t> rows(keys.size());
  std::iota(rows.begin(), rows.end(), 0u);
  std::sort(rows.begin(), rows.end(), [&](uint32_t a, uint32_t b) { return keys[a] < keys[b]; });
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::string& key = keys[rows[i]];
    if (key.empty() || key.size() > kMaxKeyBytes || !IsUtf8(key)) {
      return InvalidArgument("graph: key of vector ", rows[i], " has ", key.size(),
                             " bytes, expected 1 to ", kMaxKeyBytes, " of UTF-8");
    }
    if (i > 0 && keys[rows[i - 1]] == key) {
      return InvalidArgument("graph: key '", key, "' comes twice");
    }
  }
  std::erase_if(rows, [&](uint32_t row) {
    return IsZero(codes.subspan(row * shape.size(), shape.size()));
  });
  return rows;
}

VectorView RowOf(const CodeShape& shape, std::span<const int8_t> codes, uint32_t row) {
  return View(shape, codes.subspan(row * shape.size(), shape.size()));
}

}  // namespace

StatusOr<std::shared_ptr<const GraphBase>> BuildGraphBase(const GraphOptions& options,
                                                          std::span<const int8_t> codes,
                                                          std::span<const std::string> keys,
                                                          const BuildProgress& progress,
                                                          const std::stop_token& stop) {
  LARDER_RETURN_IF_ERROR(CheckGraphOptions(options));
  LARDER_ASSIGN_OR_RETURN(const auto rows, SortedRows(options.shape, codes, keys));
  if (rows.empty()) return InvalidArgument("graph: no vector to index");
  GraphDraft draft(options);
  for (const uint32_t row : rows) {
    draft.AddRow(keys[row], draft.Add(RowOf(options.shape, codes, row)));
  }
  return draft.Finish(nullptr, progress, stop);
}

StatusOr<std::shared_ptr<const GraphBase>> FoldGraphBase(const GraphBase& base,
                                                         const Bitmap& removed,
                                                         std::span<const int8_t> codes,
                                                         std::span<const std::string> keys,
                                                         const FoldOptions& options,
                                                         const BuildProgress& progress,
                                                         const std::stop_token& stop) {
  const GraphOptions graph{.shape = base.shape(),
                           .space = base.space(),
                           .degree = base.degree(),
                           .ef_construction = options.ef_construction,
                           .threads = options.threads,
                           .seed = options.seed};
  LARDER_RETURN_IF_ERROR(CheckGraphOptions(graph));
  LARDER_ASSIGN_OR_RETURN(const auto added, SortedRows(graph.shape, codes, keys));
  GraphDraft draft(graph);
  uint32_t level = base.level_count() - 1;
  for (uint32_t node = 0; node < base.node_count(); ++node) {
    while (node >= base.nodes_at_level(level)) --level;
    draft.AddOld(base.vector(node), level);
  }
  std::vector<uint32_t> kept;  // rows of the base, by key
  for (uint32_t row = 0; row < base.row_count(); ++row) {
    if (!removed.Test(row)) kept.push_back(row);
  }
  std::sort(kept.begin(), kept.end(),
            [&](uint32_t a, uint32_t b) { return base.key(a) < base.key(b); });
  // Both are in order of keys: one pass merges them.
  auto next = added.begin();
  std::string_view previous;
  for (const uint32_t row : kept) {
    const std::string_view key = base.key(row);
    if (key == previous) return DataLoss("graph: the base has key '", key, "' twice");
    previous = key;
    for (; next != added.end() && keys[*next] < key; ++next) {
      draft.AddRow(keys[*next], draft.Add(RowOf(graph.shape, codes, *next)));
    }
    if (next != added.end() && keys[*next] == key) {
      return InvalidArgument("graph: key '", key, "' is added, but its old row is not removed");
    }
    draft.AddRow(key, base.node_of_row(row));
  }
  for (; next != added.end(); ++next) {
    draft.AddRow(keys[*next], draft.Add(RowOf(graph.shape, codes, *next)));
  }
  if (draft.row_count() == 0) return InvalidArgument("graph: no vector would be left");
  return draft.Finish(&base, progress, stop);
}

}  // namespace larder::ann
