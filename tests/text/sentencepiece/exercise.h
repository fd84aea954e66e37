// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_TEXT_SENTENCEPIECE_EXERCISE_H_
#define LARDER_TESTS_TEXT_SENTENCEPIECE_EXERCISE_H_

#include <random>
#include <string>
#include <string_view>

namespace larder::text {

// Opens what may be a model and encodes a text with it, ours and the library's. `input` is the size
// of the model (u32), the model, the text. Empty if all is as it should be: the bytes are refused
// by both, or both give the same; else what is wrong.
std::string ExerciseModelAndText(std::string_view input);

// Such an input: a small model that is valid, or nearly so, and a text.
std::string SampleModelAndText(std::mt19937_64& random);

}  // namespace larder::text

#endif  // LARDER_TESTS_TEXT_SENTENCEPIECE_EXERCISE_H_
