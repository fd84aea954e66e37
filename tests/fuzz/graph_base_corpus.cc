// SPDX-License-Identifier: Apache-2.0
// Writes valid index files for a fuzzer to begin with: graph_base_corpus DIR
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/status.h"
#include "tests/ann/graph_forging.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: graph_base_corpus DIR\n");
    return 2;
  }
  std::filesystem::create_directories(argv[1]);
  size_t count = 0;
  for (const std::string& file : larder::ann::SampleGraphFiles()) {
    std::ofstream out(larder::Concat(argv[1], "/sample", count++), std::ios::binary);
    if (!(out << file).flush()) return 1;
  }
  return 0;
}
