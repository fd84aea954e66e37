// SPDX-License-Identifier: Apache-2.0
#include "text/safetensors.h"

#include <gtest/gtest.h>

#include <random>

#include "base/bytes.h"
#include "base/file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/text/text_testing.h"

namespace larder::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A file with this header and `data_bytes` bytes of data.
std::string File(std::string_view header, size_t data_bytes) {
  std::string out;
  ByteWriter writer(out);
  writer.Fixed<uint64_t>(header.size());
  writer.Raw(header);
  out.append(data_bytes, 'x');
  return out;
}

std::string One(std::string_view dtype, std::string_view shape, std::string_view offsets) {
  return Concat("{\"t\":{\"dtype\":\"", dtype, "\",\"shape\":", shape,
                ",\"data_offsets\":", offsets, "}}");
}

std::string SampleFile() {
  return WriteSafeTensors({{.name = "a \"b\"\n", .dtype = DType::kI8, .shape = {2, 3},
                            .bytes = "abcdef"},
                           {.name = "n", .dtype = DType::kI32, .shape = {}, .bytes = "1234"},
                           {.name = "none", .dtype = DType::kF64, .shape = {0, 5}, .bytes = ""}},
                          {{"made by", "test \u00e4"}});
}

TEST(SafeTensors, RoundTrip) {
  const std::string bytes = SampleFile();

  ASSERT_OK_AND_ASSIGN(const SafeTensors file, ParseSafeTensors(bytes, "m"));

  ASSERT_EQ(file.tensors.size(), 3u);
  const Tensor* a = file.Find("a \"b\"\n");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->dtype, DType::kI8);
  EXPECT_THAT(a->shape, ElementsAre(2, 3));
  EXPECT_EQ(a->bytes, "abcdef");
  EXPECT_EQ(file.Find("n")->bytes, "1234");
  EXPECT_TRUE(file.Find("n")->shape.empty());
  EXPECT_TRUE(file.Find("none")->bytes.empty());
  EXPECT_EQ(file.Find("other"), nullptr);
  EXPECT_THAT(file.metadata, ElementsAre(testing::Pair("made by", "test \u00e4")));
}

TEST(SafeTensors, DataStartsAtACacheLine) {
  const std::string bytes = SampleFile();

  EXPECT_EQ(bytes.find("abcdef") % 64, 0u);
}

TEST(SafeTensors, AnEmptyFileOfTensorsIsValid) {
  EXPECT_OK(ParseSafeTensors(WriteSafeTensors({}), "m"));
}

TEST(SafeTensors, ReadsAPublishedFile) {
  const std::string path =
      "../shared/data/tokenizers/safetensors_fixture/model.safetensors";
  if (!FileSystem::Posix().Exists(path)) GTEST_SKIP() << path << " is not here";
  const std::string bytes = ReadFile(path);

  ASSERT_OK_AND_ASSIGN(const SafeTensors file, ParseSafeTensors(bytes, path));

  EXPECT_FALSE(file.tensors.empty());
}

