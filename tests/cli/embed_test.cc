// SPDX-License-Identifier: Apache-2.0
// `larder embed` and `larder tokenize`, on an artifact directory and against a server that gives
// what the test says.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "cli/cli.h"
#include "cli/json.h"
#include "larder/v1/text_service.grpc.pb.h"
#include "tests/cli/run_larder.h"
#include "tests/support/temp_dir.h"
#include "tests/text/text_testing.h"

namespace larder::cli {
namespace {

using testing::HasSubstr;

class OfflineTest : public testing::Test {
 protected:
  OfflineTest() { EXPECT_TRUE(text::WriteSampleEncoder(dir_.path()).ok()); }

  // What a command prints of "apple pie" as JSON.
  Json OfApplePie(std::vector<std::string> args) {
    args.insert(args.end(), {"--encoder-dir", dir_.path(), "apple pie", "--json"});
    const Result result = RunLarder(args);
    EXPECT_EQ(result.code, kExitOk) << result.err;
    return Json::parse(result.out, nullptr, false);
  }

  const TempDir dir_;
};

TEST_F(OfflineTest, TheFormatsAreOneVector) {
  const Json codes = OfApplePie({"embed"});
  const Json floats = OfApplePie({"embed", "--format", "float"});
  const Json base64 = OfApplePie({"embed", "--format", "base64", "--role", "query"});

  ASSERT_EQ(codes.at("codes").size(), 16U);
  ASSERT_EQ(floats.at("vector").size(), 16U);
  EXPECT_EQ(base64.at("base64").get<std::string>().size(), 88U);  // 64 bytes
  EXPECT_GT(codes.at("tokens"), 0);
  EXPECT_FALSE(codes.at("truncated").get<bool>());
  double squares = 0;
  for (const Json& code : codes.at("codes")) squares += code.get<double>() * code.get<double>();
  for (size_t d = 0; d < 16; ++d) {
    EXPECT_NEAR(floats.at("vector")[d].get<double>(),
                codes.at("codes")[d].get<double>() / std::sqrt(squares), 1e-6);
  }
}

TEST_F(OfflineTest, NamesTheTextThatHasNoVector) {
  const std::string huge((size_t{1} << 20) + 1, 'x');
  const Result bad = RunLarder({"embed", "--encoder-dir", dir_.path(), "a", huge});
  EXPECT_EQ(bad.code, kExitError);
  EXPECT_THAT(bad.err, HasSubstr("text 1: a text of 1048577 bytes"));
  const std::string long_text(size_t{600} << 10, 'x');
  const Result cut = RunLarder({"embed", "--encoder-dir", dir_.path(), long_text});
  EXPECT_EQ(cut.code, kExitOk);
  EXPECT_THAT(cut.err, HasSubstr("warning: text 0 is cut off after "));
  const Result refused =
      RunLarder({"embed", "--encoder-dir", dir_.path(), "--truncate", "error", long_text});
  EXPECT_EQ(refused.code, kExitError);
  EXPECT_THAT(refused.err, HasSubstr("OUT_OF_RANGE: text 0: "));
}

TEST_F(OfflineTest, RefusesLengthsThatTheEncoderDoesNotHave) {
  const Result result =
      RunLarder({"embed", "--encoder-dir", dir_.path(), "--dimensions", "8", "a"});
  EXPECT_EQ(result.code, kExitError);
  EXPECT_THAT(result.err, HasSubstr("has 16, got 8"));
}

// Rows of `size` components.
void SetVectors(const std::vector<float>& values, uint32_t size, v1::EmbedResponse& reply) {
  const auto rows = static_cast<uint32_t>(values.size()) / size;
  reply.set_dimensions(size);
  v1::Column* column = reply.mutable_vectors();
  column->set_type(v1::COLUMN_TYPE_FIXED_SIZE_LIST);
  column->set_rows(rows);
  column->set_list_size(size);
  column->mutable_child()->set_type(v1::COLUMN_TYPE_FLOAT32);
  column->mutable_child()->set_rows(rows * size);
  column->mutable_child()->set_values(std::string(reinterpret_cast<const char*>(values.data()),
                                                  values.size() * sizeof(float)));
  for (uint32_t i = 0; i < rows; ++i) {
    reply.add_tokens(3);
    reply.add_truncated(false);
  }
}

void SetVector(const std::vector<float>& values, v1::EmbedResponse& reply) {
  SetVectors(values, static_cast<uint32_t>(values.size()), reply);
}

// A server whose TextService gives what the test says.
class FakeText : public v1::TextService::Service {
 public:
  FakeText() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  grpc::Status Embed(grpc::ServerContext*, const v1::EmbedRequest* in,
                     v1::EmbedResponse* out) override {
    embed = *in;
    const auto texts = static_cast<size_t>(in->raw_texts_size());
    sizes.push_back(texts);
    *out = vectors;
    if (one_each) SetVectors(std::vector<float>(texts, 1), 1, *out);
    return grpc::Status::OK;
  }
  grpc::Status Tokenize(grpc::ServerContext*, const v1::TokenizeRequest* in,
                        v1::TokenizeResponse* out) override {
    tokenize = *in;
    *out = tokens;
    return grpc::Status::OK;
  }
  Result Run(std::vector<std::string> args) const {
    args.insert(args.end(), {"--server", "127.0.0.1:" + std::to_string(port_)});
    return RunLarder(args);
  }

