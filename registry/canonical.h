// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_CANONICAL_H_
#define LARDER_REGISTRY_CANONICAL_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "registry/type.h"

namespace larder::registry {

// `text` as a JSON string, which is also a YAML one.
std::string JsonText(std::string_view text);
// "[a, b]" of elements that are JSON already.
std::string JsonList(const std::vector<std::string>& elements);

// A JSON object with sorted keys: the canonical form of a definition and of its parts.
// Thread-safety: thread-compatible.
class JsonObject {
 public:
  void Set(std::string_view key, std::string json) { entries_[std::string(key)] = std::move(json); }
  void SetText(std::string_view key, std::string_view text) { Set(key, JsonText(text)); }
  bool empty() const { return entries_.empty(); }

  std::string ToString() const;
  // As a document of the language: {"view": "quality", …}, its kind first.
  std::string ToDocument(std::string_view kind, std::string_view name) const;

 private:
  std::map<std::string, std::string> entries_;
};

// Digests fields in the order given, each with its length, so that no two lists of fields can
// meet. The first field is a tag that names what is digested and the edition of the encoding.
// Every digest also covers kSemantics (R1).
// Thread-safety: single-thread.
class IdentityDigest {
 public:
  explicit IdentityDigest(std::string_view tag);
  IdentityDigest& Text(std::string_view text);
  IdentityDigest& Number(uint64_t number);
  IdentityDigest& Of(const Digest& digest);
  // The type's name, dimensions and element width: what a stored value of it looks like.
  IdentityDigest& Of(const Type& type);
  Digest Finish() const;

 private:
  std::string bytes_;
};

}  // namespace larder::registry

#endif  // LARDER_REGISTRY_CANONICAL_H_
