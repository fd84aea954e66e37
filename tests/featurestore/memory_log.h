// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_FEATURESTORE_MEMORY_LOG_H_
#define LARDER_TESTS_FEATURESTORE_MEMORY_LOG_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/sync.h"
#include "featurestore/log.h"

namespace larder::featurestore {

// A log in memory that counts its syncs and can fail. Thread-safety: as Log.
class MemoryLog : public Log {
 public:
  Status Append(std::span<const std::string> entries) override {
    if (before_append) LARDER_RETURN_IF_ERROR(before_append());
    const MutexLock lock(mutex_);
    entries_.insert(entries_.end(), entries.begin(), entries.end());
    ++groups_;
    return OkStatus();
  }
  uint64_t last() const override {
    const MutexLock lock(mutex_);
    return entries_.size();
  }
  Status Read(uint64_t from,
              const std::function<Status(uint64_t, std::string_view)>& visit) const override {
    std::vector<std::string> entries;
    {
      const MutexLock lock(mutex_);
      entries = entries_;
    }
    for (uint64_t number = from; number <= entries.size(); ++number) {
      LARDER_RETURN_IF_ERROR(visit(number, entries[number - 1]));
    }
    return OkStatus();
  }

  uint64_t groups() const {
    const MutexLock lock(mutex_);
    return groups_;
  }

  // Called at each Append, on the appender's thread; its error is Append's. Set it before use.
  std::function<Status()> before_append;

 private:
  mutable Mutex mutex_;
  std::vector<std::string> entries_ ABSL_GUARDED_BY(mutex_);
  uint64_t groups_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace larder::featurestore

#endif  // LARDER_TESTS_FEATURESTORE_MEMORY_LOG_H_
