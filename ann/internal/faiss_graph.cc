// SPDX-License-Identifier: Apache-2.0
#include "ann/internal/faiss_graph.h"

#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/DistanceComputer.h>
#include <faiss/impl/HNSW.h>
#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <new>
#include <thread>

#include "ann/distance.h"
#include "ann/internal/graph_format.h"

namespace larder::ann {
namespace {

// 1 - cosine between rows, straight from int8.
class CosineComputer final : public faiss::DistanceComputer {
 public:
  explicit CosineComputer(const FaissGraphInput& input)
      : rows_(input.vectors.data()), dim_(input.dim), inverse_norms_(input.inverse_norms) {}

  void SetNode(size_t node) { query_ = static_cast<idx_t>(node); }
  // FAISS calls this with floats only from its own index classes, which are not used here.
  void set_query(const float*) override {}
  float operator()(idx_t i) override { return symmetric_dis(query_, i); }
  float symmetric_dis(idx_t i, idx_t j) override {
    const auto a = static_cast<size_t>(i);
    const auto b = static_cast<size_t>(j);
    const auto dot = static_cast<float>(kernel_.dot(rows_ + a * dim_, rows_ + b * dim_, dim_));
    return 1.0f - dot * inverse_norms_[a] * inverse_norms_[b];
  }

 private:
  const int8_t* rows_;
  size_t dim_;
  std::span<const float> inverse_norms_;
  const DistanceKernel& kernel_ = BestKernel();
  idx_t query_ = 0;
};

class Locks {
 public:
  explicit Locks(size_t count) : locks_(count) {
    for (omp_lock_t& lock : locks_) omp_init_lock(&lock);
  }
  ~Locks() {
    for (omp_lock_t& lock : locks_) omp_destroy_lock(&lock);
  }
  Locks(const Locks&) = delete;
  Locks& operator=(const Locks&) = delete;
  std::vector<omp_lock_t>& get() { return locks_; }

 private:
  std::vector<omp_lock_t> locks_;
};

class Builder {
  using storage_t = faiss::HNSW::storage_idx_t;

 public:
  Builder(const FaissGraphInput& input, const BuildProgress& progress, const std::stop_token& stop)
      : input_(input),
        progress_(progress),
        stop_(stop),
        count_(input.levels.size()),
        hnsw_(static_cast<int>(input.degree)),
        locks_(count_) {
    hnsw_.efConstruction = static_cast<int>(input.ef_construction);
    // FAISS has room for the levels that are likely and does not look whether there are more.
    auto& room = hnsw_.cum_nneighbor_per_level;  // [levels + 1]
    while (room.size() < size_t{input.levels.front()} + 2) {
      room.push_back(room.back() + static_cast<int>(input.degree));
    }
    hnsw_.levels.reserve(count_);
    size_t links = 0;
    for (const uint8_t level : input.levels) {
      hnsw_.levels.push_back(level + 1);  // FAISS counts level 0 as 1
      links += static_cast<size_t>(hnsw_.cum_nb_neighbors(level + 1));
    }
    hnsw_.neighbors.reserve(links);
    hnsw_.offsets.reserve(count_ + 1);
    hnsw_.prepare_level_tab(count_, /*preset_levels=*/true);
    if (input.linked != nullptr) TakeLinks(*input.linked);
  }

  Status Run() {
    // The first is linked alone, so that the entry point stands before others look for it.
    if (!input_.insert.empty()) Insert(input_.insert.front());
    {
      std::vector<std::jthread> helpers;
      for (uint32_t t = 1; t < input_.threads; ++t) helpers.emplace_back([this] { Work(false); });
      Work(true);
    }
    if (out_of_memory_) return ResourceExhausted("no memory left to build the graph");
    if (stop_.stop_requested()) return Cancelled("graph build stopped");
    if (progress_) progress_(input_.insert.size(), input_.insert.size());
    return OkStatus();
  }

  FaissGraph Flatten() const {
    FaissGraph graph;
    graph.entry_node = static_cast<uint32_t>(hnsw_.entry_point);
    AppendLevel(0, count_, graph.base_links);
    for (int level = 1; level <= input_.levels.front(); ++level) {
      AppendLevel(level, NodesAt(level), graph.upper_links);
    }
    return graph;
  }

