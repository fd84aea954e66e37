// SPDX-License-Identifier: Apache-2.0
#include "registry/role_scope.h"

#include <algorithm>

#include "registry/aggregate_call.h"
#include "registry/nearest_name.h"

namespace larder::registry {

std::optional<RoleFrame> ReadRoleFrame(const Document& document, CompileContext& context) {
  const std::string what = Concat(document.kind_name(), " ", document.name().text);
  const SourceText* request = document.Text("for");
  const SourceText* candidate = document.Text("candidate");
  RoleFrame frame;
  frame.document = &document;
  bool good = request != nullptr && candidate != nullptr;
  if (request != nullptr) {
    good = context.Require(*request, {DocumentKind::kRequest}, what) && good;
  }
  if (candidate != nullptr) {
    good = context.Require(*candidate, {DocumentKind::kEntity}, what) && good;
  }
  if (!good) return std::nullopt;
  frame.request = &context.requests.at(request->text);
  frame.candidate = candidate->text;
  if (context.entities.at(frame.candidate).broken || frame.request->broken) return std::nullopt;
  frame.roles = frame.request->request.roles;
  frame.roles.push_back({"candidate", frame.candidate, true});
  for (const std::string_view key : {"roles", "define"}) {
    const YamlNode* names = document.Map(key);
    if (names == nullptr) continue;
    for (const YamlEntry& entry : names->entries) frame.silent.insert(entry.key.text);
  }
  return frame;
}

int RoleScope::RoleKey(size_t role) {
  const Role& of = frame_.roles[role];
  usage_.names.insert(of.entity);
  usage_.parts[Concat("role ", of.name)] = IdentityDigest("larder-role-1").Text(of.entity).Finish();
  return resolver_.builder().RoleKey(static_cast<int>(role), of.entity);
}

int RoleScope::Resolve(const Expr& path, ProgramBuilder&, std::vector<Diagnostic>& complaints) {
  FollowOptions options{.usage = &usage_};
  if (path.kind == Expr::Kind::kKey) {
    return resolver_.BuildKey(path, *this, options, complaints);
  }
  const std::string& name = path.names[0];
  for (size_t role = 0; role < frame_.roles.size(); ++role) {
    if (frame_.roles[role].name != name) continue;
    options.stored_only = stored_only_ && frame_.roles[role].candidate;
    return resolver_.Follow(RoleKey(role), path, 1, options, complaints);
  }
  if (name == frame_.request->request.name) return ResolveRequest(path, complaints);
  if (const std::optional<int> own = ResolveOwn(path, complaints)) {
    return *own < 0 ? -1 : resolver_.Follow(*own, path, 1, options, complaints);
  }
  if (frame_.silent.contains(name) || frame_.request->unknown.contains(name)) return -1;
  return Unknown(path, complaints);
}

int RoleScope::ResolveRequest(const Expr& path, std::vector<Diagnostic>& complaints) {
  const Request& request = frame_.request->request;
  if (path.names.size() == 1) {
    Report(complaints, path, "'", request.name, "' is the request: expected ", request.name,
           ".column");
    return -1;
  }
  const std::string& name = path.names[1];
  for (size_t i = 0; i < request.columns.size(); ++i) {
    const RequestColumn& column = request.columns[i];
    if (column.name != name) continue;
    usage_.parts[Concat("request column ", name)] =
        IdentityDigest("larder-request-column-1").Of(column.type).Finish();
    const int node = resolver_.builder().RequestColumn(static_cast<int>(i), column.type);
    return resolver_.Follow(node, path, 2, {.usage = &usage_}, complaints);
  }
  if (!frame_.request->unknown.contains(name)) {
    ReportAt(complaints, path, path.name_positions[1], "request ", request.name,
             " has no column '", Clipped(name), "'",
             resolver_.context().SuggestOf(name, request.columns));
  }
  return -1;
}

std::optional<int> RoleScope::ResolveOwn(const Expr&, std::vector<Diagnostic>&) {
  return std::nullopt;
}

int RoleScope::Unknown(const Expr& path, std::vector<Diagnostic>& complaints) {
  const std::string& name = path.names[0];
  std::vector<std::string_view> names{frame_.request->request.name};
  std::string all;
  for (const Role& role : frame_.roles) {
    names.push_back(role.name);
    all.append(role.name).append(", ");
  }
  all.append(frame_.request->request.name);
  const auto& by_name = resolver_.context().by_name;
  const auto it = by_name.find(name);
  if (it != by_name.end()) {
    Report(complaints, path, "'", name, "' is of kind ", it->second->kind_name(),
           ": a path starts with the role whose ", name, " is meant (", all, ")");
  } else {
    Report(complaints, path, "unknown name '", Clipped(name), "': expected one of ", all,
           DidYouMean(name, names));
  }
  return -1;
}

int RoleScope::ResolveFrom(int key, const Expr& path, ProgramBuilder&,
                           std::vector<Diagnostic>& complaints) {
  return resolver_.Follow(key, path, 0, {.usage = &usage_}, complaints);
}

const Encoder* RoleScope::FindEncoder(std::string_view name) {
  const auto it = resolver_.context().encoders.find(name);
  if (it == resolver_.context().encoders.end()) return nullptr;
  usage_.names.insert(it->first);
  usage_.parts[Concat("encoder ", name)] = it->second.digest;
  return &it->second;
}

std::optional<int> RoleScope::ResolveCall(const Expr& call, ProgramBuilder&,
                                          std::vector<Diagnostic>& complaints) {
  CompileContext& context = resolver_.context();
  if (call.IsCall("embed") && !call.args.empty() && call.args[0].names.size() == 1) {
    const std::string& name = call.args[0].names[0];
    if (context.broken_encoders.contains(name)) return -1;
    if (context.encoders.contains(name)) return std::nullopt;
    Report(complaints, call.args[0], "no encoder '", Clipped(name), "'",
           context.Suggest(name, {DocumentKind::kEncoder}));
    return -1;
  }
  const bool over_records = IsAggregateName(call.text) &&
                            (call.args.empty() || call.IsCall("first") || call.IsCall("last"));
  if (!over_records) return std::nullopt;
  Report(complaints, call, "aggregate ", call.text, "(…) needs records: define it in a view "
         "'from:' events and use it here by its path");
  return -1;
}

const CandidateDependence::Facts& CandidateDependence::Known(int node) {
  // Arguments come before the nodes that use them.
  while (known_.size() <= static_cast<size_t>(node)) {
    const Node& next = builder_.node(static_cast<int>(known_.size()));
    Facts facts;
    facts.depends = next.op == Node::Op::kRoleKey && next.index == role_;
    for (const int arg : next.args) {
      facts.depends = facts.depends || known_[static_cast<size_t>(arg)].depends;
      facts.embeds = facts.embeds || known_[static_cast<size_t>(arg)].embeds;
    }
    facts.embeds = facts.embeds || (next.op == Node::Op::kEmbed && facts.depends);
    known_.push_back(facts);
  }
  return known_[static_cast<size_t>(node)];
}

}  // namespace larder::registry
