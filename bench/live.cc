// SPDX-License-Identifier: Apache-2.0
// An index that lives: upserts over gRPC while a client searches, with the folds that follow, and
// the same without folds. What is measured is docs/benchmarks.md, "A live index".
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/sync.h"
#include "bench/support/data.h"
#include "bench/support/driver.h"
#include "bench/support/load.h"
#include "bench/support/server_process.h"
#include "larder/v1/ingest_service.grpc.pb.h"
#include "larder/v1/retrieval_service.grpc.pb.h"

namespace larder::bench {
namespace {

constexpr std::string_view kFeature = "facts.vec";
constexpr double kSearchesPerSecond = 1'000;
// Enough that a call seldom waits for one of them rather than for the server.
constexpr size_t kSearchClients = 16;
constexpr std::chrono::milliseconds kBatchEvery{20};
constexpr std::chrono::milliseconds kLookEvery{50};
constexpr size_t kRecallQueries = 2'000;
constexpr int kCallSeconds = 10;

// Items that look like those of the catalog, without end: a title of one and a text of another.
class Items {
 public:
  static StatusOr<Items> Read(const std::string& path) {
    Items items;
    LARDER_ASSIGN_OR_RETURN(items.keys_, ReadKeys(path, "package"));
    LARDER_ASSIGN_OR_RETURN(items.titles_, ReadKeys(path, "title"));
    return items;
  }

  std::string Text() { return Concat(Title(), ", ", Title()); }
  // A new item, or a known one with another text.
  std::string Record(bool replaces) {
    if (!replaces) keys_.push_back(Concat("live-", keys_.size()));
    const std::string& key = replaces ? keys_[random_() % keys_.size()] : keys_.back();
    return Concat(R"({"package":")", key, R"(","updated_at":")",
                  FormatTime(Clock::System().Now()), R"(","title":")", Text(),
                  R"(","content":")", Text(), "\"}");
  }

 private:
  // Without what JSON would want escaped.
  std::string Title() {
    std::string title = titles_[random_() % titles_.size()];
    std::erase_if(title, [](char c) { return c == '"' || c == '\\' || c < ' '; });
    return title;
  }

  std::vector<std::string> keys_;
  std::vector<std::string> titles_;
  std::mt19937_64 random_{1};
};

StatusOr<v1::SearchResponse> Search(v1::RetrievalService::Stub& stub, const std::string& text,
                                    bool exact = false) {
  v1::SearchRequest request;
  request.set_feature(std::string(kFeature));
  request.set_text(text);
  request.set_exact(exact);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(kCallSeconds));
  v1::SearchResponse reply;
  LARDER_RETURN_IF_ERROR(FromGrpc(stub.Search(&context, request, &reply)));
  return reply;
}

StatusOr<v1::IndexStatus> IndexOf(const ServerProcess& server) {
  LARDER_ASSIGN_OR_RETURN(const v1::StatusResponse status, server.GetStatus());
  for (const v1::IndexStatus& index : status.indexes()) {
    if (index.epoch().feature() == kFeature) return index;
  }
  return NotFound("the server has no ", kFeature);
}

struct Upserts {
  uint64_t records = 0;
  double seconds = 0;
  std::vector<double> ack_us;
};

