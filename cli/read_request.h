// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_READ_REQUEST_H_
#define LARDER_CLI_READ_REQUEST_H_

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "cli/json.h"
#include "larder/v1/common.pb.h"
#include "larder/v1/retrieval_service.pb.h"

namespace larder::cli {

// What `--key role=key` says.
struct Keys {
  std::map<std::string, std::string> roles;
  std::vector<std::string> candidates;  // of the role `candidate`: cut at commas, may be repeated
};
// Errors: UsageError for text without '=', an empty name or key, also between commas, a role given
// twice.
StatusOr<Keys> ParseKeys(const std::vector<std::string>& texts);

// What `--request column=value` says: the server reads the text by the column's type.
// Errors: as for keys.
StatusOr<std::map<std::string, v1::Value>> ParseRequestColumns(
    const std::vector<std::string>& texts);

// What `--columns a,b` says; nothing if it is not given.
// Errors: UsageError if it is given and names none.
StatusOr<std::vector<std::string>> ParseColumns(const std::vector<std::string>& texts);

// "a,b" and "c" as a, b, c; empty parts are left out.
std::vector<std::string> SplitCommas(const std::vector<std::string>& texts);

// What a read saw, on one line and as JSON.
std::string DescribeRead(const v1::ReadInfo& read);
Json ReadToJson(const v1::ReadInfo& read);
// Which state of an index answered.
Json EpochToJson(const v1::IndexEpoch& epoch);
// A time of the API in microseconds.
TimeUs FromProto(const google::protobuf::Timestamp& time);

}  // namespace larder::cli

#endif  // LARDER_CLI_READ_REQUEST_H_
