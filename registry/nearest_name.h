// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_NEAREST_NAME_H_
#define LARDER_REGISTRY_NEAREST_NAME_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace larder::registry {

// The name among `known` that is fewest edits away from `name`, if it is near enough to be a slip
// (a third of its length, at least 1); else empty. Ties: the first in the order of bytes.
// Cost: O(known * name * slip); names over 64 bytes are never suggested.
std::string_view NearestName(std::string_view name, std::span<const std::string_view> known);

// "; did you mean 'clicks'?" or empty: the end of a message.
std::string DidYouMean(std::string_view name, std::span<const std::string_view> known);

// The same among the names of definitions, or of anything that has names.
template <typename Definitions>
std::string DidYouMeanOneOf(std::string_view name, const Definitions& definitions) {
  std::vector<std::string_view> known;
  known.reserve(definitions.size());
  for (const auto& definition : definitions) known.push_back(definition.name);
  return DidYouMean(name, std::span<const std::string_view>(known));
}

}  // namespace larder::registry

#endif  // LARDER_REGISTRY_NEAREST_NAME_H_
