// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_COLUMN_CODEC_H_
#define LARDER_SERVING_COLUMN_CODEC_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "larder/v1/common.pb.h"
#include "registry/column.h"

namespace larder::serving {

struct EncodeOptions {
  bool reasons = false;  // fill Column.reasons
  bool ages = false;     // fill Column.ages_us; the column must have `times`
  TimeUs now = 0;        // T of the read, for ages
};

// Writes `column` to `out` in Arrow's memory layout under `name`, as type `as` (S4.4): numbers
// become what `as` says (a double column is sent as float32 unless its feature says otherwise; what
// float32 cannot hold becomes null, `input_null`), every other kind must be the column's own.
//
// Shapes: out has column.rows rows; vectors become fixed-size lists of int8 or float32, lists
//         become lists.
// Errors: kResourceExhausted if strings or lists pass Arrow's 2^31 - 1; kInternal if the kinds do
//         not fit, which is our own bug.
// Cost: one pass per buffer.
Status EncodeColumn(std::string_view name, const registry::Column& column,
                    const registry::Type& as, const EncodeOptions& options,
                    larder::v1::Column* out);

// Columns that replies add to those of sets. nullopt is null.
void EncodeStrings(std::string_view name, std::span<const std::string> values,
                   larder::v1::Column* out);
void EncodeDoubles(std::string_view name, std::span<const std::optional<double>> values,
                   larder::v1::Column* out);
void EncodeInts(std::string_view name, std::span<const std::optional<int64_t>> values,
                larder::v1::Column* out);

// A fixed-size list column without nulls; `values` is row-major [rows, size].
void EncodeVectors(std::string_view name, std::span<const int8_t> values, size_t size,
                   larder::v1::Column* out);
void EncodeVectors(std::string_view name, std::span<const float> values, size_t size,
                   larder::v1::Column* out);
// The same of float16 values, as their bits.
void EncodeHalves(std::string_view name, std::span<const uint16_t> values, size_t size,
                  larder::v1::Column* out);

}  // namespace larder::serving

#endif  // LARDER_SERVING_COLUMN_CODEC_H_
