// SPDX-License-Identifier: Apache-2.0
#include "base/sync.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <time.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#ifndef __SANITIZE_THREAD__  // its waits follow the wall clock (base/sync.h)
namespace {

// By how much std::chrono::system_clock is ahead of the kernel's, as if somebody were setting it.
std::atomic<time_t> wall_clock_ahead_s = 0;

}  // namespace

// In place of the C library's, for the standard library too.
extern "C" int clock_gettime(clockid_t clock, timespec* out) noexcept {
  static const auto real =
      reinterpret_cast<int (*)(clockid_t, timespec*)>(dlsym(RTLD_NEXT, "clock_gettime"));
  const int result = real(clock, out);
  if (clock == CLOCK_REALTIME) out->tv_sec += wall_clock_ahead_s;
  return result;
}
#endif

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

#ifndef __SANITIZE_THREAD__
// Hangs for an hour where the wait follows the wall clock.
TEST(Sync, ATimedWaitDoesNotFollowTheWallClock) {
  Mutex mutex;
  CondVar changed;
  MutexLock lock(mutex);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);

  wall_clock_ahead_s = 3'600;
  while (changed.WaitUntil(mutex, deadline)) {
  }
  wall_clock_ahead_s = 0;

  EXPECT_GE(std::chrono::steady_clock::now(), deadline);
}
#endif

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
