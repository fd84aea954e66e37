// SPDX-License-Identifier: Apache-2.0
// The harness of the fuzzers in tests/fuzz over seeded mutations of good files.
#include "tests/text/text_exercise.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"
#include "tests/text/text_testing.h"
#include "text/encoder_config.h"
#include "text/safetensors.h"

namespace larder::text {
namespace {

using Exercise = Status (*)(std::string_view);

void Mutate(const std::string& file, Exercise exercise, int count, uint64_t seed) {
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  ASSERT_OK(exercise(file));
  std::mt19937_64 random(seed);
  for (int i = 0; i < count; ++i) {
    const std::string mutated = MutatedFile(file, random);
    ASSERT_OK(exercise(mutated)) << "mutation " << i;
  }
}

TEST(TextExercise, MutatedTokenizerJsonsAreRefusedOrKeepTheirPromises) {
  uint64_t seed = 1;
  for (const char* name : {"uncased", "cased", "added", "normalized", "left", "sequence"}) {
    const std::string file = ReadFile(Concat("tests/testdata/wordpiece/", name, ".json"));
    Mutate(file, ExerciseTokenizerJson, 400, seed++);
  }
}

TEST(TextExercise, MutatedVocabulariesAreRefusedOrKeepTheirPromises) {
  Mutate("1[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\n##a\na\r\nun\n", ExerciseVocabTxt, 1'000, 11);
}

TEST(TextExercise, MutatedSafeTensorsAreRefusedOrReadTheSameAgain) {
  const std::string file = WriteSafeTensors(
      {{.name = "a", .dtype = DType::kI8, .shape = {2, 3}, .bytes = "abcdef"},
       {.name = "b", .dtype = DType::kF16, .shape = {1}, .bytes = "xy"}},
      {{"made by", "test"}});
  Mutate(file, ExerciseSafeTensors, 3'000, 21);
}

TEST(TextExercise, MutatedEncoderConfigsAreRefusedOrReadTheSameAgain) {
  EncoderConfig config;
  config.dimensions = 16;
  config.training["documents"] = 3.0;
  config.training["method"] = "none";
  config.quality["recall"] = 0.5;
  Mutate(WriteEncoderConfig(config), ExerciseEncoderConfig, 3'000, 31);
  config.kind = EncoderKind::kTransformer;
  config.dimensions = 64;
  config.transformer = {.layers = 1, .heads = 2, .hidden = 64, .intermediate = 128,
                        .max_positions = 32};
  config.query_prompt = "query: ";
  Mutate(WriteEncoderConfig(config), ExerciseEncoderConfig, 3'000, 32);
}

}  // namespace
}  // namespace larder::text
