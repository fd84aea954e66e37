// SPDX-License-Identifier: Apache-2.0
#include "text/import/json_file.h"

namespace larder::text {

using internal::Json;

StatusOr<Json> ReadJsonFile(FileSystem& fs, const std::string& path) {
  auto text = fs.Read(path, kMaxModelConfigBytes);
  if (text.status().code() == StatusCode::kResourceExhausted) {
    return DataLoss(path, ": larger than ", kMaxModelConfigBytes, " bytes");
  }
  LARDER_RETURN_IF_ERROR(text.status());
  return internal::ParseJson(*text, path);
}

StatusOr<Json> ReadOptionalJsonFile(FileSystem& fs, const std::string& path) {
  if (fs.Exists(path)) return ReadJsonFile(fs, path);
  Json nothing;
  nothing.kind = Json::Kind::kObject;
  return nothing;
}

}  // namespace larder::text
