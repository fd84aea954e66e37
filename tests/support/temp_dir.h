// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_SUPPORT_TEMP_DIR_H_
#define LARDER_TESTS_SUPPORT_TEMP_DIR_H_

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/status.h"

namespace larder {

// A fresh directory, removed with all that is in it at the end of the test.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "larder-test-XXXXXX").string();
    LARDER_CHECK(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string File(std::string_view name) const { return Concat(path_, "/", name); }

 private:
  std::string path_;
};

}  // namespace larder

#endif  // LARDER_TESTS_SUPPORT_TEMP_DIR_H_
