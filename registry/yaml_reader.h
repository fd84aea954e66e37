// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_YAML_READER_H_
#define LARDER_REGISTRY_YAML_READER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "registry/compile.h"
#include "registry/source_text.h"

namespace larder::registry {

// Limits of one file of definitions (L1.1).
inline constexpr size_t kMaxYamlBytes = size_t{1} << 20;
inline constexpr size_t kMaxYamlDepth = 32;

// The end of a complaint about a key in a flow mapping `{a: f(x, y)}`.
inline constexpr std::string_view kCommaHint =
    " (is a comma inside an expression? quote it or use block style)";

struct YamlEntry;

// One value of a YAML document. Scalars are text, whatever they look like (L1.1).
struct YamlNode {
  enum class Kind : uint8_t { kScalar, kMap, kList };
  Kind kind = Kind::kScalar;
  bool flow = false;    // written as {…} or […]
  bool broken = false;  // was complained about (null, alias, tag …); its text means nothing
  // kScalar: its decoded text, with the place of every byte. Else empty text, with the place where
  // the node begins.
  SourceText text;
  std::vector<YamlEntry> entries;  // kMap: in the order written, keys unique
  std::vector<YamlNode> items;     // kList

  // The value of `key`, or nullptr. Lives as long as the node.
  const YamlNode* Find(std::string_view key) const;
  // The same if it is text that was not complained about.
  const SourceText* Text(std::string_view key) const;
};

struct YamlEntry {
  SourceText key;
  YamlNode value;
};

// What could be read of one file.
struct YamlFile {
  std::vector<YamlNode> documents;  // empty documents are left out
  bool complete = true;             // false: reading had to stop, so documents are missing
};

// Reads all documents of one file. What the language does not allow is complained about: files
// over kMaxYamlBytes, nesting over kMaxYamlDepth, invalid UTF-8, control characters, duplicate
// keys, anchors, aliases, tags, merge keys, nulls. What could be read is returned nevertheless,
// so that one run finds all errors.
// Thread-safety: thread-safe. Cost: O(bytes), about 40 bytes of memory for each.
YamlFile ReadYaml(const DefinitionFile& file, std::vector<Diagnostic>& diagnostics);

// Adds a complaint. After many thousands only their number is kept, as empty ones, so that a file
// that is wrong all over costs no memory.
void AddDiagnostic(std::vector<Diagnostic>& diagnostics, Diagnostic diagnostic);

// A complaint at the beginning of `at`.
void Complain(std::vector<Diagnostic>& diagnostics, const SourceText& at, std::string message);

}  // namespace larder::registry

#endif  // LARDER_REGISTRY_YAML_READER_H_
