// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_IMPORT_IMPORT_H_
#define LARDER_TEXT_IMPORT_IMPORT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/status.h"
#include "text/encoder.h"
#include "text/transformer/transformer_config.h"

namespace larder::text {

// What a person may say about a model that its directory does not say, or says otherwise.
struct ImportOptions {
  // Tokens of a text that count, with the symbols around it; of a transformer, as many as it has
  // positions at most. Unset: what the directory says, else 8,192 or the positions.
  std::optional<int32_t> max_tokens{};
  // Of a transformer without modules.json; unset: mean.
  std::optional<Pooling> pooling{};
  // Of a transformer; unset: int8.
  std::optional<Precision> precision{};
  // Whether the words of a vocab.txt are of lower case, where tokenizer_config.json does not say
  // it; needed without such a file, else unset is lower case, as BERT's own tokenizer has it.
  std::optional<bool> lowercase{};
};

struct ImportedEncoder {
  EncoderInfo info;
  std::string layout;  // "sentence-transformers", "model2vec", "transformers"
  int32_t pieces = 0;
  int32_t max_tokens = 0;
  std::optional<Pooling> pooling;      // of a transformer
  std::optional<Precision> precision;  // of a transformer
  std::map<std::string, std::string> prompts;  // "query", "document", those that are not empty
  // What was assumed or left out, for people, one sentence each.
  std::vector<std::string> notes;
};

// Makes the artifact directory `to` (docs/formats/encoder.md) of a published model in the directory
// `from`: of sentence-transformers, model2vec or plain transformers, with a WordPiece tokenizer.
// Nothing that is computed here is left to another program: what this version cannot compute as the
// model's own library does is refused.
//
// Errors, after which no file is left in `to` that was not there: kAlreadyExists if `to` is not
//         empty; kNotFound if `from` is no model; kDataLoss naming the file and what is wrong;
//         kUnimplemented naming the module, pooling, activation or tokenizer that there is not;
//         kInvalidArgument for an option that the model has no use for.
// Cost: reads each file three times at most; memory for the model's file and the result.
StatusOr<ImportedEncoder> ImportEncoder(FileSystem& fs, const std::string& from,
                                        const std::string& to, const ImportOptions& options);

}  // namespace larder::text

#endif  // LARDER_TEXT_IMPORT_IMPORT_H_
