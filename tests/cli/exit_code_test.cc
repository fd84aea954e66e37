// SPDX-License-Identifier: Apache-2.0
#include "cli/exit_code.h"

#include <gtest/gtest.h>

#include "cli/client.h"

namespace larder::cli {
namespace {

TEST(ExitCode, AnErrorFailsUnlessItSaysMore) {
  EXPECT_EQ(ExitCodeOf(Unavailable("/data: cannot be written")), kExitError);
  EXPECT_EQ(ExitCodeOf(InvalidArgument("bad")), kExitError);
  EXPECT_EQ(ExitCodeOf(UsageError("bad")), kExitUsage);
}

TEST(ExitCode, SurvivesAnAnnotation) {
  EXPECT_EQ(ExitCodeOf(Annotate(UsageError("bad"), "--key")), kExitUsage);
}

TEST(ExitCode, OnlyAServersUnavailableIsNoServer) {
  EXPECT_EQ(ExitCodeOf(FromGrpc({grpc::StatusCode::UNAVAILABLE, "recovering"})), kExitNoServer);
  EXPECT_EQ(ExitCodeOf(FromGrpc({grpc::StatusCode::NOT_FOUND, "no set"})), kExitError);
}

TEST(ExitCode, AnErrorWithoutAMessageGetsOne) {
  EXPECT_FALSE(Message(FromGrpc({grpc::StatusCode::INTERNAL, ""})).empty());
}

}  // namespace
}  // namespace larder::cli
