// SPDX-License-Identifier: Apache-2.0
// TextService as callers see it, over gRPC to `larder serve`: a call for the vector of one text
// while nothing else goes on and while a job makes the vectors of a whole catalog, a call for many,
// and how long a new item waits for its vector.
//
//   bench_embed [--data FILE] [--rounds N] [--json]
//
// FILE has items with item_id, title and content; by default the arXiv catalog. The transformer is
// all-MiniLM-L6-v2 as int8; every text is sent once, so that no cache has it.
#include <algorithm>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <span>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "bench/support/data.h"
#include "bench/support/driver.h"
#include "bench/support/ingest_client.h"
#include "bench/support/load.h"
#include "bench/support/server_process.h"
#include "bench/support/timing.h"
#include "cli/cli.h"
#include "cli/input/line_reader.h"
#include "larder/v1/retrieval_service.grpc.pb.h"
#include "larder/v1/text_service.grpc.pb.h"
#include "text/encoder.h"

namespace larder::bench {
namespace {

constexpr std::string_view kItems = "../shared/data/arxiv/items.jsonl.zst";
constexpr size_t kCatalog = 4'000;
constexpr size_t kCalls = 400;      // of a round
constexpr size_t kBatch = 32;
constexpr size_t kBatches = 15;     // of a round
constexpr size_t kArrivals = 50;
constexpr size_t kBusyArrivals = 20;  // during a backfill, which must not end before
// Of the texts, with the symbols around them.
constexpr size_t kLeastTokens = 15;
constexpr size_t kMostTokens = 17;
constexpr size_t kMaxLineBytes = size_t{1} << 20;
constexpr std::chrono::milliseconds kLookEvery{2};
constexpr std::chrono::seconds kArrivalPatience{60};
constexpr std::chrono::seconds kBackfillAlone{5};
constexpr double kMaxRatio = 2;
constexpr double kMaxArrivalMs = 1'000;

constexpr std::string_view kDefinitionsOfTitles = R"(# SPDX-License-Identifier: Apache-2.0
entity: item
key: item_id
---
table: catalog
of: item
time: updated_at
columns: {title: string, content: string}
---
encoder: minilm
path: encoders/minilm
---
encoder: tables
path: encoders/tables
---
view: short
of: item
from: catalog
define:
  vec: embed(minilm, title)
)";
constexpr std::string_view kDefinitionsOfContents = R"(# SPDX-License-Identifier: Apache-2.0
view: full
of: item
from: catalog
define:
  vec: embed(minilm, title, content)
)";

struct Input {
  std::vector<std::string> catalog;  // records
  std::vector<std::string> texts;    // titles of other items, of about 16 tokens
};

std::string RecordOf(const std::string& key, const nlohmann::json& item) {
  return nlohmann::json{{"item_id", key},
                        {"updated_at", FormatTime(Clock::System().Now())},
                        {"title", item.at("title")},
                        {"content", item.at("content")}}
      .dump();
}

// The catalog, and `count` texts of the items behind it.
StatusOr<Input> ReadInput(const std::string& path, const text::Encoder& encoder, size_t count) {
  LARDER_ASSIGN_OR_RETURN(const auto source, cli::OpenInput(path));
  cli::LineReader lines(*source, kMaxLineBytes);
  Input input;
  cli::Line line;
  text::TokenizedText tokens;
  while (input.texts.size() < count) {
    LARDER_ASSIGN_OR_RETURN(const bool more, lines.Next(line));
    if (!more) {
      return InvalidArgument(path, ": has ", input.texts.size(), " titles of ", kLeastTokens,
                             " to ", kMostTokens, " tokens behind the first ", kCatalog,
                             " items, expected ", count);
    }
    const auto item = nlohmann::json::parse(line.text, nullptr, false);
    const auto has = [&](const char* field) {
      return item.is_object() && item.contains(field) && item[field].is_string();
    };
    if (!has("title") || !has("content")) {
      return InvalidArgument(path, ":", line.number, ": expected an item with title and content");
    }
    if (input.catalog.size() < kCatalog) {
      input.catalog.push_back(RecordOf(Concat("i", input.catalog.size()), item));
      continue;
    }
    const auto title = item.at("title").get<std::string>();
    LARDER_RETURN_IF_ERROR(encoder.Tokenize(title, text::TextRole::kDocument, tokens));
    const size_t size = tokens.ids.size();
    if (kLeastTokens <= size && size <= kMostTokens) input.texts.push_back(title);
  }
  return input;
}

