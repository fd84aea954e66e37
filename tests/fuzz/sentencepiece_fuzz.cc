// SPDX-License-Identifier: Apache-2.0
// libFuzzer: any bytes as a SentencePiece model and a text. See tests/fuzz/README.md.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/text/sentencepiece/exercise.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string difference = larder::text::ExerciseModelAndText(
      std::string_view(reinterpret_cast<const char*>(data), size));
  if (!difference.empty()) {
    std::fprintf(stderr, "%s\n", difference.c_str());
    std::abort();
  }
  return 0;
}
