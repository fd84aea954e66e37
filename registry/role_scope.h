// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_ROLE_SCOPE_H_
#define LARDER_REGISTRY_ROLE_SCOPE_H_

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "registry/feature_resolver.h"

namespace larder::registry {

// What a set and a retrieval have in common: a request, a candidate, the roles of both.
struct RoleFrame {
  const Document* document = nullptr;
  const RequestModel* request = nullptr;
  std::string candidate;           // the entity
  std::vector<Role> roles;         // the request's, then `candidate`
  std::set<std::string> silent;    // names of `roles:` and `define:`, which were complained about
  int candidate_role() const { return static_cast<int>(roles.size()) - 1; }
};

// Reads `for` and `candidate`; nullopt after a complaint, or silently if what they name is broken.
std::optional<RoleFrame> ReadRoleFrame(const Document& document, CompileContext& context);

// What names mean in a set or a retrieval: paths start with a role, `candidate` or the request.
class RoleScope : public Scope {
 public:
  RoleScope(FeatureResolver& resolver, const RoleFrame& frame, Usage& usage)
      : resolver_(resolver), frame_(frame), usage_(usage) {}

  int Resolve(const Expr& path, ProgramBuilder& builder,
              std::vector<Diagnostic>& complaints) override;
  int ResolveFrom(int key, const Expr& path, ProgramBuilder& builder,
                  std::vector<Diagnostic>& complaints) override;
  const Encoder* FindEncoder(std::string_view name) override;
  std::optional<int> ResolveCall(const Expr& call, ProgramBuilder& builder,
                                 std::vector<Diagnostic>& complaints) override;

  // From now on features of the candidate that are computed at read are complained about (S9.1).
  void RequireStored() { stored_only_ = true; }
  // The key of a role, of the candidate.
  int RoleKey(size_t role);
  int CandidateKey() { return RoleKey(frame_.roles.size() - 1); }

 protected:
  // A name of the definition itself, such as another column of a set; nullopt if there is none.
  virtual std::optional<int> ResolveOwn(const Expr& path, std::vector<Diagnostic>& complaints);

  FeatureResolver& resolver_;
  const RoleFrame& frame_;

 private:
  int ResolveRequest(const Expr& path, std::vector<Diagnostic>& complaints);
  int Unknown(const Expr& path, std::vector<Diagnostic>& complaints);

  Usage& usage_;
  bool stored_only_ = false;
};

// Tells what nodes of a builder have to do with the candidate.
class CandidateDependence {
 public:
  CandidateDependence(const ProgramBuilder& builder, int candidate_role)
      : builder_(builder), role_(candidate_role) {}
  // Whether the value depends on the candidate.
  bool Of(int node) { return Known(node).depends; }
  // Whether text that depends on the candidate is embedded on the way to it.
  bool Embeds(int node) { return Known(node).embeds; }

 private:
  struct Facts {
    bool depends = false;
    bool embeds = false;
  };
  const Facts& Known(int node);

  const ProgramBuilder& builder_;
  const int role_;
  std::vector<Facts> known_;  // per node, as far as was asked
};

}  // namespace larder::registry

#endif  // LARDER_REGISTRY_ROLE_SCOPE_H_
