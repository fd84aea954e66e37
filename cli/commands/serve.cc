// SPDX-License-Identifier: Apache-2.0
#include <semaphore.h>

#include <csignal>
#include <ostream>
#include <utility>

#include "base/clock.h"
#include "cli/commands/commands.h"
#include "cli/json.h"
#include "cli/number_option.h"
#include "serving/server.h"

namespace larder::cli {
namespace {

constexpr char kExamples[] =
    "  larder serve --data ./data\n"
    "  larder serve --data ./data --listen 127.0.0.1:0 --ports-file ports.json\n"
    "  larder serve --data ./data --index-interval 10m --index-threads 2 --max-delta 200000\n"
    "  larder serve --data ./data --epoch-min-recall 0.9 --epoch-min-overlap 0.2\n"
    "SIGTERM and SIGINT stop it cleanly; a second one stops it at once, and nothing that was\n"
    "acknowledged is lost either way.";

using Milliseconds = std::chrono::milliseconds;

struct Options {
  serving::ServerOptions server;
  // Text of durations, by the field that they fill.
  std::vector<std::pair<std::string, Milliseconds serving::ServerOptions::*>> names;
  std::map<std::string, std::string> durations;
};

StatusOr<serving::ServerOptions> ServerOptionsOf(const Options& options) {
  serving::ServerOptions server = options.server;
  for (const auto& [name, field] : options.names) {
    const std::string& text = options.durations.at(name);
    if (text.empty()) continue;
    const StatusOr<DurationUs> duration = ParseDuration(text);
    if (!duration.ok()) return UsageError(name, ": ", Message(duration.status()));
    if (*duration % kMillisecondUs != 0) {
      return UsageError(name, ": expected whole milliseconds, got '", text, "'");
    }
    server.*field = Milliseconds(*duration / kMillisecondUs);
  }
  if (server.http == "off") server.http.clear();
  if (const Status valid = server.Validate(); !valid.ok()) return WithExitCode(valid, kExitUsage);
  return server;
}

// SIGTERM and SIGINT by a handler and not by masks: libraries have threads of their own, from
// before main(), in which a signal that is blocked here would end the process.
sem_t stop_requested;
volatile std::sig_atomic_t stop_signal = 0;

void SetStopHandler(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
}

extern "C" void RequestStop(int signal) {
  // The second one does what signals do by default, also while the server still starts.
  SetStopHandler(SIG_DFL);
  stop_signal = signal;
  sem_post(&stop_requested);
}

// Since the handler was set; returns the signal.
int WaitForStop() {
  while (sem_wait(&stop_requested) != 0) {
  }
  return stop_signal;
}

void Announce(Cli& cli, const serving::Server& server, const serving::ServerOptions& options) {
  const bool http = !options.http.empty();
  if (cli.json) {
    Json ports = {{"grpc", server.grpc_port()}, {"http", nullptr}};
    if (http) ports["http"] = server.http_port();
    cli.io.out << DumpJson(ports) << std::endl;
    return;
  }
  cli.io.err << "serving " << options.data_dir << ": gRPC on port " << server.grpc_port();
  if (http) cli.io.err << ", HTTP on port " << server.http_port();
  cli.io.err << std::endl;
}

StatusOr<int> Run(Cli& cli, const Options& options) {
  LARDER_ASSIGN_OR_RETURN(const serving::ServerOptions server_options, ServerOptionsOf(options));
  sem_init(&stop_requested, 0, 0);
  SetStopHandler(RequestStop);
  LARDER_ASSIGN_OR_RETURN(const auto server, serving::Server::Start(server_options));
  Announce(cli, *server, server_options);

  const int signal = WaitForStop();
  cli.io.err << "stopping (" << (signal == SIGTERM ? "SIGTERM" : "SIGINT")
             << "); once more stops at once" << std::endl;
  server->Shutdown();
  return kExitOk;
}

void AddShare(CLI::App* command, const std::string& name, double& field,
              const std::string& what) {
  command->add_option(name, field, Concat(what, " [", field, "]"))->type_name("SHARE");
}

void AddDurations(CLI::App* command, const std::shared_ptr<Options>& options) {
  const auto add = [&](const std::string& name, const std::string& description,
                       Milliseconds serving::ServerOptions::*field) {
    options->names.emplace_back(name, field);
    const Milliseconds shown = options->server.*field;
    command
        ->add_option(name, options->durations[name],
                     Concat(description, " [", FormatDuration(shown.count() * kMillisecondUs), "]"))
        ->type_name("DURATION");
  };
  using S = serving::ServerOptions;
  add("--default-deadline", "Of calls that come without one", &S::default_deadline);
  add("--drain", "How long a shutdown waits for running calls", &S::drain);
  add("--embed-wait", "How long a thread for slow encoders waits while few tokens wait",
      &S::embed_wait);
  add("--top-list-age", "Age at which the list of a `top` channel is built again",
      &S::top_list_age);
  add("--index-quiet", "An index is built once nothing was ingested for so long",
      &S::index_quiet);
  add("--index-patience", "Or once it has waited for so long", &S::index_patience);
  add("--index-interval", "But not sooner after the last time", &S::index_interval);
  add("--checkpoint-every", "The longest time between two checkpoints", &S::checkpoint_every);
}

}  // namespace

// ServerOptions::Validate knows the ranges.
void AddServe(CLI::App& app, Cli& cli) {
  auto options = std::make_shared<Options>();
  serving::ServerOptions& server = options->server;
  CLI::App* command =
      AddCommand(app, cli, "serve", "Run a server on a data directory", kExamples, Needs::kNothing);
  command->add_option("--data", server.data_dir, "Where everything lies; made if missing")
      ->type_name("DIR")
      ->required();
  command
      ->add_option("--listen", server.listen,
                   Concat("HOST:PORT of gRPC, port 0: any [", server.listen, "]"))
      ->type_name("ADDR");
  command
      ->add_option("--http", server.http,
                   Concat("HOST:PORT of /healthz, /metrics and /v1/embeddings, or off [", server.http, "]"))
      ->type_name("ADDR");
  command
      ->add_option("--ports-file", server.ports_file,
                   "Written once the server answers: {\"grpc\": PORT, \"http\": PORT}")
      ->type_name("FILE");
  command->add_flag("--insecure", server.insecure,
                    "Serve whoever reaches the port; needed beyond loopback");
  command->add_flag("--accept-clock-skew", server.accept_clock_skew,
                    "Start although the clock is behind the newest record");
  AddNumber(command, "--grpc-threads", server.grpc_threads, {}, "Threads that gRPC may use");
  AddNumber(command, "--http-threads", server.http_threads, {}, "Threads that answer HTTP");
  AddNumber(command, "--embed-threads", server.embed_threads, {},
            "Threads that encode texts with slow encoders, 0: one per processor");
  AddNumber(command, "--embed-queue-tokens", server.embed_queue_tokens, {},
            "Tokens that may wait for slow encoders");
  AddNumber(command, "--embed-cache-bytes", server.embed_cache_bytes, {},
            "Memory for vectors of texts that come again");
  AddNumber(command, "--max-delta", server.max_delta, {},
            "Vectors that an index may have outside of its base; ingest waits beyond");
  AddShare(command, "--recall-budget", server.recall_budget,
           "Share of one core for measuring the recall of live searches");
  AddShare(command, "--epoch-min-recall", server.epoch_min_recall,
           "Recall@10 that an epoch needs to take the place of another");
  AddShare(command, "--epoch-min-overlap", server.epoch_min_overlap,
           "Share of nearest neighbours that it must keep");
  AddNumber(command, "--index-threads", server.index_threads, {0, kMaxUint32},
            "Threads of an index build");
  AddNumber(command, "--dedupe-ids", server.dedupe_ids, {}, "Record ids remembered per source");
  AddNumber(command, "--queue-batches", server.queue_batches, {},
            "Batches that may wait to be appended");
  AddNumber(command, "--cached-keys", server.cached_keys, {},
            "Keys kept in memory of entities that are no candidates");
  AddDurations(command, options);
  SetAction(command, cli, options, Run);
}

}  // namespace larder::cli
