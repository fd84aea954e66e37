// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_BENCH_SUPPORT_DATA_H_
#define LARDER_BENCH_SUPPORT_DATA_H_

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace larder::bench {

// What tools/quickstart leaves behind, relative to Options::data.
inline constexpr std::string_view kCatalogFile = "catalog.jsonl";
inline constexpr std::string_view kEdgesFile = "edges.jsonl";
inline constexpr std::string_view kSessionsFile = "sessions.jsonl";
inline constexpr std::string_view kDefinitions = "definitions";
inline constexpr std::string_view kEncoder = "definitions/encoders/debian";
inline constexpr std::string_view kStoreDir = "data";

// Errors: kFailedPrecondition, saying what to do, if one of `names` is not in `dir`.
Status RequireData(const std::string& dir, std::initializer_list<std::string_view> names);

// The lines of a file, without their ends.
StatusOr<std::vector<std::string>> ReadLines(const std::string& path);

// The string in `field` of every line of a JSON lines file, maybe .zst or .gz; nothing where it has
// none.
// Errors: kInvalidArgument naming the line that is no JSON object.
StatusOr<std::vector<std::optional<std::string>>> ReadField(const std::string& path,
                                                            std::string_view field);

// The same of a field that every line has. Errors: also kInvalidArgument if one has not.
StatusOr<std::vector<std::string>> ReadKeys(const std::string& path, std::string_view field);

// Where bench/ann/minilm.py keeps config.json, tokenizer.json and the weights of all-MiniLM-L6-v2.
std::string MiniLmDir();
// The same. Errors: kFailedPrecondition, saying what to do, if it is not there.
StatusOr<std::string> RequireMiniLm();

// A new directory under build/, removed with all that is in it. Thread-safety: thread-compatible.
class ScratchDir {
 public:
  // Errors: what the file system says.
  static StatusOr<ScratchDir> Make();
  ~ScratchDir();
  ScratchDir(ScratchDir&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  ScratchDir& operator=(ScratchDir&&) = delete;

  std::string File(std::string_view name) const;

 private:
  explicit ScratchDir(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// Copies a store's directory that no server has open.
// Errors: kFailedPrecondition if one has; what the file system says.
Status CopyStore(const std::string& from, const std::string& to);

}  // namespace larder::bench

#endif  // LARDER_BENCH_SUPPORT_DATA_H_
