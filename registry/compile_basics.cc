// SPDX-License-Identifier: Apache-2.0
// Entities, encoders and requests.
#include <algorithm>

#include "base/directory_digest.h"
#include "registry/compile_context.h"

namespace larder::registry {
namespace {

constexpr int64_t kMaxExternalDimensions = 4096;
constexpr size_t kMaxRoles = 64;

void CompileEntity(const Document& document, CompileContext& context) {
  const std::string& name = document.name().text;
  EntityModel& model = context.entities[name];
  model.document = &document;
  model.entity.name = name;
  model.broken = document.Has("keys");
  const std::string what = Concat("entity ", name);
  const SourceText* key = document.Text("key");
  if (model.broken) {
    if (key != nullptr) context.Complain(*key, Concat(what, ": has both 'key:' and 'keys:'"));
    return;
  }
  if (key == nullptr) {
    if (!document.Has("key")) {
      context.Complain(document.kind_text(), Concat(what, ": 'key:' is missing"));
    }
    model.broken = true;
    return;
  }
  if (!CheckName(*key, what, context.diagnostics)) return;
  model.entity.key = key->text;
  JsonObject object;
  object.SetText("key", key->text);
  const std::string canonical = object.ToDocument("entity", name);
  context.Define(document, canonical, canonical, {});
}

void CompileExternal(const Document& document, const SourceText& dimensions,
                     CompileContext& context) {
  const std::string& name = document.name().text;
  const auto read = ReadInteger(dimensions, 1, kMaxExternalDimensions,
                                Concat("encoder ", name, ", external"), context);
  if (!read) {
    context.broken_encoders.insert(name);
    return;
  }
  JsonObject object;
  object.SetText("external", std::to_string(*read));
  const std::string canonical = object.ToDocument("encoder", name);
  context.Define(document, canonical, canonical, {});
  Encoder& encoder = context.encoders[name];
  encoder.name = name;
  encoder.external = true;
  encoder.floats = true;
  encoder.dimensions = static_cast<uint32_t>(*read);
  encoder.digest = IdentityDigest("larder-external-space-1")
                       .Text(name)
                       .Number(encoder.dimensions)
                       .Finish();
}

void CompileStatic(const Document& document, const SourceText& path, CompileContext& context) {
  const std::string& name = document.name().text;
  const std::string what = Concat("encoder ", name);
  const auto facts = context.facts.find(path.text);
  if (!IsSafeRelativePath(path.text)) {
    context.Complain(path, Concat(what, ": path '", Clipped(path.text),
                                  "' must be relative and stay inside the registry's directory"));
  } else if (const auto it = context.unreadable.find(path.text); it != context.unreadable.end()) {
    context.Complain(path, Concat(what, ": the encoder at '", path.text, "' cannot be read: ",
                                  it->second));
  } else if (facts == context.facts.end()) {
    context.Complain(path, Concat(what, ": there is no encoder at '", path.text,
                                  "'; train one with `larder encoder train --out ", path.text,
                                  "`"));
  } else {
    // The digest holds the artifact's digest, not the path (L1).
    Usage usage;
    usage.parts["artifact"] = facts->second.digest;
    JsonObject object;
    object.SetText("path", path.text);
    context.Define(document, object.ToDocument("encoder", name),
                   JsonObject().ToDocument("encoder", name), usage);
    Encoder& encoder = context.encoders[name];
    encoder.name = name;
    encoder.digest = facts->second.digest;
    encoder.dimensions = facts->second.dimensions;
    encoder.floats = facts->second.floats;
    return;
  }
  context.broken_encoders.insert(name);
}

void CompileEncoder(const Document& document, CompileContext& context) {
  const SourceText* path = document.Text("path");
  const SourceText* external = document.Text("external");
  if ((path != nullptr) == (external != nullptr)) {
    context.broken_encoders.insert(document.name().text);
    context.Complain(document.kind_text(), Concat("encoder ", document.name().text,
                                                  ": needs either 'path:' or 'external:'"));
  } else if (path != nullptr) {
    CompileStatic(document, *path, context);
  } else {
    CompileExternal(document, *external, context);
  }
}

// Compiles one `request` document.
class RequestCompiler {
 public:
  RequestCompiler(const Document& document, CompileContext& context)
      : document_(document),
        context_(context),
        model_(context.requests[document.name().text]),
        what_(Concat("request ", document.name().text)) {}

