// SPDX-License-Identifier: Apache-2.0
#include "registry/internal/signature_match.h"

#include <algorithm>
#include <utility>

#include "base/status.h"

namespace larder::registry::internal {
namespace {

using Base = TypePattern::Base;

bool IsText(const Type& type) { return type.kind == Kind::kString || type.kind == Kind::kKey; }

// One attempt to fit one signature: what T and the vector space stand for so far.
class Attempt {
 public:
  Attempt(const Signature& signature, std::span<const Type> args)
      : signature_(signature), args_(args) {}

  bool Fits() {
    const size_t count = signature_.params.size();
    if (signature_.variadic ? args_.size() < count : args_.size() != count) return false;
    for (size_t i = 0; i < args_.size(); ++i) {
      if (!FitsOne(Pattern(i), args_[i])) return false;
    }
    return true;
  }

  Type Result() const { return Fill(signature_.result, Type{}); }
  Type Param(size_t i) const { return Fill(Pattern(i), args_[i]); }

 private:
  const TypePattern& Pattern(size_t i) const {
    return signature_.params[std::min(i, signature_.params.size() - 1)];
  }

  bool FitsOne(const TypePattern& pattern, const Type& type) {
    if (pattern.base == Base::kAnyRow) return Unify(any_, type);
    if (pattern.list != type.list) return false;
    switch (pattern.base) {
      case Base::kBool: return type.kind == Kind::kBool;
      case Base::kInt64: return type.kind == Kind::kInt64;
      case Base::kDouble: return IsNumber(type.kind);
      case Base::kString: return IsText(type) && SameEntity(type);
      case Base::kTimestamp: return type.kind == Kind::kTimestamp;
      case Base::kDuration: return type.kind == Kind::kDuration;
      case Base::kVector: return type.kind == Kind::kVector && SameSpace(type);
      case Base::kAny: return Unify(any_, type.Element());
      case Base::kAnyRow: break;
    }
    return false;
  }

  static bool Unify(std::optional<Type>& variable, const Type& type) {
    if (!variable) {
      variable = type;
      return true;
    }
    const std::optional<Type> common = CommonType(*variable, type);
    if (common) variable = common;
    return common.has_value();
  }

  // Keys of two entities are never compared, not even as texts.
  bool SameEntity(const Type& type) {
    if (type.kind != Kind::kKey) return true;
    if (!entity_) entity_ = type.of;
    return *entity_ == type.of;
  }

  bool SameSpace(const Type& type) {
    if (!space_) space_ = type.Element();
    return space_->of == type.of && space_->dimensions == type.dimensions;
  }

  // `own` is the argument's type, for patterns that take several kinds without conversion.
  Type Fill(const TypePattern& pattern, const Type& own) const {
    Type type;
    switch (pattern.base) {
      case Base::kBool: type.kind = Kind::kBool; break;
      case Base::kInt64: type.kind = Kind::kInt64; break;
      case Base::kDouble:
        type.kind = own.kind == Kind::kFloat ? Kind::kFloat : Kind::kDouble;
        break;
      case Base::kString:
        if (own.kind == Kind::kKey) return own;
        type.kind = Kind::kString;
        break;
      case Base::kTimestamp: type.kind = Kind::kTimestamp; break;
      case Base::kDuration: type.kind = Kind::kDuration; break;
      case Base::kVector:
        if (own.kind == Kind::kVector) return own;
        type = *space_;
        type.int8 = false;
        break;
      case Base::kAny: type = *any_; break;
      case Base::kAnyRow: return *any_;
    }
    type.list = pattern.list;
    return type;
  }

