// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "base/file_system.h"
#include "cli/catalog.h"
#include "cli/commands/encoder_commands.h"
#include "cli/format.h"
#include "cli/number_option.h"
#include "text/sentencepiece/sentencepiece_tokenizer.h"
#include "text/training/static_trainer.h"

namespace larder::cli {
namespace {

constexpr uint64_t kMaxTokenizerBytes = uint64_t{64} << 20;

struct TrainOptions {
  std::vector<std::string> items;
  ItemFields fields;
  std::string events;
  EventFields event_fields;
  std::string until;
  std::string out;
  std::string tokenizer;
  uint64_t hold_out = 0;
  text::EncoderTrainingOptions training;
};

// What the figures mean, for people.
std::string Explain(const text::TrainedEncoder& trained) {
  std::string told;
  if (trained.steps == 0) {
    told = "Too few items with a title and a content to learn from: words weigh by how rare they "
           "are, and no more.\n";
  }
  if (trained.held_out > 0) {
    return Concat(told, "Asked about ", FormatCount(trained.held_out),
                  " items that training never saw.\n");
  }
  return Concat(told, "Asked about items that training has seen; --hold-out N keeps some from it.\n");
}

StatusOr<std::vector<text::Interaction>> ReadTrainingEvents(const TrainOptions& options,
                                                            const Catalog& catalog) {
  std::vector<text::Interaction> interactions;
  if (options.events.empty()) return interactions;
  LARDER_ASSIGN_OR_RETURN(interactions,
                          ReadInteractions(options.events, options.event_fields, catalog));
  if (!options.until.empty()) {
    LARDER_ASSIGN_OR_RETURN(const TimeUs until, ParseTime(options.until));
    std::erase_if(interactions, [&](const text::Interaction& i) { return i.time >= until; });
  }
  return interactions;
}

StatusOr<int> RunTrain(Cli& cli, const TrainOptions& options) {
  text::EncoderTrainingOptions training = options.training;
  training.tokenizer.seed = training.table.seed;
  training.evaluation.seed = training.table.seed;
  if (options.hold_out != UINT64_MAX) training.hold_out = options.hold_out;
  if (!options.events.empty() && options.fields.key.empty()) {
    return UsageError("--events needs --key, the items' field that events name");
  }
  if (!options.tokenizer.empty()) {
    LARDER_ASSIGN_OR_RETURN(training.tokenizer_model,
                            FileSystem::Posix().Read(options.tokenizer, kMaxTokenizerBytes));
    // The trainer would not know what the file is called.
    LARDER_RETURN_IF_ERROR(
        text::OpenSentencePiece(training.tokenizer_model, options.tokenizer).status());
  }
  LARDER_ASSIGN_OR_RETURN(const Catalog catalog, ReadCatalog(options.items, options.fields));
  LARDER_ASSIGN_OR_RETURN(const auto interactions, ReadTrainingEvents(options, catalog));
  Progress progress(cli.io.err);
  progress.Show(Concat("training on ", FormatCount(catalog.documents.size()), " items"));
  LARDER_ASSIGN_OR_RETURN(
      const text::TrainedEncoder trained,
      text::TrainStaticEncoder(FileSystem::Posix(), options.out, catalog.documents, interactions,
                               training, ShowOn(progress)));
  progress.Finish();
  if (cli.json) {
    cli.io.out << DumpJson({{"out", options.out},
                            {"digest", trained.info.digest.Hex()},
                            {"dimensions", trained.info.dimensions},
                            {"items", catalog.documents.size()},
                            {"held_out", trained.held_out},
                            {"text_pairs", trained.text_pairs},
                            {"related_pairs", trained.related_pairs},
                            {"steps", trained.steps},
                            {"seconds", progress.seconds()},
                            {"evaluation", ToJson(trained.evaluation)}})
               << "\n";
    return kExitOk;
  }
  cli.io.out << options.out << ": " << trained.info.dimensions << " dimensions from "
             << FormatCount(catalog.documents.size()) << " items, "
             << FormatNumber(progress.seconds()) << " s, digest " << trained.info.digest.Short()
             << "\n";
  PrintEvaluation(cli.io.out, trained.evaluation);
  cli.io.out << Explain(trained);
  return kExitOk;
}

}  // namespace

void AddEncoderTrain(CLI::App& encoder, Cli& cli) {
  auto options = std::make_shared<TrainOptions>();
  options->hold_out = UINT64_MAX;
  CLI::App* command = AddCommand(
      encoder, cli, "train", "Train a static encoder on a catalog and measure it",
      "  larder encoder train --items catalog.jsonl --out definitions/encoders/titles\n"
      "  larder encoder train --items catalog.jsonl --key item_id --events views.jsonl --out titles",
      Needs::kNothing);
  AddItemOptions(command, options->items, options->fields);
  command->get_option("--items")->required();
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
  AddNumber(command, "--epochs", training.table.epochs, {0, 100},
            "Passes over the items; 0: weigh words by how rare they are, learn nothing");
  AddNumber(command, "--batch", training.table.batch, {64, 8'192}, "Items told apart at a time");
  AddNumber(command, "--hold-out", options->hold_out, {},
            "Keep the newest by --time, or drawn ones, from training and ask about them",
            "a twentieth, at most 1,000");
  AddEventOptions(command, options->events, options->event_fields);
  command->add_option("--until", options->until, "Use only events before this time")
      ->type_name("TIME");
  AddNumber(command, "--queries", training.evaluation.max_known_item_queries, {1, 100'000},
            "Known-item questions to ask");
  AddNumber(command, "--seed", training.table.seed, {}, "Of what is drawn at random");
  SetAction(command, cli, options, RunTrain);
}

}  // namespace larder::cli
