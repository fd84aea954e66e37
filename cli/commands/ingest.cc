// SPDX-License-Identifier: Apache-2.0
#include <ostream>
#include <thread>
#include <utility>

#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/format.h"
#include "cli/ingest/ingest_stream.h"
#include "cli/ingest/reject_log.h"
#include "cli/input/record_reader.h"
#include "cli/json.h"
#include "cli/number_option.h"
#include "cli/progress.h"
#include "larder/v1/admin_service.grpc.pb.h"

namespace larder::cli {
namespace {

constexpr char kExamples[] =
    "  larder ingest catalog catalog.jsonl.zst\n"
    "  larder ingest clicks 2025-*.jsonl.gz --history\n"
    "  larder ingest clicks monday.csv tuesday.csv --rejects bad.jsonl\n"
    "  jq -c .hit day.json | larder ingest clicks -";
constexpr size_t kMaxBatch = 10'000;  // S11
// Well under the 16 MiB of a batch (S11), so that a batch is never too large by its last record.
constexpr size_t kBatchBytes = size_t{4} << 20;
// So long a record waits for others before it is sent.
constexpr std::chrono::seconds kBatchAge{1};
constexpr std::chrono::milliseconds kFirstPoll{10};
constexpr std::chrono::milliseconds kLongestPoll{500};

using SteadyClock = std::chrono::steady_clock;

struct Options {
  std::string source;
  std::vector<std::string> files;
  std::string format;
  std::string rejects;
  size_t batch = 2'000;
  bool history = false;
  bool no_wait = false;
};

// Reads files into batches and sends them.
class Ingester {
 public:
  Ingester(const Options& options, IngestStream& stream, RejectLog& rejects, Progress& progress)
      : options_(options), stream_(stream), rejects_(rejects), progress_(progress) {}

  Status SendFile(const std::string& file) {
    LARDER_ASSIGN_OR_RETURN(const InputFormat format, FormatOf(file, options_.format));
    StartBatch(file, format);
    // A slow pipe: its records do not wait until a batch is full.
    const auto on_idle = [&]() -> Status {
      LARDER_RETURN_IF_ERROR(SendBatch());
      StartBatch(file, format);
      return stream_.Poll();
    };
    LARDER_ASSIGN_OR_RETURN(const auto reader, RecordReader::Open(file, format, on_idle));
    InputRecord record;
    for (;;) {
      LARDER_ASSIGN_OR_RETURN(const bool more, reader->Next(record));
      if (!more) break;
      if (!record.status.ok()) {
        LARDER_RETURN_IF_ERROR(rejects_.Add(file, record.line, record.status, record.original()));
        continue;
      }
      if (batch_.size() == options_.batch ||
          batch_.size_bytes + record.bytes.size() > kBatchBytes ||
          SteadyClock::now() - batch_start_ > kBatchAge) {
        LARDER_RETURN_IF_ERROR(SendBatch());
        StartBatch(file, format);
      }
      batch_.size_bytes += record.bytes.size();
      batch_.lines.push_back(record.line);
      if (format == InputFormat::kCsv) batch_.originals.push_back(std::move(record.raw));
      batch_.request.add_records(std::move(record.bytes));
    }
    return SendBatch();
  }

  std::string Line() const {
    const IngestTotals totals = stream_.totals();
    const double rate = static_cast<double>(totals.accepted) / std::max(progress_.seconds(), 1e-3);
    return Concat(options_.source, ": ", FormatCount(totals.accepted), " in, ",
                  FormatCount(rejects_.count()), " rejected, ",
                  FormatCount(static_cast<uint64_t>(rate)), "/s");
  }

 private:
  void StartBatch(const std::string& file, InputFormat format) {
    batch_ = IngestBatch{};
    batch_start_ = SteadyClock::now();
    batch_.file = file;
    batch_.request.set_source(options_.source);
    batch_.request.set_history(options_.history);
    batch_.request.set_format(format == InputFormat::kCsv ? v1::RECORD_FORMAT_JSON_TEXT
                                                          : v1::RECORD_FORMAT_JSON);
  }

  Status SendBatch() {
    if (batch_.size() == 0) return OkStatus();
    LARDER_RETURN_IF_ERROR(stream_.Send(std::move(batch_)));
    if (progress_.Due()) progress_.Show(Line());
    return OkStatus();
  }

