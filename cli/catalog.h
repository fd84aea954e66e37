// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_CATALOG_H_
#define LARDER_CLI_CATALOG_H_

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "text/document.h"
#include "text/evaluation/sentence_pairs.h"

namespace larder::cli {

// Which fields of a record are what; an empty name: none.
struct ItemFields {
  std::string title = "title";
  std::string content = "content";
  std::string key = {};   // looked up in the tags and events
  std::string time = {};  // RFC 3339 text: which items are newest
  // Become Document::values, "name=text"; texts or lists of texts.
  std::vector<std::string> values = {};
};

// Where events tell who engaged with what.
struct EventFields {
  std::string user = "user_id";
  std::string item = "item_id";
  std::string time = "event_time";
  // Only events with at least `at_least` in the field `value` count; empty: all.
  std::string value = {};
  double at_least = 0;
};

// Tags by key, for evaluation.
using TagsByKey = std::unordered_map<std::string, std::vector<std::string>>;

// Items with their keys, for what refers to them.
struct Catalog {
  std::vector<text::Document> documents;
  std::vector<std::string> keys;  // of each document; empty without a key field
  std::unordered_map<std::string, uint32_t> number_of;  // of each key
};

// Reads the items of JSON lines or CSV files (compressed or not) in their order. A missing or null
// field is empty; a record without a title and a content is left out.
// Errors: kInvalidArgument naming file:line for a record that is no JSON object, a field that is no
// text or a key that comes twice, and for a field that no record has; what reading the files says.
StatusOr<Catalog> ReadCatalog(const std::vector<std::string>& files, const ItemFields& fields,
                              const TagsByKey& tags = {});

// Reads events as interactions with the items. Events without a user or a time, and with items that
// are not in the catalog, are left out. Errors: as above, and UsageError for fields without a name.
StatusOr<std::vector<text::Interaction>> ReadInteractions(const std::string& file,
                                                          const EventFields& fields,
                                                          const Catalog& catalog);

// Which columns of a tab-separated file are what, counted from 1; those of STS-B unless others are
// named.
struct PairColumns {
  size_t score = 5;
  size_t first = 6;
  size_t second = 7;
};

// Reads scored pairs of texts, one a line; a first line whose score does not begin like a number
// names the columns. Empty lines at the end do no harm.
// Errors: kInvalidArgument naming file:line; what reading the file says.
StatusOr<std::vector<text::ScoredPair>> ReadScoredPairs(const std::string& file,
                                                           const PairColumns& columns);

// Reads every value of the named fields, one text each, empty ones left out. Errors: as above.
StatusOr<std::vector<std::string>> ReadTexts(const std::vector<std::string>& files,
                                             const std::vector<std::string>& fields);

// Reads records of a key and a list of tags. Errors: as above.
StatusOr<TagsByKey> ReadTags(const std::string& file, const std::string& key,
                             const std::string& tags);

}  // namespace larder::cli

#endif  // LARDER_CLI_CATALOG_H_