// Sends batches at `per_second` records until `stop`; half of them replace if `replacing`.
StatusOr<Upserts> Upsert(const ServerProcess& server, Items& items, double per_second,
                         bool replacing, const std::atomic<bool>& stop) {
  const auto stub = v1::IngestService::NewStub(server.channel());
  grpc::ClientContext context;
  const auto stream = stub->Ingest(&context);
  Upserts upserts;
  const Stopwatch watch;
  auto due = Steady::now();
  double owed = 0;
  while (!stop) {
    std::this_thread::sleep_until(due += kBatchEvery);
    owed += per_second * std::chrono::duration<double>(kBatchEvery).count();
    if (owed < 1) continue;
    v1::IngestRequest batch;
    batch.set_source("catalog");
    for (; owed >= 1; --owed) {
      const bool replaces = replacing && (upserts.records + batch.records_size()) % 2 == 1;
      batch.add_records(items.Record(replaces));
    }
    const Stopwatch ack;
    v1::IngestResponse response;
    if (!stream->Write(batch) || !stream->Read(&response)) break;
    if (response.code() != 0) return Internal("a batch did not go in: ", response.message());
    if (response.not_ok_size() > 0) return Internal(response.not_ok(0).message());
    upserts.ack_us.push_back(ack.us());
    upserts.records += response.accepted();
  }
  stream->WritesDone();
  LARDER_RETURN_IF_ERROR(FromGrpc(stream->Finish()));
  upserts.seconds = watch.seconds();
  return upserts;
}

// The processor time of a process's threads at low priority (base/low_priority.h), which is what
// its maintenance takes. Of a thread that ends, what came after the last look is missing.
class MaintenanceTime {
 public:
  explicit MaintenanceTime(pid_t pid) : tasks_(Concat("/proc/", pid, "/task")) {
    Look();
    before_ = seconds();
  }

  void Look() {
    std::error_code error;  // of a thread, or the process, that ends meanwhile
    std::filesystem::directory_iterator entry(tasks_, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      std::ifstream file(entry->path() / "stat");
      std::string line;
      std::getline(file, line);
      const size_t name_end = line.rfind(')');  // proc(5)
      if (name_end == std::string::npos) continue;
      std::istringstream rest(line.substr(name_end + 1));
      const std::vector<std::string> fields{std::istream_iterator<std::string>(rest), {}};
      constexpr size_t kUser = 11, kSystem = 12, kNice = 16;
      if (fields.size() <= kNice || std::stoi(fields[kNice]) <= 0) continue;
      ticks_[entry->path().filename()] = std::stol(fields[kUser]) + std::stol(fields[kSystem]);
    }
  }
  // Since this was made.
  double seconds() const {
    int64_t ticks = 0;
    for (const auto& [thread, its] : ticks_) ticks += its;
    return static_cast<double>(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK)) - before_;
  }

 private:
  const std::string tasks_;
  std::map<std::string, int64_t> ticks_;
  double before_ = 0;
};

struct Phase {
  std::string name;
  double per_second = 0;
  bool replacing = false;
  double seconds = 0;
};

// How many vectors the delta of a phase had.
struct Delta {
  uint64_t at_start = 0;
  uint64_t most = 0;
};

