// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_TEXT_TEXT_TESTING_H_
#define LARDER_TESTS_TEXT_TEXT_TESTING_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "text/document.h"
#include "text/static/static_encoder.h"
#include "text/tokenizer.h"

namespace larder::text {

// A made-up catalog of `count` items about eight subjects: a title names the item (a rare word)
// and its subject, the content uses the subject's words; the tag is the subject.
std::vector<Document> SampleCatalog(size_t count, uint64_t seed);

// The bytes of a small unigram model trained on SampleCatalog; trained once per process.
const std::string& SampleTokenizerBytes();
std::unique_ptr<const Tokenizer> SampleTokenizer();

// Random tables of the sample tokenizer's size; every fourth weight is 0.
StaticTables RandomTables(int32_t dimensions, uint64_t seed);

// Writes a static encoder with RandomTables(16, 1) into `dir`.
Status WriteSampleEncoder(const std::string& dir);

// A whole file; fails the test if it cannot be read.
std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, std::string_view bytes);

}  // namespace larder::text

#endif  // LARDER_TESTS_TEXT_TEXT_TESTING_H_
