// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_RETRIEVAL_RECIPE_REQUEST_H_
#define LARDER_SERVING_RETRIEVAL_RECIPE_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/status.h"
#include "larder/v1/retrieval_service.pb.h"
#include "registry/compiled_registry.h"
#include "serving/request_values.h"

namespace larder::serving {

// Errors: kInvalidArgument if it is empty or too long.
Status CheckRecipeName(std::string_view name);

// How many candidates are wanted; the recipe's limit if nobody says.
// Errors: kInvalidArgument unless it is 1 to the recipe's.
StatusOr<size_t> RecipeLimit(std::optional<uint32_t> limit, const registry::Retrieval& recipe);

// A hash of all three: the same for the same request, whatever process and time (S9.2).
uint64_t RecipeSeed(const registry::Retrieval& recipe, const KeyMap& keys, const ValueMap& request);

// One more channel that was dropped, for the reason in `why`.
void AddDropped(const registry::Channel& channel, const Status& why,
                google::protobuf::RepeatedPtrField<larder::v1::DroppedChannel>* out);

}  // namespace larder::serving

#endif  // LARDER_SERVING_RETRIEVAL_RECIPE_REQUEST_H_
