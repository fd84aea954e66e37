// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <ostream>

#include "base/clock.h"
#include "base/file_system.h"
#include "cli/catalog.h"
#include "cli/commands/encoder_commands.h"
#include "cli/format.h"
#include "cli/number_option.h"
#include "cli/table.h"
#include "text/encoder.h"
#include "text/evaluation/related_items.h"
#include "text/evaluation/sentence_pairs.h"

namespace larder::cli {
namespace {

struct EvalOptions {
  std::string dir;
  std::vector<std::string> items;
  ItemFields fields;
  TagOptions tags;
  std::string events;
  EventFields event_fields;
  std::string sts;
  PairColumns columns;
  bool any_sentence = false;
  text::EvaluationOptions evaluation;
  text::RelatedOptions related;
};

// What was measured; what was not asked for is absent.
struct Measured {
  std::optional<text::Evaluation> items;
  std::optional<text::RelatedEvaluation> related;
  std::optional<text::PairEvaluation> pairs;
};

Json ToJson(const text::RelatedFigures& figures) {
  return {{"queries", figures.queries},
          {"users", figures.users},
          {"items", figures.items},
          {"encoder", figures.encoder},
          {"bm25", figures.bm25},
          {"tfidf", figures.tfidf},
          {"encoder_minus_tfidf_95", {figures.difference.low, figures.difference.high}}};
}

Json ToJson(const Measured& measured) {
  Json json = measured.items.has_value() ? cli::ToJson(*measured.items) : Json::object();
  if (measured.related.has_value()) {
    json["related"] = {{"split", FormatTime(measured.related->split)},
                       {"all", ToJson(measured.related->all)},
                       {"cold", ToJson(measured.related->cold)}};
  }
  if (measured.pairs.has_value()) {
    json["pairs"] = {{"pairs", measured.pairs->pairs},
                     {"encoder", measured.pairs->encoder},
                     {"tfidf", measured.pairs->tfidf},
                     {"words", measured.pairs->words}};
  }
  return json;
}

void PrintRelated(std::ostream& out, const text::RelatedEvaluation& related, uint64_t seed) {
  Table table;
  table.AddColumn("MEASURE");
  for (const char* name : {"ENCODER", "BM25", "TF-IDF", "ENCODER - TF-IDF, 95 %"}) {
    table.AddColumn(name, Table::Align::kRight);
  }
  const auto add = [&](const std::string& what, const text::RelatedFigures& figures) {
    table.AddRow({Concat(what, ", ", FormatCount(figures.queries), " questions of ",
                         FormatCount(figures.users), " users among ", FormatCount(figures.items)),
                  FormatNumber(figures.encoder), FormatNumber(figures.bm25),
                  FormatNumber(figures.tfidf),
                  Concat(FormatNumber(figures.difference.low), " to ",
                         FormatNumber(figures.difference.high))});
  };
  add("items engaged with later, of the ten nearest", related.all);
  if (related.cold.queries > 0) add("… nobody's before", related.cold);
  table.Print(out);
  out << "Events from " << FormatTime(related.split)
      << " on ask; intervals by bootstrap over users, seed " << seed << ".\n";
}

void Print(std::ostream& out, const Measured& measured, const EvalOptions& options) {
  if (measured.items.has_value()) PrintEvaluation(out, *measured.items);
  if (measured.related.has_value()) PrintRelated(out, *measured.related, options.related.seed);
  if (measured.pairs.has_value()) {
    Table table;
    table.AddColumn("MEASURE");
    for (const char* name : {"ENCODER", "TF-IDF", "WORDS"}) {
      table.AddColumn(name, Table::Align::kRight);
    }
    table.AddRow({Concat("rank correlation with the scores of ",
                         FormatCount(measured.pairs->pairs), " pairs"),
                  FormatNumber(measured.pairs->encoder), FormatNumber(measured.pairs->tfidf),
                  FormatNumber(measured.pairs->words)});
    table.Print(out);
  }
}

StatusOr<Measured> MeasureItems(const EvalOptions& options, const text::Encoder& encoder,
                                const text::Progress& progress) {
  const ItemFields& fields = options.fields;
  if (!options.events.empty() && fields.key.empty()) {
    return UsageError("--events needs --key, the field to match by");
  }
  if (options.evaluation.newest > 0 && fields.time.empty()) {
    return UsageError("--newest needs --time, the field that tells how new an item is");
  }
  LARDER_ASSIGN_OR_RETURN(const Catalog catalog,
                          ReadTaggedCatalog(options.items, fields, options.tags));
  Measured measured;
  text::EvaluationOptions evaluation = options.evaluation;
  if (options.any_sentence) evaluation.sentence = text::QuerySentence::kAny;
  LARDER_ASSIGN_OR_RETURN(
      measured.items, text::EvaluateEncoder(encoder, catalog.documents, evaluation, progress));
  if (!options.events.empty()) {
    LARDER_ASSIGN_OR_RETURN(const auto interactions,
                            ReadInteractions(options.events, options.event_fields, catalog));
    text::RelatedOptions related = options.related;
    related.seed = options.evaluation.seed;
    LARDER_ASSIGN_OR_RETURN(
        measured.related,
        text::EvaluateRelated(encoder, catalog.documents, interactions, related, progress));
  }
  return measured;
}

StatusOr<int> RunEval(Cli& cli, const EvalOptions& options) {
  if (options.items.empty() && options.sts.empty()) {
    return UsageError("expected --items or --sts, what to ask about");
  }
  if (options.items.empty()) {
    if (!options.events.empty()) return UsageError("--events needs --items, what they are about");
    if (!options.tags.file.empty()) return UsageError("--tags needs --items, what they are of");
    if (options.evaluation.newest > 0) return UsageError("--newest needs --items, to ask about");
  }
  LARDER_ASSIGN_OR_RETURN(const auto encoder, text::OpenEncoder(FileSystem::Posix(), options.dir));
  Progress progress(cli.io.err);
  Measured measured;
  if (!options.items.empty()) {
    LARDER_ASSIGN_OR_RETURN(measured, MeasureItems(options, *encoder, ShowOn(progress)));
  }
  if (!options.sts.empty()) {
    LARDER_ASSIGN_OR_RETURN(const auto pairs, ReadScoredPairs(options.sts, options.columns));
    LARDER_ASSIGN_OR_RETURN(measured.pairs, text::EvaluatePairs(*encoder, pairs));
  }
  progress.Finish();
  if (cli.json) {
    Json json = ToJson(measured);
    json["digest"] = encoder->digest().Hex();
    json["tokenizer"] = encoder->tokenizer().engine();
    json["seconds"] = progress.seconds();
    cli.io.out << DumpJson(json) << "\n";
  } else {
    cli.io.out << options.dir << ": " << encoder->dimensions() << " dimensions, tokenizer "
               << encoder->tokenizer().engine() << ", digest " << encoder->digest().Short() << "\n";
    Print(cli.io.out, measured, options);
  }
  return kExitOk;
}

}  // namespace

void AddEncoderEval(CLI::App& encoder, Cli& cli) {
  auto options = std::make_shared<EvalOptions>();
  CLI::App* command = AddCommand(
      encoder, cli, "eval", "Measure an encoder beside BM25 and TF-IDF on the same questions",
      "  larder encoder eval encoders/titles --items catalog.jsonl\n"
      "  larder encoder eval encoders/titles --items items.jsonl --key item_id --tags tags.jsonl\n"
      "  larder encoder eval encoders/titles --items items.jsonl --key id --events views.jsonl\n"
      "  larder encoder eval encoders/titles --sts sts-dev.csv",
      Needs::kNothing);
  command->add_option("DIR", options->dir, "The encoder's artifact directory")->required();
  AddItemOptions(command, options->items, options->fields);
  AddTagOptions(command, options->tags);
  AddEventOptions(command, options->events, options->event_fields);
  command->add_option("--test-share", options->related.test_share,
                      "The last so many of the events ask [0.2]")
      ->type_name("X");
  command->add_option("--sts", options->sts, "Pairs of texts with scores, tab-separated")
      ->type_name("FILE");
  AddNumber(command, "--score-column", options->columns.score, {1, 1'000}, "Of --sts");
  AddNumber(command, "--first-column", options->columns.first, {1, 1'000}, "Of --sts");
  AddNumber(command, "--second-column", options->columns.second, {1, 1'000}, "Of --sts");
  text::EvaluationOptions& evaluation = options->evaluation;
  AddNumber(command, "--newest", evaluation.newest, {},
            "Ask only about so many newest items by --time", "all");
  command->add_flag("--any-sentence", options->any_sentence,
                    "Ask with a drawn sentence instead of the first");
  AddNumber(command, "--queries", evaluation.max_known_item_queries, {1, 100'000},
            "Known-item questions to ask");
  AddNumber(command, "--tag-queries", evaluation.max_tag_queries, {1, 100'000},
            "Tag questions to ask");
  AddNumber(command, "--event-queries", options->related.max_queries, {1, 100'000},
            "Questions about events to ask");
  AddNumber(command, "--seed", evaluation.seed, {}, "Of what is drawn at random");
  SetAction(command, cli, options, RunEval);
}

}  // namespace larder::cli
