// SPDX-License-Identifier: Apache-2.0
#include "registry/canonical.h"

#include "base/bytes.h"
#include "registry/compiled_registry.h"

namespace larder::registry {

std::string JsonText(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json.push_back('\\');
      json.push_back(c);
    } else if (c == '\n') {
      json.append("\\n");
    } else if (c == '\t') {
      json.append("\\t");
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      json.append("\\u00").append(ToHex(std::string_view(&c, 1)));
    } else {
      json.push_back(c);
    }
  }
  json.push_back('"');
  return json;
}

std::string JsonList(const std::vector<std::string>& elements) {
  std::string json = "[";
  for (const std::string& element : elements) {
    if (json.size() > 1) json.append(", ");
    json.append(element);
  }
  json.push_back(']');
  return json;
}

std::string JsonObject::ToString() const {
  std::string json = "{";
  for (const auto& [key, value] : entries_) {
    if (json.size() > 1) json.append(", ");
    json.append(JsonText(key)).append(": ").append(value);
  }
  json.push_back('}');
  return json;
}

std::string JsonObject::ToDocument(std::string_view kind, std::string_view name) const {
  std::string json = Concat("{", JsonText(kind), ": ", JsonText(name));
  if (!empty()) json.append(", ").append(ToString().substr(1));
  if (empty()) json.push_back('}');
  return json;
}

IdentityDigest::IdentityDigest(std::string_view tag) {
  Text(tag);
  Number(kSemantics);
}

IdentityDigest& IdentityDigest::Text(std::string_view text) {
  ByteWriter(bytes_).String(text);
  return *this;
}

IdentityDigest& IdentityDigest::Number(uint64_t number) {
  ByteWriter(bytes_).Varint(number);
  return *this;
}

IdentityDigest& IdentityDigest::Of(const Digest& digest) { return Text(digest.view()); }

IdentityDigest& IdentityDigest::Of(const Type& type) {
  return Text(type.Name()).Number(type.dimensions).Number(type.int8 ? 1 : 0);
}

Digest IdentityDigest::Finish() const { return Sha256(bytes_); }

}  // namespace larder::registry
