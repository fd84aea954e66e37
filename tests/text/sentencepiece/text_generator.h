// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_TEXT_SENTENCEPIECE_TEXT_GENERATOR_H_
#define LARDER_TESTS_TEXT_SENTENCEPIECE_TEXT_GENERATOR_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace larder::text {

// Makes texts that tokenizers may get wrong: characters from all over Unicode, compositions,
// compatibility forms, spaces of all kinds, bytes that are not UTF-8, runs of one character, words,
// and the pieces of a vocabulary with their symbols. The same seed gives the same texts.
// Thread-safety: single-thread.
class TextGenerator {
 public:
  // `vocabulary` lends its pieces.
  TextGenerator(const Tokenizer& vocabulary, uint64_t seed);

  std::string Next();

 private:
  uint64_t Below(uint64_t n) { return random_() % n; }
  void AddCharacter(std::string& text);
  void AddSpace(std::string& text);
  void AddWord(std::string& text);
  void AddPart(std::string& text);

  std::mt19937_64 random_;
  std::vector<std::string> pieces_;
};

}  // namespace larder::text

#endif  // LARDER_TESTS_TEXT_SENTENCEPIECE_TEXT_GENERATOR_H_
