// SPDX-License-Identifier: Apache-2.0
// What the command makes of servers that end, fall silent or answer nonsense; whole runs are in
// tests/integration/retrieve_all_test.cc.
#include "cli/commands/retrieve_all.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <limits>
#include <sstream>

#include "cli/client.h"
#include "larder/v1/retrieval_service.grpc.pb.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace larder::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// One call: what is sent, and how it ends.
struct Script {
  std::vector<v1::RetrieveAllResponse> messages;
  grpc::Status end = grpc::Status::OK;
  bool silent = false;  // does not end until the client has gone
};

class FakeService final : public v1::RetrievalService::Service {
 public:
  explicit FakeService(std::vector<Script> scripts) : scripts_(std::move(scripts)) {}
  grpc::Status RetrieveAll(grpc::ServerContext* call, const v1::RetrieveAllRequest* request,
                           grpc::ServerWriter<v1::RetrieveAllResponse>* stream) override {
    asked.push_back(*request);
    const Script& script = scripts_.at(asked.size() - 1);
    for (const v1::RetrieveAllResponse& message : script.messages) stream->Write(message);
    while (script.silent && !call->IsCancelled()) std::this_thread::yield();
    return script.end;
  }
  std::vector<v1::RetrieveAllRequest> asked;

 private:
  const std::vector<Script> scripts_;
};

v1::RetrieveAllResponse Head(uint64_t keys_left, uint32_t version = 3) {
  v1::RetrieveAllResponse message;
  message.mutable_head()->set_keys_left(keys_left);
  v1::DefinitionRef* recipe = message.mutable_head()->mutable_read()->add_definitions();
  recipe->set_name("similar");
  recipe->set_version(version);
  recipe->set_digest(Concat("digest of ", version));
  return message;
}

v1::RetrieveAllResponse Results(const std::vector<std::string>& keys) {
  v1::RetrieveAllResponse message;
  for (const std::string& key : keys) {
    v1::KeyResult* result = message.mutable_results()->add_results();
    result->set_key(key);
    result->add_ids("x");
    result->add_scores(0.5);
  }
  return message;
}

std::string LineOf(const std::string& key) {
  return Concat(R"({"key":")", key, R"(","ids":["x"],"scores":[0.5]})", "\n");
}

