// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/retrieve_all.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <ostream>
#include <string_view>
#include <utility>

#include "cli/client.h"
#include "cli/format.h"
#include "cli/json.h"
#include "cli/output/resumable_file.h"
#include "cli/progress.h"
#include "cli/read_request.h"
#include "cli/silence_watch.h"
#include "larder/v1/retrieval_service.grpc.pb.h"

namespace larder::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;

// As long as a server works on one call; a run that takes longer makes several.
constexpr std::chrono::hours kCallTime{1};
// Lines are in the file after so long, however few they are.
constexpr std::chrono::seconds kFlushEvery{2};
constexpr std::string_view kLineStart = R"({"key":)";

// A JSON string. Most keys need no escapes, and there are millions.
void AppendString(std::string& out, std::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return c >= ' ' && c < 127 && c != '"' && c != '\\';
  });
  if (plain) {
    out += '"';
    out += text;
    out += '"';
  } else {
    out += DumpJson(Json(std::string(text)));
  }
}

// The shortest text that reads back as `value`.
void AppendNumber(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  out.append(text, end);
}

std::string ErrorText(const v1::DroppedChannel& channel) {
  return Concat(StatusCodeName(static_cast<StatusCode>(channel.code())), ": ", channel.message());
}

// {"key":…,"ids":[…],"scores":[…]}, and the channels that the key has no vector for.
std::string LineOf(const v1::KeyResult& result) {
  std::string line(kLineStart);
  AppendString(line, result.key());
  line += R"(,"ids":[)";
  for (int i = 0; i < result.ids_size(); ++i) {
    if (i > 0) line += ',';
    AppendString(line, result.ids(i));
  }
  line += R"(],"scores":[)";
  for (int i = 0; i < result.scores_size(); ++i) {
    if (i > 0) line += ',';
    AppendNumber(line, result.scores(i));
  }
  line += ']';
  if (result.dropped_size() > 0) {
    Json dropped = Json::object();
    for (const v1::DroppedChannel& channel : result.dropped()) {
      dropped[channel.name()] = ErrorText(channel);
    }
    line += R"(,"dropped":)" + DumpJson(dropped);
  }
  return line + '}';
}

// The key of a line of ours; nothing if it cannot be one.
std::optional<std::string> KeyOfLine(std::string_view line) {
  if (!line.starts_with(kLineStart) || !line.ends_with('}')) return std::nullopt;
  if (std::any_of(line.begin(), line.end(), [](char c) { return c >= 0 && c < ' '; })) {
    return std::nullopt;
  }
  const size_t begin = kLineStart.size();
  if (line[begin] != '"') return std::nullopt;
  size_t end = begin + 1;
  while (end < line.size() && line[end] != '"') end += line[end] == '\\' ? 2 : 1;
  if (end >= line.size()) return std::nullopt;
  const Json key = Json::parse(line.substr(begin, end + 1 - begin), nullptr, false);
  if (!key.is_string()) return std::nullopt;
  return key.get<std::string>();
}

// Whether lines are whole and their keys ascend.
class LineCheck {
 public:
  bool operator()(std::string_view line) {
    std::optional<std::string> key = KeyOfLine(line);
    if (!key.has_value() || *key <= last_) return false;
    last_ = *std::move(key);
    return true;
  }

 private:
  std::string last_;
};

// One run of the command.
class CatalogRun {
 public:
  CatalogRun(Cli& cli, const RetrieveAllOptions& options, const Client& client,
             ResumableFile& file)
      : cli_(cli), options_(options), client_(client), file_(file), progress_(cli.io.err) {}

  Status Start(const std::map<std::string, v1::Value>& columns) {
    request_.set_recipe(options_.recipe);
    request_.mutable_request()->insert(columns.begin(), columns.end());
    if (options_.limit > 0) request_.set_limit(options_.limit);
    request_.set_effort(options_.effort);
    if (options_.restart || file_.lines() == 0) return OkStatus();
    const std::optional<std::string> key = KeyOfLine(file_.last_line());
    if (!key.has_value()) return Internal("the last line of ", file_.partial_path(), " has no key");
    request_.set_after_key(*key);
    return OkStatus();
  }

