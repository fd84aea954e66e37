// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_VIEW_SCOPE_H_
#define LARDER_REGISTRY_VIEW_SCOPE_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "registry/feature_resolver.h"

namespace larder::registry {

// What names mean in a record of a source: its columns. Used for the arguments of aggregates and
// for the fields of `embed` in a table view. Notes the columns used.
class RecordScope : public Scope {
 public:
  // `where` says where this is, for messages: "inside an aggregate".
  RecordScope(const SourceModel& source, std::string_view where, CompileContext& context)
      : source_(source), where_(where), context_(context) {}

  int Resolve(const Expr& path, ProgramBuilder& builder,
              std::vector<Diagnostic>& complaints) override;
  int ResolveFrom(int key, const Expr& path, ProgramBuilder& builder,
                  std::vector<Diagnostic>& complaints) override;
  std::optional<int> ResolveCall(const Expr& call, ProgramBuilder& builder,
                                 std::vector<Diagnostic>& complaints) override;

  const std::map<std::string, Type>& columns() const { return columns_; }

 private:
  const SourceModel& source_;
  std::string_view where_;
  CompileContext& context_;
  std::map<std::string, Type> columns_;
};

// What names mean in a feature of a view, for the key in a node: its siblings, columns of its
// table, view.feature and table.column of the same key. Views over events answer aggregates.
class ViewScope : public Scope {
 public:
  // `usage` is noted while the feature is checked, nullptr while it is inlined.
  ViewScope(FeatureResolver& resolver, const FeatureModel& feature, int key, DurationUs ttl,
            Usage* usage);

  int Resolve(const Expr& path, ProgramBuilder& builder,
              std::vector<Diagnostic>& complaints) override;
  int ResolveFrom(int key, const Expr& path, ProgramBuilder& builder,
                  std::vector<Diagnostic>& complaints) override;
  std::optional<int> ResolveCall(const Expr& call, ProgramBuilder& builder,
                                 std::vector<Diagnostic>& complaints) override;

 private:
  int ResolveName(const Expr& path, std::vector<Diagnostic>& complaints);
  bool IsTableView() const { return view_.source != nullptr && view_.source->source.table; }
  bool IsEventsView() const { return view_.source != nullptr && !view_.source->source.table; }

  FeatureResolver& resolver_;
  CompileContext& context_;
  const FeatureModel& feature_;
  ViewModel& view_;
  int key_;
  FollowOptions options_;
};

// Whether the `where:` of a view over events is a condition over its records; if not, says why.
bool CheckWhere(const ViewModel& view, std::vector<Diagnostic>& complaints,
                CompileContext& context);

// Compiles one call of an aggregate of a view over events, registers it in the context, and
// returns it as a stored feature. nullopt after a complaint.
std::optional<StoredFeature> CompileAggregate(const Expr& call, const FeatureModel& feature,
                                              CompileContext& context,
                                              std::vector<Diagnostic>& complaints);

// The same for `embed(encoder, text, …)`, the whole of a feature of a table view.
std::optional<StoredFeature> CompileVector(const Expr& call, const FeatureModel& feature,
                                           CompileContext& context,
                                           std::vector<Diagnostic>& complaints);

// The type of the vectors that a static encoder makes, or that are in an external space.
Type VectorType(const Encoder& encoder);

}  // namespace larder::registry

#endif  // LARDER_REGISTRY_VIEW_SCOPE_H_
