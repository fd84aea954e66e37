// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_INTERNAL_EVALUATE_H_
#define LARDER_REGISTRY_INTERNAL_EVALUATE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "registry/column.h"
#include "registry/program.h"

namespace larder::registry::internal {

// The steps of a run that need no reader. Arguments have one row (they broadcast) or the same
// number of rows. None fills `times`.

// A kCall: the kernel, per element if the node lifts.
Column EvaluateCall(const Node& node, std::span<const Column* const> args);
// A kMakeList.
Column EvaluateMakeList(const Node& node, std::span<const Column* const> args);
// A kKeyOf.
Column EvaluateKeyOf(const Node& node, const Column& text);
// A kElements, as a scalar column.
Column EvaluateElements(const Column& list);
// A kCollect. `value` has one row per element of `list`, or one row.
Column EvaluateCollect(const Column& value, const Column& list);

// The common number of rows.
size_t BroadcastRows(std::span<const Column* const> args);
// The elements `indexes` of `from` (its rows, if it is no list) as a scalar column.
Column TakeElements(const Column& from, std::span<const uint32_t> indexes);

}  // namespace larder::registry::internal

#endif  // LARDER_REGISTRY_INTERNAL_EVALUATE_H_
