// SPDX-License-Identifier: Apache-2.0
#include "serving/text/openai.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "serving/embed.h"
#include "tests/serving/fake_encoder.h"
#include "tests/serving/serving_world.h"
#include "tests/support/status_matchers.h"

namespace larder::serving {
namespace {

using nlohmann::json;
using testing::HasSubstr;

struct Api {
  explicit Api(const EncodersOptions& options = {}, EncoderOpener open = text::OpenEncoder,
               std::chrono::milliseconds deadline = std::chrono::seconds(30), size_t most = 8)
      : world(kEncoderDefinition, 1'000'000, options, std::move(open)),
        openai(*world.backend, metrics, deadline, most) {}

  HttpReply Call(const std::string& method, const std::string& path, const std::string& body = "",
                 const std::string& content_type = "application/json") {
    HttpRequest request{.method = method, .path = path, .content_type = content_type};
    request.body = body;
    return openai.Answer(request);
  }
  HttpReply Post(const json& body) { return Call("POST", "/v1/embeddings", body.dump()); }

  ServingWorld world;
  Metrics metrics;
  OpenAi openai;
};

// The error of a reply of this status.
json ErrorOf(const HttpReply& reply, int status) {
  EXPECT_EQ(reply.status, status) << reply.body;
  const json body = json::parse(reply.body);
  EXPECT_EQ(body.size(), 1U);
  for (const char* key : {"message", "type", "param", "code"}) {
    EXPECT_TRUE(body["error"].contains(key)) << key;
  }
  return body["error"];
}

std::vector<uint8_t> FromBase64(const std::string& text) {
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<uint8_t> bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<uint32_t>(alphabet.find(c));
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<uint8_t>(bits >> count));
  }
  return bytes;
}

TEST(OpenAi, GivesTheFloatsThatEmbedGives) {
  Api api;
  v1::EmbedRequest request;
  request.set_encoder("titles");
  request.add_texts("apple pie");
  request.add_texts("green pear");
  ASSERT_OK_AND_ASSIGN(const auto expected, Embed(request, api.world.context()));
  const auto floats = Numbers<float>(expected.vectors().child());

  const HttpReply reply =
      api.Post({{"model", "titles"}, {"input", {"apple pie", "green pear"}}, {"user", "ada"}});

  ASSERT_EQ(reply.status, 200) << reply.body;
  const json body = json::parse(reply.body);
  EXPECT_EQ(body["object"], "list");
  EXPECT_EQ(body["model"], "titles");
  const uint32_t tokens = expected.tokens(0) + expected.tokens(1);
  EXPECT_EQ(body["usage"], (json{{"prompt_tokens", tokens}, {"total_tokens", tokens}}));
  ASSERT_EQ(body["data"].size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(body["data"][i]["object"], "embedding");
    EXPECT_EQ(body["data"][i]["index"], i);
    ASSERT_EQ(body["data"][i]["embedding"].size(), 16U);
    for (size_t d = 0; d < 16; ++d) {  // bit for bit
      EXPECT_EQ(body["data"][i]["embedding"][d].get<float>(), floats[i * 16 + d]);
    }
  }
}

TEST(OpenAi, Base64IsTheSameFloats) {
  Api api;
  const json request = {{"model", "titles"}, {"input", "apple pie"}};
  json in_base64 = request;
  in_base64["encoding_format"] = "base64";

  const json floats = json::parse(api.Post(request).body);
  const json text = json::parse(api.Post(in_base64).body);

  const auto bytes = FromBase64(text["data"][0]["embedding"].get<std::string>());
  ASSERT_EQ(bytes.size(), 64U);
  std::vector<float> values(16);
  std::memcpy(values.data(), bytes.data(), 64);
  EXPECT_EQ(values, floats["data"][0]["embedding"].get<std::vector<float>>());
}

