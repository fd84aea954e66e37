// SPDX-License-Identifier: Apache-2.0
// R3 and S10: state is a function of the set of records. Shuffled, twice, in one or many batches,
// before and after a restart: one state hash.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/integration/clicks_registry.h"
#include "tests/support/temp_dir.h"

namespace larder {
namespace {

// Ingests `batches` into a new server; its state hash, the same again after a restart.
std::string HashAfter(const std::vector<std::vector<std::string>>& batches, int times) {
  const TempDir dir;
  LarderServer server(dir.File("data"));
  server.Start();
  ApplyClicksRegistry(server);
  uint64_t position = 0;
  for (int i = 0; i < times; ++i) {
    IngestClient(server.address())
        .Send("clicks", batches, [&](size_t, const v1::IngestResponse& response) {
          EXPECT_EQ(response.code(), 0u) << response.message();
          position = std::max(position, response.last_position().value());
        });
  }
  IngestClient client(server.address());
  ReadCounts(client, position);
  const std::string hash = client.Status(/*want_state_hash=*/true).state_hash();
  EXPECT_FALSE(hash.empty());

  EXPECT_EQ(server.Stop(), 0);
  server.Start();
  IngestClient again(server.address());
  EXPECT_EQ(again.Status(true).state_hash(), hash) << "after a restart";
  EXPECT_EQ(server.Stop(), 0);
  return hash;
}

TEST(Order, ShuffledTwiceInOneOrManyBatchesGivesOneStateHash) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(Concat("seed ", seed));
  std::vector<Click> clicks = MakeClicks(5'000, seed);
  const std::string hash = HashAfter(InBatches(clicks, 5'000), 1);

  std::mt19937_64 random(seed);
  std::shuffle(clicks.begin(), clicks.end(), random);
  EXPECT_EQ(HashAfter(InBatches(clicks, 37), 1), hash);
  std::shuffle(clicks.begin(), clicks.end(), random);
  EXPECT_EQ(HashAfter(InBatches(clicks, 1'000), 2), hash);

  clicks.pop_back();
  EXPECT_NE(HashAfter(InBatches(clicks, 1'000), 1), hash);
}

}  // namespace
}  // namespace larder
