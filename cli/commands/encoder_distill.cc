// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "base/file_system.h"
#include "cli/catalog.h"
#include "cli/commands/encoder_commands.h"
#include "cli/format.h"
#include "cli/number_option.h"
#include "cli/output_file.h"
#include "text/artifact.h"
#include "text/sentencepiece/sentencepiece_tokenizer.h"
#include "text/training/distill.h"

namespace larder::cli {
namespace {

struct DistillCommand {
  std::string teacher;
  std::vector<std::string> texts;
  std::vector<std::string> fields = {"title", "content"};
  std::string out;
  std::string tokenizer;
  text::EncoderDistillOptions options;
};

StatusOr<int> RunDistill(Cli& cli, const DistillCommand& command) {
  LARDER_RETURN_IF_ERROR(CheckIsNoInput("--out", command.out, {command.teacher}));
  LARDER_RETURN_IF_ERROR(text::CheckNewArtifact(FileSystem::Posix(), command.out));
  text::EncoderDistillOptions options = command.options;
  options.tokenizer.seed = options.table.seed;
  if (!command.tokenizer.empty()) {
    LARDER_ASSIGN_OR_RETURN(options.tokenizer_model, ReadTokenizerFile(command.tokenizer));
  }
  LARDER_ASSIGN_OR_RETURN(const auto teacher,
                          text::OpenEncoder(FileSystem::Posix(), command.teacher));
  LARDER_ASSIGN_OR_RETURN(const auto texts, ReadTexts(command.texts, command.fields));
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  Progress progress(cli.io.err);
  progress.Show(Concat("learning from ", FormatCount(texts.size()), " texts"));
  LARDER_ASSIGN_OR_RETURN(
      const text::DistilledEncoder distilled,
      text::DistillStaticEncoder(FileSystem::Posix(), command.out, views,
                                 text::TeacherOf(*teacher), teacher->digest().Hex(), options,
                                 ShowOn(progress)));
  progress.Finish();
  if (cli.json) {
    cli.io.out << DumpJson({{"out", command.out},
                            {"digest", distilled.info.digest.Hex()},
                            {"dimensions", distilled.info.dimensions},
                            {"teacher", teacher->digest().Hex()},
                            {"texts", distilled.texts},
                            {"teacher_cosine", distilled.cosine},
                            {"seconds", progress.seconds()}})
               << "\n";
    return kExitOk;
  }
  cli.io.out << command.out << ": " << distilled.info.dimensions << " dimensions from "
             << FormatCount(distilled.texts) << " texts, " << FormatNumber(progress.seconds())
             << " s, digest " << distilled.info.digest.Short() << "\n"
             << "Mean cosine with the teacher's vectors of texts not learned from: "
             << FormatNumber(distilled.cosine) << "\n";
  return kExitOk;
}

}  // namespace

void AddEncoderDistill(CLI::App& encoder, Cli& cli) {
  auto command = std::make_shared<DistillCommand>();
  CLI::App* app = AddCommand(
      encoder, cli, "distill", "Teach a static encoder to say what another encoder says",
      "  larder encoder distill --teacher encoders/minilm --texts items.jsonl --out encoders/fast",
      Needs::kNothing);
  app->add_option("--teacher", command->teacher, "The encoder's artifact to learn from")
      ->type_name("DIR")
      ->required();
  app->add_option("--texts", command->texts, "JSON lines or CSV files, maybe .zst or .gz")
      ->type_name("FILE")
      ->required();
  app->add_option("--fields", command->fields, "The texts' fields [title,content]")
      ->type_name("NAMES")
      ->delimiter(',');
  app->add_option("--out", command->out, "The artifact directory to write, empty or new")
      ->type_name("DIR")
      ->required();
  app->add_option("--tokenizer", command->tokenizer,
                  "Build on this model of `larder tokenizer train` [train one]")
      ->type_name("FILE");
  text::EncoderDistillOptions& options = command->options;
  AddNumber(app, "--dimensions", options.table.dimensions, {8, 1'024},
            "Of the vectors, not more than the teacher's");
  AddNumber(app, "--pieces", options.tokenizer.vocab_size, {32, 500'000},
            "Pieces of a tokenizer that is trained");
  AddNumber(app, "--max-texts", options.table.max_texts, {100, 5'000'000},
            "Show the teacher at most so many texts");
  AddNumber(app, "--epochs", options.table.epochs, {0, 100}, "Passes over the texts");
  AddNumber(app, "--seed", options.table.seed, {}, "Of what is drawn at random");
  SetAction(app, cli, command, RunDistill);
}

}  // namespace larder::cli
