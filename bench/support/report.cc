// SPDX-License-Identifier: Apache-2.0
#include "bench/support/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bench/support/machine.h"
#include "bench/support/table.h"

namespace larder::bench {

void Report::Add(std::string_view row, Fields fields) {
  rows_.push_back({std::string(row), std::move(fields)});
}

void Report::AddRound(std::string_view row, Fields fields, const Round& round) {
  fields.emplace_back("p50_us", round.p50_us);
  fields.emplace_back("p99_us", round.p99_us);
  fields.emplace_back("calls_per_s", round.per_second);
  Add(row, std::move(fields));
}

Status Report::AddJsonLines(std::string_view text) {
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const auto line = nlohmann::ordered_json::parse(text.substr(0, end), nullptr, false);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.is_object() && line.contains("note") && line["note"].is_string()) {
      Note(line["note"].get<std::string>());
      continue;
    }
    if (!line.is_object() || !line.contains("name") || !line["name"].is_string()) {
      return InvalidArgument("line ", number, " of another program's rows is not one");
    }
    Fields fields;
    for (const auto& [name, value] : line.items()) {
      if (value.is_number()) fields.emplace_back(name, value.get<double>());
    }
    Add(line["name"].get<std::string>(), std::move(fields));
  }
  return OkStatus();
}

std::string Report::ToTable() const {
  std::vector<std::string> heading = {bench_};
  for (const Row& row : rows_) {
    for (const auto& [name, value] : row.fields) {
      if (std::find(heading.begin() + 1, heading.end(), name) == heading.end()) {
        heading.push_back(name);
      }
    }
  }
  std::vector<std::vector<std::string>> lines = {heading};
  for (const Row& row : rows_) {
    std::vector<std::string> line(heading.size());
    line[0] = row.name;
    for (const auto& [name, value] : row.fields) {
      const auto at = std::find(heading.begin() + 1, heading.end(), name) - heading.begin();
      line[static_cast<size_t>(at)] = FormatNumber(value);
    }
    lines.push_back(std::move(line));
  }
  std::string out = Concat(FormatTable(lines), "\n", DescribeMachine(), "\n");
  for (const std::string& note : notes_) out += note + "\n";
  return out;
}

std::string Report::ToJson() const {
  nlohmann::ordered_json json = {{"bench", bench_}, {"machine", DescribeMachine()}};
  json["rows"] = nlohmann::ordered_json::array();
  for (const Row& row : rows_) {
    nlohmann::ordered_json object = {{"name", row.name}};
    for (const auto& [name, value] : row.fields) object[name] = value;
    json["rows"].push_back(std::move(object));
  }
  json["notes"] = notes_;
  return json.dump() + "\n";
}

}  // namespace larder::bench
