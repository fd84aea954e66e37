// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_ANN_GRAPH_BASE_H_
#define LARDER_ANN_GRAPH_BASE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "ann/bitmap.h"
#include "ann/codes.h"
#include "ann/internal/graph_format.h"
#include "base/file_system.h"
#include "base/hash.h"
#include "base/huge_buffer.h"
#include "base/status.h"
#include "base/sync.h"

namespace larder::ann {

// Called now and then by the thread that builds: `done` of `total` vectors are linked.
using BuildProgress = std::function<void(size_t done, size_t total)>;

// How a graph is built.
struct GraphOptions {
  // Components of each vector, 1 to kMaxDim, and whether they have low halves.
  CodeShape shape{};
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

// The rows [begin, end).
struct RowRange {
  uint32_t begin = 0;
  uint32_t end = 0;
  uint32_t size() const { return end - begin; }
  bool empty() const { return begin == end; }
};

// An immutable HNSW graph that owns its vectors: the base of an index, an artifact on disk.
//
// A *node* is a distinct vector. A *row* is a key; those with the same vector share a node, since
// hundreds of copies of one point would cut a graph to pieces. Rows are in order of their nodes.
// Keys rather than ordinals are stored because ordinals never leave the process.
//
// Thread-safety: thread-safe (immutable).
class GraphBase {
 public:
  // Takes a file's bytes apart and checks all of it; `name` is the file, for messages.
  // Errors: kDataLoss naming the file; kUnimplemented for another format version.
  // Cost: copies the bytes and reads them three times; allocates 4 bytes per node.
  static StatusOr<std::shared_ptr<const GraphBase>> FromBytes(std::string_view bytes,
                                                              std::string_view name);
  // Maps `dir`/index.larder and checks its structure, so that it can be searched at once; call
  // Load in the background for what has to read every vector. Some 300 are read here.
  // Errors: as FromBytes; kNotFound.
  // Cost: 70 ms for a million vectors of 256 dimensions in the page cache.
  static StatusOr<std::shared_ptr<const GraphBase>> Open(const std::string& dir);
  // The base with these sections, which are copied and not checked.
  // Errors: kResourceExhausted without memory.
  static StatusOr<std::shared_ptr<const GraphBase>> FromSections(const GraphSections& sections);

  // Checks what Open has mapped to the last byte and moves it into memory of our own, on huge
  // pages: faster than a map, and out of the reach of who writes to the file. Searches go on
  // meanwhile. Does nothing when it is done already.
  // Errors: kDataLoss naming the file, which damage() then gives for good; kResourceExhausted
  // without memory, and the map stays in use.
  // Thread-safety: thread-safe; one call at a time does the work.
  Status Load() const;
  // False for what Open gives until Load.
  bool is_loaded() const { return sections_.load(std::memory_order_acquire) != &mapped_; }
  // Not OK once Load has found damage: nothing may be answered from this base any more.
  Status damage() const;
  bool is_damaged() const { return damaged_.load(std::memory_order_acquire); }

  // Writes `dir`/index.larder, made if missing; durable on return.
  Status Save(FileSystem& fs, const std::string& dir) const;

  const CodeShape& shape() const { return shape_; }
  size_t dim() const { return shape_.dim; }
  const Digest& space() const { return sections().header.space; }
  size_t row_count() const { return sections().header.row_count; }
  size_t node_count() const { return sections().header.node_count; }
  uint32_t degree() const { return sections().header.degree; }
  uint32_t level_count() const { return sections().header.level_count; }
  uint32_t entry_node() const { return sections().header.entry_node; }
  // The nodes of a level are [0, this).
  uint32_t nodes_at_level(uint32_t level) const {
    return sections().header.nodes_at_level[level];
  }

  std::string_view key(size_t row) const;
  uint32_t node_of_row(size_t row) const { return sections().node_of_row[row]; }
  // May be empty in a file of others: such a node is walked through.
  RowRange rows_of_node(size_t node) const { return {row_begin_[node], row_begin_[node + 1]}; }
  void PrefetchRows(size_t node) const { __builtin_prefetch(&row_begin_[node]); }

  VectorView vector(size_t node) const { return sections().vector(node); }
  // The high halves [node_count, dim], row-major.
  const int8_t* high() const { return sections().vectors.data(); }
  // HighNorm::inverse by node, and the largest HighNorm::slack.
  const float* inverse_norms() const { return sections().inverse_norms.data(); }
  float slack() const { return sections().header.slack; }
  // Rows of sketch_shape() by node. It is empty if they are not to be used: too few dimensions, or
  // vectors that sketches mislead about (internal/sketch_trust.h).
  const SketchShape& sketch_shape() const { return sketch_shape_; }
  const char* sketches() const { return sections().sketches.data(); }