 private:
  size_t NodesAt(int level) const {
    const auto end = std::partition_point(input_.levels.begin(), input_.levels.end(),
                                          [level](uint8_t top) { return top >= level; });
    return static_cast<size_t>(end - input_.levels.begin());
  }

  void TakeLinks(const FaissGraph& graph) {
    TakeLevel(0, count_, graph.base_links);
    size_t begin = 0;
    for (int level = 1; level <= input_.levels.front(); ++level) {
      const size_t nodes = NodesAt(level);
      TakeLevel(level, nodes, std::span(graph.upper_links).subspan(begin));
      begin += nodes * static_cast<size_t>(hnsw_.nb_neighbors(level));
    }
    hnsw_.entry_point = static_cast<storage_t>(graph.entry_node);
    hnsw_.max_level = input_.levels[graph.entry_node];
  }

  void TakeLevel(int level, size_t nodes, std::span<const uint32_t> links) {
    const auto width = static_cast<size_t>(hnsw_.nb_neighbors(level));
    for (size_t node = 0; node < nodes; ++node) {
      size_t begin = 0;
      size_t end = 0;
      hnsw_.neighbor_range(static_cast<faiss::HNSW::idx_t>(node), level, &begin, &end);
      for (size_t i = 0; i < width; ++i) {
        const uint32_t link = links[node * width + i];
        hnsw_.neighbors[begin + i] = link == kNoNode ? -1 : static_cast<storage_t>(link);
      }
    }
  }

  void Insert(size_t node) {
    faiss::VisitedTable visited(static_cast<int>(count_));
    CosineComputer distance(input_);
    InsertWith(node, distance, visited);
  }

  void InsertWith(size_t node, CosineComputer& distance, faiss::VisitedTable& visited) {
    distance.SetNode(node);
    hnsw_.add_with_locks(distance, input_.levels[node], static_cast<int>(node), locks_.get(),
                         visited);
  }

  // Takes the next nodes until there are none. No exception may leave a thread.
  void Work(bool reports) {
    try {
      faiss::VisitedTable visited(static_cast<int>(count_));
      CosineComputer distance(input_);
      size_t since_report = 0;
      while (!stop_.stop_requested() && !out_of_memory_) {
        const size_t next = next_.fetch_add(1);
        if (next >= input_.insert.size()) return;
        InsertWith(input_.insert[next], distance, visited);
        if (reports && progress_ && ++since_report == 1024) {
          since_report = 0;
          progress_(next, input_.insert.size());
        }
      }
    } catch (...) {  // it allocates; nothing else is known to throw
      out_of_memory_ = true;
    }
  }

  void AppendLevel(int level, size_t nodes, std::vector<uint32_t>& out) const {
    const auto width = static_cast<size_t>(hnsw_.nb_neighbors(level));
    out.reserve(out.size() + nodes * width);
    for (size_t node = 0; node < nodes; ++node) {
      size_t begin = 0;
      size_t end = 0;
      hnsw_.neighbor_range(static_cast<faiss::HNSW::idx_t>(node), level, &begin, &end);
      for (size_t i = begin; i < end; ++i) {
        const auto link = hnsw_.neighbors[i];
        out.push_back(link < 0 ? kNoNode : static_cast<uint32_t>(link));
      }
    }
  }

  const FaissGraphInput& input_;
  const BuildProgress& progress_;
  const std::stop_token& stop_;
  size_t count_;
  faiss::HNSW hnsw_;
  Locks locks_;
  std::atomic<size_t> next_{1};
  std::atomic<bool> out_of_memory_{false};
};

}  // namespace

StatusOr<FaissGraph> BuildFaissGraph(const FaissGraphInput& input, const BuildProgress& progress,
                                     const std::stop_token& stop) {
  LARDER_CHECK(!input.levels.empty());
  LARDER_CHECK(input.vectors.size() == input.levels.size() * input.dim);
  LARDER_CHECK(input.inverse_norms.size() == input.levels.size());
  LARDER_CHECK(std::is_sorted(
      input.insert.begin(), input.insert.end(),
      [&](uint32_t a, uint32_t b) { return input.levels[a] > input.levels[b]; }));
  try {
    Builder builder(input, progress, stop);
    LARDER_RETURN_IF_ERROR(builder.Run());
    return builder.Flatten();
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("no memory left to build a graph of ", input.levels.size(),
                             " vectors");
  } catch (const std::exception& e) {
    return Internal("faiss: ", std::string_view(e.what()));
  }
}

}  // namespace larder::ann
