// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_ADMITTED_H_
#define LARDER_SERVING_ADMITTED_H_

#include <atomic>
#include <cstddef>

namespace larder::serving {

// One of at most `most` that there are at once, if it was admitted.
class Admitted {
 public:
  Admitted(std::atomic<size_t>& count, size_t most) : count_(count), ok_(++count <= most) {}
  ~Admitted() { --count_; }
  Admitted(const Admitted&) = delete;
  Admitted& operator=(const Admitted&) = delete;
  bool ok() const { return ok_; }

 private:
  std::atomic<size_t>& count_;
  const bool ok_;
};

}  // namespace larder::serving

#endif  // LARDER_SERVING_ADMITTED_H_