class RetrieveAllTest : public testing::Test {
 protected:
  void Serve(std::vector<Script> scripts) {
    server_.reset();
    service_ = std::make_unique<FakeService>(std::move(scripts));
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
  }
  StatusOr<int> Run(const std::string& timeout = "30s", bool restart = false) {
    out_.str("");
    err_.str("");
    Cli cli{.io = {out_, err_}, .action = {}};
    cli.server = Concat("127.0.0.1:", port_);
    cli.timeout = timeout;
    return RetrieveAll(cli, {.recipe = "similar",
                             .request = {},
                             .out = path_,
                             .restart = restart});
  }
  static std::string Bytes(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TempDir dir_;
  const std::string path_ = dir_.File("out.jsonl");
  std::ostringstream out_;
  std::ostringstream err_;
  std::unique_ptr<FakeService> service_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

TEST_F(RetrieveAllTest, CallsAgainWhenACallHasLastedItsTime) {
  const grpc::Status late(grpc::StatusCode::DEADLINE_EXCEEDED, "an hour is over");
  Serve({{.messages = {Head(4), Results({"a", "b"})}, .end = late},
         {.messages = {Head(2), Results({"c"}), Results({"d"})}}});

  ASSERT_OK_AND_ASSIGN(const int code, Run());

  EXPECT_EQ(code, kExitOk);
  EXPECT_EQ(Bytes(path_), LineOf("a") + LineOf("b") + LineOf("c") + LineOf("d"));
  ASSERT_EQ(service_->asked.size(), 2U);
  EXPECT_EQ(service_->asked[0].recipe(), "similar");
  EXPECT_EQ(service_->asked[0].after_key(), "");
  EXPECT_EQ(service_->asked[1].recipe(), "similar@3");  // the version stays
  EXPECT_EQ(service_->asked[1].after_key(), "b");
  EXPECT_THAT(out_.str(), HasSubstr("similar@3: 4 items in"));
}

TEST_F(RetrieveAllTest, ADeadlineWithoutAnyResultIsTheEnd) {
  Serve({{.messages = {Head(4)}, .end = {grpc::StatusCode::DEADLINE_EXCEEDED, "slow"}}});
  EXPECT_THAT(Run(), StatusIs(StatusCode::kDeadlineExceeded, HasSubstr("slow")));
}

TEST_F(RetrieveAllTest, KeepsWhatCameBeforeTheServerWentAway) {
  Serve({{.messages = {Head(3), Results({"a", "b"})},
          .end = {grpc::StatusCode::UNAVAILABLE, "shutting down"}},
         {.messages = {Head(1), Results({"c"})}}});
  const StatusOr<int> gone = Run();
  EXPECT_THAT(gone, StatusIs(StatusCode::kUnavailable,
                             HasSubstr("after 2 of 3 items, which are in")));
  EXPECT_EQ(ExitCodeOf(gone.status()), kExitNoServer);
  EXPECT_EQ(Bytes(path_ + ".partial"), LineOf("a") + LineOf("b"));

  ASSERT_OK(Run());

  EXPECT_THAT(err_.str(), HasSubstr("going on after 2 items in"));
  EXPECT_EQ(service_->asked[1].after_key(), "b");
  EXPECT_EQ(Bytes(path_), LineOf("a") + LineOf("b") + LineOf("c"));
}

TEST_F(RetrieveAllTest, AFailedChannelEndsTheRunAndLeavesItToGoOn) {
  Serve({{.messages = {Head(3), Results({"a", "b"})},
          .end = {grpc::StatusCode::DATA_LOSS, "key 'c': channel 'like': damaged"}},
         {.messages = {Head(1), Results({"c"})}}});
  const StatusOr<int> failed = Run();
  EXPECT_THAT(failed, StatusIs(StatusCode::kDataLoss,
                               HasSubstr("after 2 of 3 items, which are in")));
  EXPECT_THAT(failed, StatusIs(StatusCode::kDataLoss,
                               HasSubstr("key 'c': channel 'like': damaged")));
  EXPECT_NE(ExitCodeOf(failed.status()), kExitOk);
  EXPECT_FALSE(std::filesystem::exists(path_));

  ASSERT_OK(Run());

  EXPECT_EQ(Bytes(path_), LineOf("a") + LineOf("b") + LineOf("c"));
}

TEST_F(RetrieveAllTest, LeavesNothingWhenTheServerRunsTooManyAlready) {
  Serve({{.messages = {},
          .end = {grpc::StatusCode::RESOURCE_EXHAUSTED, "call again when one has ended"}}});
  EXPECT_THAT(Run(), StatusIs(StatusCode::kResourceExhausted, HasSubstr("call again when")));
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

TEST_F(RetrieveAllTest, DoesNotMixVersionsOfARecipe) {
  const grpc::Status gone(grpc::StatusCode::UNAVAILABLE, "shutting down");
  Serve({{.messages = {Head(3), Results({"a"})}, .end = gone},
         {.messages = {Head(2, 4), Results({"b", "c"})}},
         {.messages = {Head(3, 4), Results({"a", "b", "c"})}}});
  ASSERT_THAT(Run(), StatusIs(StatusCode::kUnavailable, testing::_));

  EXPECT_THAT(Run(), StatusIs(StatusCode::kFailedPrecondition,
                              AllOf(HasSubstr("another version: 3 there, 4 now; add --restart"),
                                    HasSubstr("with what it was begun with: similar@3"))));
  EXPECT_EQ(Bytes(path_ + ".partial"), LineOf("a"));
  ASSERT_OK(Run("30s", /*restart=*/true));

  EXPECT_EQ(service_->asked[2].after_key(), "");
  EXPECT_EQ(Bytes(path_), LineOf("a") + LineOf("b") + LineOf("c"));
}

TEST_F(RetrieveAllTest, GivesUpOnASilentServer) {
  Serve({{.messages = {Head(3), Results({"a"})}, .silent = true}});
  EXPECT_THAT(Run("300ms"), StatusIs(StatusCode::kDeadlineExceeded,
                                     HasSubstr("sent nothing for 300ms, which --timeout allows")));
  EXPECT_EQ(Bytes(path_ + ".partial"), LineOf("a"));
}

TEST_F(RetrieveAllTest, RefusesRepliesThatMakeNoSense) {
  v1::RetrieveAllResponse uneven = Results({"a"});
  uneven.mutable_results()->mutable_results(0)->add_ids("y");
  const std::vector<Script> scripts = {
      {.messages = {Results({"a"})}},                                 // no head
      {.messages = {v1::RetrieveAllResponse()}},                      // nothing
      {.messages = {Head(3), Results({"b", "a"})}},                   // order
      {.messages = {Head(1), Results({"a", "b"})}},                   // too many
      {.messages = {Head(3), Results({"a", "b"})}},                   // too few
      {.messages = {Head(1), uneven}},                                // ids without scores
  };
  for (const Script& script : scripts) {
    Serve({script});
    EXPECT_THAT(Run("30s", /*restart=*/true), StatusIs(StatusCode::kInternal, testing::_));
    EXPECT_FALSE(std::filesystem::exists(path_));
  }
}

TEST_F(RetrieveAllTest, SaysWhyThereIsNothing) {
  v1::RetrieveAllResponse message;
  v1::KeyResult* result = message.mutable_results()->add_results();
  result->set_key("a \"quoted\" k\xC3\xA9y");
  v1::DroppedChannel* dropped = result->add_dropped();
  dropped->set_name("like");
  dropped->set_code(9);
  dropped->set_message("the query is null");
  result = message.mutable_results()->add_results();
  result->set_key("b");
  result = message.mutable_results()->add_results();
  result->set_key("c");
  result->add_ids("x");
  result->add_scores(std::numeric_limits<double>::quiet_NaN());
  Serve({{.messages = {Head(3), message}}});

  ASSERT_OK(Run());

  EXPECT_EQ(Bytes(path_),
            "{\"key\":\"a \\\"quoted\\\" k\xC3\xA9y\",\"ids\":[],\"scores\":[],"
            "\"dropped\":{\"like\":\"FAILED_PRECONDITION: the query is null\"}}\n"
            "{\"key\":\"b\",\"ids\":[],\"scores\":[]}\n"
            "{\"key\":\"c\",\"ids\":[\"x\"],\"scores\":[null]}\n");
  EXPECT_THAT(out_.str(), HasSubstr("items without candidates: 2"));
  EXPECT_THAT(out_.str(), HasSubstr("items without a vector for a channel: 1, the first a "));
}

}  // namespace
}  // namespace larder::cli
