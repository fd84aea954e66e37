// SPDX-License-Identifier: Apache-2.0
#include "cli/silence_watch.h"

namespace larder::cli {

SilenceWatch::~SilenceWatch() {
  MutexLock lock(mutex_);
  ended_ = true;
  changed_.SignalAll();
}

void SilenceWatch::Waits() {
  MutexLock lock(mutex_);
  until_ = Steady::now() + std::chrono::microseconds(patience_);
  changed_.SignalAll();
}

void SilenceWatch::Works() {
  MutexLock lock(mutex_);
  until_.reset();
}

Status SilenceWatch::status() const {
  MutexLock lock(mutex_);
  if (!late_) return OkStatus();
  return DeadlineExceeded("the server has sent nothing for ", FormatDuration(patience_),
                          ", which --timeout allows");
}

void SilenceWatch::Watch() {
  MutexLock lock(mutex_);
  while (!ended_ && !late_) {
    if (!until_.has_value()) {
      changed_.Wait(mutex_);
    } else if (Steady::now() < *until_) {
      changed_.WaitUntil(mutex_, *until_);
    } else {
      late_ = true;
      call_.TryCancel();
    }
  }
}

}  // namespace larder::cli
