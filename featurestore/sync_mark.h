// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_SYNC_MARK_H_
#define LARDER_FEATURESTORE_SYNC_MARK_H_

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"

namespace larder::featurestore {

// How far a log has been synced at least, in a file beside it. It tells damage from the tail that a
// power cut may take: a log that ends before the mark has lost what was acknowledged.
//
// The mark is written after each sync and not synced itself: a crash of the process keeps it, a
// power cut may leave an older one or none. On disk: docs/formats/log.md.
// Thread-safety: single-thread.
class SyncMark {
 public:
  // Opens or makes the file. One that is torn or of an unknown format counts as none.
  // Errors: kUnavailable naming the file.
  static StatusOr<std::unique_ptr<SyncMark>> Open(const std::string& path);
  ~SyncMark();
  SyncMark(const SyncMark&) = delete;
  SyncMark& operator=(const SyncMark&) = delete;

  // What the file said when it was opened, or Set since; 0: nothing.
  uint64_t number() const { return number_; }
  // A failure leaves the older mark, which is true as well. Cost: one small write.
  void Set(uint64_t number);

 private:
  explicit SyncMark(int file) : file_(file) {}

  const int file_;
  uint64_t number_ = 0;
};

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_SYNC_MARK_H_
