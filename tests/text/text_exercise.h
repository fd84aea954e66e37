// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_TEXT_TEXT_EXERCISE_H_
#define LARDER_TESTS_TEXT_TEXT_EXERCISE_H_

#include <random>
#include <string>
#include <string_view>

#include "base/status.h"
#include "text/tokenizer.h"

namespace larder::text {

// Any bytes as a file that the server reads: refused by name ("file"), or what was read keeps its
// promises. Each gives kInternal for a promise that was not kept, else OK.

// Encodes texts of all kinds: ids are of the vocabulary, places in order and inside the text, and
// both ways of encoding agree.
Status ExerciseTokenizer(const Tokenizer& tokenizer);
Status ExerciseTokenizerJson(std::string_view bytes);
// The first byte decides whether it is of lower case; the rest is the file.
Status ExerciseVocabTxt(std::string_view bytes);
// What was read, written and read again is the same.
Status ExerciseSafeTensors(std::string_view bytes);
Status ExerciseEncoderConfig(std::string_view bytes);

// A file changed in one to four places: bits flipped, parts cut out, repeated or exchanged for
// words that such files have.
std::string MutatedFile(std::string_view file, std::mt19937_64& random);

}  // namespace larder::text

#endif  // LARDER_TESTS_TEXT_TEXT_EXERCISE_H_
