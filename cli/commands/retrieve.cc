// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <ostream>
#include <utility>

#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/retrieve_all.h"
#include "cli/format.h"
#include "cli/number_option.h"
#include "cli/read_request.h"
#include "cli/reply_columns.h"
#include "larder/v1/retrieval_service.grpc.pb.h"
#include "serving/context.h"

namespace larder::cli {
namespace {

struct Options {
  std::string recipe;
  std::vector<std::string> keys;
  std::vector<std::string> request;
  std::vector<std::string> columns;
  uint32_t limit = 0;            // 0: the recipe's
  std::optional<uint64_t> seed;  // none: from the request
  uint64_t min_position = 0;
  bool ages = false;
  bool explain = false;
  bool all = false;
  RetrieveAllOptions all_options;  // those that are not above
};

StatusOr<v1::RetrieveResponse> Request(const Cli& cli, const Options& options) {
  LARDER_ASSIGN_OR_RETURN(const Keys keys, ParseKeys(options.keys));
  if (!keys.candidates.empty()) {
    return UsageError(
        "--key: a recipe finds its candidates itself; `larder get` reads those "
        "that you name");
  }
  LARDER_ASSIGN_OR_RETURN(const auto columns, ParseRequestColumns(options.request));
  v1::RetrieveRequest request;
  request.set_recipe(options.recipe);
  request.mutable_keys()->insert(keys.roles.begin(), keys.roles.end());
  request.mutable_request()->insert(columns.begin(), columns.end());
  if (options.limit > 0) request.set_limit(options.limit);
  if (options.seed.has_value()) request.set_seed(*options.seed);
  if (options.min_position > 0) request.mutable_min_position()->set_value(options.min_position);
  request.set_explain(options.explain);
  request.set_want_ages(options.ages);
  request.set_want_reasons(true);
  LARDER_ASSIGN_OR_RETURN(const Client client, Client::Connect(cli));
  const auto stub = v1::RetrievalService::NewStub(client.channel());
  return client.Call(*stub, &v1::RetrievalService::Stub::Retrieve, request);
}

// A reply with its buffers checked.
struct Opened {
  ColumnView ids;
  ColumnView scores;
  std::optional<ColumnView> propensities;
  std::vector<ColumnView> columns;
  std::vector<ColumnView> channel_scores;
  std::vector<ColumnView> channel_ranks;
};

StatusOr<Opened> Open(const v1::RetrieveResponse& reply, const std::vector<std::string>& names) {
  LARDER_ASSIGN_OR_RETURN(ColumnView ids, ColumnView::Open(reply.ids()));
  LARDER_ASSIGN_OR_RETURN(ColumnView scores, ColumnView::Open(reply.scores()));
  LARDER_ASSIGN_OR_RETURN(auto columns, OpenColumns(reply.columns(), ids.rows()));
  LARDER_ASSIGN_OR_RETURN(columns, PickColumns(std::move(columns), names));
  Opened opened{std::move(ids), std::move(scores), std::nullopt, std::move(columns), {}, {}};
  if (reply.has_propensities()) {
    LARDER_ASSIGN_OR_RETURN(opened.propensities, ColumnView::Open(reply.propensities()));
  }
  for (const v1::ChannelResult& channel : reply.channels()) {
    LARDER_ASSIGN_OR_RETURN(ColumnView channel_scores, ColumnView::Open(channel.scores()));
    LARDER_ASSIGN_OR_RETURN(ColumnView channel_ranks, ColumnView::Open(channel.ranks()));
    if (channel_scores.rows() != opened.ids.rows() || channel_ranks.rows() != opened.ids.rows()) {
      return Internal("reply channel '", channel.name(), "' does not fit its ids");
    }
    opened.channel_scores.push_back(std::move(channel_scores));
    opened.channel_ranks.push_back(std::move(channel_ranks));
  }
  const size_t rows = opened.ids.rows();
  if (opened.scores.rows() != rows ||
      (opened.propensities && opened.propensities->rows() != rows)) {
    return Internal("reply scores do not fit its ids");
  }
  return opened;
}

DurationUs Micros(const google::protobuf::Duration& duration) {
  return duration.seconds() * kSecondUs + duration.nanos() / 1'000;
}

Json CandidateToJson(const v1::RetrieveResponse& reply, const Opened& opened, size_t row,
                     bool ages) {
  Json channels = Json::object();
  for (size_t c = 0; c < opened.channel_ranks.size(); ++c) {
    if (opened.channel_ranks[c].IsNull(row)) continue;
    channels[reply.channels(static_cast<int>(c)).name()] = {
        {"rank", opened.channel_ranks[c].ToJson(row)},
        {"score", opened.channel_scores[c].ToJson(row)}};
  }
  Json out = {{"id", std::string(opened.ids.String(row))},
              {"score", opened.scores.ToJson(row)},
              {"channels", std::move(channels)}};
  if (opened.propensities) out["propensity"] = opened.propensities->ToJson(row);
  out.update(RowToJson(opened.columns, row, ages));
  return out;
}

Json ReplyToJson(const v1::RetrieveResponse& reply, const Opened& opened, const Options& options) {
  Json candidates = Json::array();
  for (size_t i = 0; i < opened.ids.rows(); ++i) {
    candidates.push_back(CandidateToJson(reply, opened, i, options.ages));
  }
  Json dropped = Json::array();
  for (const v1::DroppedChannel& channel : reply.dropped()) {
    dropped.push_back({{"channel", channel.name()},
                       {"code", StatusCodeName(static_cast<StatusCode>(channel.code()))},
                       {"message", channel.message()}});
  }
  Json epochs = Json::array();
  for (const v1::IndexEpoch& epoch : reply.epochs()) {
    epochs.push_back(EpochToJson(epoch));
  }
  const v1::RetrieveTimings& timings = reply.timings();
  Json json = {{"candidates", std::move(candidates)},
               {"dropped", std::move(dropped)},
               {"epochs", std::move(epochs)},
               {"seed", reply.seed()},
               {"timings_us",
                {{"wait", Micros(timings.wait())},
                 {"filter", Micros(timings.filter())},
                 {"channels", Micros(timings.channels())},
                 {"rank", Micros(timings.rank())},
                 {"hydrate", Micros(timings.hydrate())}}},
               {"read", ReadToJson(reply.read())}};
  if (options.explain) {
    json["explain"] = std::vector<std::string>(reply.explain().begin(), reply.explain().end());
  }
  return json;
}

// With `channels`: each channel's rank and the propensity beside the features.
void PrintCandidates(std::ostream& out, const v1::RetrieveResponse& reply, const Opened& opened,
                     bool ages, bool channels) {
  Table table;
  table.AddColumn("#", Table::Align::kRight);
  table.AddColumn("ID");
  table.AddColumn("SCORE", Table::Align::kRight);
  if (channels) {
    for (const v1::ChannelResult& channel : reply.channels()) {
      table.AddColumn(channel.name(), Table::Align::kRight);
    }
    if (opened.propensities) table.AddColumn("propensity", Table::Align::kRight);
  }
  AddFeatureColumns(table, opened.columns);
  const auto cell_or_blank = [](const ColumnView& column, size_t row) {
    return column.IsNull(row) ? std::string() : column.Text(row);
  };
  for (size_t i = 0; i < opened.ids.rows(); ++i) {
    std::vector<std::string> cells{std::to_string(i + 1), std::string(opened.ids.String(i)),
                                   cell_or_blank(opened.scores, i)};
    if (channels) {
      for (const ColumnView& ranks : opened.channel_ranks) cells.push_back(cell_or_blank(ranks, i));
      if (opened.propensities) cells.push_back(cell_or_blank(*opened.propensities, i));
    }
    for (const ColumnView& column : opened.columns) cells.push_back(Cell(column, i, ages));
    table.AddRow(std::move(cells));
  }
  table.Print(out);
}

void PrintNotes(std::ostream& out, const v1::RetrieveResponse& reply, const Options& options,
                bool all) {
  if (reply.ids().rows() == 0) {
    out << "no candidates";
    for (size_t i = 0; i < options.keys.size(); ++i) {
      out << (i == 0 ? " for " : ", ") << options.keys[i];
    }
    out << "\n";
  }
  for (const v1::DroppedChannel& channel : reply.dropped()) {
    out << "channel " << channel.name()
        << " was dropped: " << StatusCodeName(static_cast<StatusCode>(channel.code())) << ": "
        << channel.message() << "\n";
  }
  if (all) {
    for (const v1::IndexEpoch& epoch : reply.epochs()) {
      out << "index " << epoch.feature() << ": " << epoch.base_vectors() << " vectors in base "
          << (epoch.base_digest().empty() ? "(none)" : epoch.base_digest().substr(0, 12)) << ", "
          << epoch.delta_vectors() << " newer\n";
    }
    const v1::RetrieveTimings& timings = reply.timings();
    out << "wait " << FormatSpan(Micros(timings.wait())) << ", filter "
        << FormatSpan(Micros(timings.filter())) << ", channels "
        << FormatSpan(Micros(timings.channels())) << ", rank " << FormatSpan(Micros(timings.rank()))
        << ", features " << FormatSpan(Micros(timings.hydrate())) << "; seed " << reply.seed()
        << "\n";
  }
  for (const std::string& line : reply.explain()) out << "  " << line << "\n";
  out << DescribeRead(reply.read()) << "\n";
}

StatusOr<int> RunWith(Cli& cli, const Options& options, bool all) {
  LARDER_ASSIGN_OR_RETURN(const auto names, ParseColumns(options.columns));
  LARDER_ASSIGN_OR_RETURN(const v1::RetrieveResponse reply, Request(cli, options));
  LARDER_ASSIGN_OR_RETURN(const Opened opened, Open(reply, names));
  if (cli.json) {
    cli.io.out << DumpJson(ReplyToJson(reply, opened, options)) << "\n";
    return kExitOk;
  }
  PrintCandidates(cli.io.out, reply, opened, options.ages, all);
  cli.io.out << "\n";
  PrintNotes(cli.io.out, reply, options, all);
  return kExitOk;
}

StatusOr<int> RunSimilar(Cli& cli, const Options& options) { return RunWith(cli, options, false); }

StatusOr<int> RunRetrieve(Cli& cli, const Options& options) {
  if (!options.all) return RunWith(cli, options, true);
  RetrieveAllOptions all = options.all_options;
  all.recipe = options.recipe;
  all.request = options.request;
  all.limit = options.limit;
  return RetrieveAll(cli, all);
}

std::shared_ptr<Options> AddOptions(CLI::App* command) {
  auto options = std::make_shared<Options>();
  command->add_option("RECIPE", options->recipe, "Name of the recipe, or NAME@VERSION")->required();
  command->add_option("--key,-k", options->keys, "A role's key")
      ->type_name("ROLE=KEY")
      ->allow_extra_args(false);
  command->add_option("--request,-r", options->request, "A column that the caller brings")
      ->type_name("COLUMN=VALUE")
      ->allow_extra_args(false);
  AddNumber(command, "--limit,-n", options->limit, {1, kMaxUint32}, "At most so many",
            "the recipe's");
  command->add_option("--columns", options->columns, "Show only these features, cut by commas")
      ->type_name("NAMES")
      ->allow_extra_args(false);
  AddNumber(command, "--seed", options->seed, {}, "For `sample` channels", "from the request");
  command->add_flag("--ages", options->ages, "Show how old each value is");
  AddNumber(command, "--min-position", options->min_position, {}, "Wait until this is applied",
            "none");
  return options;
}

// `--all` and what goes with it, after all other options.
void AddAllOptions(CLI::App* command, Options& options) {
  CLI::Option* all = command->add_flag(
      "--all", options.all, "Run it for every key of the recipe's one key, into a file");
  for (const char* name : {"--key", "--columns", "--seed", "--ages", "--min-position",
                           "--explain"}) {
    all->excludes(command->get_option(name));
  }
  RetrieveAllOptions& file = options.all_options;
  CLI::Option* out =
      command
          ->add_option("--out", file.out,
                       "Where --all writes its lines; compressed if it is named .zst. An "
                       "interrupted run goes on")
          ->type_name("FILE")
          ->needs(all);
  all->needs(out);
  AddNumber(command, "--effort", file.effort, {1, serving::kMaxSearchEffort},
            "Candidates that --all keeps while searching", "96")
      ->needs(all);
  command->add_flag("--restart", file.restart, "Throw away what an interrupted --all left")
      ->needs(all);
}

}  // namespace

void AddSimilar(CLI::App& app, Cli& cli) {
  CLI::App* command = AddCommand(
      app, cli, "similar", "Run a recipe and show its candidates with score and features",
      "  larder similar similar_items --key seed=i42\n"
      "  larder similar similar_items --key seed=i42 --key user=u7 --request hour=9 --limit 5",
      Needs::kServer);
  SetAction(command, cli, AddOptions(command), RunSimilar);
}

void AddRetrieve(CLI::App& app, Cli& cli) {
  CLI::App* command =
      AddCommand(app, cli, "retrieve",
                 "Run a recipe and show everything: channels, propensities, indexes, timings",
                 "  larder retrieve similar_items --key seed=i42 --explain\n"
                 "  larder retrieve similar_items --key seed=i42 --json\n"
                 "  larder retrieve similar_items --all --out similar.jsonl.zst\n"
                 "  larder retrieve similar_items --all --out de.jsonl --request language=de",
                 Needs::kServer);
  const auto options = AddOptions(command);
  command->add_flag("--explain", options->explain, "Say how the recipe was run");
  AddAllOptions(command, *options);
  SetAction(command, cli, options, RunRetrieve);
}

}  // namespace larder::cli
