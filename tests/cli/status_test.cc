// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <functional>
#include <sstream>

#include "cli/cli.h"
#include "cli/json.h"
#include "larder/v1/admin_service.grpc.pb.h"

namespace larder::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

// A server whose Status gives what the test says.
class FakeAdmin : public v1::AdminService::Service {
 public:
  FakeAdmin() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  grpc::Status Status(grpc::ServerContext*, const v1::StatusRequest*,
                      v1::StatusResponse* out) override {
    *out = reply;
    if (next) next(reply);
    return grpc::Status::OK;
  }
  // What `larder status` prints of it.
  std::string Run(std::vector<std::string> args, int exit_code = kExitOk) const {
    std::ostringstream out;
    args.insert(args.begin(), "status");
    args.insert(args.end(), {"--server", "127.0.0.1:" + std::to_string(port_)});
    EXPECT_EQ(RunCli(args, {out, out}), exit_code) << out.str();
    return out.str();
  }

  v1::StatusResponse reply;
  std::function<void(v1::StatusResponse&)> next;  // makes the next reply

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST(Status, ShowsTheLastArtifactThatCouldNotBeUsed) {
  FakeAdmin admin;
  EXPECT_THAT(admin.Run({}), Not(HasSubstr("artifacts")));
  admin.reply.set_artifact_errors(3);
  admin.reply.set_last_artifact_error("base.larder: cut short");

  EXPECT_THAT(admin.Run({}), HasSubstr("3 activated artifacts could not be used, the last: "
                                       "base.larder: cut short\n"));
  const Json json = Json::parse(admin.Run({"--json"}));
  EXPECT_EQ(json.at("artifact_errors"), 3);
  EXPECT_EQ(json.at("last_artifact_error"), "base.larder: cut short");
}

v1::JobStatus& AddJob(v1::StatusResponse& reply, v1::JobState state) {
  v1::JobStatus& job = *reply.add_jobs();
  job.set_kind("vectors");
  job.set_subject("text_of.vec");
  job.set_state(state);
  return job;
}

TEST(Status, WaitEndsWhenAJobOnlyFails) {
  FakeAdmin admin;
  AddJob(admin.reply, v1::JOB_STATE_RETRYING).set_error("the encoder is gone");
  // Now and then it is tried again.
  admin.next = [calls = 0](v1::StatusResponse& reply) mutable {
    reply.mutable_jobs(0)->set_state(++calls % 2 == 1 ? v1::JOB_STATE_RUNNING
                                                      : v1::JOB_STATE_RETRYING);
  };

  const std::string text = admin.Run({"--wait", "--timeout", "1s"}, kExitError);

  EXPECT_THAT(text, HasSubstr("UNAVAILABLE: job vectors of text_of.vec has failed for 1s"));
  EXPECT_THAT(text, HasSubstr("the encoder is gone"));
}

TEST(Status, WaitEndsWellWhenAJobThatFailedSucceeds) {
  FakeAdmin admin;
  AddJob(admin.reply, v1::JOB_STATE_RETRYING).set_error("busy");
  // Fails and succeeds in turn for longer than the patience with one failure.
  admin.next = [calls = 0](v1::StatusResponse& reply) mutable {
    const bool done = ++calls % 2 == 1;
    reply.mutable_jobs(0)->set_state(done ? v1::JOB_STATE_DONE : v1::JOB_STATE_RETRYING);
    reply.set_idle(calls == 9);
  };

  EXPECT_THAT(admin.Run({"--wait", "--timeout", "1s"}), HasSubstr("idle"));
}

TEST(Status, ShowsWhatEncodersDo) {
  FakeAdmin admin;
  v1::EncoderStatus* encoder = admin.reply.add_encoders();
  encoder->mutable_definition()->set_name("titles");
  encoder->set_kind("transformer");
  encoder->set_tokenizer("own wordpiece");
  encoder->set_dimensions(384);
  encoder->set_loaded(true);
  encoder->set_texts(1'234);
  encoder->set_cache_hits(3);
  encoder->set_cache_misses(1);

  EXPECT_THAT(admin.Run({}), testing::AllOf(HasSubstr("transformer"), HasSubstr("own wordpiece"),
                                            HasSubstr("384"), HasSubstr("75 %")));
  const Json json = Json::parse(admin.Run({"--json"})).at("encoders")[0];
  EXPECT_EQ(json.at("kind"), "transformer");
  EXPECT_EQ(json.at("cache_hits"), 3);
}

}  // namespace
}  // namespace larder::cli