Status RunCommand(const std::vector<std::string>& arguments) {
  std::ostringstream out;
  std::ostringstream err;
  if (cli::RunCli(arguments, {out, err}) == cli::kExitOk) return OkStatus();
  return Internal("larder ", arguments.front(), ": ", err.str());
}

// MiniLM, and a static encoder that learned nothing: its speed is that of any.
Status MakeEncoders(const ScratchDir& scratch, const std::string& items_path) {
  LARDER_ASSIGN_OR_RETURN(const std::string model, RequireMiniLm());
  LARDER_RETURN_IF_ERROR(RunCommand({"encoder", "import", model, "--max-tokens", "256", "--out",
                                     scratch.File("definitions/encoders/minilm")}));
  LARDER_ASSIGN_OR_RETURN(const auto source, cli::OpenInput(items_path));
  cli::LineReader lines(*source, kMaxLineBytes);
  const std::string sample = scratch.File("sample.jsonl");
  std::ofstream file(sample);
  cli::Line line;
  for (size_t i = 0; i < kCatalog; ++i) {
    LARDER_ASSIGN_OR_RETURN(const bool more, lines.Next(line));
    if (!more) break;
    file << line.text << '\n';
  }
  file.close();
  if (!file) return Unavailable(sample, ": cannot be written");
  return RunCommand({"encoder", "train", "--items", sample, "--epochs", "0", "--pieces", "8000",
                     "--out", scratch.File("definitions/encoders/tables")});
}

// Gives every text once.
class Texts {
 public:
  explicit Texts(std::vector<std::string> texts) : texts_(std::move(texts)) {}
  std::span<const std::string> Next(size_t count) {
    const auto next = std::span<const std::string>(texts_).subspan(used_, count);
    used_ += count;
    return next;
  }

 private:
  std::vector<std::string> texts_;
  size_t used_ = 0;
};

Status Embed(v1::TextService::Stub& stub, const std::string& encoder,
             std::span<const std::string> texts) {
  v1::EmbedRequest request;
  request.set_encoder(encoder);
  for (const std::string& text : texts) request.add_texts(text);
  grpc::ClientContext context;
  v1::EmbedResponse reply;
  LARDER_RETURN_IF_ERROR(FromGrpc(stub.Embed(&context, request, &reply)));
  if (reply.not_ok_size() > 0) return Internal(reply.not_ok(0).message());
  return OkStatus();
}

// Calls for `batch` texts each, one after the other.
StatusOr<Round> MeasureCalls(const ServerProcess& server, const std::string& encoder, size_t calls,
                             size_t batch, size_t rounds, Texts& texts) {
  const auto stub = v1::TextService::NewStub(server.channel());
  std::vector<Round> done;
  for (size_t round = 0; round < rounds; ++round) {
    const auto next = texts.Next(calls * batch);
    LARDER_ASSIGN_OR_RETURN(done.emplace_back(), ClosedLoop(calls, [&](size_t i) {
                              return Embed(*stub, encoder, next.subspan(i * batch, batch));
                            }));
  }
  return MedianRound(done);
}

StatusOr<v1::IndexStatus> IndexOf(const ServerProcess& server, std::string_view feature) {
  LARDER_ASSIGN_OR_RETURN(const v1::StatusResponse status, server.GetStatus());
  for (const v1::IndexStatus& index : status.indexes()) {
    if (index.epoch().feature() == feature) return index;
  }
  return NotFound("the server has no ", feature);
}

