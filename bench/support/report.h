// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_BENCH_SUPPORT_REPORT_H_
#define LARDER_BENCH_SUPPORT_REPORT_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "bench/support/timing.h"

namespace larder::bench {

// What one benchmark found: rows of named numbers, shown as one table or one line of JSON.
// Thread-safety: single-thread.
class Report {
 public:
  // Name and unit in one: {"p99_us", 12.5}.
  using Fields = std::vector<std::pair<std::string, double>>;

  explicit Report(std::string_view bench) : bench_(bench) {}

  void Add(std::string_view row, Fields fields);
  // Latencies of calls, with more fields before them.
  void AddRound(std::string_view row, Fields fields, const Round& round);
  // One line below the table: what the data was, what was left out.
  void Note(std::string_view note) { notes_.emplace_back(note); }
  // Rows that another program measured: lines of {"name": …, field: number, …} or {"note": …}.
  // Errors: kInvalidArgument naming the line.
  Status AddJsonLines(std::string_view text);

  std::string ToTable() const;
  // One line: {"bench":…, "machine":…, "rows":[{"name":…, …}], "notes":[…]}.
  std::string ToJson() const;

 private:
  struct Row {
    std::string name;
    Fields fields;
  };
  std::string bench_;
  std::vector<Row> rows_;
  std::vector<std::string> notes_;
};

}  // namespace larder::bench

#endif  // LARDER_BENCH_SUPPORT_REPORT_H_
