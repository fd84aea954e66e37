// SPDX-License-Identifier: Apache-2.0
// kill -9 while a base is made, written, activated, mapped or read: what was acknowledged is
// found, nothing half done stays, and the next base is made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <map>
#include <random>
#include <thread>

#include "base/clock.h"
#include "base/status.h"
#include "tests/integration/ingest_client.h"
#include "tests/integration/larder_server.h"
#include "tests/support/temp_dir.h"

namespace larder {
namespace {

using testing::StartsWith;

// So many that a scan takes longer than a walk with little effort; of few independent directions,
// so that such a walk finds what is near.
constexpr size_t kDim = 128;
constexpr size_t kDirections = 8;
constexpr uint32_t kEffort = 10;
constexpr size_t kBatch = 100;

struct Item {
  std::string key;
  std::vector<float> vector;
};

class IndexKill : public testing::Test {
 protected:
  using Clock = std::chrono::steady_clock;

  void SetUp() override {
    for (std::vector<float>& direction : directions_) direction = RandomVector(kDim);
    server_.Start();
    const ProcessResult applied =
        server_.Cli({"apply", "--yes", RepositoryPath("tests/testdata/integration/index_bases")});
    ASSERT_EQ(applied.exit_code, 0) << applied.err;
  }

  struct Batches {
    std::vector<std::vector<Item>> items;
    std::vector<std::vector<std::string>> records;
  };
  // Random vectors for `count` of the keys below `end`: each is the nearest to itself.
  Batches MakeBatches(size_t count, size_t end) {
    Batches batches;
    for (size_t left = count / kBatch; left > 0; --left) {
      std::vector<Item>& batch = batches.items.emplace_back();
      std::vector<std::string>& records = batches.records.emplace_back();
      for (size_t i = 0; i < kBatch; ++i) {
        Item item{Concat("i", random_() % end), std::vector<float>(kDim)};
        const std::vector<float> parts = RandomVector(kDirections);
        for (size_t j = 0; j < kDim; ++j) {
          for (size_t d = 0; d < kDirections; ++d) item.vector[j] += parts[d] * directions_[d][j];
          item.vector[j] = std::round(100 * item.vector[j]);  // short in JSON
        }
        records.push_back(JsonOf(item));
        batch.push_back(std::move(item));
      }
    }
    return batches;
  }

  std::vector<float> RandomVector(size_t size) {
    std::vector<float> vector(size);
    for (float& x : vector) {
      x = static_cast<float>(static_cast<int>(random_() % 2001) - 1000) / 1000;
    }
    return vector;
  }

  // Newer than all before, so that it is the row.
  std::string JsonOf(const Item& item) {
    const TimeUs at = larder::Clock::System().Now() - kHourUs + ++sent_;
    nlohmann::json row{{"item_id", item.key}, {"updated_at", FormatTime(at)}};
    row["vec"] = item.vector;
    return row.dump();
  }

  // Sends until all is acknowledged or the server is gone.
  void Send(const Batches& batches) {
    size_t acknowledged = 0;
    IngestClient(server_.address())
        .Send("catalog", batches.records, [&](size_t i, const v1::IngestResponse& response) {
          EXPECT_EQ(response.code(), 0u) << response.message();
          EXPECT_EQ(response.accepted(), kBatch);
          for (const Item& item : batches.items[i]) {
            sure_[item.key] = item.vector;
            unsure_.erase(item.key);
          }
          position_ = std::max(position_, response.last_position().value());
          acknowledged = i + 1;
        });
    if (acknowledged == batches.items.size()) return;
    for (const Item& item : batches.items[acknowledged]) unsure_[item.key] = item.vector;
  }

  // Where a base is when it is killed: at least there, since time goes on.
  enum class Stage { kBuilding, kWriting, kInstalled };
  bool Reached(Stage stage, IngestClient& client) const {
    for (int i = 0; stage == Stage::kWriting && i < 1'000; ++i) {
      if (Leftovers() > 0) return true;
    }
    const v1::StatusResponse status = client.Status(false);
    if (status.indexes_size() > 0 && status.indexes(0).bases_written() > 0) return true;
    return stage == Stage::kBuilding &&
           std::any_of(status.jobs().begin(), status.jobs().end(),
                       [](const v1::JobStatus& job) { return job.kind() == "index_base"; });
  }
  void KillAt(Stage stage, std::chrono::microseconds pause) {
    const auto deadline = Clock::now() + std::chrono::seconds(60);
    IngestClient client(server_.address());
    while (!Reached(stage, client)) {
      if (Clock::now() < deadline) continue;
      ADD_FAILURE() << "no base was begun";
      break;
    }
    std::this_thread::sleep_for(pause);
    server_.Kill();
  }

