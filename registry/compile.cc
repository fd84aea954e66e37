// SPDX-License-Identifier: Apache-2.0
#include "registry/compile.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "registry/compile_context.h"
#include "registry/parser.h"

namespace larder::registry {
namespace {

// More complaints than these help nobody.
constexpr size_t kMaxDiagnostics = 1'000;

bool CheckSize(const std::vector<DefinitionFile>& files, std::vector<Diagnostic>& diagnostics) {
  size_t bytes = 0;
  for (const DefinitionFile& file : files) bytes += file.text.size();
  if (files.size() <= kMaxDefinitionFiles && bytes <= kMaxDefinitionBytes) return true;
  diagnostics.push_back({"", 0, 0, Concat("definitions are limited to ", kMaxDefinitionFiles,
                                          " files of ", kMaxDefinitionBytes,
                                          " bytes together; these are ", files.size(),
                                          " files of ", bytes, " bytes")});
  return false;
}

// Reads all files in the order of their paths, so that the order given does not matter. False if
// a file could not be read to its end.
bool ReadFiles(const std::vector<DefinitionFile>& files, CompileContext& context) {
  std::vector<const DefinitionFile*> sorted;
  for (const DefinitionFile& file : files) sorted.push_back(&file);
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) {
    return std::tie(a->path, a->text) < std::tie(b->path, b->text);
  });
  bool complete = true;
  for (const DefinitionFile* file : sorted) {
    YamlFile read = ReadYaml(*file, context.diagnostics);
    complete = complete && read.complete;
    context.trees.push_back(std::move(read.documents));
  }
  for (const std::vector<YamlNode>& tree : context.trees) {
    for (const YamlNode& node : tree) {
      std::optional<Document> document = ReadDocument(node, context.diagnostics);
      if (document) {
        context.documents.push_back(*document);
      } else if (!node.entries.empty()) {
        context.lost_names.insert(node.entries.front().value.text.text);
      }
    }
  }
  return complete;
}

// One name space over all kinds.
void CollectNames(CompileContext& context) {
  for (const Document& document : context.documents) {
    const auto [it, is_new] = context.by_name.emplace(document.name().text, &document);
    if (is_new) continue;
    const Document& first = *it->second;
    context.Complain(document.name(),
                     Concat(document.kind_name(), " ", document.name().text,
                            ": the name is taken by the ", first.kind_name(), " at ",
                            first.name().file, ":", first.name().positions.front().line));
  }
}

void ComplainAboutLabels(CompileContext& context) {
  for (const Document& document : context.documents) {
    if (document.kind() != DocumentKind::kLabel) continue;
    const std::string what = Concat("label ", document.name().text);
    context.Complain(document.kind_text(), Concat(what, ": labels are not supported yet"));
    for (const std::string_view key : {"where", "value"}) {
      if (const SourceText* text = document.Text(key)) ReadExpression(*text, what, context);
    }
  }
}

template <typename Map>
auto Values(Map& map) {
  std::vector<typename Map::mapped_type> values;
  for (auto& [key, value] : map) values.push_back(std::move(value));
  return values;
}

View ToView(const ViewModel& model) {
  View view{model.name, model.entity, "", {}};
  if (model.source != nullptr) view.source = model.source->source.name;
  for (const FeatureModel& feature : model.features) {
    view.features.push_back({feature.name, feature.type, feature.identity, feature.stored});
  }
  return view;
}

std::shared_ptr<const CompiledRegistry> Assemble(CompileContext& context) {
  auto registry = std::make_shared<CompiledRegistry>();
  for (const auto& [name, set] : context.sets) {
    context.entities.at(set.candidate).entity.candidate = true;
  }
  for (const auto& [name, retrieval] : context.retrievals) {
    context.entities.at(retrieval.candidate).entity.candidate = true;
  }
  registry->definitions = Values(context.definitions);
  for (auto& [name, model] : context.entities) registry->entities.push_back(model.entity);
  registry->encoders = Values(context.encoders);
  for (auto& [name, model] : context.sources) registry->sources.push_back(model.source);
  registry->aggregates = Values(context.aggregates);
  registry->vectors = Values(context.vectors);
  registry->vector_names = context.vector_names;
  for (auto& [name, model] : context.views) registry->views.push_back(ToView(model));
  for (auto& [name, model] : context.requests) registry->requests.push_back(model.request);
  registry->sets = Values(context.sets);
  registry->retrievals = Values(context.retrievals);
  return registry;
}

// The first complaints in order of their places, each once, and the number of the others.
void SortDiagnostics(std::vector<Diagnostic>& diagnostics) {
  const size_t uncounted = std::erase_if(diagnostics, [](const Diagnostic& d) {
    return d.message.empty();
  });
  const auto key = [](const Diagnostic& d) {
    return std::tie(d.file, d.line, d.column, d.message);
  };
  std::sort(diagnostics.begin(), diagnostics.end(),
            [&](const Diagnostic& a, const Diagnostic& b) { return key(a) < key(b); });
  const auto end = std::unique(
      diagnostics.begin(), diagnostics.end(),
      [&](const Diagnostic& a, const Diagnostic& b) { return key(a) == key(b); });
  diagnostics.erase(end, diagnostics.end());
  if (diagnostics.size() <= kMaxDiagnostics) return;
  const size_t more = diagnostics.size() - kMaxDiagnostics + uncounted;
  diagnostics.resize(kMaxDiagnostics);
  diagnostics.push_back({"", 0, 0, Concat("and ", more, " more")});
}

