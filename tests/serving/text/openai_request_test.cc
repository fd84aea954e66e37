// SPDX-License-Identifier: Apache-2.0
#include "serving/text/openai_request.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

namespace larder::serving {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

StatusOr<OpenAiRequest> Parse(std::string_view body) {
  std::string param;
  return ParseOpenAiRequest(body, param);
}

// Of a body with this input.
std::string With(const std::string& input) { return R"({"model": "m", "input": )" + input + "}"; }

TEST(OpenAiRequest, TakesTheFourFormsOfInput) {
  EXPECT_THAT(Parse(With("\"a\""))->texts, ElementsAre("a"));
  EXPECT_THAT(Parse(With(R"(["a", "b"])"))->texts, ElementsAre("a", "b"));
  EXPECT_THAT(Parse(With("[1, 2]"))->tokens, ElementsAre(ElementsAre(1, 2)));
  EXPECT_THAT(Parse(With("[[1, 2], [3]]"))->tokens, ElementsAre(ElementsAre(1, 2), ElementsAre(3)));
}

TEST(OpenAiRequest, TakesWhatElseThereIs) {
  ASSERT_OK_AND_ASSIGN(
      const OpenAiRequest request,
      Parse(R"({"input": "a", "model": "titles", "encoding_format": "base64", "dimensions": 64,
                "user": "ada", "input_type": "query"})"));
  EXPECT_EQ(request.model, "titles");
  EXPECT_TRUE(request.base64);
  EXPECT_EQ(request.dimensions, 64U);
  EXPECT_EQ(request.role, text::TextRole::kQuery);
  ASSERT_OK_AND_ASSIGN(
      const OpenAiRequest plain,
      Parse(R"({"model": "m", "input": "a", "encoding_format": null, "dimensions": null,
                "user": null, "input_type": null})"));
  EXPECT_FALSE(plain.base64);
  EXPECT_EQ(plain.dimensions, std::nullopt);
  EXPECT_EQ(plain.role, text::TextRole::kDocument);
  EXPECT_FALSE(Parse(R"({"model": "m", "input": "a", "encoding_format": "float"})")->base64);
}

TEST(OpenAiRequest, KeepsEveryCharacterOfUnicode) {
  EXPECT_THAT(Parse(With(R"("a\u0000b\n\ud83d\ude00\u05d0e\u0301")"))->texts,
              ElementsAre(std::string("a\0b\n\xf0\x9f\x98\x80\xd7\x90" "e\xcc\x81", 13)));
}

// A body, what is wrong with it and the field that it is wrong in.
struct Case {
  std::string body;
  std::string message;
  std::string param;
};

void ExpectErrors(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    std::string param = "unset";
    EXPECT_THAT(ParseOpenAiRequest(c.body, param),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr(c.message)))
        << c.body.substr(0, 100);
    EXPECT_EQ(param, c.param) << c.body.substr(0, 100);
  }
}

TEST(OpenAiRequest, NamesTheFieldThatIsWrong) {
  ExpectErrors({
      {"", "not JSON", ""},
      {"{", "not JSON", ""},
      {"[]", "expected an object, got a list", ""},
      {"7", "expected an object, got a number", ""},
      {"\"a\"", "expected an object, got text", ""},
      {"null", "expected an object, got null", ""},
      {With("\"a\"") + "x", "not JSON", ""},
      {"{}", "model: you must provide it", "model"},
      {R"({"model": "m"})", "input: you must provide it", "input"},
      {R"({"input": "a"})", "model: you must provide it", "model"},
      {R"({"model": null, "input": "a"})", "model: expected text, got null", "model"},
      {R"({"model": 7, "input": "a"})", "model: expected text, got a number", "model"},
      {R"({"model": ["m"], "input": "a"})", "model: expected text, got a list", "model"},
      {R"({"model": {"a": 1}, "input": "a"})", "model: expected text, got an object", "model"},
      {R"({"model": "m", "model": "m", "input": "a"})", "model: stands twice", "model"},
      {R"({"model": "m", "input": "a", "truncate": true})", "supplied: truncate", ""},
      {R"({"model": "m", "input": "a", "encoding_format": "md5"})", "got 'md5'",
       "encoding_format"},
      {R"({"model": "m", "input": "a", "encoding_format": 1})", "expected 'float' or 'base64'",
       "encoding_format"},
      {R"({"model": "m", "input": "a", "dimensions": 0})", "integer from 1", "dimensions"},
      {R"({"model": "m", "input": "a", "dimensions": -1})", "integer from 1", "dimensions"},
      {R"({"model": "m", "input": "a", "dimensions": 2.0})", "integer from 1", "dimensions"},
      {R"({"model": "m", "input": "a", "dimensions": 4294967296})", "integer from 1", "dimensions"},
      {R"({"model": "m", "input": "a", "dimensions": 99999999999999999999999})", "integer from 1",
       "dimensions"},
      {R"({"model": "m", "input": "a", "dimensions": 1e999})", "not JSON", ""},
      {R"({"model": "m", "input": "a", "dimensions": "64"})", "integer from 1", "dimensions"},
      {R"({"model": "m", "input": "a", "user": 1})", "user: expected text", "user"},
      {R"({"model": "m", "input": "a", "input_type": "passage"})", "'query' or 'document'",
       "input_type"},
  });
}

