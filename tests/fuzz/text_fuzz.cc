// SPDX-License-Identifier: Apache-2.0
// libFuzzer: any bytes as one kind of file that encoders are made of; LARDER_EXERCISE is the
// function of tests/text/text_exercise.h that reads it. See tests/fuzz/README.md.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>

#include "tests/text/text_exercise.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

// Half of the time a change that knows such files, else libFuzzer's own.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned int seed) {
  std::mt19937_64 random(seed);
  if (random() % 2 == 0) return LLVMFuzzerMutate(data, size, max_size);
  const std::string file = larder::text::MutatedFile(
      std::string_view(reinterpret_cast<const char*>(data), size), random);
  size = std::min(file.size(), max_size);
  std::copy_n(file.begin(), size, data);
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const larder::Status status = larder::text::LARDER_EXERCISE(
      std::string_view(reinterpret_cast<const char*>(data), size));
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    std::abort();
  }
  return 0;
}