// Searches at their rate while upserts come at theirs, and adds a row.
StatusOr<Delta> RunPhase(const ServerProcess& server, Items& items, const Phase& phase,
                         Report& report) {
  Progress(Concat(phase.name, ": ", phase.seconds, " s"));
  LARDER_ASSIGN_OR_RETURN(const v1::IndexStatus before, IndexOf(server));
  const auto calls = static_cast<size_t>(phase.seconds * kSearchesPerSecond);
  std::vector<std::string> texts(10'000);
  for (std::string& text : texts) text = items.Text();
  std::atomic<bool> stop{false};
  std::atomic<bool> folding{false};
  Delta delta{.at_start = before.epoch().delta_vectors()};
  MaintenanceTime maintenance(server.pid());
  StatusOr<Upserts> upserts = Internal("not run");
  std::vector<double> in_fold;
  Mutex mutex;
  StatusOr<Round> searches = Internal("not run");
  {
    std::jthread writer([&] {
      upserts = Upsert(server, items, phase.per_second, phase.replacing, stop);
    });
    std::jthread watcher([&] {
      for (; !stop; std::this_thread::sleep_for(kLookEvery)) {
        maintenance.Look();
        const auto status = server.GetStatus();
        if (!status.ok()) continue;
        bool running = false;
        for (const v1::JobStatus& job : status->jobs()) {
          running |= job.kind() == "index_base" && job.state() == v1::JOB_STATE_RUNNING;
        }
        folding = running;
        for (const v1::IndexStatus& index : status->indexes()) {
          if (index.epoch().feature() != kFeature) continue;
          delta.most = std::max(delta.most, index.epoch().delta_vectors());
        }
      }
    });
    const auto stub = v1::RetrievalService::NewStub(server.channel());
    searches = OpenLoop(calls, kSearchesPerSecond, kSearchClients, [&](size_t i) {
      const bool during = folding;
      const Stopwatch watch;
      const Status status = Search(*stub, texts[i % texts.size()]).status();
      if (during) {
        MutexLock lock(mutex);
        in_fold.push_back(watch.us());
      }
      return status;
    });
    stop = true;
  }
  LARDER_RETURN_IF_ERROR(upserts.status());
  LARDER_RETURN_IF_ERROR(searches.status());
  LARDER_ASSIGN_OR_RETURN(const v1::IndexStatus after, IndexOf(server));
  const double records = static_cast<double>(upserts->records);
  const auto bytes = after.base_bytes_written() - before.base_bytes_written();
  report.AddRound(phase.name,
                  {{"upserts_per_s", records / upserts->seconds},
                   {"ack_p99_us", Percentile(upserts->ack_us, 99)},
                   {"folds", static_cast<double>(after.bases_written() - before.bases_written())},
                   {"most_delta", static_cast<double>(delta.most)},
                   {"bytes_per_upsert", records == 0 ? 0 : static_cast<double>(bytes) / records},
                   {"maintenance_cores", maintenance.seconds() / upserts->seconds},
                   {"fold_p99_us", Percentile(in_fold, 99)}},
                  *searches);
  return delta;
}

// Recall@10 of searching against scanning.
StatusOr<double> MeasureRecall(const ServerProcess& server, std::span<const std::string> texts) {
  const auto stub = v1::RetrievalService::NewStub(server.channel());
  double found = 0;
  double wanted = 0;
  for (const std::string& text : texts) {
    LARDER_ASSIGN_OR_RETURN(const v1::SearchResponse served, Search(*stub, text));
    LARDER_ASSIGN_OR_RETURN(const v1::SearchResponse exact, Search(*stub, text, /*exact=*/true));
    const auto scores = [](const v1::SearchResponse& reply) {
      return std::span(reinterpret_cast<const double*>(reply.scores().values().data()),
                       reply.scores().values().size() / sizeof(double));
    };
    const double last = scores(exact).back();
    wanted += static_cast<double>(scores(exact).size());
    for (const double score : scores(served)) found += score >= last ? 1 : 0;
  }
  return found / wanted;
}

// The bases' artifacts, so that the next start has to build the index anew.
void RemoveBases(const std::string& dir) {
  for (const auto& entry : std::filesystem::directory_iterator(JoinPath(dir, "artifacts"))) {
    if (std::filesystem::exists(entry.path() / "index.larder")) {
      std::filesystem::remove_all(entry.path());
    }
  }
}

// The phase on a server of its own, a copy of the store, that never folds.
Status RunWithoutFolds(const std::string& store, const std::string& dir, const Phase& phase,
                       Items& items, Report& report) {
  LARDER_RETURN_IF_ERROR(CopyStore(store, dir));
  LARDER_ASSIGN_OR_RETURN(
      const auto server, ServerProcess::Start(dir, {"--index-interval", "24h", "--index-quiet",
                                                    "1h", "--index-patience", "24h"}));
  LARDER_RETURN_IF_ERROR(server->WaitUntilIdle());
  LARDER_RETURN_IF_ERROR(RunPhase(*server, items, phase, report).status());
  return server->Stop();
}

Status Run(const Options& options, Report& report) {
  LARDER_RETURN_IF_ERROR(RequireData(options.data, {kCatalogFile, kStoreDir}));
  LARDER_ASSIGN_OR_RETURN(Items items, Items::Read(JoinPath(options.data, kCatalogFile)));
  LARDER_ASSIGN_OR_RETURN(const ScratchDir scratch, ScratchDir::Make());
  const std::string store = JoinPath(options.data, kStoreDir);
  const double burst_s = std::min(10.0, options.seconds);
  const Phase burst{"5,000 upserts/s", 5'000, false, burst_s};
  const Phase after{"and after them", 0, false, 3 * burst_s};
  const Phase steady{"600 upserts/s, half replace", 600, true, options.seconds};
  const std::string dir = scratch.File("live");
  const std::string grown = scratch.File("grown");
  LARDER_RETURN_IF_ERROR(CopyStore(store, dir));
  // For the same texts each time, which are not in the index.
  std::vector<std::string> texts(kRecallQueries);
  for (std::string& text : texts) text = items.Text();
  double live_recall = 0;
  double folded_recall = 0;
  Delta delta;
  {
    LARDER_ASSIGN_OR_RETURN(const auto server, ServerProcess::Start(dir));
    LARDER_RETURN_IF_ERROR(server->WaitUntilIdle());
    LARDER_RETURN_IF_ERROR(RunPhase(*server, items, burst, report).status());
    LARDER_RETURN_IF_ERROR(RunPhase(*server, items, after, report).status());
    LARDER_RETURN_IF_ERROR(server->WaitUntilIdle());
    LARDER_RETURN_IF_ERROR(server->Stop());
  }
  LARDER_RETURN_IF_ERROR(CopyStore(dir, grown));
  {
    LARDER_ASSIGN_OR_RETURN(const auto server, ServerProcess::Start(dir));
    LARDER_RETURN_IF_ERROR(server->WaitUntilIdle());
    LARDER_ASSIGN_OR_RETURN(delta, RunPhase(*server, items, steady, report));
    LARDER_ASSIGN_OR_RETURN(live_recall, MeasureRecall(*server, texts));
    LARDER_RETURN_IF_ERROR(server->WaitUntilIdle());
    LARDER_ASSIGN_OR_RETURN(folded_recall, MeasureRecall(*server, texts));
    LARDER_RETURN_IF_ERROR(server->Stop());
  }
  Phase still = burst;
  still.name += ", no folds";
  LARDER_RETURN_IF_ERROR(
      RunWithoutFolds(store, scratch.File("burst-still"), still, items, report));
  still = steady;
  still.name += ", no folds";
  // From the same state, and as long as it takes to the same delta if all of them add to it.
  still.seconds = std::max(1.0, static_cast<double>(delta.most - delta.at_start) /
                                    steady.per_second);
  LARDER_RETURN_IF_ERROR(
      RunWithoutFolds(grown, scratch.File("steady-still"), still, items, report));
  RemoveBases(dir);
  LARDER_ASSIGN_OR_RETURN(const auto server, ServerProcess::Start(dir));
  LARDER_RETURN_IF_ERROR(server->WaitUntilIdle());
  LARDER_ASSIGN_OR_RETURN(const double fresh_recall, MeasureRecall(*server, texts));
  LARDER_ASSIGN_OR_RETURN(const v1::IndexStatus index, IndexOf(*server));
  report.Add("recall@10 right after the upserts", {{"recall", live_recall}});
  report.Add("recall@10 after the last fold", {{"recall", folded_recall}});
  report.Add("recall@10 of a fresh build", {{"recall", fresh_recall}});
  report.Note(Concat(kSearchesPerSecond, " searches/s by text, k = 10, open loop, ",
                     kSearchClients, " clients beside the server; fold_p99_us: of the searches ",
                     "during index_base; maintenance_cores: processor time at low priority; ",
                     index.vectors(), " vectors at the end"));
  return server->Stop();
}

}  // namespace
}  // namespace larder::bench

int main(int argc, char** argv) {
  return larder::bench::Drive("live", argc, argv, larder::bench::Run);
}
