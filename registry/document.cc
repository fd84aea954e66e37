// SPDX-License-Identifier: Apache-2.0
#include "registry/document.h"

#include <string>

#include "base/status.h"
#include "registry/ast.h"
#include "registry/nearest_name.h"

namespace larder::registry {
namespace {

using Shape = KeySpec::Shape;

constexpr KeySpec kEntityKeys[] = {
    {.name = "key"},
    {.name = "keys", .shape = Shape::kMap, .supported = false},
    {.name = "ttl", .supported = false},
};
constexpr KeySpec kTableKeys[] = {
    {.name = "of", .required = true},
    {.name = "time", .required = true},
    {.name = "unit"},
    {.name = "id", .shape = Shape::kTextOrList},
    {.name = "delay"},
    {.name = "retain", .supported = false},
    {.name = "personal", .shape = Shape::kList, .supported = false},
    {.name = "extra"},
    {.name = "columns", .shape = Shape::kMap, .required = true},
};
constexpr KeySpec kEventsKeys[] = {
    {.name = "keys", .shape = Shape::kMap, .required = true},
    {.name = "time", .required = true},
    {.name = "unit"},
    {.name = "id", .shape = Shape::kTextOrList},
    {.name = "delay"},
    {.name = "retain", .supported = false},
    {.name = "personal", .shape = Shape::kList, .supported = false},
    {.name = "extra"},
    {.name = "columns", .shape = Shape::kMap},
    {.name = "with", .shape = Shape::kMap, .supported = false},
};
constexpr KeySpec kViewKeys[] = {
    {.name = "of", .required = true},
    {.name = "key"},
    {.name = "from"},
    {.name = "where"},
    {.name = "ttl"},
    {.name = "repeat", .shape = Shape::kMap, .supported = false},
    {.name = "define", .shape = Shape::kMap, .required = true},
    {.name = "expect", .shape = Shape::kList, .supported = false},
};
constexpr KeySpec kLabelKeys[] = {
    {.name = "of", .required = true},
    {.name = "when", .required = true},
    {.name = "match", .shape = Shape::kMapOrList, .required = true},
    {.name = "where"},
    {.name = "within", .required = true},
    {.name = "value", .required = true},
};
constexpr KeySpec kEncoderKeys[] = {
    {.name = "path"},
    {.name = "external"},
};
constexpr KeySpec kRequestKeys[] = {
    {.name = "keys", .shape = Shape::kMap, .required = true},
    {.name = "columns", .shape = Shape::kMap},
};
constexpr KeySpec kSetKeys[] = {
    {.name = "for", .required = true},
    {.name = "candidate", .required = true},
    {.name = "roles", .shape = Shape::kMap, .supported = false},
    {.name = "rows", .shape = Shape::kMap, .supported = false},
    {.name = "include", .shape = Shape::kList, .supported = false},
    {.name = "columns", .shape = Shape::kList},
    {.name = "labels", .shape = Shape::kList, .supported = false},
};
constexpr KeySpec kRetrievalKeys[] = {
    {.name = "for", .required = true},
    {.name = "candidate", .required = true},
    {.name = "roles", .shape = Shape::kMap, .supported = false},
    {.name = "channels", .shape = Shape::kMap, .required = true},
    {.name = "where"},
    {.name = "exclude", .shape = Shape::kList},
    {.name = "define", .shape = Shape::kMap, .supported = false},
    {.name = "score"},
    {.name = "at_least", .supported = false},
    {.name = "price", .shape = Shape::kMap, .supported = false},
    {.name = "diverse", .shape = Shape::kMap, .supported = false},
    {.name = "limit"},
    {.name = "return"},
};
constexpr KeySpec kChannelKeys[] = {
    {.name = "near"},
    {.name = "to"},
    {.name = "top"},
    {.name = "match", .supported = false},
    {.name = "in"},
    {.name = "newest"},
    {.name = "from", .supported = false},
    {.name = "sample"},
    {.name = "take"},
    {.name = "where"},
    {.name = "deadline"},
};
constexpr KeySpec kDefinitionKeys[] = {
    {.name = "is", .required = true},
    {.name = "as"},
    {.name = "about"},
};
// For people and tools; no part of a digest.
constexpr KeySpec kCommonKeys[] = {
    {.name = "about"},
    {.name = "owner"},
    {.name = "tags", .shape = Shape::kTextOrList},
    {.name = "deprecated", .shape = Shape::kTextOrMap},
};

struct KindSpec {
  DocumentKind kind;
  std::string_view name;
  std::span<const KeySpec> keys;
};
constexpr KindSpec kKinds[] = {
    {DocumentKind::kEntity, "entity", kEntityKeys},
    {DocumentKind::kEncoder, "encoder", kEncoderKeys},
    {DocumentKind::kTable, "table", kTableKeys},
    {DocumentKind::kEvents, "events", kEventsKeys},
    {DocumentKind::kView, "view", kViewKeys},
    {DocumentKind::kLabel, "label", kLabelKeys},
    {DocumentKind::kRequest, "request", kRequestKeys},
    {DocumentKind::kSet, "set", kSetKeys},
    {DocumentKind::kRetrieval, "retrieval", kRetrievalKeys},
};

bool Fits(const YamlNode& value, Shape shape) {
  switch (value.kind) {
    case YamlNode::Kind::kScalar:
      return shape == Shape::kText || shape == Shape::kTextOrList || shape == Shape::kTextOrMap;
    case YamlNode::Kind::kMap:
      return shape == Shape::kMap || shape == Shape::kTextOrMap || shape == Shape::kMapOrList;
    case YamlNode::Kind::kList:
      return shape == Shape::kList || shape == Shape::kTextOrList || shape == Shape::kMapOrList;
  }
  return false;
}

std::string_view ShapeName(Shape shape) {
  switch (shape) {
    case Shape::kText: return "text";
    case Shape::kMap: return "a map";
    case Shape::kList: return "a list";
    case Shape::kTextOrList: return "text or a list";
    case Shape::kTextOrMap: return "text or a map";
    case Shape::kMapOrList: return "a list or a map";
  }
  return "";
}

std::string_view NodeName(const YamlNode& value) {
  switch (value.kind) {
    case YamlNode::Kind::kScalar: return "text";
    case YamlNode::Kind::kMap: return "a map";
    case YamlNode::Kind::kList: return "a list";
  }
  return "";
}

const KeySpec* FindSpec(std::span<const KeySpec> specs, std::string_view name) {
  for (const KeySpec& spec : specs) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

std::vector<std::string_view> NamesOf(std::span<const KeySpec> specs,
                                      std::span<const KeySpec> more) {
  std::vector<std::string_view> names;
  for (const KeySpec& spec : specs) names.push_back(spec.name);
  for (const KeySpec& spec : more) names.push_back(spec.name);
  return names;
}

// Checks the entries from `first` on against both lists of keys.
void CheckEntries(const YamlNode& map, size_t first, std::span<const KeySpec> specs,
                  std::span<const KeySpec> common, std::string_view what,
                  std::vector<Diagnostic>& diagnostics) {
  for (size_t i = first; i < map.entries.size(); ++i) {
    const YamlEntry& entry = map.entries[i];
    const std::string_view key = entry.key.text;
    const KeySpec* spec = FindSpec(specs, key);
    if (spec == nullptr) spec = FindSpec(common, key);
    if (spec == nullptr) {
      Complain(diagnostics, entry.key, Concat(what, ": unknown key '", Clipped(key), "'",
                                        DidYouMean(key, NamesOf(specs, common)),
                                        map.flow ? kCommaHint : std::string_view()));
    } else if (!spec->supported) {
      Complain(diagnostics, entry.key, Concat(what, ": '", key, ":' is not supported yet"));
    } else if (!Fits(entry.value, spec->shape) && !entry.value.broken) {
      Complain(diagnostics, entry.value.text, Concat(what, ": '", key, ":' must be ",
                                               ShapeName(spec->shape), ", not ",
                                               NodeName(entry.value)));
    }
  }
  for (const KeySpec& spec : specs) {
    if (spec.required && map.Find(spec.name) == nullptr) {
      const SourceText& at = map.entries.empty() ? map.text : map.entries.front().key;
      Complain(diagnostics, at, Concat(what, ": '", spec.name, ":' is missing"));
    }
  }
}

const KindSpec* FindKind(std::string_view name) {
  for (const KindSpec& kind : kKinds) {
    if (kind.name == name) return &kind;
  }
  return nullptr;
}

std::string UnknownKind(std::string_view word) {
  std::vector<std::string_view> names;
  std::string all;
  for (const KindSpec& kind : kKinds) {
    names.push_back(kind.name);
    all.append(all.empty() ? "" : " ").append(kind.name);
  }
  return Concat("a document must start with one of ", all, "; it starts with '", Clipped(word), "'",
                DidYouMean(word, names));
}

}  // namespace

std::string_view DocumentKindName(DocumentKind kind) {
  for (const KindSpec& spec : kKinds) {
    if (spec.kind == kind) return spec.name;
  }
  return "";
}

std::span<const KeySpec> KeysOf(DocumentKind kind) {
  for (const KindSpec& spec : kKinds) {
    if (spec.kind == kind) return spec.keys;
  }
  return {};
}

std::span<const KeySpec> ChannelKeys() { return kChannelKeys; }
std::span<const KeySpec> DefinitionKeys() { return kDefinitionKeys; }

const YamlNode* Document::Map(std::string_view key) const {
  const YamlNode* value = Any(key);
  const bool fits = value != nullptr && value->kind == YamlNode::Kind::kMap && !value->broken;
  return fits ? value : nullptr;
}

const YamlNode* Document::List(std::string_view key) const {
  const YamlNode* value = Any(key);
  return value != nullptr && value->kind == YamlNode::Kind::kList ? value : nullptr;
}

std::optional<Document> ReadDocument(const YamlNode& node, std::vector<Diagnostic>& diagnostics) {
  if (node.broken) return std::nullopt;
  if (node.kind != YamlNode::Kind::kMap) {
    Complain(diagnostics, node.text, Concat("a document must be a map, not ", NodeName(node)));
    return std::nullopt;
  }
  if (node.entries.empty()) {
    Complain(diagnostics, node.text, "a document must not be empty");
    return std::nullopt;
  }
  const YamlEntry& first = node.entries.front();
  const KindSpec* kind = FindKind(first.key.text);
  if (kind == nullptr) {
    Complain(diagnostics, first.key, UnknownKind(first.key.text));
    return std::nullopt;
  }
  if (first.value.kind != YamlNode::Kind::kScalar) {
    Complain(diagnostics, first.value.text,
             Concat("'", kind->name, ":' must be followed by a name"));
    return std::nullopt;
  }
  if (first.value.broken || !CheckName(first.value.text, kind->name, diagnostics)) {
    return std::nullopt;
  }
  const std::string what = Concat(kind->name, " ", first.value.text.text);
  CheckEntries(node, 1, kind->keys, kCommonKeys, what, diagnostics);
  return Document(kind->kind, node);
}

void CheckKeys(const YamlNode& map, std::span<const KeySpec> specs, std::string_view what,
               std::vector<Diagnostic>& diagnostics) {
  CheckEntries(map, 0, specs, {}, what, diagnostics);
}

bool CheckName(const SourceText& name, std::string_view what,
               std::vector<Diagnostic>& diagnostics) {
  const std::string& text = name.text;
  if (text.size() > kMaxNameBytes) {
    Complain(diagnostics, name, Concat(what, ": a name has at most ", kMaxNameBytes, " bytes"));
  } else if (IsReserved(text)) {
    Complain(diagnostics, name, Concat(what, ": '", text, "' is a reserved word, not a name"));
  } else if (!IsName(text)) {
    Complain(diagnostics, name,
             Concat(what, ": '", text, "' is not a name; names are [a-z][a-z0-9_]*"));
  } else {
    return true;
  }
  return false;
}

}  // namespace larder::registry
