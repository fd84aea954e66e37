// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_INTERNAL_DOT_H_
#define LARDER_TEXT_INTERNAL_DOT_H_

#include <cstddef>
#include <cstdint>

namespace larder::text::internal {

// out[i] = sum over d of query[d] * rows[i * dim + d], exactly.
//
// Shapes: query [dim], rows [count, dim], out [count]. dim must be below 2^16.
// Cost: O(count * dim), with the widest instructions that the machine has.
void DotRows(const int8_t* query, const int8_t* rows, size_t count, size_t dim, int32_t* out);

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_INTERNAL_DOT_H_
