// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_IMPORT_MODEL_DIRECTORY_H_
#define LARDER_TEXT_IMPORT_MODEL_DIRECTORY_H_

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

// What a directory of a published model says about itself, apart from its tokenizer and tables.
struct ModelDirectory {
  EncoderKind kind = EncoderKind::kTransformer;
  // For people: "sentence-transformers", "model2vec", "transformers".
  std::string layout;
  std::string root;    // where modules.json would be
  std::string module;  // of the files of the first module; often the same
  // What follows a transformer; nothing if the directory does not say.
  std::optional<Pooling> pooling;
  bool normalizes = false;
  // Tokens of a text, with the symbols around it; nothing if the directory does not say.
  std::optional<int32_t> max_tokens;
  // The text is put into lower case before it comes to the tokenizer.
  bool lowercases = false;
  // Texts that go before a text, by name, maybe empty; and which is used unasked.
  std::map<std::string, std::string> prompts;
  std::string default_prompt;

  std::string FileOfModule(std::string_view name) const { return JoinPath(module, name); }
};

// Finds out what lies in `dir`: a model of sentence-transformers (modules.json), of model2vec, a
// StaticEmbedding without modules.json, or a plain transformer. Files are not trusted.
// Errors: kNotFound if it is none of these; kDataLoss naming the file and what is wrong;
//         kUnimplemented naming a module or a way of pooling that there is not.
StatusOr<ModelDirectory> ReadModelDirectory(FileSystem& fs, const std::string& dir);

}  // namespace larder::text

#endif  // LARDER_TEXT_IMPORT_MODEL_DIRECTORY_H_
