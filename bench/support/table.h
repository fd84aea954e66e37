// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_BENCH_SUPPORT_TABLE_H_
#define LARDER_BENCH_SUPPORT_TABLE_H_

#include <string>
#include <vector>

namespace larder::bench {

// A number as people read it: "12,345", "123", "4.56", "0.0123".
std::string FormatNumber(double value);

// Rows as lines with aligned columns, the first to the left, the others to the right. A row may be
// shorter than the first, which is the heading.
std::string FormatTable(const std::vector<std::vector<std::string>>& rows);

}  // namespace larder::bench

#endif  // LARDER_BENCH_SUPPORT_TABLE_H_