TEST(OpenAi, CutsVectorsToLengthsThatTheEncoderHas) {
  FakeEncoderControl control;
  Api api({}, OpenFakeEncoders(control));
  const auto whole = json::parse(api.Post({{"model", "titles"}, {"input", "a"}}).body);
  const auto cut =
      json::parse(api.Post({{"model", "titles"}, {"input", "a"}, {"dimensions", 4}}).body);

  const auto all = whole["data"][0]["embedding"].get<std::vector<float>>();
  const auto some = cut["data"][0]["embedding"].get<std::vector<float>>();
  ASSERT_EQ(all.size(), 16U);
  ASSERT_EQ(some.size(), 4U);
  double squares = 0;
  for (size_t d = 0; d < 4; ++d) squares += double{all[d]} * all[d];
  for (size_t d = 0; d < 4; ++d) EXPECT_NEAR(some[d], all[d] / std::sqrt(squares), 1e-6);
  const json error =
      ErrorOf(api.Post({{"model", "titles"}, {"input", "a"}, {"dimensions", 5}}), 400);
  EXPECT_EQ(error["param"], "dimensions");
  EXPECT_THAT(error["message"], HasSubstr("has 4, 8, 16, got 5"));
}

TEST(OpenAi, TokensGiveTheVectorOfTheirText) {
  FakeEncoderControl control;
  Api api({}, OpenFakeEncoders(control));
  v1::TokenizeRequest tokenize;
  tokenize.set_encoder("titles");
  tokenize.add_texts("abc");
  tokenize.set_role(v1::TEXT_ROLE_QUERY);
  ASSERT_OK_AND_ASSIGN(const auto tokens, Tokenize(tokenize, api.world.context()));
  const std::vector<uint32_t> ids(tokens.texts(0).ids().begin(), tokens.texts(0).ids().end());

  const json by_text = json::parse(
      api.Post({{"model", "titles"}, {"input", "abc"}, {"input_type", "query"}}).body);
  const json by_tokens = json::parse(api.Post({{"model", "titles"}, {"input", ids}}).body);
  const json by_lists = json::parse(api.Post({{"model", "titles"}, {"input", {ids, ids}}}).body);

  EXPECT_EQ(by_text["data"], by_tokens["data"]);
  EXPECT_EQ(by_text["usage"], by_tokens["usage"]);
  EXPECT_EQ(by_lists["data"][1]["embedding"], by_tokens["data"][0]["embedding"]);
  const json error = ErrorOf(api.Post({{"model", "titles"}, {"input", {258}}}), 400);
  EXPECT_EQ(error["param"], "input");
}

TEST(OpenAi, ListsEncodersAsModels) {
  Api api;
  const json list = json::parse(api.Call("GET", "/v1/models").body);
  EXPECT_EQ(list["object"], "list");
  ASSERT_EQ(list["data"].size(), 1U);
  EXPECT_EQ(list["data"][0]["id"], "titles");
  EXPECT_EQ(list["data"][0]["object"], "model");
  EXPECT_EQ(json::parse(api.Call("GET", "/v1/models/titles").body), list["data"][0]);
  for (const std::string path : {"/v1/models/other", "/v1/models/", "/v1/models/titles/x"}) {
    EXPECT_EQ(ErrorOf(api.Call("GET", path), 404)["code"], "model_not_found");
  }
}

TEST(OpenAi, SaysWhatIsWrongAsOpenAiDoes) {
  Api api;
  const json not_found = ErrorOf(api.Post({{"model", "gpt"}, {"input", "a"}}), 404);
  EXPECT_EQ(not_found["code"], "model_not_found");
  EXPECT_EQ(not_found["param"], "model");
  EXPECT_EQ(not_found["type"], "invalid_request_error");
  EXPECT_THAT(not_found["message"], HasSubstr("expected one of titles"));

  const json invalid =
      ErrorOf(api.Post({{"model", "titles"}, {"input", "a"}, {"encoding_format", "md5"}}), 400);
  EXPECT_EQ(invalid["param"], "encoding_format");
  EXPECT_EQ(invalid["code"], nullptr);

  EXPECT_EQ(ErrorOf(api.Call("POST", "/v1/embeddings", "{}", "text/plain"), 415)["param"],
            nullptr);
  EXPECT_EQ(api.Call("POST", "/v1/embeddings", R"({"model":"titles","input":"a"})",
                     "Application/JSON; charset=utf-8").status, 200);
  ErrorOf(api.Call("GET", "/v1/embeddings"), 404);
  ErrorOf(api.Call("POST", "/v1/models"), 404);
  ErrorOf(api.Call("POST", "/v1/chat/completions", "{}"), 404);
  EXPECT_EQ(ErrorOf(api.openai.Answer({.method = "POST", .path = "/v1/embeddings",
                                       .body_state = HttpBody::kTooLarge}), 413)["code"],
            "request_too_large");
  for (const auto& [body, status] : {std::pair{HttpBody::kLate, 408},
                                     {HttpBody::kUnknownEncoding, 415},
                                     {HttpBody::kDamaged, 400}}) {
    ErrorOf(api.openai.Answer({.method = "POST", .path = "/v1/embeddings", .body_state = body}),
            status);
  }
  EXPECT_THAT(api.metrics.Text({}), HasSubstr("code=\"NOT_FOUND\",method=\"HttpEmbeddings\""));
}

