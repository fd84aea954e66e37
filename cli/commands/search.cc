// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <ostream>
#include <utility>

#include "cli/client.h"
#include "cli/column_view.h"
#include "cli/commands/commands.h"
#include "cli/number_option.h"
#include "cli/read_request.h"
#include "cli/table.h"
#include "larder/v1/retrieval_service.grpc.pb.h"
#include "serving/context.h"

namespace larder::cli {
namespace {

constexpr char kExamples[] =
    "  larder search text_of.vec \"space opera\"\n"
    "  larder search text_of.vec --key i42 --limit 20 --exact\n"
    "  larder search text_of.vec \"space opera\" --limit 100 --min-score 0.6";

struct Options {
  std::string feature;
  std::string text;
  std::string key;
  uint32_t limit = 10;
  uint32_t effort = 0;
  bool exact = false;
  std::optional<double> min_score;
  uint64_t min_position = 0;
};

StatusOr<v1::SearchResponse> Request(const Cli& cli, const Options& options) {
  if (options.text.empty() == options.key.empty()) {
    return UsageError("say either a TEXT or --key KEY to look for");
  }
  v1::SearchRequest request;
  request.set_feature(options.feature);
  if (options.key.empty()) {
    request.set_text(options.text);
  } else {
    request.set_key(options.key);
  }
  request.set_k(options.limit);
  request.set_effort(options.effort);
  request.set_exact(options.exact);
  if (options.min_score.has_value()) request.set_min_score(*options.min_score);
  if (options.min_position > 0) request.mutable_min_position()->set_value(options.min_position);
  LARDER_ASSIGN_OR_RETURN(const Client client, Client::Connect(cli));
  const auto stub = v1::RetrievalService::NewStub(client.channel());
  return client.Call(*stub, &v1::RetrievalService::Stub::Search, request);
}

StatusOr<int> Run(Cli& cli, const Options& options) {
  LARDER_ASSIGN_OR_RETURN(const v1::SearchResponse reply, Request(cli, options));
  LARDER_ASSIGN_OR_RETURN(const ColumnView ids, ColumnView::Open(reply.ids()));
  LARDER_ASSIGN_OR_RETURN(const ColumnView scores, ColumnView::Open(reply.scores()));
  if (scores.rows() != ids.rows()) return Internal("reply scores do not fit its ids");
  if (cli.json) {
    Json hits = Json::array();
    for (size_t i = 0; i < ids.rows(); ++i) {
      hits.push_back({{"id", std::string(ids.String(i))}, {"score", scores.ToJson(i)}});
    }
    cli.io.out << DumpJson({{"hits", std::move(hits)},
                            {"plan", reply.plan()},
                            {"epoch", EpochToJson(reply.epoch())},
                            {"read", ReadToJson(reply.read())}})
               << "\n";
    return kExitOk;
  }
  Table table;
  table.AddColumn("#", Table::Align::kRight);
  table.AddColumn("ID");
  table.AddColumn("COSINE", Table::Align::kRight);
  for (size_t i = 0; i < ids.rows(); ++i) {
    table.AddRow({std::to_string(i + 1), std::string(ids.String(i)), scores.Text(i)});
  }
  table.Print(cli.io.out);
  cli.io.out << "\n" << reply.plan() << "; " << DescribeRead(reply.read()) << "\n";
  return kExitOk;
}

}  // namespace

void AddSearch(CLI::App& app, Cli& cli) {
  auto options = std::make_shared<Options>();
  CLI::App* command = AddCommand(app, cli, "search",
                                 "Find the nearest neighbours of a text or key, without a recipe",
                                 kExamples, Needs::kServer);
  command
      ->add_option("FEATURE", options->feature, "A vector feature, VIEW.NAME or TABLE.COLUMN")
      ->required();
  command->add_option("TEXT", options->text, "What to look for");
  command->add_option("--key,-k", options->key, "Look for the neighbours of this key instead")
      ->type_name("KEY");
  AddNumber(command, "--limit,-n", options->limit, {1, serving::kMaxSearchHits}, "How many");
  AddNumber(command, "--effort", options->effort, {1, serving::kMaxSearchEffort},
            "Candidates kept while searching", "by limit");
  command->add_flag("--exact", options->exact, "Compare with every vector");
  command->add_option("--min-score", options->min_score, "Only neighbours of at least this cosine")
      ->type_name("COSINE");
  AddNumber(command, "--min-position", options->min_position, {}, "Wait until this is applied",
            "none");
  SetAction(command, cli, options, Run);
}

}  // namespace larder::cli
