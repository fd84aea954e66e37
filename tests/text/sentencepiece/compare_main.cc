// SPDX-License-Identifier: Apache-2.0
// Compares our own tokenizer with libsentencepiece for as long as one likes:
//
//     sentencepiece_compare MODEL random COUNT SEED     generated texts
//     sentencepiece_compare MODEL lines FILE            the lines of a file
//
// Prints the first differences and how many there are. Exit status 1 if there are any.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>

#include "base/file_system.h"
#include "tests/text/sentencepiece/compare.h"
#include "tests/text/sentencepiece/text_generator.h"

namespace larder::text {
namespace {

constexpr uint64_t kShown = 10;

int Run(const std::string& path, const std::function<bool(const Pair&, std::string&)>& next) {
  const auto bytes = FileSystem::Posix().Read(path, kMaxTokenizerBytes);
  const auto pair = bytes.ok() ? Pair::Open(*bytes, path) : StatusOr<Pair>(bytes.status());
  if (!pair.ok()) {
    std::fprintf(stderr, "%s\n", pair.status().ToString().c_str());
    return 2;
  }
  uint64_t texts = 0;
  uint64_t different = 0;
  for (std::string text; next(*pair, text); ++texts) {
    const std::string difference = Difference(*pair, text);
    if (difference.empty()) continue;
    if (++different <= kShown) std::printf("%s\n", difference.c_str());
  }
  std::printf("%s, %s: %" PRIu64 " texts, %" PRIu64 " different\n", path.c_str(),
              std::string(pair->own->engine()).c_str(), texts, different);
  return different == 0 ? 0 : 1;
}

}  // namespace
}  // namespace larder::text

int main(int argc, char** argv) {
  using larder::text::Pair;
  const std::string mode = argc > 2 ? argv[2] : "";
  if (mode == "random" && argc == 5) {
    uint64_t left = std::strtoull(argv[3], nullptr, 10);
    const uint64_t seed = std::strtoull(argv[4], nullptr, 10);
    std::unique_ptr<larder::text::TextGenerator> generator;
    return larder::text::Run(argv[1], [&](const Pair& pair, std::string& text) {
      if (generator == nullptr) {
        generator = std::make_unique<larder::text::TextGenerator>(*pair.own, seed);
      }
      text = generator->Next();
      return left-- > 0;
    });
  }
  if (mode == "lines" && argc == 4) {
    std::ifstream lines(argv[3], std::ios::binary);
    return larder::text::Run(argv[1], [&](const Pair&, std::string& text) {
      return static_cast<bool>(std::getline(lines, text));
    });
  }
  std::fprintf(stderr, "usage: sentencepiece_compare MODEL random COUNT SEED | MODEL lines FILE\n");
  return 2;
}