TEST(OpenAiRequest, NamesTheInputThatIsWrong) {
  ExpectErrors({
      {With("null"), "got null", "input"},
      {With("7"), "got a number", "input"},
      {With("true"), "got a boolean", "input"},
      {With("{}"), "got an object", "input"},
      {With("[{}]"), "got an object", "input"},
      {With("\"\""), "a text is empty", "input"},
      {With("[]"), "the list is empty", "input"},
      {With(R"(["a", ""])"), "a text is empty", "input"},
      {With("[[]]"), "a list is empty", "input"},
      {With("[[1], []]"), "a list is empty", "input"},
      {With("[[[1]]]"), "got a list", "input"},
      {With("[[\"a\"]]"), "got text", "input"},
      {With("[null]"), "got null", "input"},
      {With("[1.5]"), "got 1.5", "input"},
      {With("[-1]"), "got a negative number", "input"},
      {With("[2147483648]"), "not in the vocabulary: 2147483648", "input"},
      {With("[\"a\", 1]"), "not a mixture", "input"},
      {With("[1, \"a\"]"), "not a mixture", "input"},
      {With("[1, [1]]"), "not a mixture", "input"},
      {With("[[1], 1]"), "not a mixture", "input"},
      {With("[\"a\", [1]]"), "not a mixture", "input"},
      {With("[[1], \"a\"]"), "not a mixture", "input"},
  });
}

TEST(OpenAiRequest, SaysWhatIsNotJson) {
  const std::string deep(1'000'000, '[');
  ExpectErrors({
      {With("\"\xff\""), "not JSON", ""},
      {With("\"\\ud800\""), "not JSON", ""},
      {With("\"\\udc00 \""), "not JSON", ""},
      {With("\"\n\""), "not JSON", ""},
      {deep, "expected an object, got a list", ""},
      {With(deep), "got a list", "input"},
  });
}

TEST(OpenAiRequest, TakesTwoThousandAndFortyEightInputs) {
  const auto list = [](size_t count, const std::string& item) {
    std::string input = "[" + item;
    for (size_t i = 1; i < count; ++i) input += "," + item;
    return With(input + "]");
  };
  for (const std::string item : {"\"a\"", "[1]"}) {
    EXPECT_OK(Parse(list(kMaxOpenAiInputs, item)));
    EXPECT_THAT(Parse(list(kMaxOpenAiInputs + 1, item)),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr("at most 2048 inputs")));
  }
}

TEST(OpenAiRequest, EveryTruncationAndFlippedBitHasADefinedEnd) {
  const std::string body = R"({"model":"m","input":["a","\u00e4"],"dimensions":64})";
  for (size_t size = 0; size < body.size(); ++size) {
    EXPECT_THAT(Parse(std::string_view(body).substr(0, size)),
                StatusIs(StatusCode::kInvalidArgument, testing::_));
  }
  for (size_t bit = 0; bit < body.size() * 8; ++bit) {
    std::string damaged = body;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    EXPECT_THAT(Parse(damaged).status().code(),
                testing::AnyOf(StatusCode::kOk, StatusCode::kInvalidArgument));
  }
}

}  // namespace
}  // namespace larder::serving
