// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_CATALOG_H_
#define LARDER_CLI_CATALOG_H_

#include <string>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "text/document.h"

namespace larder::cli {

// Which fields of a record are what; an empty name: none.
struct ItemFields {
  std::string title = "title";
  std::string content = "content";
  std::string key;  // looked up in the tags
};

// Tags by key, for evaluation.
using TagsByKey = std::unordered_map<std::string, std::vector<std::string>>;

// Reads the items of JSON lines or CSV files (compressed or not) in their order. A missing or null
// field is empty; a record in which both are is left out.
// Errors: kInvalidArgument naming file:line for a record that is no JSON object or a field that is
// no text, and for a field that no record has; what reading the files says.
StatusOr<std::vector<text::Document>> ReadDocuments(const std::vector<std::string>& files,
                                                    const ItemFields& fields,
                                                    const TagsByKey& tags = {});

// Reads every value of the named fields, one text each, empty ones left out. Errors: as above.
StatusOr<std::vector<std::string>> ReadTexts(const std::vector<std::string>& files,
                                             const std::vector<std::string>& fields);

// Reads records of a key and a list of tags. Errors: as above.
StatusOr<TagsByKey> ReadTags(const std::string& file, const std::string& key,
                             const std::string& tags);

}  // namespace larder::cli

#endif  // LARDER_CLI_CATALOG_H_
