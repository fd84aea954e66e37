// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <ostream>

#include "base/file_system.h"
#include "cli/commands/commands.h"
#include "cli/commands/encoder_commands.h"
#include "cli/format.h"
#include "cli/table.h"
#include "text/sentencepiece/sentencepiece_tokenizer.h"
#include "text/tokenizer.h"

namespace larder::cli {
namespace {

Json FiguresOf(const text::Retrieval& retrieval) {
  return {{"recall_at_1", retrieval.at_1},
          {"recall_at_10", retrieval.at_10},
          {"mrr_at_10", retrieval.mrr_10}};
}

}  // namespace

StatusOr<std::string> ReadTokenizerFile(const std::string& file) {
  LARDER_ASSIGN_OR_RETURN(std::string bytes,
                          FileSystem::Posix().Read(file, text::kMaxTokenizerBytes));
  // The trainer would not know what the file is called.
  LARDER_RETURN_IF_ERROR(text::OpenSentencePiece(bytes, file).status());
  return bytes;
}

text::Progress ShowOn(Progress& progress) {
  return [&progress](std::string_view stage, uint64_t done, uint64_t total) {
    if (!progress.Due()) return;
    const uint64_t percent = total == 0 ? 0 : done * 100 / total;
    progress.Show(Concat(stage, ": ", percent, " %, ", FormatNumber(progress.seconds()), " s"));
  };
}

void AddItemOptions(CLI::App* command, std::vector<std::string>& items, ItemFields& fields) {
  command->add_option("--items", items, "JSON lines or CSV files, maybe .zst or .gz")
      ->type_name("FILE");
  command->add_option("--title", fields.title, "The field of the title, '' for none [title]")
      ->type_name("NAME");
  command
      ->add_option("--content", fields.content, "The field of the content, '' for none [content]")
      ->type_name("NAME");
  command->add_option("--key", fields.key, "The field by which tags and events name items")
      ->type_name("NAME");
  command->add_option("--time", fields.time, "The field of the time when an item came")
      ->type_name("NAME");
}

void AddTagOptions(CLI::App* command, TagOptions& tags) {
  command->add_option("--tags", tags.file, "Records of a key and a list of tags, known truth")
      ->type_name("FILE");
  command->add_option("--tags-field", tags.field, "The field of the tags [tags]")
      ->type_name("NAME");
}

StatusOr<Catalog> ReadTaggedCatalog(const std::vector<std::string>& items,
                                    const ItemFields& fields, const TagOptions& tags) {
  if (tags.file.empty()) return ReadCatalog(items, fields);
  if (fields.key.empty()) return UsageError("--tags needs --key, the field to match by");
  LARDER_ASSIGN_OR_RETURN(const TagsByKey by_key, ReadTags(tags.file, fields.key, tags.field));
  LARDER_ASSIGN_OR_RETURN(Catalog catalog, ReadCatalog(items, fields, by_key));
  const bool any = std::any_of(by_key.begin(), by_key.end(), [&](const auto& record) {
    return catalog.number_of.contains(record.first);
  });
  if (!any) {
    return InvalidArgument(tags.file, ": no record's '", fields.key, "' is that of an item");
  }
  return catalog;
}

void AddEventOptions(CLI::App* command, std::string& events, EventFields& fields) {
  command->add_option("--events", events, "Records of who engaged with which item, and when")
      ->type_name("FILE");
  command->add_option("--user", fields.user, "The events' field of the user [user_id]")
      ->type_name("NAME");
  command->add_option("--item", fields.item, "… of the item's key [item_id]")->type_name("NAME");
  command->add_option("--event-time", fields.time, "… of the time [event_time]")
      ->type_name("NAME");
  command->add_option("--value", fields.value, "… of a number that must be --at-least so much")
      ->type_name("NAME");
  command->add_option("--at-least", fields.at_least, "What --value must reach [0]")
      ->type_name("X");
}

Json ToJson(const text::Evaluation& evaluation) {
  return {{"documents", evaluation.documents},
          {"known_item_queries", evaluation.known_item_queries},
          {"known_item",
           {{"encoder", FiguresOf(evaluation.encoder)},
            {"bm25", FiguresOf(evaluation.bm25)},
            {"tfidf", FiguresOf(evaluation.tfidf)}}},
          {"tag_queries", evaluation.tag_queries},
          {"tag_share_of_10",
           {{"encoder", evaluation.tag_share_encoder},
            {"tfidf", evaluation.tag_share_tfidf},
            {"random", evaluation.tag_share_random}}}};
}

void PrintEvaluation(std::ostream& out, const text::Evaluation& evaluation) {
  Table table;
  table.AddColumn("MEASURE");
  for (const char* name : {"ENCODER", "BM25", "TF-IDF", "RANDOM"}) {
    table.AddColumn(name, Table::Align::kRight);
  }
  const auto add = [&](const std::string& what, double text::Retrieval::*figure) {
    table.AddRow({what, FormatNumber(evaluation.encoder.*figure),
                  FormatNumber(evaluation.bm25.*figure), FormatNumber(evaluation.tfidf.*figure)});
  };
  if (evaluation.known_item_queries > 0) {
    add(Concat("a sentence finds its title first, of ", FormatCount(evaluation.known_item_queries),
               " among ", FormatCount(evaluation.documents)),
        &text::Retrieval::at_1);
    add("… among the first ten", &text::Retrieval::at_10);
    add("… mean of 1 / place", &text::Retrieval::mrr_10);
  }
  if (evaluation.tag_queries > 0) {
    table.AddRow({Concat("ten nearest that share a tag, of ", FormatCount(evaluation.tag_queries)),
                  FormatNumber(evaluation.tag_share_encoder), "",
                  FormatNumber(evaluation.tag_share_tfidf),
                  FormatNumber(evaluation.tag_share_random)});
  }
  table.Print(out);
}

void AddEncoder(CLI::App& app, Cli& cli) {
  CLI::App* encoder = AddGroup(app, "encoder", "Train and measure encoders; needs no server");
  AddEncoderTrain(*encoder, cli);
  AddEncoderImport(*encoder, cli);
  AddEncoderDistill(*encoder, cli);
  AddEncoderEval(*encoder, cli);
}

}  // namespace larder::cli