TEST(OpenAi, RefusesATextThatIsTooLong) {
  FakeEncoderControl control;
  Api api({}, OpenFakeEncoders(control));
  const json error =
      ErrorOf(api.Post({{"model", "titles"}, {"input", {"a", std::string(63, 'x')}}}), 400);
  EXPECT_EQ(error["code"], "context_length_exceeded");
  EXPECT_EQ(error["param"], "input");
  EXPECT_THAT(error["message"], HasSubstr("input 1: "));
  EXPECT_TRUE(control.batches().empty());  // not even the good one was encoded
  const json huge =
      ErrorOf(api.Post({{"model", "titles"}, {"input", std::string((1 << 20) + 1, 'x')}}), 400);
  EXPECT_THAT(huge["message"], HasSubstr("1048577 bytes"));
  EXPECT_EQ(huge["code"], "context_length_exceeded");
}

TEST(OpenAi, SaysThatThereIsTooMuchToDo) {
  FakeEncoderControl control;
  Api api({.batcher = {.threads = 1, .wait = std::chrono::microseconds(0), .queue_tokens = 1'024}},
          OpenFakeEncoders(control));
  ASSERT_OK_AND_ASSIGN(const text::Encoder* encoder,
                       api.world.encoders->Get(api.world.encoder_digest));
  control.Close();
  std::vector<PendingTexts> waiting;
  for (int i = 0; true; ++i) {
    std::vector<std::string> texts;
    for (int t = 0; t < 10; ++t) {
      texts.push_back(std::string(50, static_cast<char>('a' + t)) + std::to_string(i));
    }
    auto started = api.world.encoders->Start(
        encoder->digest(), std::vector<std::string_view>(texts.begin(), texts.end()), {});
    if (!started.ok()) break;
    waiting.push_back(*std::move(started));
  }

  const HttpReply reply = api.Post({{"model", "titles"}, {"input", "a"}});

  EXPECT_EQ(ErrorOf(reply, 429)["code"], "rate_limit_exceeded");
  EXPECT_TRUE(reply.retry);
  control.Open();
}

TEST(OpenAi, EndsAtItsDeadlineAndWhenTheClientIsGone) {
  FakeEncoderControl control;
  Api api({}, OpenFakeEncoders(control), std::chrono::milliseconds(20));
  control.Close();
  EXPECT_EQ(ErrorOf(api.Post({{"model", "titles"}, {"input", "a"}}), 504)["code"], "timeout");
  HttpRequest gone{.method = "POST", .path = "/v1/embeddings", .content_type = "application/json"};
  gone.body = R"({"model": "titles", "input": "a"})";
  gone.cancelled = [] { return true; };
  EXPECT_EQ(api.openai.Answer(gone).status, 503);
  control.Open();
}

TEST(OpenAi, LeavesThreadsToOthers) {
  FakeEncoderControl control;
  Api api({.batcher = {.wait = std::chrono::microseconds(0)}}, OpenFakeEncoders(control),
          std::chrono::minutes(5), /*most=*/1);
  control.Close();
  std::jthread first([&] {
    EXPECT_EQ(api.Post({{"model", "titles"}, {"input", "a"}}).status, 200);
  });
  control.WaitForBatches(1);

  const json error = ErrorOf(api.Post({{"model", "titles"}, {"input", "b"}}), 429);

  EXPECT_THAT(error["message"], HasSubstr("http_threads"));
  EXPECT_EQ(api.Call("GET", "/v1/models").status, 200);
  control.Open();
}

}  // namespace
}  // namespace larder::serving
