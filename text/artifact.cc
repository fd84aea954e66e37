// SPDX-License-Identifier: Apache-2.0
#include "text/artifact.h"

#include <vector>

namespace larder::text {
namespace {

Status WriteFiles(FileSystem& fs, const std::string& dir, const EncoderConfig& config,
                  std::string_view tokenizer_bytes, std::string_view model_bytes) {
  LARDER_RETURN_IF_ERROR(fs.MakeDirs(dir));
  LARDER_RETURN_IF_ERROR(
      WriteFileAtomically(fs, JoinPath(dir, config.tokenizer_file), tokenizer_bytes));
  LARDER_RETURN_IF_ERROR(WriteFileAtomically(fs, JoinPath(dir, kEncoderModelFile), model_bytes));
  return WriteFileAtomically(fs, JoinPath(dir, kEncoderConfigFile), WriteEncoderConfig(config));
}

}  // namespace

StatusOr<std::string> ReadPart(FileSystem& fs, const std::string& path, uint64_t max_bytes) {
  auto bytes = fs.Read(path, max_bytes);
  if (bytes.ok()) return bytes;
  switch (bytes.status().code()) {
    case StatusCode::kNotFound: return DataLoss(path, ": missing");
    case StatusCode::kResourceExhausted:
      return DataLoss(path, ": larger than ", max_bytes, " bytes");
    default: return bytes;
  }
}

Status CheckNewArtifact(FileSystem& fs, const std::string& dir) {
  if (!fs.Exists(dir)) return OkStatus();
  if (!fs.IsDirectory(dir)) {
    return InvalidArgument(dir, ": no directory, expected an empty or new one");
  }
  LARDER_ASSIGN_OR_RETURN(const std::vector<std::string> names, fs.List(dir));
  if (names.empty()) return OkStatus();
  constexpr size_t kNamed = 3;
  std::string what;
  for (size_t i = 0; i < names.size() && i < kNamed; ++i) {
    what += Concat(i > 0 ? ", " : "", names[i]);
  }
  if (names.size() > kNamed) what += Concat(" and ", names.size() - kNamed, " more");
  return AlreadyExists(dir, ": holds ", what, ", expected an empty or new directory");
}

StatusOr<std::unique_ptr<const Encoder>> WriteArtifact(FileSystem& fs, const std::string& dir,
                                                       const EncoderConfig& config,
                                                       std::string_view tokenizer_bytes,
                                                       std::string_view model_bytes) {
  LARDER_RETURN_IF_ERROR(CheckNewArtifact(fs, dir));
  Status status = WriteFiles(fs, dir, config, tokenizer_bytes, model_bytes);
  if (status.ok()) {
    auto encoder = OpenEncoder(fs, dir);
    if (encoder.ok()) return encoder;
    status = encoder.status();
  }
  // What is there now was written here. The first of them makes the others no artifact.
  for (const std::string_view name :
       {kEncoderConfigFile, kEncoderModelFile, std::string_view(config.tokenizer_file)}) {
    fs.Remove(JoinPath(dir, name)).IgnoreError();
  }
  return status;
}

}  // namespace larder::text
