// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_LOG_H_
#define LARDER_FEATURESTORE_LOG_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace larder::featurestore {

// An ordered, durable sequence of opaque entries numbered 1, 2, 3 …; nothing above may assume what
// is below it. Thread-safety: one appender; any number of readers.
class Log {
 public:
  virtual ~Log() = default;

  // Appends `entries` as numbers last()+1 … and returns when all of them are synced (group
  // commit: one sync for the whole span). After an error nothing of the span may be visible.
  virtual Status Append(std::span<const std::string> entries) = 0;
  // The newest synced entry, 0 if there is none.
  virtual uint64_t last() const = 0;
  // Calls `visit(number, bytes)` for from … last() in order, until it returns an error.
  // Errors: that error; kDataLoss when a number is missing.
  virtual Status Read(uint64_t from,
                      const std::function<Status(uint64_t, std::string_view)>& visit) const = 0;
};

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_LOG_H_
