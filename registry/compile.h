// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_COMPILE_H_
#define LARDER_REGISTRY_COMPILE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/status.h"
#include "registry/compiled_registry.h"

namespace larder::registry {

// Limits of what is compiled at once; each file has its own (kMaxYamlBytes).
inline constexpr size_t kMaxDefinitionFiles = 1'000;
inline constexpr size_t kMaxDefinitionBytes = size_t{8} << 20;

// One file of definitions: its path as shown in messages, and its bytes.
struct DefinitionFile {
  std::string path;
  std::string text;
};

// What the compiler must know of an `encoder: … path:` artifact; found by the client that reads
// the directory (text::ReadEncoderInfo) and kept in the revision.
struct EncoderFacts {
  std::string path;  // as written in the document
  Digest digest;
  uint32_t dimensions = 0;
  // Its vectors are float32 and take long to compute, as a transformer's do; else int8.
  bool floats = false;
};

// One complaint: "features.yaml:41:5: set ranker: …" with cause and fix.
struct Diagnostic {
  std::string file;
  int line = 0;    // 1-based; 0 if the whole file is meant
  int column = 0;  // 1-based, in code points
  std::string message;
  std::string ToString() const;
};

struct CompileResult {
  std::shared_ptr<const CompiledRegistry> registry;  // null if there are diagnostics
  std::vector<Diagnostic> diagnostics;               // in order of file and position; all of a run
};

// Parses, checks and compiles a whole set of definitions at once, like a program.
// Files over 1 MiB, duplicate keys, unknown keys … are diagnostics too (L1.1).
// `unreadable` says, by path, why facts of an encoder that lies there are missing.
// Deterministic: the order of the files does not matter. Thread-safety: thread-safe.
CompileResult Compile(const std::vector<DefinitionFile>& files,
                      const std::vector<EncoderFacts>& encoders,
                      const std::map<std::string, std::string>& unreadable = {});

// The paths of `encoder:` documents in `files`, without compiling: what a client must look up
// (EncoderFacts) before it can compile. Files that do not parse are skipped.
std::vector<std::string> EncoderPaths(const std::vector<DefinitionFile>& files);

}  // namespace larder::registry

#endif  // LARDER_REGISTRY_COMPILE_H_
