// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <memory>
#include <ostream>

#include "base/file_system.h"
#include "cli/catalog.h"
#include "cli/commands/encoder_commands.h"
#include "cli/format.h"
#include "cli/number_option.h"
#include "cli/output/resumable_file.h"
#include "cli/output_file.h"
#include "cli/shortest_double.h"
#include "text/artifact.h"
#include "text/encoder.h"
#include "text/training/static_trainer.h"
#include "text/training/value_vectors.h"

namespace larder::cli {
namespace {

// What an item's vector is called in the file of --item-vectors, beside the key.
constexpr std::string_view kVectorMember = "vector";

struct TrainOptions {
  std::vector<std::string> items;
  ItemFields fields;
  TagOptions tags;
  std::string events;
  EventFields event_fields;
  std::string until;
  std::string value_vectors;
  std::string item_vectors;
  std::string out;
  std::string tokenizer;
  text::EncoderTrainingOptions training;
};

// What the figures mean, for people.
std::string Explain(const text::TrainedEncoder& trained, uint64_t epochs) {
  std::string told;
  if (trained.steps == 0 && epochs > 0) {
    told = "Too few items with a title and a content to learn from: words weigh by how rare they "
           "are, and no more.\n";
  }
  const text::Evaluation& asked = trained.evaluation;
  const bool tags = asked.tag_queries > 0;
  if (asked.known_item_queries == 0 && !tags) return told;
  if (trained.held_out == 0) {
    return told + "Asked about items that training has seen; --hold-out N keeps some back.\n";
  }
  if (asked.known_item_queries == 0) {
    return told + "Tags are of all items, most of which training has seen.\n";
  }
  const std::string count = FormatCount(asked.known_item_queries);
  if (!tags) return Concat(told, "Asked about ", count, " items that training never saw.\n");
  return Concat(told, "Sentences are of ", count,
                " items that training never saw; tags are of all items.\n");
}

StatusOr<std::vector<text::Interaction>> ReadTrainingEvents(const TrainOptions& options,
                                                            const Catalog& catalog) {
  std::vector<text::Interaction> interactions;
  if (options.events.empty()) return interactions;
  LARDER_ASSIGN_OR_RETURN(interactions,
                          ReadInteractions(options.events, options.event_fields, catalog));
  if (!options.until.empty()) {
    LARDER_ASSIGN_OR_RETURN(const TimeUs until, ParseTime(options.until));
    const size_t all = interactions.size();
    std::erase_if(interactions, [&](const text::Interaction& i) { return i.time >= until; });
    if (interactions.empty()) {
      return InvalidArgument("--until ", options.until, ": none of the ", all, " events of ",
                             options.events, " is before it");
    }
  }
  return interactions;
}

Json VectorToJson(std::span<const float> vector) {
  Json json = Json::array();
  for (const float x : vector) json.push_back(ShortestDouble(x));
  return json;
}

// Writes the lines of the numbers below `count`; an empty one is left out.
Status WriteLines(const std::string& path, size_t count,
                  const std::function<StatusOr<std::string>(size_t number)>& line_of) {
  const auto keep_none = [](std::string_view) { return false; };
  LARDER_ASSIGN_OR_RETURN(const auto file, ResumableFile::Open(path, keep_none));
  LARDER_RETURN_IF_ERROR(file->Begin("", false));
  for (size_t i = 0; i < count; ++i) {
    LARDER_ASSIGN_OR_RETURN(const std::string line, line_of(i));
    if (!line.empty()) LARDER_RETURN_IF_ERROR(file->Append(line));
  }
  return file->Finish();
}

// One object a line: the field, the value, how many items have it, and its vector.
Status WriteValueVectors(const std::string& path, std::span<const text::ValueVector> values) {
  if (path.empty()) return OkStatus();
  return WriteLines(path, values.size(), [&](size_t i) -> StatusOr<std::string> {
    const text::ValueVector& value = values[i];
    const size_t equals = value.name.find('=');
    return DumpJson({{"field", value.name.substr(0, equals)},
                     {"value", value.name.substr(equals + 1)},
                     {"items", value.items},
                     {"vector", VectorToJson(value.vector)}});
  });
}

// One object a line: the item's key and its vector, of its text and the values of its fields.
Status WriteItemVectors(const TrainOptions& options, const Catalog& catalog,
                        std::span<const text::ValueVector> values) {
  if (options.item_vectors.empty()) return OkStatus();
  LARDER_ASSIGN_OR_RETURN(const auto encoder, text::OpenEncoder(FileSystem::Posix(), options.out));
  const text::ItemVectors vectors(*encoder, values);
  std::vector<float> vector(static_cast<size_t>(encoder->dimensions()));
  const auto line_of = [&](size_t i) -> StatusOr<std::string> {
    if (catalog.keys[i].empty()) return std::string();
    LARDER_RETURN_IF_ERROR(vectors.Of(catalog.documents[i], vector));
    return DumpJson({{options.fields.key, catalog.keys[i]},
                     {std::string(kVectorMember), VectorToJson(vector)}});
  };
  return WriteLines(options.item_vectors, catalog.documents.size(), line_of);
}

// What is written is no input, no other output, and no file of the artifact.
Status CheckOutputs(const TrainOptions& options) {
  std::vector<std::string> inputs = options.items;
  for (const std::string& file : {options.events, options.tags.file, options.tokenizer}) {
    if (!file.empty()) inputs.push_back(file);
  }
  const auto check = [&](std::string_view option, const std::string& file) -> Status {
    LARDER_RETURN_IF_ERROR(CheckIsNoInput(option, file, inputs));
    return CheckIsOutside(option, file, "--out", options.out);
  };
  LARDER_RETURN_IF_ERROR(check("--value-vectors", options.value_vectors));
  LARDER_RETURN_IF_ERROR(check("--item-vectors", options.item_vectors));
  return CheckIsOutside("--item-vectors", options.item_vectors, "--value-vectors",
                        options.value_vectors);
}

// Which options need which, and whether there is room for the artifact, before long work.
Status CheckUsage(const TrainOptions& options) {
  const std::string& key = options.fields.key;
  if ((!options.events.empty() || !options.item_vectors.empty()) && key.empty()) {
    return UsageError("--events and --item-vectors need --key, the field that names an item");
  }
  if ((!options.value_vectors.empty() || !options.item_vectors.empty()) &&
      options.fields.values.empty()) {
    return UsageError("--value-vectors and --item-vectors need --fields, whose values get vectors");
  }
  if (!options.until.empty() && options.events.empty()) {
    return UsageError("--until needs --events, of which it says how many to use");
  }
  if (!options.item_vectors.empty() && key == kVectorMember) {
    return UsageError("--item-vectors writes '", kVectorMember,
                      "' beside the key, so --key needs another name");
  }
  for (const std::string& field : options.fields.values) {
    if (field.find('=') == std::string::npos) continue;
    return UsageError("--fields: '", field, "' has a '=', which parts a field from its value");
  }
  LARDER_RETURN_IF_ERROR(CheckOutputs(options));
  return text::CheckNewArtifact(FileSystem::Posix(), options.out);
}

StatusOr<int> RunTrain(Cli& cli, const TrainOptions& options) {
  text::EncoderTrainingOptions training = options.training;
  training.tokenizer.seed = training.table.seed;
  training.evaluation.seed = training.table.seed;
  LARDER_RETURN_IF_ERROR(CheckUsage(options));
  if (!options.tokenizer.empty()) {
    LARDER_ASSIGN_OR_RETURN(training.tokenizer_model, ReadTokenizerFile(options.tokenizer));
  }
  LARDER_ASSIGN_OR_RETURN(const Catalog catalog,
                          ReadTaggedCatalog(options.items, options.fields, options.tags));
  LARDER_ASSIGN_OR_RETURN(const auto interactions, ReadTrainingEvents(options, catalog));
  Progress progress(cli.io.err);
  progress.Show(Concat("training on ", FormatCount(catalog.documents.size()), " items"));
  LARDER_ASSIGN_OR_RETURN(
      const text::TrainedEncoder trained,
      text::TrainStaticEncoder(FileSystem::Posix(), options.out, catalog.documents, interactions,
                               training, ShowOn(progress)));
  progress.Finish();
  LARDER_RETURN_IF_ERROR(WriteValueVectors(options.value_vectors, trained.values));
  LARDER_RETURN_IF_ERROR(WriteItemVectors(options, catalog, trained.values));
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
  cli.io.out << Explain(trained, training.table.epochs);
  return kExitOk;
}

}  // namespace

void AddEncoderTrain(CLI::App& encoder, Cli& cli) {
  auto options = std::make_shared<TrainOptions>();
  CLI::App* command = AddCommand(
      encoder, cli, "train", "Train a static encoder on a catalog and measure it",
      "  larder encoder train --items catalog.jsonl --out definitions/encoders/titles\n"
      "  larder encoder train --items items.jsonl --key item_id --events views.jsonl --out titles",
      Needs::kNothing);
  AddItemOptions(command, options->items, options->fields);
  command->get_option("--items")->required();
  command->add_option("--out", options->out, "The artifact directory to write, empty or new")
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
  AddNumber(command, "--hold-out", training.hold_out, {},
            "Keep the newest by --time, or drawn ones, from training and ask about them",
            "a twentieth, at most 1,000");
  AddTagOptions(command, options->tags);
  AddEventOptions(command, options->events, options->event_fields);
  command
      ->add_option("--fields", options->fields.values,
                   "Fields whose values get vectors among the texts'")
      ->type_name("NAMES")
      ->delimiter(',');
  command->add_option("--value-vectors", options->value_vectors, "Write the values' vectors here")
      ->type_name("FILE");
  command
      ->add_option("--item-vectors", options->item_vectors,
                   "Write a vector of each item's text and values here")
      ->type_name("FILE");
  command->add_option("--until", options->until, "Use only events before this time")
      ->type_name("TIME");
  AddNumber(command, "--queries", training.evaluation.max_known_item_queries, {1, 100'000},
            "Known-item questions to ask");
  AddNumber(command, "--seed", training.table.seed, {}, "Of what is drawn at random");
  SetAction(command, cli, options, RunTrain);
}

}  // namespace larder::cli
