// SPDX-License-Identifier: Apache-2.0
// Filtered search by hnswlib with a filter in C++, since its Python interface calls back for every
// candidate. bench/ann/environment.py compiles this against the headers of the package that the
// benchmark installs; bench/ann/libraries.py calls it.
#include <hnswlib/hnswlib.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>

namespace {

// Admits the labels whose bit is set, the lowest bit of a byte first.
class BitmapFilter final : public hnswlib::BaseFilterFunctor {
 public:
  BitmapFilter(const uint8_t* bytes, size_t size) : bytes_(bytes), size_(size) {}
  bool operator()(hnswlib::labeltype label) override {
    return label / 8 < size_ && (bytes_[label / 8] >> label % 8 & 1) != 0;
  }

 private:
  const uint8_t* bytes_;
  size_t size_;
};

struct Index {
  Index(const std::string& path, size_t dim) : space(dim), graph(&space, path) {}
  hnswlib::InnerProductSpace space;
  hnswlib::HierarchicalNSW<float> graph;
};

}  // namespace

// The index that save_index wrote, for the process's life; null, said on stderr, if that fails.
extern "C" void* Open(const char* path, size_t dim) noexcept {
  try {
    return new Index(path, dim);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hnswlib_filter: %s: %s\n", path, error.what());
    return nullptr;
  }
}

// Searches for queries [count, dim], each with its row of filters [count, filter_bytes], one after
// the other; after `seconds` no further one, once `least` are done. Writes ids [count, k], nearest
// first, leaving what there are none for, and micros [count]. Returns how many are done; fewer too,
// said on stderr, if one fails.
extern "C" size_t Search(void* opened, const float* queries, const uint8_t* filters, size_t count,
                         size_t dim, size_t filter_bytes, size_t k, size_t ef, size_t least,
                         double seconds, int32_t* ids, double* micros) noexcept {
  using Clock = std::chrono::steady_clock;
  auto& graph = static_cast<Index*>(opened)->graph;
  graph.setEf(ef);
  const auto begin = Clock::now();
  for (size_t i = 0; i < count; ++i) {
    try {
      BitmapFilter filter(filters + i * filter_bytes, filter_bytes);
      const auto started = Clock::now();
      auto found = graph.searchKnn(queries + i * dim, k, &filter);  // the farthest on top
      micros[i] = std::chrono::duration<double, std::micro>(Clock::now() - started).count();
      for (size_t at = std::min(k, found.size()); at > 0; found.pop()) {
        ids[i * k + --at] = static_cast<int32_t>(found.top().second);
      }
    } catch (const std::exception& error) {
      std::fprintf(stderr, "hnswlib_filter: %s\n", error.what());
      return i;
    }
    const std::chrono::duration<double> spent = Clock::now() - begin;
    if (i + 1 >= least && spent.count() >= seconds) return i + 1;
  }
  return count;
}