// How fast a backfill is while `work` is done. Errors: kFailedPrecondition if it ended before.
template <typename Work>
StatusOr<double> BackfillRate(const ServerProcess& server, Work&& work) {
  LARDER_ASSIGN_OR_RETURN(const v1::IndexStatus before, IndexOf(server, "full.vec"));
  const Stopwatch watch;
  LARDER_RETURN_IF_ERROR(work());
  const double seconds = watch.seconds();
  LARDER_ASSIGN_OR_RETURN(const v1::IndexStatus after, IndexOf(server, "full.vec"));
  if (after.pending_vectors() == 0) {
    return FailedPrecondition("the backfill of ", kCatalog, " items ended before the measurement: ",
                              "fewer --rounds");
  }
  return static_cast<double>(after.vectors() - before.vectors()) / seconds;
}

// Milliseconds from the acknowledgement of one new item until a search by its key finds its
// vector.
StatusOr<double> MeasureArrival(const ServerProcess& server, const std::string& key,
                                const std::string& title) {
  const nlohmann::json item{{"title", title}, {"content", ""}};
  LARDER_RETURN_IF_ERROR(
      SendOverGrpc(server.channel(), MakeBatches("catalog", {RecordOf(key, item)})).status());
  const auto stub = v1::RetrievalService::NewStub(server.channel());
  v1::SearchRequest request;
  request.set_feature("short.vec");
  request.set_key(key);
  request.set_k(1);
  const Stopwatch watch;
  for (const auto deadline = Steady::now() + kArrivalPatience; Steady::now() < deadline;) {
    grpc::ClientContext context;
    v1::SearchResponse reply;
    const Status status = FromGrpc(stub->Search(&context, request, &reply));
    if (status.ok()) return watch.us() / 1e3;
    // It has no vector yet, or is not applied.
    if (status.code() != StatusCode::kFailedPrecondition &&
        status.code() != StatusCode::kNotFound) {
      return status;
    }
    std::this_thread::sleep_for(kLookEvery);
  }
  return DeadlineExceeded("item ", key, " has no vector");
}

// Adds a row about `count` new items, one by one.
Status MeasureArrivals(const ServerProcess& server, const std::string& row, size_t count,
                       Texts& texts, Report& report) {
  Progress(row);
  std::mt19937_64 random(1);
  std::vector<double> ms;
  for (const std::string& title : texts.Next(count)) {
    // At any moment between two looks of the job.
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 500));
    const std::string key = Concat(row, " ", ms.size());
    LARDER_ASSIGN_OR_RETURN(ms.emplace_back(), MeasureArrival(server, key, title));
  }
  report.Add(row, {{"p50_ms", Percentile(ms, 50)},
                   {"max_ms", *std::max_element(ms.begin(), ms.end())},
                   {"bar_ms", kMaxArrivalMs}});
  return OkStatus();
}

Status MeasureQuiet(const ServerProcess& server, size_t rounds, Texts& texts, Report& report,
                    Round& one) {
  Progress("one text and 32 texts, nothing else");
  LARDER_RETURN_IF_ERROR(MeasureCalls(server, "minilm", kCalls / 4, 1, 1, texts).status());
  LARDER_ASSIGN_OR_RETURN(one, MeasureCalls(server, "minilm", kCalls, 1, rounds, texts));
  report.AddRound("1 text, transformer", {}, one);
  LARDER_ASSIGN_OR_RETURN(const Round many,
                          MeasureCalls(server, "minilm", kBatches, kBatch, rounds, texts));
  report.AddRound("32 texts, transformer", {{"texts_per_s", kBatch * many.per_second}}, many);
  LARDER_RETURN_IF_ERROR(MeasureCalls(server, "tables", kCalls / 4, 1, 1, texts).status());
  LARDER_ASSIGN_OR_RETURN(const Round fast,
                          MeasureCalls(server, "tables", kCalls, 1, rounds, texts));
  report.AddRound("1 text, static", {}, fast);
  return OkStatus();
}

