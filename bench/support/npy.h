// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_BENCH_SUPPORT_NPY_H_
#define LARDER_BENCH_SUPPORT_NPY_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "base/status.h"

namespace larder::bench {

// A two-dimensional NumPy file in C order, mapped.
// Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
class NpyFile {
 public:
  // Errors: as MappedFile; kInvalidArgument naming what is not as expected.
  static StatusOr<NpyFile> Open(const std::string& path);

  const std::string& type() const { return type_; }  // "<f4", "|i1", "|u1"
  size_t rows() const { return rows_; }
  size_t columns() const { return columns_; }
  // Row-major; T must be the type of type().
  template <typename T>
  std::span<const T> Values() const {
    return {reinterpret_cast<const T*>(data_), rows_ * columns_};
  }

 private:
  std::unique_ptr<MappedFile> map_;
  std::string type_;
  const char* data_ = nullptr;
  size_t rows_ = 0;
  size_t columns_ = 0;
};

// Writes `data`, [rows, columns] of `type`.
Status WriteNpy(const std::string& path, std::string_view type, std::string_view data, size_t rows,
                size_t columns);

}  // namespace larder::bench

#endif  // LARDER_BENCH_SUPPORT_NPY_H_
