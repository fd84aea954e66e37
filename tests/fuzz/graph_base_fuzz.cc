// SPDX-License-Identifier: Apache-2.0
// libFuzzer: any bytes as `index.larder`. See tests/fuzz/README.md.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>

#include "tests/ann/graph_exercise.h"
#include "tests/ann/graph_forging.h"
#include "tests/support/temp_dir.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

// Half of the time a change that knows the format, else libFuzzer's own, with good checksums.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned int seed) {
  std::mt19937_64 random(seed);
  std::string file;
  if (random() % 2 == 0) {
    file = larder::ann::MutatedGraphFile(
        std::string(reinterpret_cast<const char*>(data), size), random);
  } else {
    size = LLVMFuzzerMutate(data, size, max_size);
    if (size < larder::kFrameHeaderSize || random() % 8 == 0) return size;
    file = larder::ann::Sealed(
        std::string(reinterpret_cast<const char*>(data) + larder::kFrameHeaderSize,
                    size - larder::kFrameHeaderSize));
  }
  size = std::min(file.size(), max_size);
  std::copy_n(file.begin(), size, data);
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const larder::TempDir dir;
  const auto fate = larder::ann::ExerciseGraphFile(
      std::string_view(reinterpret_cast<const char*>(data), size), dir.path());
  if (!fate.ok()) {
    std::fprintf(stderr, "%s\n", fate.status().ToString().c_str());
    std::abort();
  }
  return 0;
}
