// SPDX-License-Identifier: Apache-2.0
#include "serving/server_options.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/status_matchers.h"

namespace larder::serving {
namespace {

using testing::HasSubstr;

ServerOptions Good() {
  ServerOptions options;
  options.data_dir = "data";
  return options;
}

TEST(ServerOptions, AreValidByDefaultButForTheDirectory) {
  EXPECT_OK(Good().Validate());
  EXPECT_THAT(ServerOptions().Validate(),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("data_dir")));
}

TEST(ServerOptions, RefuseAnAddressThatOthersCanReach) {  // invariant 9
  for (const std::string address :
       {"0.0.0.0:7070", "192.168.0.1:7070", "[::]:7070", "example.org:7070", "127.evil.org:1"}) {
    ServerOptions options = Good();
    options.listen = address;
    EXPECT_THAT(options.Validate(),
                StatusIs(StatusCode::kFailedPrecondition, HasSubstr("--insecure")))
        << address;
    options = Good();
    options.http = address;
    EXPECT_THAT(options.Validate(), StatusIs(StatusCode::kFailedPrecondition, HasSubstr("http:")));
    options.insecure = true;
    EXPECT_OK(options.Validate());
  }
}

TEST(ServerOptions, AcceptLoopback) {
  for (const std::string address : {"localhost:0", "127.0.0.1:7070", "127.9.9.9:1", "[::1]:7070"}) {
    ServerOptions options = Good();
    options.listen = address;
    EXPECT_OK(options.Validate()) << address;
  }
}

TEST(ServerOptions, RefuseAddressesThatAreNone) {
  for (const std::string address : {"", "localhost", ":7070", "localhost:", "localhost:70700",
                                    "localhost:7x", "::1:7070"}) {
    ServerOptions options = Good();
    options.listen = address;
    EXPECT_THAT(options.Validate(), StatusIs(StatusCode::kInvalidArgument, HasSubstr("listen:")))
        << address;
  }
}

TEST(ServerOptions, NoHttpIsFine) {
  ServerOptions options = Good();
  options.http.clear();
  EXPECT_OK(options.Validate());
}

TEST(ServerOptions, NameAFieldThatIsOutOfItsRange) {
  ServerOptions options = Good();
  options.grpc_threads = 1;
  EXPECT_THAT(options.Validate(), StatusIs(StatusCode::kInvalidArgument,
                                           HasSubstr("grpc_threads: expected 4 to 1024, got 1")));
  options = Good();
  options.http_threads = 1;  // which /v1/embeddings would have for itself
  EXPECT_THAT(options.Validate(), StatusIs(StatusCode::kInvalidArgument,
                                           HasSubstr("http_threads: expected 2 to 256, got 1")));
  options = Good();
  options.drain = std::chrono::hours(1);
  EXPECT_THAT(options.Validate(),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("drain: expected")));
  options = Good();
  options.dedupe_ids = 1;
  EXPECT_THAT(options.Validate(), StatusIs(StatusCode::kInvalidArgument, HasSubstr("dedupe_ids")));
  options = Good();
  options.cached_keys = 0;
  EXPECT_THAT(options.Validate(), StatusIs(StatusCode::kInvalidArgument,
                                           HasSubstr("cached_keys: expected 1 to 1000000000")));
  options = Good();
  options.embed_threads = options.embed_cache_bytes = 0;
  options.embed_wait = std::chrono::milliseconds(0);
  EXPECT_OK(options.Validate());
  options.embed_wait = std::chrono::milliseconds(1'001);
  EXPECT_THAT(options.Validate(), StatusIs(StatusCode::kInvalidArgument,
                                           HasSubstr("embed_wait: expected")));
  options = Good();
  options.embed_queue_tokens = 1'023;
  EXPECT_THAT(options.Validate(),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("embed_queue_tokens")));
  options = Good();
  options.max_delta = size_t{1} << 27;
  EXPECT_OK(options.Validate());
  ++options.max_delta;
  EXPECT_THAT(options.Validate(),
              StatusIs(StatusCode::kInvalidArgument,
                       HasSubstr("max_delta: expected 1024 to 134217728, got 134217729")));
}

}  // namespace
}  // namespace larder::serving