  // Neighbours on `level`; kNoNode ends them early. Level 0 has 2 * degree, the others degree;
  // `node` must be part of the level.
  std::span<const uint32_t> links(uint32_t level, size_t node) const {
    const GraphSections& s = sections();
    if (level == 0) return s.base_links.subspan(node * 2 * degree(), size_t{2} * degree());
    return s.upper_links.subspan(upper_begin_[level] + node * degree(), degree());
  }

  // The file, as Save writes it.
  std::string_view bytes() const { return map_ != nullptr ? map_->bytes() : buffer_->view(); }
  // Memory: the file's bytes, mapped or copied, and what was derived from them. A map that Load has
  // made a copy of stays mapped besides; its pages are the system's to drop.
  size_t size_bytes() const;

 private:
  GraphBase(std::unique_ptr<HugeBuffer> buffer, std::unique_ptr<MappedFile> map,
            std::string name)
      : name_(std::move(name)), map_(std::move(map)), buffer_(std::move(buffer)) {}
  static StatusOr<std::shared_ptr<const GraphBase>> Make(std::unique_ptr<HugeBuffer> buffer,
                                                         std::unique_ptr<MappedFile> map,
                                                         std::string name, GraphCheck check);
  void Derive();
  const GraphSections& sections() const { return *sections_.load(std::memory_order_acquire); }

  const std::string name_;
  // What was opened is one of these; Load adds a buffer to a map, which stays for searches that
  // began before.
  const std::unique_ptr<MappedFile> map_;
  mutable std::unique_ptr<HugeBuffer> buffer_;
  GraphSections mapped_;          // views into map_
  mutable GraphSections loaded_;  // views into buffer_
  mutable std::atomic<const GraphSections*> sections_{nullptr};
  mutable std::atomic<bool> damaged_{false};
  mutable Mutex load_mu_;
  mutable Status damage_ ABSL_GUARDED_BY(load_mu_);

  CodeShape shape_;
  SketchShape sketch_shape_;
  std::array<size_t, kMaxLevels> upper_begin_{};
  std::vector<uint32_t> row_begin_;  // [node_count + 1]
};

// Builds the base of an index over `codes`, each with its key.
//
// Shapes: codes row-major [n, shape.size()]; keys [n], distinct, 1 to 256 bytes of UTF-8, in any
//         order.
//         Rows whose vector is zero have no neighbours and are left out.
// Thread-safety: thread-safe; starts options.threads - 1 threads of its own.
// Errors: kInvalidArgument for options out of range, shapes that do not fit, a bad or repeated
//         key, or nothing but zero vectors; kResourceExhausted if the file would be over 4 GiB
//         (S11); kCancelled when `stop` was requested.
// Cost: minutes for a million vectors; peak memory about three times the file.
StatusOr<std::shared_ptr<const GraphBase>> BuildGraphBase(const GraphOptions& options,
                                                          std::span<const int8_t> codes,
                                                          std::span<const std::string> keys,
                                                          const BuildProgress& progress = {},
                                                          const std::stop_token& stop = {});

struct FoldOptions {
  // As in GraphOptions, but more: what is linked now makes up for what repaired links find less
  // (ADR 13).
  uint32_t ef_construction = 240;
  // As in GraphOptions.
  uint32_t threads = 1;
  uint64_t seed = 1;
};

// A base with the rows of `base` that are not `removed` and the given ones, made by linking what
// is new into a copy of its graph: far cheaper than a build. Nodes that lose all their rows are
// left out; those that were linked to them get other links (internal/link_repair.h), or are linked
// anew if that is more than a quarter of theirs, or if nothing leads to them any more
// (internal/mainland.h). See ADR 13.
//
// Shapes: removed [base.row_count()]; codes, keys as in BuildGraphBase. A key of `base` may come
//         again if its row is removed.
// Thread-safety, errors: as BuildGraphBase.
// Cost: about 0.5 ms per node that is linked, some 20 µs per one that loses links, and a copy of
// the base; peak memory three times the base.
StatusOr<std::shared_ptr<const GraphBase>> FoldGraphBase(const GraphBase& base,
                                                         const Bitmap& removed,
                                                         std::span<const int8_t> codes,
                                                         std::span<const std::string> keys,
                                                         const FoldOptions& options = {},
                                                         const BuildProgress& progress = {},
                                                         const std::stop_token& stop = {});

}  // namespace larder::ann

#endif  // LARDER_ANN_GRAPH_BASE_H_