TEST(SafeTensors, NamesTheForgedField) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "no safetensors file"},
      {"1234567", "no safetensors file"},
      {std::string(8, '\xff'), "the limit is"},
      {std::string("\x10\0\0\0\0\0\0\0{}", 10), "a header of 16 bytes in a file of 10"},
      {File("", 0), "does not start with '{'"},
      {File(" {}", 0), "does not start with '{'"},
      {File("{", 0), "not JSON"},
      {File("{\"t\":1}", 0), "tensor 't': expected an object"},
      {File("{\"t\":{\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":1}}", 1),
       "unknown key 'x'"},
      {File("{\"t\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1), "dtype is missing"},
      {File("{\"t\":{\"dtype\":\"I8\",\"data_offsets\":[0,1]}}", 1), "shape is missing"},
      {File("{\"t\":{\"dtype\":\"I8\",\"shape\":[1]}}", 1), "data_offsets is missing"},
      {File(One("I9", "[1]", "[0,1]"), 1), "unknown dtype 'I9'"},
      {File(One("I8", "[-1]", "[0,1]"), 1), "something else than counts"},
      {File(One("I8", "[1.5]", "[0,1]"), 1), "something else than counts"},
      {File(One("I8", "[1,1,1,1,1,1,1,1,1]", "[0,1]"), 1), "rank is 9"},
      {File(One("I8", "[1]", "[0,1,2]"), 1), "no pair"},
      {File(One("I8", "[1]", "[1,0]"), 1), "not a range"},
      {File(One("I8", "[1]", "[-1,0]"), 1), "not a range"},
      {File(One("I8", "[2]", "[0,2]"), 1), "ends at byte 2, the data has 1"},
      {File(One("I8", "[3]", "[0,2]"), 2), "holds 2 bytes, its shape needs 3"},
      {File(One("F64", "[2305843009213693952,2]", "[0,1]"), 1), "overflows"},
      {File(One("I8", "[4294967296,4294967296]", "[0,0]"), 0), "overflows"},
      {File(One("I8", "[18446744073709551615]", "[0,0]"), 0), "something else than counts"},
      {File(One("I8", "[1]", "[0,100000000000000000000]"), 1), "not a range"},
      {File(One("I8", "[1]", "[1,2]"), 2), "1 bytes before tensor 't' belong to no tensor"},
      {File(One("I8", "[1]", "[0,1]"), 2), "1 bytes at the end belong to no tensor"},
      {File("{\"a\":{\"dtype\":\"I8\",\"shape\":[2],\"data_offsets\":[0,2]},"
            "\"b\":{\"dtype\":\"I8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
            3),
       "tensor 'b' overlaps another"},
      {File("{\"a\":{\"dtype\":\"I8\",\"shape\":[0],\"data_offsets\":[0,0]},"
            "\"a\":{\"dtype\":\"I8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
            0),
       "'a' stands twice"},
      {File("{\"__metadata__\":{\"a\":1}}", 0), "__metadata__ 'a' is no text"},
      {File("{\"__metadata__\":[]}", 0), "__metadata__ is no object"},
  };
  for (const auto& [bytes, message] : cases) {
    EXPECT_THAT(ParseSafeTensors(bytes, "m.safetensors"),
                StatusIs(StatusCode::kDataLoss,
                         testing::AllOf(HasSubstr("m.safetensors"), HasSubstr(message))));
  }
}

TEST(SafeTensors, DeepNestingIsRefused) {
  std::string header = "{\"t\":";
  for (int i = 0; i < 60; ++i) header += "[";
  for (int i = 0; i < 60; ++i) header += "]";
  header += "}";

  EXPECT_THAT(ParseSafeTensors(File(header, 0), "m"),
              StatusIs(StatusCode::kDataLoss, HasSubstr("levels")));
}

TEST(SafeTensors, EveryTruncationIsDataLoss) {
  const std::string bytes = SampleFile();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(ParseSafeTensors(std::string_view(bytes).substr(0, size), "m"),
                StatusIs(StatusCode::kDataLoss, HasSubstr("m")));
  }
}

TEST(SafeTensors, FlippedHeaderBitsNeverCrash) {
  const std::string bytes = SampleFile();
  const size_t header = bytes.find("abcdef");
  for (size_t i = 0; i < header * 8; ++i) {
    std::string damaged = bytes;
    damaged[i / 8] = static_cast<char>(static_cast<unsigned char>(damaged[i / 8]) ^ (1u << i % 8));
    const auto file = ParseSafeTensors(damaged, "m");
    if (!file.ok()) {
      EXPECT_EQ(file.status().code(), StatusCode::kDataLoss);
    }
  }
}

TEST(SafeTensors, RequireNamesWhatItExpected) {
  const std::string bytes = SampleFile();
  ASSERT_OK_AND_ASSIGN(const SafeTensors file, ParseSafeTensors(bytes, "m"));

  EXPECT_OK(file.Require("n", DType::kI32, 0, "m"));
  EXPECT_THAT(file.Require("x", DType::kI8, 1, "m"),
              StatusIs(StatusCode::kDataLoss, HasSubstr("'x' is missing")));
  EXPECT_THAT(file.Require("n", DType::kF32, 0, "m"),
              StatusIs(StatusCode::kDataLoss, HasSubstr("'n' is I32, expected F32")));
  EXPECT_THAT(file.Require("n", DType::kI32, 2, "m"),
              StatusIs(StatusCode::kDataLoss, HasSubstr("rank 0, expected 2")));
}

}  // namespace
}  // namespace larder::text
