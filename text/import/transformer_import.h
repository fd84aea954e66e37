// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_IMPORT_TRANSFORMER_IMPORT_H_
#define LARDER_TEXT_IMPORT_TRANSFORMER_IMPORT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "text/import/import.h"
#include "text/import/model_directory.h"
#include "text/tokenizer.h"
#include "text/transformer/transformer_config.h"

namespace larder::text {

// How a published transformer is computed here.
struct TransformerPlan {
  TransformerConfig config;
  int32_t max_tokens = 0;
  std::string query_prompt;  // before a text that is a query; empty for none
  std::string document_prompt;
  std::vector<std::string> notes;  // for people
};

// What the config.json of a transformer, what its directory says and what a person wants come to.
// `config_json` and `config_file` are that file and its name, for messages.
//
// A query has the prompt "query", a document "document", else "passage", as sentence-transformers
// has it; where there is none of that name, the prompt that is used unasked.
// Errors: as ParseBertConfig; kInvalidArgument for an option that contradicts the directory or asks
//         for more tokens than there are positions.
StatusOr<TransformerPlan> PlanTransformer(std::string_view config_json,
                                          std::string_view config_file,
                                          const ModelDirectory& model, const Tokenizer& tokenizer,
                                          const ImportOptions& options);

// Errors: kDataLoss naming `file` if `weights`, a model.safetensors, is not what `config` needs or
//         has fewer rows of words than the tokenizer has pieces.
// Cost: reads the bytes once.
Status CheckTransformerWeights(std::string_view weights, std::string_view file,
                               const TransformerConfig& config, const Tokenizer& tokenizer);

}  // namespace larder::text

#endif  // LARDER_TEXT_IMPORT_TRANSFORMER_IMPORT_H_
