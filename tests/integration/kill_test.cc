// SPDX-License-Identifier: Apache-2.0
// Invariants 1 and 2: after kill -9 at any point of an ingest nothing acknowledged is missing and
// nothing is counted twice.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
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

TEST(Kill, AStopDuringRecoveryEndsTheProcessAtOnce) {
  const TempDir dir;
  LarderServer server(dir.File("data"));
  server.Start();
  ASSERT_EQ(server.Stop(), 0);
  // A recovery that does not end: it reads from a pipe into which nobody writes.
  const std::string current = server.data_dir() + "/log/CURRENT";
  std::filesystem::remove(current);
  ASSERT_EQ(mkfifo(current.c_str(), 0600), 0);

  server.Launch();
  int pipe = -1;
  while (server.Running() && pipe < 0) {
    // Can be opened once somebody reads: recovery is at it.
    pipe = open(current.c_str(), O_WRONLY | O_NONBLOCK);
  }

  EXPECT_EQ(server.Stop(), 128 + SIGTERM);
  close(pipe);
}

}  // namespace
}  // namespace larder
