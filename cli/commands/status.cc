// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <ostream>
#include <thread>
#include <utility>

#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/format.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "larder/v1/admin_service.grpc.pb.h"

namespace larder::cli {
namespace {

constexpr char kExamples[] =
    "  larder status\n"
    "  larder status --wait            # until background jobs are idle\n"
    "  larder status --state-hash --json | jq -r .state_hash";
constexpr std::chrono::milliseconds kPollEvery{200};
constexpr size_t kShortDigest = 12;

struct Options {
  bool wait = false;
  bool state_hash = false;
};

std::string_view StateName(v1::JobState state) {
  switch (state) {
    case v1::JOB_STATE_RUNNING:
      return "running";
    case v1::JOB_STATE_RETRYING:
      return "retrying";
    case v1::JOB_STATE_DONE:
      return "done";
    default:
      return "unknown";
  }
}

std::string_view StateName(v1::EpochState state) {
  switch (state) {
    case v1::EPOCH_STATE_COMPUTING:
      return "computing";
    case v1::EPOCH_STATE_CHECKING:
      return "checking";
    case v1::EPOCH_STATE_REFUSED:
      return "refused";
    case v1::EPOCH_STATE_LIVE:
      return "live";
    case v1::EPOCH_STATE_KEPT:
      return "kept";
    default:
      return "unknown";
  }
}

double Seconds(const google::protobuf::Duration& duration) {
  return static_cast<double>(duration.seconds()) + duration.nanos() / 1e9;
}

Json IndexJson(const v1::IndexStatus& index) {
  Json json = {{"feature", index.epoch().feature()},
               {"epoch", index.epoch().feature_digest()},
               {"state", StateName(index.state())},
               {"active", index.active()},
               {"vectors", index.vectors()},
               {"base", index.epoch().base_digest()},
               {"base_vectors", index.epoch().base_vectors()},
               {"delta_vectors", index.epoch().delta_vectors()},
               {"space", index.epoch().space()},
               {"encoded", index.encoded()},
               {"reused", index.reused()},
               {"pending_vectors", index.pending_vectors()},
               {"memory_bytes", index.memory_bytes()},
               {"bytes_per_vector", index.bytes_per_vector()},
               {"masked_vectors", index.masked_vectors()},
               {"next_base_bytes", index.next_base_bytes()},
               {"next_epoch_bytes", index.next_epoch_bytes()},
               {"bases_written", index.bases_written()},
               {"base_bytes_written", index.base_bytes_written()},
               {"base_vectors_added", index.base_vectors_added()}};
  if (index.has_recall_at_10()) {
    json["recall_at_10"] = index.recall_at_10();
    json["recall_queries"] = index.recall_queries();
  }
  if (index.has_check()) {
    json["check"] = {{"queries", index.check().queries()},
                     {"coverage", index.check().coverage()},
                     {"recall_at_10", index.check().recall_at_10()},
                     {"overlap_at_10", index.check().overlap_at_10()},
                     {"refusal", index.check().refusal()}};
  }
  return json;
}

Json ToJson(const v1::StatusResponse& status) {
  Json sources = Json::array();
  for (const v1::SourceStatus& source : status.sources()) {
    sources.push_back({{"name", source.name()},
                       {"records", source.records()},
                       {"duplicates", source.duplicates()},
                       {"skipped", source.skipped()},
                       {"ids", source.ids()}});
  }
  Json indexes = Json::array();
  for (const v1::IndexStatus& index : status.indexes()) indexes.push_back(IndexJson(index));
  Json encoders = Json::array();
  for (const v1::EncoderStatus& encoder : status.encoders()) {
    encoders.push_back({{"name", encoder.definition().name()},
                        {"version", encoder.definition().version()},
                        {"digest", encoder.definition().digest()},
                        {"dimensions", encoder.dimensions()},
                        {"external", encoder.external()},
                        {"loaded", encoder.loaded()},
                        {"texts", encoder.texts()},
                        {"kind", encoder.kind()},
                        {"tokenizer", encoder.tokenizer()},
                        {"max_tokens", encoder.max_tokens()},
                        {"tokens", encoder.tokens()},
                        {"cache_hits", encoder.cache_hits()},
                        {"cache_misses", encoder.cache_misses()}});
  }
  Json jobs = Json::array();
  for (const v1::JobStatus& job : status.jobs()) {
    jobs.push_back({{"kind", job.kind()},
                    {"subject", job.subject()},
                    {"state", StateName(job.state())},
                    {"done", job.done()},
                    {"total", job.total()},
                    {"seconds", Seconds(job.elapsed())},
                    {"error", job.error()}});
  }
  Json json = {{"version", status.version()},
               {"semantics", status.semantics()},
               {"idle", status.idle()},
               {"failure", status.failure()},
               {"data_dir", status.data_dir()},
               {"uptime_s", Seconds(status.uptime())},
               {"recovery_s", status.recovery_seconds()},
               {"replayed_entries", status.replayed_entries()},
               {"revision", status.revision()},
               {"applied", status.applied().value()},
               {"synced", status.synced().value()},
               {"checkpoint", status.checkpoint().value()},
               {"keys", status.keys()},
               {"window_states", status.window_states()},
               {"dirty_blobs", status.dirty_blobs()},
               {"queued_batches", status.queued_batches()},
               {"memory_bytes", status.memory_bytes()},
               {"artifact_errors", status.artifact_errors()},
               {"last_artifact_error", status.last_artifact_error()},
               {"sources", std::move(sources)},
               {"indexes", std::move(indexes)},
               {"encoders", std::move(encoders)},
               {"jobs", std::move(jobs)}};
  if (!status.state_hash().empty()) {
    json["state_hash"] = status.state_hash();
    json["state_hash_position"] = status.state_hash_position().value();
  }
  return json;
}

void PrintSources(std::ostream& out, const v1::StatusResponse& status) {
  if (status.sources().empty()) return;
  Table table;
  table.AddColumn("SOURCE");
  for (const char* name : {"RECORDS", "DUPLICATES", "SKIPPED"}) {
    table.AddColumn(name, Table::Align::kRight);
  }
  for (const v1::SourceStatus& source : status.sources()) {
    table.AddRow({source.name(), FormatCount(source.records()), FormatCount(source.duplicates()),
                  FormatCount(source.skipped())});
  }
  out << "\n";
  table.Print(out);
}

std::string ShortEpoch(const v1::IndexStatus& index) {
  return index.epoch().feature_digest().substr(0, kShortDigest);
}

void PrintCheck(std::ostream& out, const v1::IndexStatus& index) {
  if (!index.has_check()) return;
  const v1::EpochCheck& check = index.check();
  out << index.epoch().feature() << " " << ShortEpoch(index) << ": checked with "
      << FormatCount(check.queries()) << " keys: " << FormatNumber(100 * check.coverage())
      << "% of them have a vector, recall@10 " << FormatNumber(check.recall_at_10())
      << ", neighbours kept " << FormatNumber(check.overlap_at_10());
  if (!check.refusal().empty()) out << "; REFUSED: " << check.refusal();
  out << "\n";
}

void PrintIndexes(std::ostream& out, const v1::StatusResponse& status) {
  if (status.indexes().empty()) return;
  Table table;
  table.AddColumn("INDEX");
  table.AddColumn("EPOCH");
  table.AddColumn("STATE");
  for (const char* name :
       {"VECTORS", "PENDING", "IN BASE", "MASKED", "NEWER", "ENCODED", "REUSED", "MEMORY",
        "BYTES/VECTOR", "RECALL@10"}) {
    table.AddColumn(name, Table::Align::kRight);
  }
  table.AddColumn("ENCODER");
  for (const v1::IndexStatus& index : status.indexes()) {
    table.AddRow({index.epoch().feature(), ShortEpoch(index), std::string(StateName(index.state())),
                  FormatCount(index.vectors()), FormatCount(index.pending_vectors()),
                  FormatCount(index.epoch().base_vectors()), FormatCount(index.masked_vectors()),
                  FormatCount(index.epoch().delta_vectors()), FormatCount(index.encoded()),
                  FormatCount(index.reused()), FormatBytes(index.memory_bytes()),
                  FormatNumber(index.bytes_per_vector()),
                  index.has_recall_at_10() ? FormatNumber(index.recall_at_10()) : "",
                  index.epoch().space().substr(0, kShortDigest)});
  }
  out << "\n";
  table.Print(out);
  for (const v1::IndexStatus& index : status.indexes()) {
    PrintCheck(out, index);
    out << index.epoch().feature() << " " << ShortEpoch(index) << ": its next base takes "
        << FormatBytes(index.next_base_bytes()) << " for a while, another epoch beside it "
        << FormatBytes(index.next_epoch_bytes()) << "\n";
  }
}

// Of texts that were looked up, how many were found; nothing for encoders that need no cache.
std::string HitRate(const v1::EncoderStatus& encoder) {
  const uint64_t lookups = encoder.cache_hits() + encoder.cache_misses();
  if (lookups == 0) return "";
  const double rate = static_cast<double>(encoder.cache_hits()) / static_cast<double>(lookups);
  return Concat(FormatNumber(100 * rate), " %");
}

void PrintEncoders(std::ostream& out, const v1::StatusResponse& status) {
  if (status.encoders().empty()) return;
  Table table;
  for (const char* name : {"ENCODER", "KIND", "TOKENIZER"}) table.AddColumn(name);
  for (const char* name : {"DIMENSIONS", "TEXTS", "TOKENS", "CACHED"}) {
    table.AddColumn(name, Table::Align::kRight);
  }
  for (const v1::EncoderStatus& encoder : status.encoders()) {
    const std::string kind = encoder.external() ? "external"
                             : encoder.loaded() ? encoder.kind()
                                                : "not loaded";
    table.AddRow({encoder.definition().name(), kind, encoder.tokenizer(),
                  FormatCount(encoder.dimensions()), FormatCount(encoder.texts()),
                  FormatCount(encoder.tokens()), HitRate(encoder)});
  }
  out << "\n";
  table.Print(out);
}

void PrintJobs(std::ostream& out, const v1::StatusResponse& status) {
  if (status.jobs().empty()) return;
  Table table;
  table.AddColumn("JOB");
  table.AddColumn("OF");
  table.AddColumn("STATE");
  table.AddColumn("DONE", Table::Align::kRight);
  table.AddColumn("TIME", Table::Align::kRight);
  table.AddColumn("ERROR");
  for (const v1::JobStatus& job : status.jobs()) {
    std::string done = FormatCount(job.done());
    if (job.total() > 0) done += Concat(" / ", FormatCount(job.total()));
    const double micros = Seconds(job.elapsed()) * static_cast<double>(kSecondUs);
    table.AddRow({job.kind(), job.subject(), std::string(StateName(job.state())), std::move(done),
                  FormatSpan(static_cast<DurationUs>(micros)), job.error()});
  }
  out << "\n";
  table.Print(out);
}

void Print(std::ostream& out, const v1::StatusResponse& status) {
  const double uptime = Seconds(status.uptime()) * static_cast<double>(kSecondUs);
  out << "larder " << status.version() << ", semantics " << status.semantics() << ", "
      << (status.idle() ? "idle" : "busy") << ", up " << FormatSpan(static_cast<DurationUs>(uptime))
      << ", recovered in " << FormatNumber(status.recovery_seconds()) << " s ("
      << FormatCount(status.replayed_entries()) << " entries replayed)\n"
      << "data " << status.data_dir() << ", revision " << status.revision() << ", position "
      << status.applied().value() << ", " << FormatBytes(status.memory_bytes()) << " of memory, "
      << FormatCount(status.keys()) << " keys, " << FormatCount(status.window_states())
      << " window states\n";
  if (!status.failure().empty()) out << "FAILED: " << status.failure() << "\n";
  if (!status.state_hash().empty()) {
    out << "state hash " << status.state_hash() << " at position "
        << status.state_hash_position().value() << "\n";
  }
  if (status.artifact_errors() > 0) {
    out << FormatCount(status.artifact_errors())
        << " activated artifacts could not be used, the last: " << status.last_artifact_error()
        << "\n";
  }
  PrintSources(out, status);
  PrintIndexes(out, status);
  PrintEncoders(out, status);
  PrintJobs(out, status);
}

std::string WaitLine(const v1::StatusResponse& status) {
  for (const v1::JobStatus& job : status.jobs()) {
    if (job.state() == v1::JOB_STATE_DONE) continue;
    return Concat("waiting for ", job.kind(), " of ", job.subject(), ": ", FormatCount(job.done()),
                  " / ", FormatCount(job.total()),
                  job.error().empty() ? "" : Concat(" (", job.error(), ")"));
  }
  return "waiting for the server to be idle";
}

// Jobs that fail and do not succeed.
class FailingJobs {
 public:
  // Errors: kUnavailable, naming the job and its error, if one has only been tried again for
  // `patience`; the attempts themselves count.
  Status Look(const v1::StatusResponse& status, DurationUs patience) {
    const auto now = std::chrono::steady_clock::now();
    std::map<Job, std::chrono::steady_clock::time_point> still;
    for (const v1::JobStatus& job : status.jobs()) {
      const Job name{job.kind(), job.subject()};
      const bool retrying = job.state() == v1::JOB_STATE_RETRYING;
      const auto before = since_.find(name);
      if (before == since_.end() && !retrying) continue;
      if (job.state() == v1::JOB_STATE_DONE) continue;
      const auto since = before == since_.end() ? now : before->second;
      still.emplace(name, since);
      if (!retrying || now - since < std::chrono::microseconds(patience)) continue;
      return Unavailable("job ", job.kind(), " of ", job.subject(), " has failed for ",
                         FormatDuration(patience), " and is tried again: ", job.error());
    }
    since_ = std::move(still);
    return OkStatus();
  }