  // Calls until all is there. After an error what came is in the file.
  Status Run() {
    for (;;) {
      const uint64_t before = written_;
      Status status = Call();
      if (const Status flushed = file_.Flush(); status.ok()) status = flushed;
      if (status.ok()) return file_.Finish();
      // The server does not work longer on one call; the next goes on behind it.
      if (status.code() == StatusCode::kDeadlineExceeded && !silent_ && written_ > before) continue;
      return begun_ ? Kept(status) : status;
    }
  }

  void Report() {
    progress_.Finish();
    if (cli_.json) {
      cli_.io.out << DumpJson({{"recipe", recipe_},
                               {"out", options_.out},
                               {"items", resumed_ + written_},
                               {"resumed", resumed_},
                               {"without_candidates", empty_},
                               {"with_dropped_channels", dropped_},
                               {"seconds", progress_.seconds()},
                               {"per_second", Rate()}})
                  << "\n";
      return;
    }
    cli_.io.out << recipe_ << ": " << FormatCount(resumed_ + written_) << " items in "
                << options_.out;
    if (resumed_ > 0) cli_.io.out << ", " << FormatCount(resumed_) << " of an earlier run";
    cli_.io.out << ", " << FormatNumber(progress_.seconds()) << " s, "
                << FormatCount(static_cast<uint64_t>(Rate())) << "/s\n";
    if (empty_ > 0) {
      cli_.io.out << "items without candidates: " << FormatCount(empty_) << "\n";
    }
    if (dropped_ > 0) {
      cli_.io.out << "items without a vector for a channel: " << FormatCount(dropped_)
                  << ", the first " << first_dropped_ << "\n";
    }
  }

