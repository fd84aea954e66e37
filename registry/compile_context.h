// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_COMPILE_CONTEXT_H_
#define LARDER_REGISTRY_COMPILE_CONTEXT_H_

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "registry/ast.h"
#include "registry/canonical.h"
#include "registry/compile.h"
#include "registry/compiled_registry.h"
#include "registry/document.h"
#include "registry/nearest_name.h"

// What the compiler knows while it runs; private to the compiler's files (compile*.cc, *_scope.cc).
namespace larder::registry {

// How deep definitions by definitions go. It bounds the recursion of whatever follows them: all
// paths that the compiler walks are at most this long.
struct Depth {
  int links = 0;   // definitions in a row
  int levels = 0;  // of their expressions inside each other (HeightOf)

  void Use(const Depth& used) {
    links = std::max(links, used.links);
    levels = std::max(levels, used.levels);
  }
  // One definition more, whose expression is so high.
  Depth Above(int height) const { return {links + 1, levels + height}; }
  // What is wrong with it, or empty.
  std::string Problem() const;
};

// What a definition was made from: for its digest (`parts`: a label and the digest of each part
// that is really used) and for `used by` (`names` of other definitions).
struct Usage {
  std::set<std::string> names;
  std::map<std::string, Digest> parts;
  Depth depth;  // of the features used
};

struct EntityModel {
  const Document* document = nullptr;
  Entity entity;
  bool broken = false;  // its key is missing or not supported yet; said already
};

struct SourceModel {
  const Document* document = nullptr;
  Source source;
  bool broken = false;             // something is missing: what uses it is not complained about
  std::set<std::string> unknown;   // columns whose type is not known: `with:`, or a wrong type
};

struct ViewModel;

// One feature of a view, after `over [1h, 7d]` was fanned out.
struct FeatureModel {
  enum class State : uint8_t { kNew, kChecking, kGood, kBroken };
  std::string name;
  ViewModel* view = nullptr;
  SourceText at;                     // its name in the document
  std::shared_ptr<const Expr> expr;  // with its own window of the list
  std::optional<Kind> wire;          // `as:`
  State state = State::kNew;

  // Known when kGood.
  Type type;
  Digest identity;
  std::optional<StoredFeature> stored;  // it is stored as it is, under the view's own ttl
  Usage usage;
  Depth depth;
};

struct ViewModel {
  const Document* document = nullptr;
  std::string name;
  std::string entity;
  SourceModel* source = nullptr;     // nullptr: derived from other views
  size_t key_column = 0;             // events: whose key the state belongs to
  std::optional<Expr> where;
  DurationUs ttl = 0;
  std::deque<FeatureModel> features;  // in the order written
  JsonObject define;                 // its definitions in canonical form, before the fan-out
  bool broken = false;               // nothing of it is compiled; said already
  bool open = false;                 // it has features whose names are not known; said already

  FeatureModel* Find(std::string_view feature);
  std::string What() const { return "view " + name; }
};

struct RequestModel {
  const Document* document = nullptr;
  Request request;
  bool broken = false;
  std::set<std::string> unknown;  // columns and roles that were complained about
};

template <typename T>
using NameMap = std::map<std::string, T, std::less<>>;

// Everything of one run of the compiler.
struct CompileContext {
  std::vector<Diagnostic> diagnostics;
  std::vector<std::vector<YamlNode>> trees;  // what the documents point into
  std::deque<Document> documents;
  NameMap<const Document*> by_name;
  // Names of documents that could not be read: their uses are not complained about.
  std::set<std::string, std::less<>> lost_names;
  NameMap<EncoderFacts> facts;                    // by path
  std::map<std::string, std::string> unreadable;  // by path: why there are no facts

  NameMap<EntityModel> entities;
  NameMap<Encoder> encoders;
  std::set<std::string> broken_encoders;
  NameMap<SourceModel> sources;
  NameMap<ViewModel> views;
  NameMap<RequestModel> requests;

