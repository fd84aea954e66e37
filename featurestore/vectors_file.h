// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_VECTORS_FILE_H_
#define LARDER_FEATURESTORE_VECTORS_FILE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "base/hash.h"
#include "base/status.h"
#include "featurestore/store.h"

namespace larder::featurestore {

// The one file of an artifact that Activation::kVectors installs; docs/formats/vectors.md.
inline constexpr std::string_view kVectorsFileName = "vectors.larder";

std::string EncodeVectorsFile(const Digest& feature, uint32_t dimensions,
                              std::span<const VectorInput> inputs,
                              std::span<const int8_t> vectors);

// A checked file in memory.
class VectorsFile {
 public:
  // Errors: kDataLoss naming `path` for a damaged file or one of another feature or dimensions.
  static StatusOr<VectorsFile> Read(FileSystem& fs, const std::string& path,
                                    const Digest& feature, uint32_t dimensions);

  struct Item {
    std::string_view key;
    Hash128 content;
    std::span<const int8_t> vector;
  };
  // Calls `visit` for each vector, in order of the file.
  void ForEach(const std::function<void(const Item&)>& visit) const;
  size_t size() const { return count_; }

 private:
  std::unique_ptr<const std::string> bytes_;
  std::string_view items_;  // into bytes_
  size_t count_ = 0;
  uint32_t dimensions_ = 0;
};

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_VECTORS_FILE_H_
