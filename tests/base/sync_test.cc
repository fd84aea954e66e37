// SPDX-License-Identifier: Apache-2.0
#include "base/sync.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace larder {
namespace {

TEST(Sync, CondVarWakesAWaiterAndTimesOut) {
  Mutex mutex;
  CondVar changed;
  bool ready = false;
  std::jthread setter([&] {
    MutexLock lock(mutex);
    ready = true;
    changed.SignalAll();
  });
  {
    MutexLock lock(mutex);
    while (!ready) changed.Wait(mutex);
    EXPECT_FALSE(changed.WaitUntil(mutex, std::chrono::steady_clock::now()));
  }
}

TEST(Sync, WriterGetsInBetweenReadersThatNeverPause) {
  SharedMutex mutex;
  std::atomic<bool> stop = false;
  int written = 0;
  std::vector<std::jthread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      int seen = 0;
      while (!stop) {
        ReaderLock lock(mutex);
        EXPECT_GE(written, seen);
        seen = written;
      }
    });
  }
  for (int i = 0; i < 100; ++i) {
    WriterLock lock(mutex);
    ++written;
  }
  stop = true;
  EXPECT_EQ(written, 100);
}

}  // namespace
}  // namespace larder