  std::map<Digest, Aggregate> aggregates;
  std::map<Digest, VectorFeature> vectors;
  std::map<std::string, Digest> vector_names;
  NameMap<Definition> definitions;
  NameMap<FeatureSet> sets;
  NameMap<Retrieval> retrievals;
  // Aggregates of views by their call, so that inlining does not compile them again.
  std::map<const Expr*, StoredFeature> compiled_calls;
  std::vector<FeatureModel*> checking;  // the chain of features being checked, for cycles
  Depth checking_depth;                 // of that chain so far
  int suggestions = 0;                  // names that were looked for, to suggest another

  void Complain(const SourceText& at, std::string message) {
    registry::Complain(diagnostics, at, std::move(message));
  }
  // Takes over complaints about an expression; each message begins with `what`.
  void Take(std::vector<Diagnostic> complaints, std::string_view what);

  // The document called `name` if it is of one of `kinds`, else nullptr after a complaint. A
  // document of the right kind may still be broken.
  const Document* Require(const SourceText& name, std::initializer_list<DocumentKind> kinds,
                          std::string_view what);
  // "; did you mean …?" among the names of `kinds`, or of anything with names. Only the first
  // complaints of a run get suggestions: each costs a look at all names.
  std::string Suggest(std::string_view name, std::initializer_list<DocumentKind> kinds);
  template <typename Named>
  std::string SuggestOf(std::string_view name, const Named& known) {
    if (!MaySuggest()) return {};
    return DidYouMeanOneOf(name, known);
  }
  bool MaySuggest() { return suggestions++ < 50; }

  // Adds the definition of a document; its digest covers `identity` and the parts of `usage`.
  void Define(const Document& document, std::string canonical, std::string_view identity,
              const Usage& usage);
};

// The steps, in their order (compile_*.cc). Each complains about what is wrong and goes on.
void CompileEntities(CompileContext& context);
void CompileEncoders(CompileContext& context);
void CompileSources(CompileContext& context);
void CompileRequests(CompileContext& context);
void CompileViews(CompileContext& context);
void CompileSets(CompileContext& context);
void CompileRetrievals(CompileContext& context);

Type MakeType(Kind kind, std::string_view of = "", uint32_t dimensions = 0);

// The type written in `text`: "list<key<item>>" (L2); nullopt after a complaint.
std::optional<Type> ReadType(const SourceText& text, std::string_view what,
                             CompileContext& context);
// The columns of a source or a request, in the order written; nullopt after a complaint about their
// number. Those whose type is wrong go to `unknown`.
struct NamedType {
  SourceText name;
  Type type;
};
std::optional<std::vector<NamedType>> ReadColumns(const YamlNode& columns, std::string_view what,
                                                  CompileContext& context,
                                                  std::set<std::string>& unknown);
// A duration such as `10m`; nullopt after a complaint.
std::optional<DurationUs> ReadDuration(const SourceText& text, std::string_view what,
                                       CompileContext& context);
// A whole number in [min, max]; nullopt after a complaint.
std::optional<int64_t> ReadInteger(const SourceText& text, int64_t min, int64_t max,
                                   std::string_view what, CompileContext& context);
// Parses an expression; nullopt after a complaint that begins with `what`.
std::optional<Expr> ReadExpression(const SourceText& text, std::string_view what,
                                   CompileContext& context);
// `as: float | double | int64` of a definition; nullopt if absent or after a complaint.
std::optional<Kind> ReadWireKind(const YamlNode& definition, std::string_view what,
                                 CompileContext& context);

// An expression as a JSON value of the canonical form: its text, or {"as": …, "is": …}.
std::string CanonicalDefinition(const Expr& expr, std::optional<Kind> wire);

// A stored feature without a ttl; its id is stable.
StoredFeature MakeStored(StoredKind kind, std::string_view entity, std::string_view source,
                         std::string_view column, const Digest& digest, Type type);

}  // namespace larder::registry

#endif  // LARDER_REGISTRY_COMPILE_CONTEXT_H_
