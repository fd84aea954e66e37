// SPDX-License-Identifier: Apache-2.0
// Writes small models with texts for a fuzzer to begin with: sentencepiece_corpus DIR
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/status.h"
#include "tests/text/sentencepiece/exercise.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: sentencepiece_corpus DIR\n");
    return 2;
  }
  std::filesystem::create_directories(argv[1]);
  std::mt19937_64 random(1);
  for (int i = 0; i < 200; ++i) {
    std::ofstream out(larder::Concat(argv[1], "/sample", i), std::ios::binary);
    if (!(out << larder::text::SampleModelAndText(random)).flush()) return 1;
  }
  return 0;
}
