// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_COMMANDS_ENCODER_COMMANDS_H_
#define LARDER_CLI_COMMANDS_ENCODER_COMMANDS_H_

#include <iosfwd>
#include <string>
#include <vector>

#include "cli/catalog.h"
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "text/evaluation/evaluate.h"
#include "text/progress.h"

namespace larder::cli {

// The commands below `larder encoder`; each has a file of its own.
void AddEncoderTrain(CLI::App& encoder, Cli& cli);
void AddEncoderImport(CLI::App& encoder, Cli& cli);
void AddEncoderDistill(CLI::App& encoder, Cli& cli);
void AddEncoderEval(CLI::App& encoder, Cli& cli);

// The bytes of a tokenizer's model. Errors: kDataLoss naming the file if it is none.
StatusOr<std::string> ReadTokenizerFile(const std::string& file);
// What several of them need. `progress` must outlive the result.
text::Progress ShowOn(Progress& progress);
void AddItemOptions(CLI::App* command, std::vector<std::string>& items, ItemFields& fields);
struct TagOptions {
  std::string file;
  std::string field = "tags";
};
void AddTagOptions(CLI::App* command, TagOptions& tags);
// Items with their tags, if there are any. Errors: also kInvalidArgument for tags without a key, or
// of no item.
StatusOr<Catalog> ReadTaggedCatalog(const std::vector<std::string>& items,
                                    const ItemFields& fields, const TagOptions& tags);
void AddEventOptions(CLI::App* command, std::string& events, EventFields& fields);
Json ToJson(const text::Evaluation& evaluation);
void PrintEvaluation(std::ostream& out, const text::Evaluation& evaluation);

}  // namespace larder::cli

#endif  // LARDER_CLI_COMMANDS_ENCODER_COMMANDS_H_
