// SPDX-License-Identifier: Apache-2.0
#include "base/sync.h"

namespace larder {

SharedMutex::SharedMutex() {
  pthread_rwlockattr_t attributes;
  pthread_rwlockattr_init(&attributes);
  pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
  pthread_rwlock_init(&lock_, &attributes);
  pthread_rwlockattr_destroy(&attributes);
}

SharedMutex::~SharedMutex() { pthread_rwlock_destroy(&lock_); }

}  // namespace larder
