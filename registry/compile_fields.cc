// SPDX-License-Identifier: Apache-2.0
// The small fields of documents: types, durations, numbers, expressions.
#include <charconv>

#include "registry/compile_context.h"
#include "registry/nearest_name.h"
#include "registry/parser.h"

namespace larder::registry {
namespace {

constexpr uint32_t kMaxDimensions = 4096;
constexpr size_t kMaxTypeBytes = 256;

struct ScalarName {
  std::string_view name;
  Kind kind;
};
constexpr ScalarName kScalars[] = {
    {"bool", Kind::kBool},         {"int64", Kind::kInt64},         {"float", Kind::kFloat},
    {"double", Kind::kDouble},     {"string", Kind::kString},       {"timestamp", Kind::kTimestamp},
    {"duration", Kind::kDuration},
};

// What stands between `prefix` and a closing '>' at the end; empty optional if it does not.
std::optional<std::string_view> Inside(std::string_view text, std::string_view prefix) {
  if (!text.starts_with(prefix) || !text.ends_with('>')) return std::nullopt;
  return text.substr(prefix.size(), text.size() - prefix.size() - 1);
}

std::optional<int64_t> ToInteger(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Reads types for ReadType, which adds the position to each complaint.
class TypeReader {
 public:
  TypeReader(CompileContext& context, std::string& problem)
      : context_(context), problem_(problem) {}

  std::optional<Type> Read(std::string_view text) {
    if (const auto element = Inside(text, "list<")) return ReadList(*element);
    if (const auto entity = Inside(text, "key<")) return ReadKey(*entity);
    if (const auto space = Inside(text, "vector<")) return ReadVector(*space);
    for (const ScalarName& scalar : kScalars) {
      if (scalar.name == text) return MakeType(scalar.kind);
    }
    if (Inside(text, "map<")) {
      problem_ = Concat("type '", Clipped(text), "': maps are not supported yet");
    } else {
      problem_ = UnknownType(text);
    }
    return std::nullopt;
  }

 private:
  static std::string UnknownType(std::string_view text) {
    std::vector<std::string_view> names;
    for (const ScalarName& scalar : kScalars) names.push_back(scalar.name);
    return Concat("unknown type '", Clipped(text), "'", DidYouMean(text, names),
                  " (bool int64 float double string timestamp duration key<entity> list<T> "
                  "vector<encoder or n>)");
  }

  // The only step back to Read, and at most one: a list does not hold lists.
  std::optional<Type> ReadList(std::string_view element) {
    if (element.starts_with("list<") || element.starts_with("vector<")) {
      problem_ = Concat("list<", Clipped(element), ">: a list holds scalars, not lists or vectors");
      return std::nullopt;
    }
    std::optional<Type> type = Read(element);
    if (type) type->list = true;
    return type;
  }

  std::optional<Type> ReadKey(std::string_view entity) {
    if (context_.lost_names.contains(entity)) return std::nullopt;
    const auto it = context_.entities.find(entity);
    if (it == context_.entities.end()) {
      problem_ = Concat("no entity '", Clipped(entity), "'",
                        context_.Suggest(entity, {DocumentKind::kEntity}));
      return std::nullopt;
    }
    return MakeType(Kind::kKey, entity);
  }

  std::optional<Type> ReadVector(std::string_view space) {
    if (const auto dimensions = ToInteger(space)) {
      if (*dimensions >= 1 && *dimensions <= kMaxDimensions) {
        return MakeType(Kind::kVector, "", static_cast<uint32_t>(*dimensions));
      }
      problem_ = Concat("vector<", Clipped(space), ">: dimensions must be 1 to ", kMaxDimensions);
      return std::nullopt;
    }
    if (context_.broken_encoders.contains(std::string(space))) return std::nullopt;
    if (context_.lost_names.contains(space)) return std::nullopt;
    const auto it = context_.encoders.find(space);
    if (it == context_.encoders.end()) {
      problem_ = Concat("no encoder '", Clipped(space), "'",
                        context_.Suggest(space, {DocumentKind::kEncoder}));
      return std::nullopt;
    }
    if (!it->second.external) {
      problem_ = Concat("vector<", space, ">: a column can only hold vectors of an encoder that is "
                        "external; those of '", space, "' come from embed(", space, ", text)");
      return std::nullopt;
    }
    return MakeType(Kind::kVector, space, it->second.dimensions);
  }

  CompileContext& context_;
  std::string& problem_;
};

}  // namespace

Type MakeType(Kind kind, std::string_view of, uint32_t dimensions) {
  Type type;
  type.kind = kind;
  type.of = of;
  type.dimensions = dimensions;
  return type;
}

std::optional<Type> ReadType(const SourceText& text, std::string_view what,
                             CompileContext& context) {
  std::string problem;
  std::optional<Type> type;
  if (text.text.size() > kMaxTypeBytes) {
    problem = Concat("a type has at most ", kMaxTypeBytes, " bytes");
  } else {
    type = TypeReader(context, problem).Read(text.text);
  }
  if (!problem.empty()) context.Complain(text, Concat(what, ": ", problem));
  return type;
}

std::optional<std::vector<NamedType>> ReadColumns(const YamlNode& columns, std::string_view what,
                                                  CompileContext& context,
                                                  std::set<std::string>& unknown) {
  constexpr size_t kMaxColumns = 1'000;
  if (columns.entries.size() > kMaxColumns) {
    context.Complain(columns.text, Concat(what, ": more than ", kMaxColumns, " columns"));
    return std::nullopt;
  }
  std::vector<NamedType> read;
  for (const YamlEntry& entry : columns.entries) {
    if (!CheckName(entry.key, what, context.diagnostics)) continue;
    const std::string column = Concat(what, ", column ", entry.key.text);
    std::optional<Type> type;
    if (entry.value.kind != YamlNode::Kind::kScalar) {
      context.Complain(entry.value.text, Concat(column, ": expected a type"));
    } else if (!entry.value.broken) {
      type = ReadType(entry.value.text, column, context);
    }
    if (type) {
      read.push_back({entry.key, *type});
    } else {
      unknown.insert(entry.key.text);
    }
  }
  return read;
}

std::optional<DurationUs> ReadDuration(const SourceText& text, std::string_view what,
                                       CompileContext& context) {
  StatusOr<DurationUs> duration = ParseDuration(text.text);
  if (text.text.ends_with("us")) {  // in data, but not in the language (L3)
    duration = InvalidArgument("durations end in ms, s, m (minutes), h, d or w, got '",
                               Clipped(text.text), "'");
  }
  if (!duration.ok()) {
    context.Complain(text, Concat(what, ": ", Message(duration.status())));
    return std::nullopt;
  }
  return *duration;
}

std::optional<int64_t> ReadInteger(const SourceText& text, int64_t min, int64_t max,
                                   std::string_view what, CompileContext& context) {
  const std::optional<int64_t> value = ToInteger(text.text);
  if (!value || *value < min || *value > max) {
    context.Complain(text, Concat(what, ": expected a whole number from ", min, " to ", max,
                                  ", got '", Clipped(text.text), "'"));
    return std::nullopt;
  }
  return value;
}

std::optional<Expr> ReadExpression(const SourceText& text, std::string_view what,
                                   CompileContext& context) {
  std::vector<Diagnostic> complaints;
  std::optional<Expr> expr = Parse(text, complaints);
  context.Take(std::move(complaints), what);
  return expr;
}

std::optional<Kind> ReadWireKind(const YamlNode& definition, std::string_view what,
                                 CompileContext& context) {
  const SourceText* as = definition.Text("as");
  if (as == nullptr) return std::nullopt;
  if (as->text == "float") return Kind::kFloat;
  if (as->text == "double") return Kind::kDouble;
  if (as->text == "int64") return Kind::kInt64;
  context.Complain(*as, Concat(what, ": 'as:' must be float, double or int64, not '",
                               Clipped(as->text), "'"));
  return std::nullopt;
}

}  // namespace larder::registry