  void Compile() {
    const size_t before = context_.diagnostics.size();
    model_.document = &document_;
    model_.request.name = document_.name().text;
    ReadRoles();
    ReadColumns();
    const auto by_name = [](const auto& a, const auto& b) { return a.name < b.name; };
    std::sort(model_.request.roles.begin(), model_.request.roles.end(), by_name);
    std::sort(model_.request.columns.begin(), model_.request.columns.end(), by_name);
    if (context_.diagnostics.size() == before) Define();
  }

 private:
  void ReadRoles() {
    const YamlNode* keys = document_.Map("keys");
    if (keys == nullptr) {
      model_.broken = true;
      return;
    }
    if (keys->entries.size() > kMaxRoles) {
      context_.Complain(keys->text, Concat(what_, ": more than ", kMaxRoles, " keys"));
    }
    for (const YamlEntry& entry : keys->entries) {
      const SourceText& role = entry.key;
      bool good = CheckName(role, what_, context_.diagnostics);
      if (role.text == model_.request.name) {
        context_.Complain(role, Concat(what_, ": a role may not have the request's own name"));
        good = false;
      }
      if (entry.value.kind != YamlNode::Kind::kScalar || entry.value.broken) {
        context_.Complain(entry.value.text, Concat(what_, ": 'keys:' maps a role to an entity"));
        good = false;
      } else {
        good = context_.Require(entry.value.text, {DocumentKind::kEntity}, what_) && good;
        good = good && !context_.entities.at(entry.value.text.text).broken;
      }
      if (good) {
        model_.request.roles.push_back({role.text, entry.value.text.text, false});
      } else {
        model_.unknown.insert(role.text);
      }
    }
  }

  void ReadColumns() {
    const YamlNode* columns = document_.Map("columns");
    if (columns == nullptr) {
      model_.broken = model_.broken || document_.Has("columns");
      return;
    }
    const auto read = registry::ReadColumns(*columns, what_, context_, model_.unknown);
    model_.broken = model_.broken || !read;
    if (!read) return;
    for (const NamedType& column : *read) {
      model_.request.columns.push_back({column.name.text, column.type});
    }
  }

  void Define() {
    JsonObject object, keys, columns;
    Usage usage;
    const auto use = [&](const std::string& name) {
      const auto used = context_.definitions.find(name);
      if (used == context_.definitions.end()) return;
      usage.names.insert(name);
      usage.parts[Concat(used->second.kind, " ", name)] = used->second.digest;
    };
    for (const Role& role : model_.request.roles) {
      keys.SetText(role.name, role.entity);
      use(role.entity);
    }
    for (const RequestColumn& column : model_.request.columns) {
      columns.SetText(column.name, column.type.Name());
      use(column.type.of);
    }
    object.Set("keys", keys.ToString());
    if (!columns.empty()) object.Set("columns", columns.ToString());
    const std::string canonical = object.ToDocument("request", model_.request.name);
    context_.Define(document_, canonical, canonical, usage);
  }

  const Document& document_;
  CompileContext& context_;
  RequestModel& model_;
  const std::string what_;
};

template <typename F>
void ForEach(CompileContext& context, DocumentKind kind, F compile) {
  for (const auto& [name, document] : context.by_name) {
    if (document->kind() == kind) compile(*document, context);
  }
}

}  // namespace

void CompileEntities(CompileContext& context) {
  ForEach(context, DocumentKind::kEntity, CompileEntity);
}

void CompileEncoders(CompileContext& context) {
  ForEach(context, DocumentKind::kEncoder, CompileEncoder);
}

void CompileRequests(CompileContext& context) {
  ForEach(context, DocumentKind::kRequest, [](const Document& document, CompileContext& c) {
    RequestCompiler(document, c).Compile();
  });
}

}  // namespace larder::registry