Status MeasureBackfill(const ServerProcess& server, size_t rounds, const Round& quiet, Texts& texts,
                       Report& report) {
  Progress(Concat("a backfill of ", kCatalog, " items"));
  const Stopwatch since;
  for (uint64_t vectors = 0; vectors == 0;) {
    if (since.seconds() > std::chrono::duration<double>(kArrivalPatience).count()) {
      return DeadlineExceeded("no backfill began within ", kArrivalPatience.count(), " s");
    }
    LARDER_ASSIGN_OR_RETURN(const v1::IndexStatus index, IndexOf(server, "full.vec"));
    vectors = index.vectors();
    std::this_thread::sleep_for(kLookEvery);
  }
  LARDER_ASSIGN_OR_RETURN(const double alone, BackfillRate(server, [] {
                            std::this_thread::sleep_for(kBackfillAlone);
                            return OkStatus();
                          }));
  Round busy;
  LARDER_ASSIGN_OR_RETURN(const double beside, BackfillRate(server, [&]() -> Status {
                            LARDER_ASSIGN_OR_RETURN(
                                busy, MeasureCalls(server, "minilm", kCalls, 1, rounds, texts));
                            return OkStatus();
                          }));
  report.AddRound("1 text, transformer, during a backfill",
                  {{"p99_ratio", busy.p99_us / quiet.p99_us}, {"bar_ratio", kMaxRatio},
                   {"backfill_items_per_s", beside}},
                  busy);
  report.Add("a backfill, nothing else", {{"backfill_items_per_s", alone}});
  return BackfillRate(server, [&] {
           return MeasureArrivals(server, "new item until found, during a backfill", kBusyArrivals,
                                  texts, report);
         }).status();
}

Status Apply(const ServerProcess& server, const ScratchDir& scratch, std::string_view name,
             std::string_view definitions) {
  const std::string path = scratch.File(Concat("definitions/", name));
  std::ofstream file(path);
  file << definitions;
  file.close();
  if (!file) return Unavailable(path, ": cannot be written");
  return RunCommand({"apply", "--yes", scratch.File("definitions"), "--server", server.address()});
}

Status Run(const Options& options, Report& report) {
  const std::string items = options.data == Options().data ? std::string(kItems) : options.data;
  if (!FileSystem::Posix().Exists(items)) {
    return FailedPrecondition(items, " is not there: name items with item_id, title and content "
                              "with --data FILE");
  }
  LARDER_ASSIGN_OR_RETURN(const ScratchDir scratch, ScratchDir::Make());
  Progress("making encoders");
  LARDER_RETURN_IF_ERROR(MakeEncoders(scratch, items));
  LARDER_ASSIGN_OR_RETURN(const auto encoder,
                          text::OpenEncoder(FileSystem::Posix(),
                                            scratch.File("definitions/encoders/minilm")));
  const size_t ones = kCalls / 4 + kCalls * options.rounds;
  const size_t count = 3 * ones + kBatch * kBatches * options.rounds + kArrivals + kBusyArrivals;
  LARDER_ASSIGN_OR_RETURN(Input input, ReadInput(items, *encoder, count));
  Texts texts(std::move(input.texts));

  LARDER_ASSIGN_OR_RETURN(const auto server, ServerProcess::Start(scratch.File("data")));
  LARDER_RETURN_IF_ERROR(Apply(*server, scratch, "titles.yaml", kDefinitionsOfTitles));
  Progress(Concat("vectors of ", kCatalog, " titles"));
  LARDER_RETURN_IF_ERROR(
      SendOverGrpc(server->channel(), MakeBatches("catalog", input.catalog)).status());
  LARDER_RETURN_IF_ERROR(server->WaitUntilIdle());
  Round quiet;
  LARDER_RETURN_IF_ERROR(MeasureQuiet(*server, options.rounds, texts, report, quiet));
  LARDER_RETURN_IF_ERROR(
      MeasureArrivals(*server, "new item until found", kArrivals, texts, report));
  LARDER_RETURN_IF_ERROR(Apply(*server, scratch, "contents.yaml", kDefinitionsOfContents));
  LARDER_RETURN_IF_ERROR(MeasureBackfill(*server, options.rounds, quiet, texts, report));
  report.Note(Concat(items, ": ", kCatalog, " items; texts of ", kLeastTokens, " to ", kMostTokens,
                     " tokens, each sent once; one client beside the server, closed loop; the ",
                     "backfill: titles with contents; median of ", options.rounds, " rounds of ",
                     kCalls, " calls"));
  return server->Stop();
}

}  // namespace
}  // namespace larder::bench

int main(int argc, char** argv) {
  return larder::bench::Drive("embed", argc, argv, larder::bench::Run);
}
