// SPDX-License-Identifier: Apache-2.0
// Invariants 1 and 2: after kill -9 at any point of an ingest nothing acknowledged is missing and
// nothing is counted twice.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <random>
#include <thread>

#include "tests/integration/clicks_registry.h"
#include "tests/support/temp_dir.h"

namespace larder {
namespace {

TEST(Kill, NothingAcknowledgedIsMissingAndNothingIsCountedTwice) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(Concat("seed ", seed));
  std::mt19937_64 random(seed);
  const TempDir dir;
  LarderServer server(dir.File("data"));
  server.Start();
  ASSERT_NO_FATAL_FAILURE(ApplyClicksRegistry(server));
  const std::vector<Click> clicks = MakeClicks(20'000, seed);
  const auto batches = InBatches(clicks, 50);

  // Each round sends everything again from the start; what is known is a duplicate (S1.7).
  size_t acknowledged = 0;
  for (int round = 0; round < 6; ++round) {
    std::jthread killer([&server, pause = random() % 300] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20 + pause));
      server.Kill();
    });
    size_t newest = 0;
    uint64_t position = 0;
    IngestClient(server.address())
        .Send("clicks", batches, [&](size_t batch, const v1::IngestResponse& response) {
          EXPECT_EQ(response.code(), 0u) << response.message();
          EXPECT_EQ(response.accepted(), 50u);
          const bool known = batch < acknowledged;
          if (known) {
            EXPECT_EQ(response.duplicates(), 50u) << "lost batch " << batch;
          }
          newest = batch + 1;
          position = std::max(position, response.last_position().value());
        });
    killer.join();
    acknowledged = std::max(acknowledged, newest);

    server.Start();
    IngestClient client(server.address());
    const std::vector<int64_t> counts = ReadCounts(client, position);
    const std::vector<Click> sure(clicks.begin(),
                                  clicks.begin() + static_cast<ptrdiff_t>(acknowledged * 50));
    const std::vector<int64_t> least = CountsOf(sure);
    for (size_t item = 0; item < counts.size(); ++item) {
      EXPECT_GE(counts[item], least[item]) << "item " << item << " after round " << round;
    }
  }

  uint64_t position = 0;
  IngestClient client(server.address());
  client.Send("clicks", batches, [&](size_t, const v1::IngestResponse& response) {
    position = std::max(position, response.last_position().value());
  });
  EXPECT_EQ(ReadCounts(client, position), CountsOf(clicks));
  EXPECT_EQ(server.Stop(), 0);
}

// The ports file is the first sign of a server that answers; libraries have threads that take a
// signal when nobody waits for one.
TEST(Kill, AStopRightAfterTheStartIsClean) {
  const TempDir dir;
  for (int i = 0; i < 5; ++i) {
    LarderServer server(dir.File("data"));
    server.Start();
    EXPECT_EQ(server.Stop(), 0);
  }
}

}  // namespace
}  // namespace larder
