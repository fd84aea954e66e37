// SPDX-License-Identifier: Apache-2.0
#include "registry/compiled_registry.h"

#include <algorithm>

namespace larder::registry {
namespace {

template <typename T>
const T* FindByDigest(const std::vector<T>& items, const Digest& digest) {
  const auto it = std::find_if(items.begin(), items.end(),
                               [&](const T& item) { return item.digest == digest; });
  return it != items.end() ? &*it : nullptr;
}

}  // namespace

int Source::FindColumn(std::string_view column) const {
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == column) return static_cast<int>(i);
  }
  return -1;
}

const Definition* CompiledRegistry::FindDefinition(std::string_view name) const {
  return FindByName(definitions, name);
}
const Entity* CompiledRegistry::FindEntity(std::string_view name) const {
  return FindByName(entities, name);
}
const Encoder* CompiledRegistry::FindEncoder(std::string_view name) const {
  return FindByName(encoders, name);
}
const Source* CompiledRegistry::FindSource(std::string_view name) const {
  return FindByName(sources, name);
}
const Aggregate* CompiledRegistry::FindAggregate(const Digest& digest) const {
  return FindByDigest(aggregates, digest);
}
const VectorFeature* CompiledRegistry::FindVector(const Digest& digest) const {
  return FindByDigest(vectors, digest);
}
const VectorFeature* CompiledRegistry::FindVectorByName(std::string_view name) const {
  const auto it = vector_names.find(std::string(name));
  return it != vector_names.end() ? FindVector(it->second) : FindByName(vectors, name);
}
const View* CompiledRegistry::FindView(std::string_view name) const {
  return FindByName(views, name);
}
const FeatureSet* CompiledRegistry::FindSet(std::string_view name) const {
  return FindByName(sets, name);
}
const Retrieval* CompiledRegistry::FindRetrieval(std::string_view name) const {
  return FindByName(retrievals, name);
}

}  // namespace larder::registry
