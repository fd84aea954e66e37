// SPDX-License-Identifier: Apache-2.0
#include <ostream>
#include <utility>

#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/number_option.h"
#include "cli/read_request.h"
#include "cli/reply_columns.h"
#include "larder/v1/feature_service.grpc.pb.h"

namespace larder::cli {
namespace {

constexpr char kExamples[] =
    "  larder get ranker --key user=u7 --key candidate=i1,i2,i3 --request hour=9\n"
    "  larder get ranker --key candidate=i1 --ages --json";
// With so few candidates each is a column of the table, and features are its rows.
constexpr size_t kMaxAcross = 5;

struct Options {
  std::string set;
  std::vector<std::string> keys;
  std::vector<std::string> request;
  std::vector<std::string> columns;
  uint64_t min_position = 0;
  bool ages = false;
};

StatusOr<v1::GetFeaturesResponse> Request(const Cli& cli, const Options& options) {
  LARDER_ASSIGN_OR_RETURN(const Keys keys, ParseKeys(options.keys));
  LARDER_ASSIGN_OR_RETURN(const auto columns, ParseRequestColumns(options.request));
  v1::GetFeaturesRequest request;
  request.set_set(options.set);
  request.mutable_keys()->insert(keys.roles.begin(), keys.roles.end());
  request.mutable_candidates()->Add(keys.candidates.begin(), keys.candidates.end());
  request.mutable_request()->insert(columns.begin(), columns.end());
  if (options.min_position > 0) request.mutable_min_position()->set_value(options.min_position);
  request.set_want_ages(options.ages);
  request.set_want_reasons(true);
  LARDER_ASSIGN_OR_RETURN(const Client client, Client::Connect(cli));
  const auto stub = v1::FeatureService::NewStub(client.channel());
  return client.Call(*stub, &v1::FeatureService::Stub::GetFeatures, request);
}

Table FeaturesDown(const ColumnView& ids, const std::vector<ColumnView>& columns, bool ages) {
  Table table;
  table.AddColumn("FEATURE");
  for (size_t i = 0; i < ids.rows(); ++i) table.AddColumn(std::string(ids.String(i)));
  for (const ColumnView& column : columns) {
    std::vector<std::string> cells{ShortName(column)};
    for (size_t i = 0; i < ids.rows(); ++i) cells.push_back(Cell(column, i, ages));
    table.AddRow(std::move(cells));
  }
  return table;
}

Table FeaturesAcross(const ColumnView& ids, const std::vector<ColumnView>& columns, bool ages) {
  Table table;
  table.AddColumn("ID");
  AddFeatureColumns(table, columns);
  for (size_t i = 0; i < ids.rows(); ++i) {
    std::vector<std::string> cells{std::string(ids.String(i))};
    for (const ColumnView& column : columns) cells.push_back(Cell(column, i, ages));
    table.AddRow(std::move(cells));
  }
  return table;
}

// Without candidates: the columns that hold for all of them, which have a value nevertheless.
Table SharedFeatures(const std::vector<ColumnView>& columns, bool ages) {
  Table table;
  table.AddColumn("FEATURE");
  table.AddColumn("VALUE");
  for (const ColumnView& column : columns) table.AddRow({ShortName(column), Cell(column, 0, ages)});
  return table;
}

StatusOr<int> Run(Cli& cli, const Options& options) {
  LARDER_ASSIGN_OR_RETURN(const auto names, ParseColumns(options.columns));
  LARDER_ASSIGN_OR_RETURN(const v1::GetFeaturesResponse reply, Request(cli, options));
  LARDER_ASSIGN_OR_RETURN(const ColumnView ids, ColumnView::Open(reply.ids()));
  LARDER_ASSIGN_OR_RETURN(auto columns, OpenColumns(reply.columns(), ids.rows()));
  LARDER_ASSIGN_OR_RETURN(columns, PickColumns(std::move(columns), names));
  const bool shared = ids.rows() == 0;
  if (shared) std::erase_if(columns, [](const ColumnView& column) { return column.rows() == 0; });
  if (cli.json) {
    Json rows = Json::array();
    for (size_t i = 0; i < ids.rows(); ++i) {
      Json row = {{"id", std::string(ids.String(i))}};
      row.update(RowToJson(columns, i, options.ages));
      rows.push_back(std::move(row));
    }
    Json json = {{"rows", std::move(rows)}};
    if (shared) json["shared"] = RowToJson(columns, 0, options.ages);
    json["read"] = ReadToJson(reply.read());
    cli.io.out << DumpJson(json) << "\n";
    return kExitOk;
  }
  const Table table = shared                     ? SharedFeatures(columns, options.ages)
                      : ids.rows() <= kMaxAcross ? FeaturesDown(ids, columns, options.ages)
                                                 : FeaturesAcross(ids, columns, options.ages);
  table.Print(cli.io.out);
  cli.io.out << "\n" << DescribeRead(reply.read()) << "\n";
  return kExitOk;
}

}  // namespace

void AddGet(CLI::App& app, Cli& cli) {
  auto options = std::make_shared<Options>();
  CLI::App* command = AddCommand(app, cli, "get", "Read the features of a set for some candidates",
                                 kExamples, Needs::kServer);
  command->add_option("SET", options->set, "Name of the set, or NAME@VERSION")->required();
  command->add_option("--key,-k", options->keys, "A role's key; candidates may be cut by commas")
      ->type_name("ROLE=KEY")
      ->allow_extra_args(false);
  command->add_option("--request,-r", options->request, "A column that the caller brings")
      ->type_name("COLUMN=VALUE")
      ->allow_extra_args(false);
  command->add_option("--columns", options->columns, "Show only these, cut by commas")
      ->type_name("NAMES")
      ->allow_extra_args(false);
  command->add_flag("--ages", options->ages, "Show how old each value is");
  AddNumber(command, "--min-position", options->min_position, {}, "Wait until this is applied",
            "none");
  SetAction(command, cli, options, Run);
}

}  // namespace larder::cli
