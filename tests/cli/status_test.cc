// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

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
    return grpc::Status::OK;
  }
  // What `larder status` prints of it.
  std::string Run(std::vector<std::string> args) const {
    std::ostringstream out;
    std::ostringstream err;
    args.insert(args.begin(), "status");
    args.insert(args.end(), {"--server", "127.0.0.1:" + std::to_string(port_)});
    EXPECT_EQ(RunCli(args, {out, err}), kExitOk) << err.str();
    return out.str();
  }

  v1::StatusResponse reply;

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

}  // namespace
}  // namespace larder::cli
