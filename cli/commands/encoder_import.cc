// SPDX-License-Identifier: Apache-2.0
#include "text/import/import.h"

#include <optional>
#include <ostream>
#include <utility>

#include "base/file_system.h"
#include "cli/commands/encoder_commands.h"
#include "cli/format.h"
#include "cli/json.h"
#include "cli/number_option.h"
#include "cli/output_file.h"
#include "text/encoder_config.h"

namespace larder::cli {
namespace {

constexpr char kExamples[] =
    "  larder encoder import all-MiniLM-L6-v2 --out definitions/encoders/minilm\n"
    "  larder encoder import potion-base-8M --out definitions/encoders/potion --max-tokens 256\n"
    "  larder encoder import bert-model --out encoders/bert --pooling cls --precision f32";

struct Options {
  std::string from;
  std::string out;
  std::string pooling;
  std::string precision;
  std::optional<int32_t> max_tokens;
  bool cased = false;
  bool uncased = false;
};

text::ImportOptions ToImportOptions(const Options& options) {
  text::ImportOptions out;
  out.max_tokens = options.max_tokens;
  out.pooling = text::ParsePooling(options.pooling);
  out.precision = text::ParsePrecision(options.precision);
  if (options.cased || options.uncased) out.lowercase = options.uncased;
  return out;
}

Json ToJson(const Options& options, const text::ImportedEncoder& imported) {
  Json json = {{"out", options.out},
               {"digest", imported.info.digest.Hex()},
               {"layout", imported.layout},
               {"kind", text::EncoderKindName(imported.info.kind)},
               {"dimensions", imported.info.dimensions},
               {"pieces", imported.pieces},
               {"max_tokens", imported.max_tokens},
               {"prompts", imported.prompts},
               {"notes", imported.notes}};
  if (imported.pooling) json["pooling"] = text::PoolingName(*imported.pooling);
  if (imported.precision) json["precision"] = text::PrecisionName(*imported.precision);
  return json;
}

void Print(std::ostream& out, const Options& options, const text::ImportedEncoder& imported) {
  const auto count = [](int32_t n) { return FormatCount(static_cast<uint64_t>(n)); };
  out << options.out << ": " << text::EncoderKindName(imported.info.kind) << " encoder of "
      << imported.layout << ", " << count(imported.info.dimensions) << " dimensions, digest "
      << imported.info.digest.Short() << "\n";
  out << "tokenizer: wordpiece, " << count(imported.pieces) << " pieces; "
      << count(imported.max_tokens) << " tokens of a text count\n";
  if (imported.pooling) {
    out << "pooling: " << text::PoolingName(*imported.pooling) << ", precision: "
        << text::PrecisionName(*imported.precision) << "\n";
  }
  for (const auto& [role, prompt] : imported.prompts) {
    out << "prompt of a " << role << ": '" << prompt << "'\n";
  }
  for (const std::string& note : imported.notes) out << "note: " << note << "\n";
}

StatusOr<int> Run(Cli& cli, const Options& options) {
  LARDER_RETURN_IF_ERROR(CheckIsNoInput("--out", options.out, {options.from}));
  LARDER_ASSIGN_OR_RETURN(const text::ImportedEncoder imported,
                          text::ImportEncoder(FileSystem::Posix(), options.from, options.out,
                                              ToImportOptions(options)));
  if (cli.json) {
    cli.io.out << DumpJson(ToJson(options, imported)) << "\n";
  } else {
    Print(cli.io.out, options, imported);
  }
  return kExitOk;
}

}  // namespace

void AddEncoderImport(CLI::App& encoder, Cli& cli) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      AddCommand(encoder, cli, "import",
                 "Make an encoder of a published model: sentence-transformers, model2vec",
                 kExamples, Needs::kNothing);
  command->add_option("DIR", options->from, "The model's directory")->required();
  command->add_option("--out", options->out, "The artifact directory to write, empty or new")
      ->type_name("DIR")
      ->required();
  AddNumber(command, "--max-tokens", options->max_tokens, {1, text::kMaxTokensLimit},
            "Tokens of a text that count", "what the model says");
  command
      ->add_option("--precision", options->precision, "Of a transformer: int8 or f32 [int8]")
      ->check(CLI::IsMember({"int8", "f32"}));
  command
      ->add_option("--pooling", options->pooling,
                   "Of a transformer without modules.json: mean or cls [mean]")
      ->check(CLI::IsMember({"mean", "cls"}));
  CLI::Option* cased = command->add_flag("--cased", options->cased,
                                         "The words of vocab.txt are as they are written");
  command
      ->add_flag("--uncased", options->uncased, "The words of vocab.txt are of lower case")
      ->excludes(cased);
  SetAction(command, cli, options, Run);
}

}  // namespace larder::cli
