// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_ANN_ANN_TESTING_H_
#define LARDER_TESTS_ANN_ANN_TESTING_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "ann/graph_base.h"
#include "ann/search.h"
#include "ann/vector_index.h"
#include "tests/support/status_matchers.h"

namespace larder::ann {

inline Digest TestSpace() { return Sha256("test space"); }

// The squared length of int8 codes.
inline int64_t NormOfCodes(std::span<const int8_t> v) { return SquaredNorm(VectorView{v, {}}); }

inline std::vector<int8_t> RandomVector(std::mt19937_64& random, size_t dim) {
  std::vector<int8_t> v(dim);
  for (int8_t& x : v) x = static_cast<int8_t>(static_cast<int>(random() % 256) - 128);
  return v;
}

// [n, dim] vectors around `clusters` random centres: like text, near neighbours are really near.
inline std::vector<int8_t> ClusteredVectors(uint64_t seed, size_t n, size_t dim,
                                            size_t clusters) {
  std::mt19937_64 random(seed);
  std::vector<std::vector<int8_t>> centres;
  for (size_t i = 0; i < clusters; ++i) centres.push_back(RandomVector(random, dim));
  std::vector<int8_t> out;
  for (size_t i = 0; i < n; ++i) {
    const std::vector<int8_t>& centre = centres[random() % clusters];
    for (const int8_t x : centre) {
      const int noisy = x / 2 + static_cast<int>(random() % 101) - 50;
      out.push_back(static_cast<int8_t>(std::clamp(noisy, -128, 127)));
    }
  }
  return out;
}

inline std::string TestKey(uint32_t id) {
  std::string digits = std::to_string(id);
  return "key-" + std::string(8 - digits.size(), '0') + digits;
}
inline uint32_t IdOfTestKey(std::string_view key) {
  return static_cast<uint32_t>(std::stoul(std::string(key.substr(4))));
}

inline std::vector<std::string> TestKeys(std::span<const uint32_t> ids) {
  std::vector<std::string> keys;
  for (const uint32_t id : ids) keys.push_back(TestKey(id));
  return keys;
}

inline std::vector<uint32_t> IdsOfRows(const GraphBase& base) {
  std::vector<uint32_t> ids;
  for (size_t row = 0; row < base.row_count(); ++row) ids.push_back(IdOfTestKey(base.key(row)));
  return ids;
}

// The slow obvious oracle: a map of vectors, compared one by one in doubles.
class ReferenceIndex {
 public:
  explicit ReferenceIndex(const CodeShape& shape) : shape_(shape) {}

  void Upsert(uint32_t id, std::vector<int8_t> v) { vectors_[id] = std::move(v); }
  void Remove(uint32_t id) { vectors_.erase(id); }
  const std::map<uint32_t, std::vector<int8_t>>& vectors() const { return vectors_; }

  std::vector<Hit> Search(const SearchRequest& request) const {
    std::vector<Hit> hits;
    for (const auto& [id, v] : vectors_) {
      if (request.filter != nullptr && !request.filter->Test(id)) continue;
      if (std::count(request.exclude.begin(), request.exclude.end(), id) > 0) continue;
      const double norm = Product(v, v);
      if (norm == 0) continue;
      const double query_norm = Product(request.query, request.query);
      hits.push_back({id, Product(request.query, v) / std::sqrt(norm * query_norm)});
    }
    std::stable_sort(hits.begin(), hits.end(),
                     [](const Hit& a, const Hit& b) { return a.score > b.score; });
    hits.resize(std::min(hits.size(), request.k));
    return hits;
  }

 private:
  double Component(std::span<const int8_t> codes, size_t i) const {
    return shape_.has_low ? 256.0 * codes[i] + codes[shape_.dim + i] : codes[i];
  }
  double Product(std::span<const int8_t> a, std::span<const int8_t> b) const {
    double sum = 0;
    for (size_t i = 0; i < shape_.dim; ++i) sum += Component(a, i) * Component(b, i);
    return sum;
  }

  CodeShape shape_;
  std::map<uint32_t, std::vector<int8_t>> vectors_;
};

// Builds a base from what the index holds now, as a background job would.
inline StatusOr<std::shared_ptr<const GraphBase>> BuildFromSnapshot(
    const VectorIndex::Snapshot& snapshot, const CodeShape& shape, uint32_t ef_construction = 40) {
  return BuildGraphBase(
      {.shape = shape, .space = TestSpace(), .degree = 8, .ef_construction = ef_construction},
      snapshot.codes, TestKeys(snapshot.ids));
}

// An index of the vectors that the base has, all of them served by it.
inline VectorIndex IndexOver(const std::shared_ptr<const GraphBase>& base) {
  VectorIndex index({.shape = base->shape(), .space = base->space()});
  const std::vector<uint32_t> ids = IdsOfRows(*base);
  for (size_t row = 0; row < ids.size(); ++row) {
    EXPECT_OK(index.Upsert(ids[row], base->vector(base->node_of_row(row)).Codes()));
  }
  EXPECT_OK(index.InstallBase(base, ids));
  return index;
}

}  // namespace larder::ann

#endif  // LARDER_TESTS_ANN_ANN_TESTING_H_