  const Signature& signature_;
  const std::span<const Type> args_;
  std::optional<Type> any_;
  std::optional<Type> space_;
  std::optional<std::string> entity_;
};

bool Try(const Function& function, std::span<const Type> args, Match& match) {
  for (size_t i = 0; i < function.signatures.size(); ++i) {
    Attempt attempt(function.signatures[i], args);
    if (!attempt.Fits()) continue;
    match.signature = static_cast<int>(i);
    match.result = attempt.Result();
    for (size_t k = 0; k < args.size(); ++k) match.params.push_back(attempt.Param(k));
    return true;
  }
  return false;
}

// The same with list argument `lifted` taken element by element.
bool TryLifted(const Function& function, std::span<const Type> args, size_t lifted, Match& match) {
  std::vector<Type> elements(args.begin(), args.end());
  elements[lifted].list = false;
  for (const Signature& signature : function.signatures) {
    const size_t i = std::min(lifted, signature.params.size() - 1);
    Attempt attempt(signature, elements);
    if (!signature.lifts || signature.params[i].list || !attempt.Fits()) continue;
    const Type result = attempt.Result();
    if (result.list) continue;
    match.signature = static_cast<int>(&signature - function.signatures.data());
    match.result = result;
    match.result.list = true;
    match.lift = true;
    for (size_t k = 0; k < args.size(); ++k) match.params.push_back(attempt.Param(k));
    match.params[lifted].list = true;
    return true;
  }
  return false;
}

std::string Names(std::span<const Type> types) {
  std::string out = "(";
  for (const Type& type : types) {
    if (out.size() > 1) out += ", ";
    out += type.Name();
  }
  return out + ")";
}

bool CountFits(const Function& function, size_t count) {
  return std::any_of(function.signatures.begin(), function.signatures.end(),
                     [count](const Signature& signature) {
                       return signature.variadic ? count >= signature.params.size()
                                                 : count == signature.params.size();
                     });
}

// Why nothing fits, as exactly as can be told.
std::string Explain(const Function& function, std::span<const Type> args) {
  const std::string name(function.name == "neg" ? "-" : function.name);
  if (!CountFits(function, args.size())) {
    const Signature& signature = function.signatures[0];
    const size_t count = signature.params.size();
    return Concat(function.usage, ": takes ", count, count == 1 ? " argument" : " arguments",
                  signature.variadic ? " or more" : "", ", got ", args.size());
  }
  const Type* key = nullptr;
  const Type* vector = nullptr;
  size_t lists = 0;
  std::vector<Type> elements;
  for (const Type& arg : args) {
    lists += arg.list ? 1 : 0;
    elements.push_back(arg.Element());
    if (arg.kind == Kind::kKey && key != nullptr && key->of != arg.of) {
      return Concat("'", name, "': ", key->Name(), " and ", arg.Name(),
                    " are keys of two entities");
    }
    if (arg.kind == Kind::kVector && vector != nullptr &&
        (vector->of != arg.of || vector->dimensions != arg.dimensions)) {
      return Concat("'", name, "': ", vector->Name(), " and ", arg.Name(),
                    " are vectors of two spaces");
    }
    if (arg.kind == Kind::kKey) key = &arg;
    if (arg.kind == Kind::kVector) vector = &arg;
  }
  Match ignored;
  if (lists > 1 && Try(function, elements, ignored)) {
    return Concat("'", name, "' takes a list for one argument, got ", Names(args),
                  ": name what each element needs in a view and gather that");
  }
  const std::string usage =
      function.kind == Function::Kind::kOperator ? "" : Concat("; usage: ", function.usage);
  return Concat("'", name, "' does not take ", Names(args), usage);
}

}  // namespace

std::optional<Type> CommonType(const Type& a, const Type& b) {
  if (a == b) return a;
  if (a.list != b.list) return std::nullopt;
  Type common;
  common.list = a.list;
  if (IsNumber(a.kind) && IsNumber(b.kind)) {
    common.kind = Kind::kDouble;
    return common;
  }
  if (IsText(a) && IsText(b)) {
    common.kind = Kind::kString;
    return common;
  }
  return std::nullopt;
}

Match MatchSignature(const Function& function, std::span<const Type> args) {
  Match match;
  if (Try(function, args, match)) return match;
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i].list && TryLifted(function, args, i, match)) return match;
  }
  match.error = Explain(function, args);
  return match;
}

}  // namespace larder::registry::internal
