// SPDX-License-Identifier: Apache-2.0
#include "text/import/import.h"

#include <memory>
#include <string_view>
#include <utility>

#include "text/artifact.h"
#include "text/encoder_config.h"
#include "text/import/json_file.h"
#include "text/import/model_directory.h"
#include "text/import/static_import.h"
#include "text/import/transformer_import.h"
#include "text/import/vocab_case.h"
#include "text/static/static_encoder.h"
#include "text/wordpiece/wordpiece_tokenizer.h"

namespace larder::text {
namespace {

constexpr std::string_view kTokenizerFile = "tokenizer.json";

struct ReadTokenizer {
  std::string bytes;  // of a tokenizer.json
  std::string path;   // where they came from
  std::unique_ptr<const Tokenizer> tokenizer;
  std::vector<std::string> notes;  // for people
};

// Whether the words of a vocab.txt are of lower case.
StatusOr<bool> IsLowercase(FileSystem& fs, const ModelDirectory& model,
                           const ImportOptions& options, std::vector<std::string>& notes) {
  const std::string path = model.FileOfModule("tokenizer_config.json");
  LARDER_ASSIGN_OR_RETURN(const std::optional<bool> said, ReadVocabCase(fs, model));
  if (said && options.lowercase) {
    return InvalidArgument("--cased and --uncased are not for a model whose ", path,
                           " says do_lower_case");
  }
  if (said || options.lowercase) return said.value_or(options.lowercase.value_or(true));
  if (fs.Exists(path)) {
    notes.emplace_back("tokenizer_config.json does not say do_lower_case: lower case is assumed, "
                       "as BERT's own tokenizer does");
    return true;
  }
  return InvalidArgument(path, ": missing, so that nothing says whether vocab.txt is of lower ",
                         "case: give --cased or --uncased");
}

StatusOr<ReadTokenizer> OpenTokenizer(FileSystem& fs, const ModelDirectory& model,
                                      const ImportOptions& options) {
  ReadTokenizer read;
  read.path = model.FileOfModule(kTokenizerFile);
  const std::string vocab_path = model.FileOfModule("vocab.txt");
  if (fs.Exists(read.path)) {
    if (options.lowercase) {
      return InvalidArgument("--cased and --uncased are not for a model with ", read.path);
    }
    LARDER_ASSIGN_OR_RETURN(read.bytes, ReadPart(fs, read.path, kMaxTokenizerJsonBytes));
  } else if (fs.Exists(vocab_path)) {
    read.path = vocab_path;
    read.notes.emplace_back("the tokenizer was made from vocab.txt");
    LARDER_ASSIGN_OR_RETURN(const bool lowercase, IsLowercase(fs, model, options, read.notes));
    LARDER_ASSIGN_OR_RETURN(const std::string vocab,
                            ReadPart(fs, vocab_path, kMaxTokenizerJsonBytes));
    LARDER_ASSIGN_OR_RETURN(read.bytes, TokenizerJsonOfVocab(vocab, lowercase, vocab_path));
  } else {
    return DataLoss(read.path, ": missing, and no vocab.txt either");
  }
  LARDER_ASSIGN_OR_RETURN(read.tokenizer, OpenWordPiece(read.bytes, read.path));
  return read;
}

// Some models of old put texts into lower case first; a tokenizer that does it anyway will do.
Status CheckLowercase(const ModelDirectory& model, const Tokenizer& tokenizer) {
  if (!model.lowercases) return OkStatus();
  std::vector<int32_t> upper;
  std::vector<int32_t> lower;
  LARDER_RETURN_IF_ERROR(tokenizer.Encode("A B C \u00c4", upper));
  LARDER_RETURN_IF_ERROR(tokenizer.Encode("a b c \u00e4", lower));
  if (upper == lower) return OkStatus();
  return Unimplemented(model.FileOfModule("sentence_bert_config.json"),
                       ": do_lower_case with a tokenizer that keeps upper case");
}

StatusOr<ImportedEncoder> ImportStatic(FileSystem& fs, const ModelDirectory& model,
                                       const ReadTokenizer& read, const std::string& to,
                                       const ImportOptions& options) {
  if (options.pooling || options.precision) {
    return InvalidArgument("--pooling and --precision are for transformers, this is a static ",
                           "encoder: weighted sums in int8");
  }
  for (const auto& [name, prompt] : model.prompts) {
    if (prompt.empty()) continue;
    return Unimplemented(JoinPath(model.root, "config_sentence_transformers.json"),
                         ": the prompt '", name, "' of a static encoder");
  }
  const std::string path = model.FileOfModule(kEncoderModelFile);
  LARDER_ASSIGN_OR_RETURN(const std::string bytes, ReadPart(fs, path, kMaxModelBytes));
  LARDER_ASSIGN_OR_RETURN(const StaticTables tables,
                          ImportStaticTables(bytes, *read.tokenizer, path));
  EncoderConfig config;
  config.kind = EncoderKind::kStatic;
  config.dimensions = tables.dimensions;
  config.tokenizer_kind = TokenizerKind::kWordPiece;
  config.tokenizer_file = kTokenizerFile;
  config.max_tokens =
      options.max_tokens.value_or(model.max_tokens.value_or(config.max_tokens));
  config.training["method"] = Concat("imported from ", model.layout);
  LARDER_ASSIGN_OR_RETURN(const auto encoder, WriteArtifact(fs, to, config, read.bytes,
                                                            WriteStaticModel(tables)));

  ImportedEncoder imported;
  imported.info = encoder->info();
  imported.max_tokens = config.max_tokens;
  return imported;
}

StatusOr<ImportedEncoder> ImportTransformer(FileSystem& fs, const ModelDirectory& model,
                                            const ReadTokenizer& read, const std::string& to,
                                            const ImportOptions& options) {
  const std::string config_path = model.FileOfModule("config.json");
  LARDER_ASSIGN_OR_RETURN(const std::string config_json,
                          ReadPart(fs, config_path, kMaxModelConfigBytes));
  LARDER_ASSIGN_OR_RETURN(
      const TransformerPlan plan,
      PlanTransformer(config_json, config_path, model, *read.tokenizer, options));
  const std::string path = model.FileOfModule(kEncoderModelFile);
  LARDER_ASSIGN_OR_RETURN(const std::string bytes, ReadPart(fs, path, kMaxModelBytes));
  LARDER_RETURN_IF_ERROR(CheckTransformerWeights(bytes, path, plan.config, *read.tokenizer));
  EncoderConfig config;
  config.kind = EncoderKind::kTransformer;
  config.dimensions = plan.config.hidden;
  config.tokenizer_kind = TokenizerKind::kWordPiece;
  config.tokenizer_file = kTokenizerFile;
  config.max_tokens = plan.max_tokens;
  config.transformer = plan.config;
  config.query_prompt = plan.query_prompt;
  config.document_prompt = plan.document_prompt;
  config.training["method"] = Concat("imported from ", model.layout);
  LARDER_ASSIGN_OR_RETURN(const auto encoder, WriteArtifact(fs, to, config, read.bytes, bytes));

  ImportedEncoder imported;
  imported.info = encoder->info();
  imported.max_tokens = plan.max_tokens;
  imported.pooling = plan.config.pooling;
  imported.precision = plan.config.precision;
  if (!plan.query_prompt.empty()) imported.prompts["query"] = plan.query_prompt;
  if (!plan.document_prompt.empty()) imported.prompts["document"] = plan.document_prompt;
  imported.notes = plan.notes;
  return imported;
}

}  // namespace

StatusOr<ImportedEncoder> ImportEncoder(FileSystem& fs, const std::string& from,
                                        const std::string& to, const ImportOptions& options) {
  LARDER_RETURN_IF_ERROR(CheckNewArtifact(fs, to));
  LARDER_ASSIGN_OR_RETURN(const ModelDirectory model, ReadModelDirectory(fs, from));
  LARDER_ASSIGN_OR_RETURN(const ReadTokenizer read, OpenTokenizer(fs, model, options));
  LARDER_RETURN_IF_ERROR(CheckLowercase(model, *read.tokenizer));
  auto imported = model.kind == EncoderKind::kStatic
                      ? ImportStatic(fs, model, read, to, options)
                      : ImportTransformer(fs, model, read, to, options);
  LARDER_RETURN_IF_ERROR(imported.status());
  imported->layout = model.layout;
  imported->pieces = read.tokenizer->vocab_size();
  imported->notes.insert(imported->notes.end(), read.notes.begin(), read.notes.end());
  return imported;
}

}  // namespace larder::text
