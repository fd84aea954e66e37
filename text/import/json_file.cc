// SPDX-License-Identifier: Apache-2.0
#include "text/import/json_file.h"

#include "text/artifact.h"

namespace larder::text {

using internal::Json;

StatusOr<Json> ReadJsonFile(FileSystem& fs, const std::string& path) {
  LARDER_ASSIGN_OR_RETURN(const std::string text, ReadPart(fs, path, kMaxModelConfigBytes));
  return internal::ParseJson(text, path);
}

StatusOr<Json> ReadOptionalJsonFile(FileSystem& fs, const std::string& path) {
  if (fs.Exists(path)) return ReadJsonFile(fs, path);
  Json nothing;
  nothing.kind = Json::Kind::kObject;
  return nothing;
}

}  // namespace larder::text
