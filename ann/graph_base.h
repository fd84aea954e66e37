// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_ANN_GRAPH_BASE_H_
#define LARDER_ANN_GRAPH_BASE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "ann/faiss_graph.h"
#include "ann/internal/graph_format.h"
#include "base/file_system.h"
#include "base/hash.h"
#include "base/status.h"

namespace larder::ann {

// How a graph is built.
struct GraphOptions {
  // Components of each vector; 1 to kMaxDim.
  size_t dim = 0;
  // What made the vectors: queries must come from the same space.
  Digest space;
  // Links per node on the upper levels, twice as many on level 0; 4 to 64. More links, more
  // recall at the same effort, more memory (8 bytes each).
  uint32_t degree = 16;
  // Candidates kept while a node is linked; 8 to 2,000. Doubling it doubles the time. Text with
  // many near-copies (package descriptions) needs more than clustered points do.
  uint32_t ef_construction = 160;
  // 1 gives the same bytes every time; more do not. At most the free cores; 1 to 64.
  uint32_t threads = 1;
  // Levels and order of insertion.
  uint64_t seed = 1;
};

// An immutable HNSW graph that owns its vectors: the base of an index, an artifact on disk.
//
// A *row* is a key, rows are in ascending order of keys. A *node* is a distinct vector: rows with
// the same vector share one, since hundreds of copies of one point would cut a graph to pieces.
// Keys rather than ordinals are stored because ordinals never leave the process.
//
// Thread-safety: thread-safe (immutable).
class GraphBase {
 public:
  // Takes a file's bytes apart and checks all of it; `name` is the file, for messages.
  // Errors: kDataLoss naming the file; kUnimplemented for a newer format.
  // Cost: reads every byte twice; allocates about 16 bytes per row.
  static StatusOr<std::shared_ptr<const GraphBase>> FromBytes(std::string bytes,
                                                              std::string_view name);
  // Reads `dir`/index.larder. Errors: as FromBytes; kNotFound.
  static StatusOr<std::shared_ptr<const GraphBase>> Open(FileSystem& fs, const std::string& dir);

  // Writes `dir`/index.larder, made if missing; durable on return.
  Status Save(FileSystem& fs, const std::string& dir) const;

  size_t dim() const { return sections_.header.dim; }
  const Digest& space() const { return sections_.header.space; }
  size_t row_count() const { return sections_.header.row_count; }
  size_t node_count() const { return sections_.header.node_count; }
  uint32_t degree() const { return sections_.header.degree; }
  uint32_t level_count() const { return sections_.header.level_count; }
  uint32_t entry_node() const { return sections_.header.entry_node; }

  std::string_view key(size_t row) const;
  uint32_t node_of_row(size_t row) const { return sections_.node_of_row[row]; }
  // Ascending; never empty.
  std::span<const uint32_t> rows_of_node(size_t node) const {
    return std::span(rows_).subspan(row_begin_[node], row_begin_[node + 1] - row_begin_[node]);
  }

  std::span<const int8_t> vector(size_t node) const {
    return sections_.vectors.subspan(node * dim(), dim());
  }
  // All vectors [node_count, dim], row-major.
  const int8_t* vectors() const { return sections_.vectors.data(); }
  int32_t squared_norm(size_t node) const { return squared_norms_[node]; }
  // 1 / |vector|, for ordering inside a walk; scores use the integer norm.
  const float* inverse_norms() const { return inverse_norms_.data(); }

  // Neighbours on `level`; kNoNode ends them early. Level 0 has 2 * degree, the others degree;
  // `node` must be part of the level.
  std::span<const uint32_t> links(uint32_t level, size_t node) const {
    if (level == 0) return sections_.base_links.subspan(node * 2 * degree(), size_t{2} * degree());
    return sections_.upper_links.subspan(upper_begin_[level] + node * degree(), degree());
  }

  // The file, as Save writes it.
  std::string_view bytes() const { return bytes_; }
  // Resident memory.
  size_t size_bytes() const;

 private:
  explicit GraphBase(std::string bytes) : bytes_(std::move(bytes)) {}
  Status Derive(std::string_view name);

  std::string bytes_;
  GraphSections sections_;  // views into bytes_
  std::array<size_t, kMaxLevels> upper_begin_{};
  std::vector<uint32_t> row_begin_;  // [node_count + 1] into rows_
  std::vector<uint32_t> rows_;
  std::vector<int32_t> squared_norms_;
  std::vector<float> inverse_norms_;
};

// Builds the base of an index over `vectors`, each with its key.
//
// Shapes: vectors row-major [n, dim]; keys [n], distinct, 1 to 256 bytes of UTF-8, in any order.
//         Rows whose vector is zero have no neighbours and are left out.
// Thread-safety: thread-safe; starts options.threads - 1 threads of its own.
// Errors: kInvalidArgument for options out of range, shapes that do not fit, a bad or repeated
//         key, or nothing but zero vectors; kResourceExhausted if the file would be over 4 GiB
//         (S11); kCancelled when `stop` was requested.
// Cost: minutes for a million vectors; peak memory about three times the file.
StatusOr<std::shared_ptr<const GraphBase>> BuildGraphBase(const GraphOptions& options,
                                                          std::span<const int8_t> vectors,
                                                          std::span<const std::string> keys,
                                                          const BuildProgress& progress = {},
                                                          std::stop_token stop = {});

}  // namespace larder::ann

#endif  // LARDER_ANN_GRAPH_BASE_H_