  v1::SearchResponse Search(IngestClient& client, const std::vector<float>& vector, bool exact) {
    v1::SearchRequest request;
    request.set_feature(feature_);
    request.mutable_vector()->set_space(space_);
    request.mutable_vector()->set_values_f32le(vector.data(), vector.size() * sizeof(float));
    request.set_k(10);
    request.set_effort(kEffort);
    request.set_exact(exact);
    request.mutable_min_position()->set_value(position_);
    v1::SearchResponse response;
    const grpc::Status status = client.Search(request, response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  // Key and cosine of the best hit.
  static std::pair<std::string, double> Best(const v1::SearchResponse& response) {
    if (response.ids().rows() == 0) return {"", 0};
    int32_t end = 0;
    std::memcpy(&end, response.ids().offsets().data() + sizeof end, sizeof end);
    double score = 0;
    std::memcpy(&score, response.scores().values().data(), sizeof score);
    return {response.ids().values().substr(0, static_cast<size_t>(end)), score};
  }

  // One of `every` acknowledged vectors is looked for, exactly and not, and all are counted.
  void CheckAllIsThere(size_t every) {
    IngestClient client(server_.address());
    v1::StatusResponse status = client.Status(false);
    ASSERT_EQ(status.indexes_size(), 1);
    feature_ = status.indexes(0).epoch().feature();
    space_ = status.indexes(0).epoch().space();
    size_t i = 0;
    for (const auto& [key, vector] : sure_) {
      if (i++ % every != 0) continue;
      const auto [best, score] = Best(Search(client, vector, /*exact=*/true));
      if (unsure_.contains(key) && best != key) continue;
      ASSERT_EQ(best, key);
      ASSERT_GT(score, 0.9999) << key;
      ++asked_;
      missed_ += Best(Search(client, vector, /*exact=*/false)).first == key ? 0 : 1;
    }
    status = client.Status(false);
    size_t maybe = 0;
    for (const auto& [key, vector] : unsure_) maybe += sure_.contains(key) ? 0 : 1;
    EXPECT_GE(status.indexes(0).vectors(), sure_.size());
    EXPECT_LE(status.indexes(0).vectors(), sure_.size() + maybe);
    EXPECT_EQ(status.artifact_errors(), 0u) << status.last_artifact_error();
    for (const v1::JobStatus& job : status.jobs()) EXPECT_EQ(job.error(), "") << job.kind();
  }

  // Half-written artifacts: at most the one that the running job writes, none when it is done.
  size_t Leftovers() const {
    const std::filesystem::path staging = server_.data_dir() + "/artifacts/.staging";
    std::error_code none;
    return static_cast<size_t>(
        std::distance(std::filesystem::directory_iterator(staging, none), {}));
  }

  const uint64_t seed_ = std::random_device{}();
  std::mt19937_64 random_{seed_};
  std::array<std::vector<float>, kDirections> directions_;
  const TempDir dir_;
  // A base as soon as one is wanted, which is at 4,097 vectors outside of the one before.
  LarderServer server_{dir_.File("data"),
                       {"--index-quiet", "0s", "--index-patience", "0s", "--index-interval", "0s"}};
  std::string feature_;
  std::string space_;
  TimeUs sent_ = 0;
  uint64_t position_ = 0;
  std::map<std::string, std::vector<float>> sure_;    // acknowledged
  std::map<std::string, std::vector<float>> unsure_;  // sent and never answered
  size_t asked_ = 0;
  size_t missed_ = 0;  // of them
};

TEST_F(IndexKill, EveryAcknowledgedVectorIsFoundAndTheNextBaseIsMade) {
  SCOPED_TRACE(Concat("seed ", seed_));
  for (size_t round = 0; round < 6; ++round) {
    const Batches batches = MakeBatches(10'000, 5'000 + 500 * round);
    const auto stage = static_cast<Stage>(round % 3);
    const size_t longest_us = stage == Stage::kBuilding ? 500'000 : 10'000;
    {
      const std::jthread killer([this, stage, pause = random_() % longest_us] {
        KillAt(stage, std::chrono::microseconds(pause));
      });
      Send(batches);
    }
    server_.Start();
    EXPECT_LE(Leftovers(), 1u) << "round " << round;
    ASSERT_NO_FATAL_FAILURE(CheckAllIsThere(30)) << "round " << round;
  }

  Send(MakeBatches(5'000, 10'000));
  const ProcessResult idle = server_.Cli({"status", "--wait"});
  EXPECT_EQ(idle.exit_code, 0) << idle.err;
  ASSERT_NO_FATAL_FAILURE(CheckAllIsThere(5));
  EXPECT_LE(missed_, asked_ / 100);
  EXPECT_EQ(Leftovers(), 0u);
  const v1::IndexStatus index = IngestClient(server_.address()).Status(false).indexes(0);
  EXPECT_GE(index.bases_written(), 1u);
  EXPECT_NE(index.epoch().base_digest(), "");
  EXPECT_GE(index.recall_at_10(), 0.95);
  IngestClient client(server_.address());
  EXPECT_THAT(Search(client, sure_.begin()->second, /*exact=*/false).plan(), StartsWith("graph"));
  EXPECT_EQ(server_.Stop(), 0);
}

}  // namespace
}  // namespace larder
