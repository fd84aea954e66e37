// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_REQUEST_VALUES_H_
#define LARDER_SERVING_REQUEST_VALUES_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "larder/v1/common.pb.h"
#include "registry/column.h"
#include "registry/compiled_registry.h"
#include "registry/stored_feature.h"

namespace larder::serving {

using KeyMap = google::protobuf::Map<std::string, std::string>;
using ValueMap = google::protobuf::Map<std::string, larder::v1::Value>;

// The caller's values as the one-row columns that programs read, in the order of `declared`; one
// that was not sent is null, `input_null`.
// Errors: kInvalidArgument naming the column: not declared, wrong type, not UTF-8, not finite, too
// long.
StatusOr<std::vector<registry::Column>> RequestColumns(
    std::span<const registry::RequestColumn> declared, const ValueMap& values);

// The caller's keys as key columns with ordinals, in the order of `roles`: one row each, null
// `not_found` for a role that was not sent (S5.2), and an empty column in the candidate's place.
// Errors: kInvalidArgument for a role that does not exist and for a bad key.
StatusOr<std::vector<registry::Column>> RoleColumns(std::span<const registry::Role> roles,
                                                    const KeyMap& keys,
                                                    registry::FeatureReader& reader);

// A key column of `keys`, all valid, with the given ordinals.
registry::Column KeyColumn(std::string_view entity, std::span<const std::string_view> keys,
                           std::vector<registry::Ordinal> ordinals);

// Errors: kInvalidArgument unless `key` is 1 to 256 bytes of UTF-8 (S1.3); `what` names it.
Status CheckKey(std::string_view what, std::string_view key);

}  // namespace larder::serving

#endif  // LARDER_SERVING_REQUEST_VALUES_H_