 private:
  // One stream, to its end.
  Status Call() {
    const auto stub = v1::RetrievalService::NewStub(client_.channel());
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kCallTime);
    const auto stream = stub->RetrieveAll(&context, request_);
    SilenceWatch watch(context, client_.timeout());
    uint64_t left = 0;
    Status status;
    v1::RetrieveAllResponse part;
    for (watch.Waits(); status.ok() && stream->Read(&part); watch.Waits()) {
      watch.Works();
      status = part.has_head() ? TakeHead(part.head(), left) : TakeResults(part.results(), left);
    }
    watch.Works();
    if (!status.ok()) context.TryCancel();
    const Status ended = FromGrpc(stream->Finish());
    if (!status.ok()) return status;
    silent_ = !watch.status().ok();
    if (silent_) return watch.status();
    if (ended.ok() && left > 0) return Internal("the server ended ", left, " results early");
    return ended;
  }

  Status TakeHead(const v1::RetrieveAllHead& head, uint64_t& left) {
    left = head.keys_left();
    if (head.read().definitions().empty()) return Internal("the reply names no recipe");
    const v1::DefinitionRef& recipe = head.read().definitions(0);
    Json what = {{"recipe", recipe.name()},
                 {"version", recipe.version()},
                 {"digest", recipe.digest()},
                 {"request", options_.request},
                 {"limit", options_.limit},
                 {"effort", options_.effort}};
    std::sort(what["request"].begin(), what["request"].end());
    recipe_ = Concat(recipe.name(), "@", recipe.version());
    // A further call of this run: the recipe is pinned.
    if (begun_) return OkStatus();
    const bool keep = !options_.restart && file_.lines() > 0;
    if (keep) LARDER_RETURN_IF_ERROR(CheckSame(what));
    if (keep) TellResumed();
    LARDER_RETURN_IF_ERROR(file_.Begin(DumpJson(what) + "\n", keep));
    begun_ = true;
    request_.set_recipe(recipe_);
    resumed_ = file_.lines();
    total_ = resumed_ + left;
    return OkStatus();
  }

  // Errors: kFailedPrecondition saying in what the earlier run differed.
  Status CheckSame(const Json& what) const {
    std::string remedy = "; add --restart to begin anew, or finish it with what it was begun with";
    const Json before = Json::parse(file_.what(), nullptr, false);
    if (!before.is_object()) {
      return FailedPrecondition(file_.partial_path(), " is of an earlier run, and ",
                                file_.partial_path(), ".json does not say of which", remedy);
    }
    for (const auto& [name, value] : what.items()) {
      const auto found = before.find(name);
      if (found != before.end() && *found == value) continue;
      // Who asks for no version would not know how.
      if (name == "version" && found != before.end()) {
        remedy += Concat(": ", what["recipe"].get<std::string>(), "@", DumpJson(*found));
      }
      return FailedPrecondition(
          file_.partial_path(), " is of an earlier run with another ", name, ": ",
          found == before.end() ? "none" : DumpJson(*found), " there, ", DumpJson(value), " now",
          remedy);
    }
    return OkStatus();
  }

  void TellResumed() {
    cli_.io.err << "going on after " << FormatCount(file_.lines()) << " items in "
                << file_.partial_path();
    if (file_.damaged_bytes() > 0) {
      cli_.io.err << "; its last " << FormatCount(file_.damaged_bytes())
                  << " bytes are torn or damaged and made anew";
    }
    cli_.io.err << std::endl;
  }

  Status TakeResults(const v1::RetrieveAllResults& results, uint64_t& left) {
    if (!begun_) return Internal("the reply has results before its head");
    for (const v1::KeyResult& result : results.results()) {
      if (result.key() <= request_.after_key() || left == 0 ||
          result.ids_size() != result.scores_size()) {
        return Internal("reply: the result of key '", result.key(), "' does not fit");
      }
      --left;
      LARDER_RETURN_IF_ERROR(file_.Append(LineOf(result)));
      request_.set_after_key(result.key());
      Count(result);
    }
    if (const auto now = SteadyClock::now(); now >= flush_at_) {
      LARDER_RETURN_IF_ERROR(file_.Flush());
      flush_at_ = now + kFlushEvery;
    }
    if (written_ > 0 && progress_.Due()) progress_.Show(Line());
    return OkStatus();
  }

  void Count(const v1::KeyResult& result) {
    ++written_;
    if (result.ids().empty()) ++empty_;
    if (result.dropped().empty() || dropped_++ > 0) return;
    const v1::DroppedChannel& channel = result.dropped(0);
    first_dropped_ = Concat(result.key(), ": ", channel.name(), ": ", ErrorText(channel));
  }

  Status Kept(const Status& status) const {
    return Annotate(status, Concat("after ", FormatCount(resumed_ + written_), " of ",
                                   FormatCount(total_), " items, which are in ",
                                   file_.partial_path(),
                                   " (the same command again goes on behind them)"));
  }

  double Rate() const {
    return static_cast<double>(written_) / std::max(progress_.seconds(), 1e-3);
  }

  std::string Line() const {
    const uint64_t done = resumed_ + written_;
    const double left = static_cast<double>(total_ - std::min(done, total_)) / Rate();
    return Concat(recipe_, ": ", FormatCount(done), " of ", FormatCount(total_), ", ",
                  FormatCount(static_cast<uint64_t>(Rate())), "/s, ",
                  FormatSpan(static_cast<DurationUs>(left * kSecondUs)), " left");
  }

  Cli& cli_;
  const RetrieveAllOptions& options_;
  const Client& client_;
  ResumableFile& file_;
  Progress progress_;
  v1::RetrieveAllRequest request_;  // of the next call
  std::string recipe_;              // "similar@3"
  bool begun_ = false;
  bool silent_ = false;  // the last call was given up because the server was silent
  uint64_t total_ = 0;
  uint64_t resumed_ = 0;
  uint64_t written_ = 0;
  uint64_t empty_ = 0;
  uint64_t dropped_ = 0;
  std::string first_dropped_;
  SteadyClock::time_point flush_at_ = SteadyClock::now() + kFlushEvery;
};

}  // namespace

StatusOr<int> RetrieveAll(Cli& cli, const RetrieveAllOptions& options) {
  if (options.out.empty() || options.out == "-") {
    return UsageError("--out: expected a file, got '", options.out, "'");
  }
  if (options.out.ends_with(".gz")) {
    return UsageError("--out: ", options.out, ": gzip is only read; name it .zst, or nothing");
  }
  LARDER_ASSIGN_OR_RETURN(const auto columns, ParseRequestColumns(options.request));
  LARDER_ASSIGN_OR_RETURN(const Client client, Client::Connect(cli));
  LARDER_ASSIGN_OR_RETURN(const auto file, ResumableFile::Open(options.out, LineCheck()));
  CatalogRun run(cli, options, client, *file);
  LARDER_RETURN_IF_ERROR(run.Start(columns));
  LARDER_RETURN_IF_ERROR(run.Run());
  run.Report();
  return kExitOk;
}

}  // namespace larder::cli