void CompileAll(CompileContext& context) {
  CollectNames(context);
  CompileEntities(context);
  CompileEncoders(context);
  CompileSources(context);
  CompileRequests(context);
  CompileViews(context);
  ComplainAboutLabels(context);
  CompileSets(context);
  CompileRetrievals(context);
}

}  // namespace

std::string Diagnostic::ToString() const {
  if (file.empty()) return message;
  if (line == 0) return Concat(file, ": ", message);
  return Concat(file, ":", line, ":", column, ": ", message);
}

std::string Depth::Problem() const {
  // Several times the recursion of the deepest definition must fit a thread's stack.
  constexpr int kMaxLinks = 32;
  constexpr int kMaxLevels = 2 * kMaxExpressionHeight;
  if (links > kMaxLinks) return Concat("definitions by definitions deeper than ", kMaxLinks);
  if (levels <= kMaxLevels) return {};
  return Concat("with the definitions that it uses, an expression higher than ", kMaxLevels,
                " operators");
}

FeatureModel* ViewModel::Find(std::string_view feature) {
  for (FeatureModel& model : features) {
    if (model.name == feature) return &model;
  }
  return nullptr;
}

void CompileContext::Take(std::vector<Diagnostic> complaints, std::string_view what) {
  for (Diagnostic& complaint : complaints) {
    complaint.message = Concat(what, ": ", complaint.message);
    AddDiagnostic(diagnostics, std::move(complaint));
  }
}

std::string CompileContext::Suggest(std::string_view name,
                                    std::initializer_list<DocumentKind> kinds) {
  if (!MaySuggest()) return {};
  std::vector<std::string_view> names;
  for (const auto& [known, document] : by_name) {
    for (const DocumentKind kind : kinds) {
      if (document->kind() == kind) names.push_back(known);
    }
  }
  return DidYouMean(name, names);
}

const Document* CompileContext::Require(const SourceText& name,
                                        std::initializer_list<DocumentKind> kinds,
                                        std::string_view what) {
  std::string wanted;
  for (const DocumentKind kind : kinds) {
    wanted.append(wanted.empty() ? "" : " or ").append(DocumentKindName(kind));
  }
  const auto it = by_name.find(name.text);
  if (it == by_name.end() && lost_names.contains(name.text)) return nullptr;
  if (it == by_name.end()) {
    Complain(name, Concat(what, ": no ", wanted, " '", Clipped(name.text), "'",
                          Suggest(name.text, kinds)));
    return nullptr;
  }
  for (const DocumentKind kind : kinds) {
    if (it->second->kind() == kind) return it->second;
  }
  const std::string_view article = it->second->kind_name() == "events"   ? ""
                                   : it->second->kind_name()[0] == 'e' ? "an "
                                                                       : "a ";
  Complain(name, Concat(what, ": '", name.text, "' is ", article, it->second->kind_name(),
                        ", expected ", wanted));
  return nullptr;
}

void CompileContext::Define(const Document& document, std::string canonical,
                            std::string_view identity, const Usage& usage) {
  Definition definition;
  definition.kind = document.kind_name();
  definition.name = document.name().text;
  definition.canonical = std::move(canonical);
  IdentityDigest digest("larder-definition-1");
  digest.Text(identity);
  for (const auto& [label, part] : usage.parts) digest.Text(label).Of(part);
  definition.digest = digest.Finish();
  for (const std::string& name : usage.names) {
    if (name != definition.name) definition.uses.push_back(name);
  }
  definitions.emplace(definition.name, std::move(definition));
}

CompileResult Compile(const std::vector<DefinitionFile>& files,
                      const std::vector<EncoderFacts>& encoders,
                      const std::map<std::string, std::string>& unreadable) {
  CompileResult result;
  if (!CheckSize(files, result.diagnostics)) return result;
  CompileContext context;
  for (const EncoderFacts& facts : encoders) context.facts.emplace(facts.path, facts);
  context.unreadable = unreadable;
  if (ReadFiles(files, context)) CompileAll(context);
  result.diagnostics = std::move(context.diagnostics);
  SortDiagnostics(result.diagnostics);
  if (result.diagnostics.empty()) result.registry = Assemble(context);
  return result;
}

std::vector<std::string> EncoderPaths(const std::vector<DefinitionFile>& files) {
  CompileContext context;
  if (CheckSize(files, context.diagnostics)) ReadFiles(files, context);
  std::vector<std::string> paths;
  for (const Document& document : context.documents) {
    const SourceText* path = document.Text("path");
    if (document.kind() == DocumentKind::kEncoder && path != nullptr) paths.push_back(path->text);
  }
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  return paths;
}

}  // namespace larder::registry
