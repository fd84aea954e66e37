// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_INTEGRATION_CLICKS_REGISTRY_H_
#define LARDER_TESTS_INTEGRATION_CLICKS_REGISTRY_H_

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "tests/integration/ingest_client.h"
#include "tests/integration/larder_server.h"

namespace larder {

// The registry of tests/testdata/integration/clicks and clicks made up for it.
struct Click {
  std::string id;
  std::string user;
  std::string item;
  TimeUs at = 0;

  std::string Json() const {
    return Concat(R"({"click_id":")", id, R"(","user_id":")", user, R"(","item_id":")", item,
                  R"(","at":")", FormatTime(at), R"(","dwell_s":1.5})");
  }
};

// Clicks over the last twelve hours on 20 items by 10 users.
inline std::vector<Click> MakeClicks(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  const TimeUs now = Clock::System().Now();
  std::vector<Click> clicks(count);
  for (size_t i = 0; i < count; ++i) {
    clicks[i] = {Concat("c", i), Concat("u", random() % 10), Concat("i", random() % 20),
                 now - static_cast<TimeUs>(random() % static_cast<uint64_t>(12 * kHourUs))};
  }
  return clicks;
}

inline std::vector<std::vector<std::string>> InBatches(const std::vector<Click>& clicks,
                                                       size_t batch) {
  std::vector<std::vector<std::string>> out;
  for (size_t i = 0; i < clicks.size(); ++i) {
    if (i % batch == 0) out.emplace_back();
    out.back().push_back(clicks[i].Json());
  }
  return out;
}

inline void ApplyClicksRegistry(const LarderServer& server) {
  const ProcessResult result =
      server.Cli({"apply", "--yes", RepositoryPath("tests/testdata/integration/clicks")});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  // A candidate needs a row (S5.2).
  std::string rows;
  for (int i = 0; i < 20; ++i) {
    rows +=
        Concat(R"({"item_id":"i)", i, R"(","updated_at":"2024-01-01T00:00:00Z","price":1})", "\n");
  }
  const ProcessResult ingest = server.Cli({"ingest", "catalog", "-"}, rows);
  ASSERT_EQ(ingest.exit_code, 0) << ingest.err;
}

// The int64 column `name` of a reply.
inline std::vector<int64_t> Ints(const v1::GetFeaturesResponse& response, const std::string& name) {
  for (const v1::Column& column : response.columns()) {
    if (column.name() != name) continue;
    EXPECT_EQ(column.type(), v1::COLUMN_TYPE_INT64);
    std::vector<int64_t> values(column.rows());
    EXPECT_EQ(column.values().size(), values.size() * sizeof(int64_t));
    std::memcpy(values.data(), column.values().data(), column.values().size());
    return values;
  }
  ADD_FAILURE() << "no column " << name;
  return {};
}

// The click counts of all 20 items at `position` or later.
inline std::vector<int64_t> ReadCounts(IngestClient& client, uint64_t position) {
  v1::GetFeaturesRequest request;
  request.set_set("counts");
  (*request.mutable_keys())["user"] = "u0";
  for (int i = 0; i < 20; ++i) request.add_candidates(Concat("i", i));
  request.mutable_min_position()->set_value(position);
  v1::GetFeaturesResponse response;
  const grpc::Status status = client.GetFeatures(request, response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return Ints(response, "candidate.quality.clicks");
}

// What ReadCounts must give when exactly `clicks` went in.
inline std::vector<int64_t> CountsOf(const std::vector<Click>& clicks) {
  std::vector<int64_t> counts(20);
  for (const Click& click : clicks) ++counts[static_cast<size_t>(std::stoi(click.item.substr(1)))];
  return counts;
}

}  // namespace larder

#endif  // LARDER_TESTS_INTEGRATION_CLICKS_REGISTRY_H_