  v1::EmbedRequest embed;
  std::vector<size_t> sizes;  // texts of each request
  bool one_each = false;      // instead of `vectors`: [1] for each text
  v1::EmbedResponse vectors;
  v1::TokenizeRequest tokenize;
  v1::TokenizeResponse tokens;

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST(EmbedCommand, AsksForWhatItsOptionsSay) {
  FakeText server;
  SetVector({0.6F, -0.8F}, server.vectors);

  const Result result = server.Run({"embed", "titles", "--role", "query", "--truncate", "error",
                                    "--dimensions", "2", "--format", "float", "a"});

  EXPECT_EQ(result.code, kExitOk) << result.err;
  EXPECT_EQ(result.out, "0.6 -0.8\n");
  EXPECT_EQ(server.embed.encoder(), "titles");
  EXPECT_EQ(server.embed.raw_texts(0), "a");
  EXPECT_EQ(server.embed.role(), v1::TEXT_ROLE_QUERY);
  EXPECT_EQ(server.embed.truncate(), v1::TRUNCATE_ERROR);
  EXPECT_EQ(server.embed.dimensions(), 2U);
  EXPECT_FALSE(server.embed.want_codes());
}

TEST(EmbedCommand, AsksForFewTextsAtATime) {
  FakeText server;
  server.one_each = true;
  std::vector<std::string> args = {"embed", "titles", "--format", "float"};
  args.insert(args.end(), 130, "a");
  const Result many = server.Run(args);
  EXPECT_EQ(many.code, kExitOk) << many.err;
  EXPECT_EQ(std::count(many.out.begin(), many.out.end(), '\n'), 130);
  EXPECT_THAT(server.sizes, testing::ElementsAre(64, 64, 2));

  server.sizes.clear();
  const std::string long_text(size_t{10} << 10, 'a');
  const std::string huge(size_t{20} << 10, 'a');
  const Result few = server.Run({"embed", "titles", "--format", "float", "a", long_text, long_text,
                                 huge, "b", "c"});
  EXPECT_EQ(few.code, kExitOk) << few.err;
  EXPECT_THAT(server.sizes, testing::ElementsAre(2, 1, 1, 2));
}

TEST(EmbedCommand, ChecksTheReply) {
  FakeText server;
  const auto refused = [&] {
    const Result result = server.Run({"embed", "titles", "--format", "float", "a"});
    EXPECT_EQ(result.code, kExitError);
    return result.err;
  };
  EXPECT_THAT(refused(), HasSubstr("not one vector per text"));
  SetVector({0.6F, -0.8F}, server.vectors);
  server.vectors.set_dimensions(3);
  EXPECT_THAT(refused(), HasSubstr("not one vector per text"));
  server.vectors.set_dimensions(2);
  v1::TextError* error = server.vectors.add_not_ok();
  error->set_index(1);
  EXPECT_THAT(refused(), HasSubstr("a text that was not sent"));
  error->set_index(0);
  error->set_code(11);
  error->set_message("too long");
  EXPECT_THAT(refused(), HasSubstr("OUT_OF_RANGE: text 0: too long"));
}

TEST(TokenizeCommand, ShowsTokensAndTheirPlaces) {
  FakeText server;
  v1::TokenizedText* text = server.tokens.add_texts();
  for (const uint32_t id : {101, 7, 102}) text->add_ids(id);
  for (const char* piece : {"[CLS]", "apple", "[SEP]"}) text->add_pieces(piece);
  for (const uint32_t begin : {0, 0, 5}) text->add_begin(begin);
  for (const uint32_t end : {0, 5, 5}) text->add_end(end);
  for (const bool special : {true, false, true}) text->add_special(special);
  text->set_total(9);
  text->set_truncated(true);

  const Result table = server.Run({"tokenize", "titles", "Apple pie"});
  const Result json = server.Run({"tokenize", "titles", "--role", "query", "--json", "Apple pie"});

  EXPECT_EQ(table.code, kExitOk) << table.err;
  EXPECT_THAT(table.out, HasSubstr("0-5  Apple"));
  EXPECT_THAT(table.out, HasSubstr("(special)"));
  EXPECT_THAT(table.out, HasSubstr("3 tokens of 9: the rest is not read"));
  const Json parsed = Json::parse(json.out);
  EXPECT_EQ(parsed.at("tokens")[1], (Json{{"id", 7}, {"piece", "apple"}, {"begin", 0}, {"end", 5},
                                          {"special", false}}));
  EXPECT_EQ(server.tokenize.role(), v1::TEXT_ROLE_QUERY);
  text->add_ids(1);
  EXPECT_THAT(server.Run({"tokenize", "titles", "a"}).err, HasSubstr("several lengths"));
}

}  // namespace
}  // namespace larder::cli
