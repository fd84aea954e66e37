// SPDX-License-Identifier: Apache-2.0
#include "cli/read_request.h"

#include <utility>

#include "cli/exit_code.h"
#include "serving/context.h"

namespace larder::cli {
namespace {

// "name=value" cut at the first '='.
StatusOr<std::pair<std::string, std::string>> CutAssignment(const std::string& text,
                                                            std::string_view option) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
    return UsageError(option, ": expected NAME=VALUE, got '", text, "'");
  }
  return std::pair(text.substr(0, equals), text.substr(equals + 1));
}

}  // namespace

std::vector<std::string> SplitCommas(const std::vector<std::string>& texts) {
  std::vector<std::string> parts;
  for (const std::string& text : texts) {
    for (size_t begin = 0; begin <= text.size();) {
      const size_t end = std::min(text.find(',', begin), text.size());
      if (end > begin) parts.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  return parts;
}

StatusOr<std::vector<std::string>> ParseColumns(const std::vector<std::string>& texts) {
  std::vector<std::string> names = SplitCommas(texts);
  if (names.empty() && !texts.empty()) {
    return UsageError("--columns: expected names of columns, got '", texts.front(), "'");
  }
  return names;
}

StatusOr<Keys> ParseKeys(const std::vector<std::string>& texts) {
  Keys keys;
  for (const std::string& text : texts) {
    LARDER_ASSIGN_OR_RETURN(auto assignment, CutAssignment(text, "--key"));
    auto& [role, key] = assignment;
    if (role == "candidate") {
      if (key.starts_with(',') || key.ends_with(',') || key.find(",,") != std::string::npos) {
        return UsageError("--key: a key has 1 to ", serving::kMaxKeyBytes,
                          " bytes, got an empty one in '", text, "'");
      }
      for (std::string& candidate : SplitCommas({key})) {
        keys.candidates.push_back(std::move(candidate));
      }
    } else if (!keys.roles.emplace(role, key).second) {
      return UsageError("--key: role '", role, "' is given twice; only 'candidate' may be");
    }
  }
  return keys;
}

StatusOr<std::map<std::string, v1::Value>> ParseRequestColumns(
    const std::vector<std::string>& texts) {
  std::map<std::string, v1::Value> columns;
  for (const std::string& text : texts) {
    LARDER_ASSIGN_OR_RETURN(auto assignment, CutAssignment(text, "--request"));
    const auto [place, fresh] = columns.try_emplace(assignment.first);
    if (!fresh) {
      return UsageError("--request: column '", assignment.first, "' is given twice");
    }
    place->second.set_text(assignment.second);
  }
  return columns;
}

TimeUs FromProto(const google::protobuf::Timestamp& time) {
  return time.seconds() * kSecondUs + time.nanos() / 1'000;
}

std::string DescribeRead(const v1::ReadInfo& read) {
  std::string out =
      Concat("position ", read.position().value(), ", ", FormatTime(FromProto(read.time())));
  for (const v1::DefinitionRef& definition : read.definitions()) {
    out += Concat(", ", definition.kind(), " ", definition.name());
    if (definition.version() > 0) out += Concat("@", definition.version());
  }
  return out + Concat(", revision ", read.revision(), ", semantics ", read.semantics());
}

Json EpochToJson(const v1::IndexEpoch& epoch) {
  return {{"feature", epoch.feature()},
          {"feature_digest", epoch.feature_digest()},
          {"space", epoch.space()},
          {"base", epoch.base_digest()},
          {"base_vectors", epoch.base_vectors()},
          {"delta_vectors", epoch.delta_vectors()}};
}

Json ReadToJson(const v1::ReadInfo& read) {
  Json definitions = Json::array();
  for (const v1::DefinitionRef& definition : read.definitions()) {
    definitions.push_back({{"kind", definition.kind()},
                           {"name", definition.name()},
                           {"version", definition.version()},
                           {"digest", definition.digest()}});
  }
  return {{"position", read.position().value()},
          {"time", FormatTime(FromProto(read.time()))},
          {"semantics", read.semantics()},
          {"revision", read.revision()},
          {"definitions", std::move(definitions)}};
}

}  // namespace larder::cli
