// SPDX-License-Identifier: Apache-2.0
#include "text/encoder.h"

#include <ostream>
#include <utility>

#include "base/file_system.h"
#include "cli/catalog.h"
#include "cli/commands/commands.h"
#include "cli/format.h"
#include "cli/json.h"
#include "cli/number_option.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "text/evaluation/evaluate.h"
#include "text/training/static_trainer.h"
#include "text/sentencepiece/sentencepiece_tokenizer.h"

namespace larder::cli {
namespace {

constexpr uint64_t kMaxTokenizerBytes = uint64_t{64} << 20;

struct TrainOptions {
  std::vector<std::string> items;
  ItemFields fields;
  std::string out;
  std::string tokenizer;
  text::EncoderTrainingOptions training;
};

struct EvalOptions {
  std::string dir;
  std::vector<std::string> items;
  ItemFields fields;
  std::string tags;
  std::string tags_field = "tags";
  text::EvaluationOptions evaluation;
};

text::Progress ShowOn(Progress& progress) {
  return [&progress](std::string_view stage, uint64_t done, uint64_t total) {
    if (!progress.Due()) return;
    const uint64_t percent = total == 0 ? 0 : done * 100 / total;
    progress.Show(Concat(stage, ": ", percent, " %, ", FormatNumber(progress.seconds()), " s"));
  };
}

Json ToJson(const text::Evaluation& evaluation) {
  return {
      {"documents", evaluation.documents},
      {"known_item_queries", evaluation.known_item_queries},
      {"recall_at_1", {{"encoder", evaluation.encoder.at_1}, {"tfidf", evaluation.tfidf.at_1}}},
      {"recall_at_10", {{"encoder", evaluation.encoder.at_10}, {"tfidf", evaluation.tfidf.at_10}}},
      {"tag_queries", evaluation.tag_queries},
      {"tag_share_of_10",
       {{"encoder", evaluation.tag_share_encoder},
        {"tfidf", evaluation.tag_share_tfidf},
        {"random", evaluation.tag_share_random}}}};
}

void PrintEvaluation(std::ostream& out, const text::Evaluation& evaluation) {
  Table table;
  table.AddColumn("MEASURE");
  table.AddColumn("ENCODER", Table::Align::kRight);
  table.AddColumn("TF-IDF", Table::Align::kRight);
  table.AddColumn("RANDOM", Table::Align::kRight);
  table.AddRow({Concat("first sentence finds its title first, of ",
                       FormatCount(evaluation.known_item_queries)),
                FormatNumber(evaluation.encoder.at_1), FormatNumber(evaluation.tfidf.at_1)});
  table.AddRow({"… among the first ten", FormatNumber(evaluation.encoder.at_10),
                FormatNumber(evaluation.tfidf.at_10)});
  if (evaluation.tag_queries > 0) {
    table.AddRow({Concat("ten nearest that share a tag, of ", FormatCount(evaluation.tag_queries)),
                  FormatNumber(evaluation.tag_share_encoder),
                  FormatNumber(evaluation.tag_share_tfidf),
                  FormatNumber(evaluation.tag_share_random)});
  }
  table.Print(out);
}

StatusOr<int> RunTrain(Cli& cli, const TrainOptions& options) {
  text::EncoderTrainingOptions training = options.training;
  training.tokenizer.seed = training.table.seed;
  training.evaluation.seed = training.table.seed;
  if (!options.tokenizer.empty()) {
    LARDER_ASSIGN_OR_RETURN(training.tokenizer_model,
                            FileSystem::Posix().Read(options.tokenizer, kMaxTokenizerBytes));
    // The trainer would not know what the file is called.
    LARDER_RETURN_IF_ERROR(
        text::OpenSentencePiece(training.tokenizer_model, options.tokenizer).status());
  }
  LARDER_ASSIGN_OR_RETURN(const auto documents, ReadDocuments(options.items, options.fields));
  Progress progress(cli.io.err);
  progress.Show(Concat("training on ", FormatCount(documents.size()), " items"));
  LARDER_ASSIGN_OR_RETURN(const text::TrainedEncoder trained,
                          text::TrainStaticEncoder(FileSystem::Posix(), options.out, documents,
                                                   training, ShowOn(progress)));
  progress.Finish();
  if (cli.json) {
    cli.io.out << DumpJson({{"out", options.out},
                            {"digest", trained.info.digest.Hex()},
                            {"dimensions", trained.info.dimensions},
                            {"items", documents.size()},
                            {"seconds", progress.seconds()},
                            {"evaluation", ToJson(trained.evaluation)}})
               << "\n";
    return kExitOk;
  }
  cli.io.out << options.out << ": " << trained.info.dimensions << " dimensions from "
             << FormatCount(documents.size()) << " items, " << FormatNumber(progress.seconds())
             << " s, digest " << trained.info.digest.Short() << "\n";
  PrintEvaluation(cli.io.out, trained.evaluation);
  return kExitOk;
}

StatusOr<int> RunEval(Cli& cli, const EvalOptions& options) {
  TagsByKey tags;
  ItemFields fields = options.fields;
  if (!options.tags.empty()) {
    if (fields.key.empty()) return UsageError("--tags needs --key, the field to match by");
    LARDER_ASSIGN_OR_RETURN(tags, ReadTags(options.tags, fields.key, options.tags_field));
  }
  LARDER_ASSIGN_OR_RETURN(const auto documents, ReadDocuments(options.items, fields, tags));
  LARDER_ASSIGN_OR_RETURN(const auto encoder, text::OpenEncoder(FileSystem::Posix(), options.dir));
  Progress progress(cli.io.err);
  LARDER_ASSIGN_OR_RETURN(
      const text::Evaluation evaluation,
      text::EvaluateEncoder(*encoder, documents, options.evaluation, ShowOn(progress)));
  progress.Finish();
  if (cli.json) {
    Json json = ToJson(evaluation);
    json["digest"] = encoder->digest().Hex();
    json["seconds"] = progress.seconds();
    cli.io.out << DumpJson(json) << "\n";
  } else {
    PrintEvaluation(cli.io.out, evaluation);
  }
  return kExitOk;
}

void AddItemOptions(CLI::App* command, std::vector<std::string>& items, ItemFields& fields) {
  command->add_option("--items", items, "JSON lines or CSV files, maybe .zst or .gz")
      ->type_name("FILE")
      ->required();
  command->add_option("--title", fields.title, "The field of the title, '' for none [title]")
      ->type_name("NAME");
  command
      ->add_option("--content", fields.content, "The field of the content, '' for none [content]")
      ->type_name("NAME");
}

void AddTrain(CLI::App& encoder, Cli& cli) {
  auto options = std::make_shared<TrainOptions>();
  CLI::App* command =
      AddCommand(encoder, cli, "train", "Train a static encoder on a catalog and measure it",
                 "  larder encoder train --items catalog.jsonl --out definitions/encoders/titles",
                 Needs::kNothing);
  AddItemOptions(command, options->items, options->fields);
  command->add_option("--out", options->out, "The artifact directory to write")
      ->type_name("DIR")
      ->required();
  command
      ->add_option("--tokenizer", options->tokenizer,
                   "Build on this model of `larder tokenizer train` [train one]")
      ->type_name("FILE");
  text::EncoderTrainingOptions& training = options->training;
  AddNumber(command, "--dimensions", training.table.dimensions, {8, 1'024}, "Of the vectors");
  AddNumber(command, "--pieces", training.tokenizer.vocab_size, {32, 500'000},
            "Pieces of a tokenizer that is trained");
  AddNumber(command, "--seed", training.table.seed, {}, "Of what is drawn at random");
  SetAction(command, cli, options, RunTrain);
}

void AddEval(CLI::App& encoder, Cli& cli) {
  auto options = std::make_shared<EvalOptions>();
  CLI::App* command = AddCommand(
      encoder, cli, "eval", "Measure an encoder beside TF-IDF on the same questions",
      "  larder encoder eval encoders/titles --items catalog.jsonl\n"
      "  larder encoder eval encoders/titles --items catalog.jsonl --key item_id --tags tags.jsonl",
      Needs::kNothing);
  command->add_option("DIR", options->dir, "The encoder's artifact directory")->required();
  AddItemOptions(command, options->items, options->fields);
  command->add_option("--tags", options->tags, "Records of a key and a list of tags, known truth")
      ->type_name("FILE");
  command->add_option("--key", options->fields.key, "The field by which tags are matched")
      ->type_name("NAME");
  command->add_option("--tags-field", options->tags_field, "The field of the tags [tags]")
      ->type_name("NAME");
  text::EvaluationOptions& evaluation = options->evaluation;
  AddNumber(command, "--queries", evaluation.max_known_item_queries, {1, 100'000},
            "Known-item questions to ask");
  AddNumber(command, "--tag-queries", evaluation.max_tag_queries, {1, 100'000},
            "Tag questions to ask");
  AddNumber(command, "--seed", evaluation.seed, {}, "Of what is drawn at random");
  SetAction(command, cli, options, RunEval);
}

}  // namespace

void AddEncoder(CLI::App& app, Cli& cli) {
  CLI::App* encoder = AddGroup(app, "encoder", "Train and measure encoders; needs no server");
  AddTrain(*encoder, cli);
  AddEval(*encoder, cli);
  AddEncoderImport(*encoder, cli);
}

}  // namespace larder::cli