 private:
  using Job = std::pair<std::string, std::string>;  // kind, subject
  std::map<Job, std::chrono::steady_clock::time_point> since_;  // the first failure seen
};

void WarnOfRefusals(std::ostream& err, const v1::StatusResponse& status) {
  for (const v1::IndexStatus& index : status.indexes()) {
    if (index.state() != v1::EPOCH_STATE_REFUSED) continue;
    err << "warning: the new epoch of " << index.epoch().feature() << " does not take over: "
        << index.check().refusal() << "; `larder activate " << index.epoch().feature()
        << " --force` makes it live all the same\n";
  }
}

StatusOr<int> Run(Cli& cli, const Options& options) {
  LARDER_ASSIGN_OR_RETURN(const Client client, Client::Connect(cli));
  const auto stub = v1::AdminService::NewStub(client.channel());
  const auto ask = [&](bool hash) {
    v1::StatusRequest request;
    request.set_want_state_hash(hash);
    return client.Call(*stub, &v1::AdminService::Stub::Status, request);
  };
  Progress progress(cli.io.err);
  LARDER_ASSIGN_OR_RETURN(v1::StatusResponse status, ask(options.state_hash && !options.wait));
  FailingJobs failing;
  while (options.wait && !status.idle()) {
    if (!status.failure().empty()) return Unavailable(status.failure());
    LARDER_RETURN_IF_ERROR(failing.Look(status, client.timeout()));
    if (progress.Due()) progress.Show(WaitLine(status));
    std::this_thread::sleep_for(kPollEvery);
    LARDER_ASSIGN_OR_RETURN(status, ask(false));
  }
  progress.Finish();
  if (options.wait && options.state_hash) {
    LARDER_ASSIGN_OR_RETURN(status, ask(true));
  }
  if (cli.json) {
    cli.io.out << DumpJson(ToJson(status)) << "\n";
  } else {
    Print(cli.io.out, status);
  }
  // Who waited for it is told that it will not happen.
  if (options.wait) WarnOfRefusals(cli.io.err, status);
  return kExitOk;
}

}  // namespace

void AddStatus(CLI::App& app, Cli& cli) {
  auto options = std::make_shared<Options>();
  CLI::App* command = AddCommand(app, cli, "status", "Show what the server holds and does",
                                 kExamples, Needs::kServer);
  command->add_flag("--wait", options->wait, "Return when background jobs are idle");
  command->add_flag("--state-hash", options->state_hash, "Compute the hash of the state");
  SetAction(command, cli, options, Run);
}

}  // namespace larder::cli
