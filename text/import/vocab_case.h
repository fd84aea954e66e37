// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_IMPORT_VOCAB_CASE_H_
#define LARDER_TEXT_IMPORT_VOCAB_CASE_H_

#include <optional>

#include "base/file_system.h"
#include "base/status.h"
#include "text/import/model_directory.h"

namespace larder::text {

// Whether the words of the model's vocab.txt are of lower case; nothing if no file says it.
//
// A vocab.txt alone does not say how texts are split. tokenizer_config.json, config.json and
// added_tokens.json may say that it is not done as BERT does it: the ids would be silently wrong.
// Errors: kUnimplemented naming the file, the key and its value for a tokenizer that is not plain
//         BERT; kDataLoss for a file that is damaged.
StatusOr<std::optional<bool>> ReadVocabCase(FileSystem& fs, const ModelDirectory& model);

}  // namespace larder::text

#endif  // LARDER_TEXT_IMPORT_VOCAB_CASE_H_
