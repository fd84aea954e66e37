// SPDX-License-Identifier: Apache-2.0
#include "bench/support/data.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "base/file_system.h"
#include "cli/input/record_reader.h"

namespace larder::bench {

Status RequireData(const std::string& dir, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    const std::string path = JoinPath(dir, name);
    if (FileSystem::Posix().Exists(path)) continue;
    return FailedPrecondition(path,
                              " is not there: run ./tools/quickstart first, or name a folder ",
                              "that it filled with --data DIR");
  }
  return OkStatus();
}

StatusOr<std::vector<std::string>> ReadLines(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return NotFound(path, ": cannot be opened");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(std::move(line));
  if (file.bad()) return Unavailable(path, ": cannot be read");
  return lines;
}

StatusOr<std::vector<std::optional<std::string>>> ReadField(const std::string& path,
                                                            std::string_view field) {
  LARDER_ASSIGN_OR_RETURN(const auto reader,
                          cli::RecordReader::Open(path, cli::InputFormat::kJsonLines));
  std::vector<std::optional<std::string>> values;
  cli::InputRecord record;
  while (true) {
    LARDER_ASSIGN_OR_RETURN(const bool more, reader->Next(record));
    if (!more) return values;
    const auto json = nlohmann::json::parse(record.bytes, nullptr, false);
    if (!json.is_object()) {
      return InvalidArgument(path, ":", record.line, ": expected a JSON object");
    }
    const auto found = json.find(field);
    const bool text = found != json.end() && found->is_string();
    values.push_back(text ? std::optional(found->get<std::string>()) : std::nullopt);
  }
}

StatusOr<std::vector<std::string>> ReadKeys(const std::string& path, std::string_view field) {
  LARDER_ASSIGN_OR_RETURN(auto values, ReadField(path, field));
  std::vector<std::string> keys;
  for (std::optional<std::string>& value : values) {
    if (!value) return InvalidArgument(path, ":", keys.size() + 1, ": has no '", field, "'");
    keys.push_back(*std::move(value));
  }
  if (keys.empty()) return InvalidArgument(path, ": is empty");
  return keys;
}

std::string MiniLmDir() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const std::string base =
      cache != nullptr && *cache != 0 ? cache : JoinPath(home != nullptr ? home : "", ".cache");
  return JoinPath(base, "larder-bench/ann/model-b9a0018dff09");
}

StatusOr<std::string> RequireMiniLm() {
  const std::string dir = MiniLmDir();
  if (FileSystem::Posix().Exists(JoinPath(dir, "model.safetensors"))) return dir;
  return FailedPrecondition(dir, " has no model.safetensors: run `tools/bench ann`, which fetches ",
                            "all-MiniLM-L6-v2");
}

StatusOr<ScratchDir> ScratchDir::Make() {
  LARDER_RETURN_IF_ERROR(FileSystem::Posix().MakeDirs("build/bench"));
  std::string path = "build/bench/run-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) return Unavailable("build/bench: cannot make a directory");
  return ScratchDir(std::move(path));
}

ScratchDir::~ScratchDir() {
  // Best effort: a scratch directory left behind harms nobody.
  if (!path_.empty()) (void)FileSystem::Posix().RemoveTree(path_);
}

std::string ScratchDir::File(std::string_view name) const { return JoinPath(path_, name); }

Status CopyStore(const std::string& from, const std::string& to) {
  LARDER_ASSIGN_OR_RETURN(const auto lock, FileLock::Acquire(JoinPath(from, "serve.lock")));
  std::error_code error;
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive, error);
  if (error) return Unavailable("cannot copy ", from, " to ", to, ": ", error.message());
  return OkStatus();
}

}  // namespace larder::bench
