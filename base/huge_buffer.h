// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_BASE_HUGE_BUFFER_H_
#define LARDER_BASE_HUGE_BUFFER_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace larder {

// Zeroed memory that lies on huge pages where the system has them: what is touched all over (the
// vectors of an index, the words of a cache) misses the processor's page table cache nearly each
// time with pages of 4 KiB (measured: a fifth of the time of a walk through an index).
//
// Thread-safety: thread-compatible.
class HugeBuffer {
 public:
  // Null without memory.
  static std::unique_ptr<HugeBuffer> Allocate(size_t size);
  ~HugeBuffer();
  HugeBuffer(const HugeBuffer&) = delete;
  HugeBuffer& operator=(const HugeBuffer&) = delete;

  std::span<char> bytes() { return {data_, size_}; }
  std::string_view view() const { return {data_, size_}; }

 private:
  HugeBuffer(char* data, size_t size) : data_(data), size_(size) {}

  char* data_;
  size_t size_;
};

}  // namespace larder

#endif  // LARDER_BASE_HUGE_BUFFER_H_
