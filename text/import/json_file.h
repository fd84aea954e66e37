// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_IMPORT_JSON_FILE_H_
#define LARDER_TEXT_IMPORT_JSON_FILE_H_

#include <cstdint>
#include <string>

#include "base/file_system.h"
#include "base/status.h"
#include "text/internal/json.h"

namespace larder::text {

inline constexpr uint64_t kMaxModelConfigBytes = 1u << 20;

// What a small JSON file of a published model holds.
// Errors: kDataLoss naming the file and what is wrong, also if there is none.
StatusOr<internal::Json> ReadJsonFile(FileSystem& fs, const std::string& path);

// The same; an empty object if there is no such file.
StatusOr<internal::Json> ReadOptionalJsonFile(FileSystem& fs, const std::string& path);

}  // namespace larder::text

#endif  // LARDER_TEXT_IMPORT_JSON_FILE_H_
