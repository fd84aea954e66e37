// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TRANSFORMER_INTERNAL_ALIGNED_BUFFER_H_
#define LARDER_TEXT_TRANSFORMER_INTERNAL_ALIGNED_BUFFER_H_

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>

namespace larder::text::internal {

// Numbers that begin at a cache line, zero at first. Thread-safety: thread-compatible.
template <typename T>
class AlignedBuffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t size) { Grow(size); }

  // Makes room for `size` numbers; what was there is lost if there was less room.
  void Grow(size_t size) {
    if (size <= size_) return;
    data_.reset();  // first: both at once may be more than there is
    data_.reset(static_cast<T*>(::operator new(size * sizeof(T), kAlignment)));
    std::memset(data_.get(), 0, size * sizeof(T));
    size_ = size;
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  size_t size() const { return size_; }
  size_t size_bytes() const { return size_ * sizeof(T); }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    void operator()(T* data) const { ::operator delete(data, kAlignment); }
  };
  std::unique_ptr<T, Free> data_;
  size_t size_ = 0;
};

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_TRANSFORMER_INTERNAL_ALIGNED_BUFFER_H_
