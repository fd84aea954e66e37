// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_ANN_INTERNAL_GRAPH_DRAFT_H_
#define LARDER_ANN_INTERNAL_GRAPH_DRAFT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ann/graph_base.h"
#include "ann/internal/faiss_graph.h"
#include "base/status.h"

namespace larder::ann {

// What a new base will hold, before its nodes are linked.
//
// Nodes come in any order with Add and are numbered by falling level when the base is made: the
// level and the order of insertion are drawn from a node's vector and the seed, so that they do
// not depend on the order of the input.
//
// Thread-safety: single-thread.
class GraphDraft {
 public:
  explicit GraphDraft(const GraphOptions& options) : options_(options) {}

  // A node with this vector, which the draft borrows: a new one or the one that has it already.
  uint32_t Add(const VectorView& vector);
  // A node of the graph that a fold goes on from; all of them, once each, before any other. Those
  // that get no row are gone from the new one.
  void AddOld(const VectorView& vector, uint32_t level);
  // A row, in ascending order of keys. The key must outlive the draft.
  void AddRow(std::string_view key, uint32_t node);

  // Links the nodes and makes the base. `old`, if not null, is the base whose nodes were added with
  // AddOld, in their order.
  // Errors: kResourceExhausted if the file would be over 4 GiB (S11) or memory is short;
  //         kCancelled.
  StatusOr<std::shared_ptr<const GraphBase>> Finish(const GraphBase* old,
                                                    const BuildProgress& progress,
                                                    const std::stop_token& stop);

  size_t row_count() const { return keys_.size(); }

 private:
  struct Node {
    VectorView vector;
    uint64_t draw = 0;  // of vector and seed
    uint8_t level = 0;
  };

  // What the new graph goes on from.
  struct Start {
    std::optional<FaissGraph> graph = std::nullopt;  // nothing: from no link at all
    std::vector<bool> linked;                        // by number: it has its links in there
  };

  void Number();
  std::vector<uint32_t> InsertOrder(const std::vector<bool>& linked) const;
  std::vector<uint32_t> RowsByNode() const;
  GraphHeader MakeHeader() const;
  StatusOr<Start> TakeLinks(const GraphHeader& header, const GraphBase& old,
                            const std::stop_token& stop) const;

  const GraphOptions options_;
  std::vector<Node> nodes_;  // as added: the old ones first
  size_t old_count_ = 0;
  // By hash of the vector: the first node that has it. Vectors are compared; in the odd case of a
  // collision the second one's copies are not found, which costs memory and nothing else.
  std::unordered_map<uint64_t, uint32_t> by_hash_;
  std::vector<uint32_t> node_of_row_;
  std::vector<std::string_view> keys_;
  size_t key_bytes_ = 0;

  std::vector<uint32_t> order_;   // number → as added
  std::vector<uint32_t> number_;  // as added → number; kNoNode: it is gone
};

// Errors: kInvalidArgument naming what is out of range.
Status CheckGraphOptions(const GraphOptions& options);

}  // namespace larder::ann

#endif  // LARDER_ANN_INTERNAL_GRAPH_DRAFT_H_
