// SPDX-License-Identifier: Apache-2.0
#include "serving/retrieval/recipe_request.h"

#include <set>
#include <string>

#include "base/bytes.h"
#include "base/hash.h"
#include "serving/context.h"

namespace larder::serving {
namespace {

// A protobuf map's keys in order: the map itself has a new order in every process.
template <typename Map>
std::set<std::string> Names(const Map& map) {
  std::set<std::string> names;
  for (const auto& [name, value] : map) names.insert(name);
  return names;
}

}  // namespace

Status CheckRecipeName(std::string_view name) {
  if (!name.empty() && name.size() <= kMaxNameBytes) return OkStatus();
  return InvalidArgument("recipe: expected a name of 1 to ", kMaxNameBytes, " bytes");
}

StatusOr<size_t> RecipeLimit(std::optional<uint32_t> limit, const registry::Retrieval& recipe) {
  if (!limit.has_value()) return recipe.limit;
  if (*limit < 1 || *limit > recipe.limit) {
    return InvalidArgument("limit: expected 1 to the recipe's ", recipe.limit, ", got ", *limit);
  }
  return *limit;
}

uint64_t RecipeSeed(const registry::Retrieval& recipe, const KeyMap& keys,
                    const ValueMap& request) {
  std::string text;
  ByteWriter writer(text);
  writer.String(recipe.name);
  for (const std::string& name : Names(keys)) {
    writer.String(name);
    writer.String(keys.at(name));
  }
  writer.String("");  // no role has this name: what follows are columns
  for (const std::string& name : Names(request)) {
    writer.String(name);
    writer.String(request.at(name).SerializeAsString());
  }
  return Hash64(text);
}

void AddDropped(const registry::Channel& channel, const Status& why,
                google::protobuf::RepeatedPtrField<v1::DroppedChannel>* out) {
  v1::DroppedChannel* dropped = out->Add();
  dropped->set_name(channel.name);
  dropped->set_code(static_cast<uint32_t>(why.code()));
  dropped->set_message(std::string(Message(why)));
}

}  // namespace larder::serving
