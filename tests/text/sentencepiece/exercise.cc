// SPDX-License-Identifier: Apache-2.0
#include "tests/text/sentencepiece/exercise.h"

#include "base/bytes.h"
#include "tests/text/sentencepiece/compare.h"
#include "tests/text/sentencepiece/model_forging.h"
#include "text/sentencepiece/sentencepiece_tokenizer.h"

namespace larder::text {
namespace {

// Of a text: the library's time grows with the square of it.
constexpr size_t kMaxText = 4'096;

}  // namespace

std::string ExerciseModelAndText(std::string_view input) {
  ByteReader reader(input);
  const std::string_view model = reader.Raw(reader.Fixed<uint32_t>());
  if (!reader.ok()) return "";
  const std::string_view text = input.substr(sizeof(uint32_t) + model.size()).substr(0, kMaxText);
  auto own = OpenSentencePiece(model, "model");
  auto library = OpenSentencePieceLibrary(model, "model");
  if (own.ok() != library.ok()) {
    return Concat("own: ", Message(own.status()), ", library: ", Message(library.status()));
  }
  if (!own.ok()) return "";
  const Pair pair = {*std::move(own), *std::move(library)};
  const std::string difference = Difference(pair, text);
  // Again, now that words are in the cache.
  return difference.empty() ? Difference(pair, text) : difference;
}

std::string SampleModelAndText(std::mt19937_64& random) {
  std::string model = RandomModel(random);
  for (uint64_t changes = random() % 4 == 0 ? 1 + random() % 4 : 0; changes > 0; --changes) {
    model[random() % model.size()] = static_cast<char>(random());
  }
  std::string input;
  ByteWriter writer(input);
  writer.Fixed(static_cast<uint32_t>(model.size()));
  return input + model + RandomTextForModel(random, 30);
}

}  // namespace larder::text
