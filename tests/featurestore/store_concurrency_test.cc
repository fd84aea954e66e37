// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "featurestore/store.h"
#include "tests/featurestore/store_fixture.h"

namespace larder::featurestore {
namespace {

// R1, S2.4: nothing of a record after P shows in a read: in rows, windows or vectors. Each event
// counts once for one item and one user; each row says the same number in three columns.
TEST(StoreConcurrency, ReadsAreIsolatedFromApply) {
  const TempDir dir;
  TestStore store(dir.File("data"));
  store.options.checkpoint_every = std::chrono::milliseconds(1);
  store.options.checkpoint_entries = 2;
  ASSERT_OK(store.Open());
  ASSERT_OK(store.Define());
  ASSERT_OK(store.Ingest("catalog",
                         {ItemRow("i", kStartTime - 900'000'000, "0", R"(,"price":0,"stock":0)")}));
  ASSERT_OK(store.Read());
  std::atomic<bool> done{false};
  std::atomic<int> reads{0};
  const auto reader = [&] {
    const TestStore& shared = store;
    while (!done) {
      const auto snapshot = store.store->Read({}, std::chrono::steady_clock::now());
      ASSERT_OK(snapshot);
      Snapshot& s = **snapshot;
      const std::string clicks = shared.Value(s, "quality.clicks_1d", "i");
      EXPECT_EQ(shared.Value(s, "quality.clicks_1h", "i"), clicks);
      EXPECT_EQ(shared.Value(s, "quality.positions", "i"), clicks);
      EXPECT_EQ(shared.Value(s, "taste.clicks", "u"), clicks);
      const std::string title = shared.Value(s, "catalog.title", "i");
      EXPECT_EQ(shared.Value(s, "catalog.price", "i"), title);
      EXPECT_EQ(shared.Value(s, "catalog.stock", "i"), title);
      std::string codes;
      for (const int8_t code : FakeEmbedder::CodesOf(title + "\n")) {
        codes += Concat(static_cast<int>(code), " ");
      }
      EXPECT_EQ(shared.Value(s, "text_of.vec", "i"), codes);
      ++reads;
    }
  };
  std::thread first(reader);
  std::thread second(reader);
  int id = 0;
  int row = 0;
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(1500);
  while (std::chrono::steady_clock::now() < until) {
    std::vector<std::string> clicks;
    for (int i = 0; i < 700; ++i) {
      clicks.push_back(
          Click(Concat("c", id++), kStartTime - 1000 + i, "u", "i", R"(,"position":1)"));
    }
    ASSERT_OK(store.Ingest("clicks", clicks));
    std::vector<std::string> rows;
    for (int i = 0; i < 40; ++i) {
      ++row;
      rows.push_back(ItemRow("i", kStartTime - 900'000'000 + row, Concat(row),
                             Concat(R"(,"price":)", row, R"(,"stock":)", row)));
    }
    ASSERT_OK(store.Ingest("catalog", rows));
    store.store->Stats();
  }
  done = true;
  first.join();
  second.join();
  EXPECT_GT(reads.load(), 10);
  EXPECT_EQ(store.Value("taste.clicks", "u"), Concat(id));
}

TEST(StoreConcurrency, WritersRevisionsAndStateHashesGetAlong) {
  const TempDir dir;
  TestStore store(dir.File("data"));
  store.options.checkpoint_every = std::chrono::milliseconds(1);
  ASSERT_OK(store.Open());
  ASSERT_OK(store.Define());
  std::vector<std::thread> writers;
  for (int w = 0; w < 3; ++w) {
    writers.emplace_back([&, w] {
      for (int i = 0; i < 30; ++i) {
        IngestRequest request;
        request.source = "clicks";
        const std::string record =
            Click(Concat("c", w, "-", i), kStartTime - 5, Concat("u", i % 4), "i");
        request.records = {record};
        EXPECT_OK(store.store->Ingest(request));
      }
    });
  }
  writers.emplace_back([&] {
    std::string definitions(kDefinitions);
    for (int i = 0; i < 10; ++i) {
      definitions += Concat("---\nentity: new", i, "\nkey: new_id\n");
      EXPECT_OK(store.Define(definitions));
    }
  });
  for (int i = 0; i < 10; ++i) EXPECT_OK(store.store->ComputeStateHash());
  for (std::thread& writer : writers) writer.join();
  ASSERT_OK_AND_ASSIGN(
      const auto snapshot,
      store.store->Read(Position::Of(store.store->Stats().synced.entry(), 0),
                        std::chrono::steady_clock::now() + std::chrono::seconds(9)));
  EXPECT_EQ(store.Value(*snapshot, "quality.clicks_1d", "i"), "90");
}

}  // namespace
}  // namespace larder::featurestore
