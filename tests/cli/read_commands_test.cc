// SPDX-License-Identifier: Apache-2.0
// `larder get` and `larder similar` against a server that always answers the same.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>

#include <cstdlib>
#include <sstream>

#include "base/bytes.h"
#include "cli/cli.h"
#include "cli/json.h"
#include "larder/v1/feature_service.grpc.pb.h"
#include "larder/v1/retrieval_service.grpc.pb.h"

namespace larder::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

v1::Column Strings(const std::string& name, const std::vector<std::string>& values) {
  v1::Column column;
  column.set_name(name);
  column.set_type(v1::COLUMN_TYPE_STRING);
  column.set_rows(static_cast<uint32_t>(values.size()));
  std::vector<int32_t> offsets{0};
  for (const std::string& value : values) {
    column.mutable_values()->append(value);
    offsets.push_back(static_cast<int32_t>(column.values().size()));
  }
  column.set_offsets(std::string(AsBytes<int32_t>(offsets)));
  return column;
}

v1::Column Numbers(const std::string& name, const std::vector<double>& values) {
  v1::Column column;
  column.set_name(name);
  column.set_type(v1::COLUMN_TYPE_FLOAT64);
  column.set_rows(static_cast<uint32_t>(values.size()));
  column.set_values(std::string(AsBytes<double>(values)));
  return column;
}

class FakeFeatures final : public v1::FeatureService::Service {
 public:
  grpc::Status GetFeatures(grpc::ServerContext*, const v1::GetFeaturesRequest* request,
                           v1::GetFeaturesResponse* reply) override {
    const std::vector<std::string> ids(request->candidates().begin(), request->candidates().end());
    *reply->mutable_ids() = Strings("", ids);
    const std::vector<double> ones(ids.size(), 1);
    *reply->add_columns() = Numbers("candidate.price", std::vector<double>(ids.size(), 5));
    *reply->add_columns() = Numbers("candidate.demand.views_7d", ones);
    *reply->add_columns() = Numbers("user.demand.views_7d", {2});
    *reply->add_columns() = Numbers("user.visits", {7});
    return grpc::Status::OK;
  }
};

class FakeRetrieval final : public v1::RetrievalService::Service {
 public:
  grpc::Status Retrieve(grpc::ServerContext*, const v1::RetrieveRequest* request,
                        v1::RetrieveResponse* reply) override {
    *reply->mutable_ids() = Strings("", {});
    *reply->mutable_scores() = Numbers("", {});
    reply->set_seed(request->seed());
    return grpc::Status::OK;
  }
};

class ReadCommandsTest : public testing::Test {
 protected:
  ReadCommandsTest() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&features_);
    builder.RegisterService(&retrieval_);
    server_ = builder.BuildAndStart();
    address_ = Concat("127.0.0.1:", port);
  }

  void TearDown() override { unsetenv("LARDER_SERVER"); }

  std::string Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--server", address_});
    std::ostringstream out;
    std::ostringstream err;
    EXPECT_EQ(RunCli(arguments, {out, err}), kExitOk) << err.str();
    return out.str();
  }

  FakeFeatures features_;
  FakeRetrieval retrieval_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

TEST_F(ReadCommandsTest, WithoutCandidatesGetShowsWhatHoldsForAll) {
  const std::string text = Run({"get", "ranker", "--key", "user=u7", "--columns", "visits,price"});
  EXPECT_THAT(text, HasSubstr("FEATURE      VALUE\nuser.visits  7\n"));
  EXPECT_THAT(text, Not(HasSubstr("price")));

  const Json json = Json::parse(Run({"get", "ranker", "--key", "user=u7", "--json"}));
  EXPECT_EQ(json["rows"], Json::array());
  EXPECT_EQ(json["shared"]["features"],
            (Json{{"user.demand.views_7d", 2.0}, {"user.visits", 7.0}}));
}

TEST_F(ReadCommandsTest, WithCandidatesGetShowsARowEach) {
  const Json json = Json::parse(Run({"get", "ranker", "--key", "candidate=a,b", "--json"}));

  EXPECT_EQ(json["rows"].size(), 2u);
  EXPECT_EQ(json["rows"][1]["features"]["candidate.price"], 5.0);
  EXPECT_FALSE(json.contains("shared"));
}

TEST_F(ReadCommandsTest, TheServerThatAnOptionNamesGoesBeforeTheEnvironment) {
  setenv("LARDER_SERVER", "127.0.0.1:1", /*replace=*/1);

  EXPECT_THAT(Run({"get", "ranker", "--key", "user=u7"}), HasSubstr("user.visits"));
  EXPECT_THAT(Run({"similar", "items", "--key", "seed=i"}), HasSubstr("no candidates"));
}

TEST_F(ReadCommandsTest, WithoutTheOptionTheEnvironmentNamesTheServer) {
  setenv("LARDER_SERVER", address_.c_str(), /*replace=*/1);
  std::ostringstream out;

  EXPECT_EQ(RunCli({"get", "ranker", "--key", "user=u7"}, {out, out}), kExitOk) << out.str();
}

TEST_F(ReadCommandsTest, ColumnsWithTheSameLastPartsAreAllShown) {
  const Json both = Json::parse(
      Run({"get", "ranker", "--key", "candidate=a", "--columns", "views_7d", "--json"}));
  EXPECT_EQ(both["rows"][0]["features"],
            (Json{{"candidate.demand.views_7d", 1.0}, {"user.demand.views_7d", 2.0}}));

  // As the table has it: candidate's.
  const Json one = Json::parse(
      Run({"get", "ranker", "--key", "candidate=a", "--columns", "demand.views_7d", "--json"}));
  EXPECT_EQ(one["rows"][0]["features"], (Json{{"candidate.demand.views_7d", 1.0}}));
}

TEST_F(ReadCommandsTest, AnEmptyResultNamesTheKeysThatWereAsked) {
  EXPECT_THAT(Run({"similar", "items", "--key", "seed=TYPO", "--key", "user=u7"}),
              HasSubstr("no candidates for seed=TYPO, user=u7\n"));
}

TEST_F(ReadCommandsTest, SeedsAreAllOfUint64) {
  const Json json = Json::parse(Run({"similar", "r", "--seed", "18446744073709551615", "--json"}));

  EXPECT_EQ(json["seed"], UINT64_MAX);
}

}  // namespace
}  // namespace larder::cli
