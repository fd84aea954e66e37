// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_DOCUMENT_H_
#define LARDER_REGISTRY_DOCUMENT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "registry/yaml_reader.h"

namespace larder::registry {

// The kinds of documents (L1), in the order in which they are compiled.
enum class DocumentKind : uint8_t {
  kEntity, kEncoder, kTable, kEvents, kView, kLabel, kRequest, kSet, kRetrieval,
};
std::string_view DocumentKindName(DocumentKind kind);

// What the language says of one key of a map.
struct KeySpec {
  enum class Shape : uint8_t { kText, kMap, kList, kTextOrList, kTextOrMap, kMapOrList };
  std::string_view name;
  Shape shape = Shape::kText;
  bool required = false;
  bool supported = true;  // else it parses and is answered with "not supported yet"
};

// The keys of a kind of document; `about owner tags deprecated` are allowed besides.
std::span<const KeySpec> KeysOf(DocumentKind kind);
// The keys of a channel of a retrieval, and of a definition written as a map (L1.10).
std::span<const KeySpec> ChannelKeys();
std::span<const KeySpec> DefinitionKeys();

// One document: its kind, its name, and its checked map.
// Points into the YamlNode that it was made from, which must outlive it.
class Document {
 public:
  Document(DocumentKind kind, const YamlNode& node) : kind_(kind), node_(&node) {}

  DocumentKind kind() const { return kind_; }
  std::string_view kind_name() const { return DocumentKindName(kind_); }
  const SourceText& kind_text() const { return node_->entries.front().key; }
  const SourceText& name() const { return node_->entries.front().value.text; }
  const YamlNode& node() const { return *node_; }

  // The value of a key, nullptr if it is absent or has another shape.
  const SourceText* Text(std::string_view key) const { return node_->Text(key); }
  const YamlNode* Map(std::string_view key) const;
  const YamlNode* List(std::string_view key) const;
  const YamlNode* Any(std::string_view key) const { return node_->Find(key); }
  bool Has(std::string_view key) const { return Any(key) != nullptr; }

 private:
  DocumentKind kind_;
  const YamlNode* node_;
};

// Makes a document of a file's node: its first key says what it is, its keys are those of the
// kind, with the right shapes. Complains about all that is wrong; nullopt if the kind or the name
// cannot be told. Keys that are not supported yet are complained about here, once each.
std::optional<Document> ReadDocument(const YamlNode& node, std::vector<Diagnostic>& diagnostics);

// Checks a map inside a document against `specs`; `what` names it: "channel 'hot'".
void CheckKeys(const YamlNode& map, std::span<const KeySpec> specs, std::string_view what,
               std::vector<Diagnostic>& diagnostics);

inline constexpr size_t kMaxNameBytes = 64;

// True for a name of the language: [a-z][a-z0-9_]*, at most 64 bytes, not reserved (L3).
// If it is not, complains.
bool CheckName(const SourceText& name, std::string_view what, std::vector<Diagnostic>& diagnostics);

}  // namespace larder::registry

#endif  // LARDER_REGISTRY_DOCUMENT_H_
