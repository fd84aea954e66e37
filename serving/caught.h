// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_CAUGHT_H_
#define LARDER_SERVING_CAUGHT_H_

#include <exception>
#include <new>

#include "base/status.h"

namespace larder::serving {

// What `work` returns, a Status, or what it throws as one: kResourceExhausted without memory, else
// kInternal. For where a thread's work begins, which nothing thrown may leave (ADR 1).
template <typename Work>
Status Caught(Work&& work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("out of memory");
  } catch (const std::exception& error) {
    return Internal("unexpected: ", error.what());
  }
}

}  // namespace larder::serving

#endif  // LARDER_SERVING_CAUGHT_H_