  const Options& options_;
  IngestStream& stream_;
  RejectLog& rejects_;
  Progress& progress_;
  IngestBatch batch_;
  SteadyClock::time_point batch_start_;
};

// Until reads show everything up to `position`.
// Errors: kDeadlineExceeded if they get no further for --timeout.
Status WaitUntilApplied(const Client& client, uint64_t position) {
  const auto stub = v1::AdminService::NewStub(client.channel());
  std::chrono::milliseconds pause = kFirstPoll;
  uint64_t applied = 0;
  auto since = SteadyClock::now();
  for (;;) {
    LARDER_ASSIGN_OR_RETURN(
        const v1::StatusResponse status,
        client.Call(*stub, &v1::AdminService::Stub::Status, v1::StatusRequest()));
    if (status.applied().value() >= position) return OkStatus();
    if (status.applied().value() > applied) since = SteadyClock::now();
    applied = status.applied().value();
    if (SteadyClock::now() - since > std::chrono::microseconds(client.timeout())) {
      return DeadlineExceeded("all records are durable, but reads got no further than position ",
                              applied, " of ", position, " within --timeout");
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, kLongestPoll);
  }
}

Status SendAll(const Options& options, Ingester& ingester, IngestStream& stream) {
  for (const std::string& file : options.files) {
    LARDER_RETURN_IF_ERROR(ingester.SendFile(file));
  }
  return stream.Finish();
}

StatusOr<int> Run(Cli& cli, const Options& options) {
  LARDER_ASSIGN_OR_RETURN(const Client client, Client::Connect(cli));
  RejectLog rejects(
      options.rejects.empty() ? Concat(options.source, ".rejects.jsonl") : options.rejects,
      cli.io.err);
  LARDER_RETURN_IF_ERROR(rejects.Begin(options.files));
  Progress progress(cli.io.err);
  IngestStream stream(client, rejects);
  Ingester ingester(options, stream, rejects, progress);
  Status status = SendAll(options, ingester, stream);
  const IngestTotals totals = stream.totals();
  if (status.ok() && !options.no_wait && totals.position > 0) {
    status = WaitUntilApplied(client, totals.position);
  }
  if (status.ok()) status = rejects.End();
  progress.Finish();
  const double seconds = progress.seconds();
  const std::string line = ingester.Line();
  if (cli.json) {
    cli.io.out << DumpJson({{"source", options.source},
                            {"accepted", totals.accepted},
                            {"duplicates", totals.duplicates},
                            {"rejected", rejects.count()},
                            {"rejects_file", rejects.count() > 0 ? Json(rejects.path()) : Json()},
                            {"position", totals.position},
                            {"seconds", seconds},
                            {"per_second", static_cast<double>(totals.accepted) / seconds}})
               << "\n";
  } else {
    cli.io.out << line << ", " << FormatCount(totals.duplicates) << " known before, "
               << FormatNumber(seconds) << " s\n";
    if (rejects.count() > 0) {
      cli.io.out << "rejected records, with reasons, are in " << rejects.path() << "\n";
    }
  }
  if (!status.ok()) {
    if (totals.accepted == 0) return status;
    return Annotate(status, Concat("after ", totals.accepted,
                                   " records were acknowledged (sending them again is harmless)"));
  }
  return rejects.count() > 0 ? kExitRejected : kExitOk;
}

}  // namespace

void AddIngest(CLI::App& app, Cli& cli) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      AddCommand(app, cli, "ingest", "Send rows or events; ends when the last one shows in reads",
                 kExamples, Needs::kServer);
  command->add_option("SOURCE", options->source, "The table or events document")->required();
  command
      ->add_option(
          "FILE", options->files,
          "JSON lines, or CSV if it is named .csv; maybe .zst or .gz; - for standard input")
      ->required();
  command->add_option("--format", options->format, "json or csv, whatever the name says")
      ->check(CLI::IsMember({"json", "csv"}));
  AddNumber(command, "--batch", options->batch, {1, kMaxBatch}, "Records sent at once");
  command
      ->add_option("--rejects", options->rejects,
                   "Where records go that were rejected [SOURCE.rejects.jsonl]")
      ->type_name("FILE");
  command->add_flag("--history", options->history,
                    "Bulk history: records arrived at their own time plus the source's delay; only "
                    "before the source's first live record");
  command->add_flag("--no-wait", options->no_wait,
                    "End when all is durable, shown in reads or not");
  SetAction(command, cli, options, Run);
}

}  // namespace larder::cli
