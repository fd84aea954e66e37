// SPDX-License-Identifier: Apache-2.0
#include "base/huge_buffer.h"

#include <sys/mman.h>

#include <cstdint>

namespace larder {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

}  // namespace

// The map begins on a huge page: what is before and behind is given back.
std::unique_ptr<HugeBuffer> HugeBuffer::Allocate(size_t size) {
  const size_t whole = size + kHugePage;
  void* raw = ::mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  const auto at = reinterpret_cast<uintptr_t>(raw);
  const uintptr_t aligned = (at + kHugePage - 1) / kHugePage * kHugePage;
  if (aligned > at) ::munmap(raw, aligned - at);
  char* data = static_cast<char*>(raw) + (aligned - at);
  constexpr size_t kPage = 4096;
  const size_t used = (size + kPage - 1) / kPage * kPage;
  const size_t left = whole - (aligned - at) - used;
  if (left > 0) ::munmap(data + used, left);
  // Advice only: without huge pages it is slower and nothing else.
  if (size > 0) (void)::madvise(data, size, MADV_HUGEPAGE);
  return std::unique_ptr<HugeBuffer>(new HugeBuffer(data, size));
}

HugeBuffer::~HugeBuffer() {
  if (size_ > 0) ::munmap(data_, size_);
}

}  // namespace larder
