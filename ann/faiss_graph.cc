// SPDX-License-Identifier: Apache-2.0
#include "ann/faiss_graph.h"

#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/DistanceComputer.h>
#include <faiss/impl/HNSW.h>
#include <omp.h>

#include <atomic>
#include <cmath>
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
  CosineComputer(const FaissGraphInput& input, std::span<const float> inverse_norms)
      : rows_(input.vectors.data()), dim_(input.dim), inverse_norms_(inverse_norms) {}

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
 public:
  Builder(const FaissGraphInput& input, const BuildProgress& progress, const std::stop_token& stop)
      : input_(input),
        progress_(progress),
        stop_(stop),
        count_(input.levels.size()),
        inverse_norms_(count_),
        hnsw_(static_cast<int>(input.degree)),
        locks_(count_) {
    for (size_t i = 0; i < count_; ++i) {
      const int32_t norm = SquaredNorm(input.vectors.subspan(i * input.dim, input.dim));
      inverse_norms_[i] = static_cast<float>(1.0 / std::sqrt(static_cast<double>(norm)));
    }
    hnsw_.efConstruction = static_cast<int>(input.ef_construction);
    hnsw_.levels.reserve(count_);
    size_t links = 0;
    for (const uint8_t level : input.levels) {
      hnsw_.levels.push_back(level + 1);  // FAISS counts level 0 as 1
      links += static_cast<size_t>(hnsw_.cum_nb_neighbors(level + 1));
    }
    hnsw_.neighbors.reserve(links);
    hnsw_.offsets.reserve(count_ + 1);
    hnsw_.prepare_level_tab(count_, /*preset_levels=*/true);
  }

  Status Run() {
    Insert(0);  // alone, so that the entry point stands before others look for it
    {
      std::vector<std::jthread> helpers;
      for (uint32_t t = 1; t < input_.threads; ++t) helpers.emplace_back([this] { Work(false); });
      Work(true);
    }
    if (out_of_memory_) return ResourceExhausted("no memory left to build the graph");
    if (stop_.stop_requested()) return Cancelled("graph build stopped");
    if (progress_) progress_(count_, count_);
    return OkStatus();
  }

  FaissGraph Flatten() const {
    FaissGraph graph;
    graph.entry_node = static_cast<uint32_t>(hnsw_.entry_point);
    AppendLevel(0, count_, graph.base_links);
    size_t nodes = count_;
    for (int level = 1; level <= hnsw_.max_level; ++level) {
      while (nodes > 0 && input_.levels[nodes - 1] < level) --nodes;
      AppendLevel(level, nodes, graph.upper_links);
    }
    return graph;
  }

 private:
  void Insert(size_t node) {
    faiss::VisitedTable visited(static_cast<int>(count_));
    CosineComputer distance(input_, inverse_norms_);
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
      CosineComputer distance(input_, inverse_norms_);
      size_t since_report = 0;
      while (!stop_.stop_requested() && !out_of_memory_) {
        const size_t node = next_.fetch_add(1);
        if (node >= count_) return;
        InsertWith(node, distance, visited);
        if (reports && progress_ && ++since_report == 1024) {
          since_report = 0;
          progress_(node, count_);
        }
      }
    } catch (const std::bad_alloc&) {
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
  std::vector<float> inverse_norms_;
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
