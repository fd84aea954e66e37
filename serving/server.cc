// SPDX-License-Identifier: Apache-2.0
#include "serving/server.h"

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "base/sync.h"
#include "featurestore/artifact_store.h"
#include "featurestore/store.h"
#include "serving/admin.h"
#include "serving/context.h"
#include "serving/encoders.h"
#include "serving/grpc_server.h"
#include "serving/http.h"
#include "serving/index_sink.h"
#include "serving/jobs.h"
#include "serving/live_recall.h"
#include "serving/metrics.h"
#include "serving/retrieval/key_hashes.h"
#include "serving/retrieval/top_list.h"
#include "serving/text/openai.h"

namespace larder::serving {
namespace {

class ServerImpl : public Server {
 public:
  ServerImpl(const ServerOptions& options, FileSystem& fs)
      : options_(options),
        fs_(fs),
        indexes_(fs, options.max_delta),
        top_lists_(options.top_list_age) {}
  ~ServerImpl() override { Shutdown(); }

  Status Open() {
    LARDER_RETURN_IF_ERROR(fs_.MakeDirs(options_.data_dir));
    // Before anything in the directory is touched; the store's own lock comes later.
    LARDER_ASSIGN_OR_RETURN(lock_, FileLock::Acquire(JoinPath(options_.data_dir, "serve.lock")));
    LARDER_RETURN_IF_ERROR(StartHttp());
    LARDER_ASSIGN_OR_RETURN(artifacts_, featurestore::ArtifactStore::Open(fs_, options_.data_dir));
    encoders_.emplace(fs_, *artifacts_,
                      EncodersOptions{.batcher = {.threads = options_.embed_threads,
                                                  .wait = options_.embed_wait,
                                                  .queue_tokens = options_.embed_queue_tokens},
                                      .cache_bytes = options_.embed_cache_bytes});
    featurestore::StoreOptions store_options = options_.ToStoreOptions();
    store_options.fs = &fs_;
    Say("recovering");
    LARDER_ASSIGN_OR_RETURN(store_, featurestore::Store::Open(store_options, *artifacts_,
                                                              *encoders_, indexes_));
    LARDER_RETURN_IF_ERROR(LoadEncoders());
    live_recall_.emplace(*store_, indexes_, options_.recall_budget);
    backend_.emplace(Backend{*store_, *artifacts_, *encoders_, indexes_, top_lists_, key_hashes_,
                             *live_recall_});
    jobs_.emplace(Jobs::Parts{*store_, *artifacts_, *encoders_, indexes_},
                  JobsOptions{.poll = options_.job_poll,
                              .index_quiet = options_.index_quiet,
                              .index_patience = options_.index_patience,
                              .index_interval = options_.index_interval,
                              .index_threads = options_.index_threads,
                              .epoch_bounds = {.min_recall = options_.epoch_min_recall,
                                               .min_overlap = options_.epoch_min_overlap},
                              .retry = options_.job_retry,
                              .retry_max = options_.job_retry_max});
    openai_.emplace(*backend_, metrics_, options_.default_deadline,
                    options_.http_threads * 3 / 4);
    facts_.emplace(ServerFacts{options_.data_dir, started_at_, started_, *jobs_});
    LARDER_ASSIGN_OR_RETURN(
        grpc_, GrpcServer::Start({.address = options_.listen,
                                  .threads = options_.grpc_threads,
                                  .buffer_bytes = options_.grpc_buffer_bytes,
                                  .default_deadline = options_.default_deadline},
                                 {*backend_, fs_, *facts_, metrics_}));
    Say("shutting down");  // what is said when it is no longer ready
    ready_.store(true, std::memory_order_release);
    if (options_.ports_file.empty()) return OkStatus();
    return WriteFileAtomically(
        fs_, options_.ports_file,
        Concat("{\"grpc\": ", grpc_port(), ", \"http\": ", http_port(), "}\n"));
  }

  uint16_t grpc_port() const override { return grpc_ == nullptr ? 0 : grpc_->port(); }
  uint16_t http_port() const override { return http_ == nullptr ? 0 : http_->port(); }
  double recovery_seconds() const override { return store_->Stats().recovery_seconds; }
  uint64_t replayed_entries() const override { return store_->Stats().replayed_entries; }

  void Shutdown() override {
    ready_.store(false, std::memory_order_release);
    if (grpc_ != nullptr) grpc_->Shutdown(options_.drain);
    grpc_.reset();
    http_.reset();  // before what its handlers look at
    openai_.reset();
    facts_.reset();
    jobs_.reset();
    backend_.reset();
    live_recall_.reset();
    store_.reset();
    encoders_.reset();
    artifacts_.reset();
    lock_.reset();
  }

 private:
  Status StartHttp() {
    if (options_.http.empty()) return OkStatus();
    LARDER_ASSIGN_OR_RETURN(const HostPort address, ParseHostPort(options_.http));
    LARDER_ASSIGN_OR_RETURN(
        http_, HttpServer::Start(address.host, address.port, options_.http_threads,
                                 {.health = [this] { return Health(); },
                                  .metrics = [this] { return MetricsText(); },
                                  .api = [this](const HttpRequest& r) { return Api(r); }}));
    return OkStatus();
  }

  bool IsReady() const { return ready_.load(std::memory_order_acquire); }
  Status Health() const {
    if (IsReady()) return store_->Health();
    MutexLock lock(doing_mu_);
    return Unavailable(doing_);
  }

  void Say(std::string doing) {
    MutexLock lock(doing_mu_);
    doing_ = std::move(doing);
  }

  HttpReply Api(const HttpRequest& request) {
    if (IsReady()) return openai_->Answer(request);
    // OpenAI's clients try again.
    return {.status = 503,
            .body = Concat("{\"error\":{\"message\":\"the server is not ready, see /healthz\","
                           "\"type\":\"server_error\",\"param\":null,\"code\":null}}"),
            .retry = true};
  }

  std::string MetricsText() {
    if (!IsReady()) return metrics_.Text({});
    const Context context{*backend_, std::chrono::steady_clock::now() + std::chrono::seconds(5)};
    return metrics_.Text(CollectGauges(*facts_, context));
  }

  // The live revision's encoders, so that no read waits for the first use of one. Errors: kDataLoss
  // naming what is damaged or missing.
  Status LoadEncoders() {
    std::shared_ptr<const registry::CompiledRegistry> registry;
    {
      LARDER_ASSIGN_OR_RETURN(
          const auto snapshot,
          store_->Read({}, std::chrono::steady_clock::now() + std::chrono::seconds(60)));
      const registry::Revision* current = snapshot->history().current();
      if (current == nullptr) return OkStatus();
      registry = current->registry;
    }
    for (const registry::Encoder& encoder : registry->encoders) {
      if (encoder.external) continue;
      Say(Concat("loading encoder '", encoder.name, "'"));
      const Status loaded = encoders_->Load(encoder.digest).status();
      if (loaded.code() == StatusCode::kNotFound) {
        return DataLoss("encoder '", encoder.name, "': its files are gone; copy them into ",
                        JoinPath(options_.data_dir, "artifacts/"), encoder.digest.Hex());
      }
      LARDER_RETURN_IF_ERROR(Annotate(loaded, Concat("encoder '", encoder.name, "'")));
    }
    return OkStatus();
  }

  const ServerOptions options_;
  FileSystem& fs_;
  const TimeUs started_at_ = Clock::System().Now();
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  // In the order in which they need each other; Shutdown takes them down in reverse.
  std::unique_ptr<FileLock> lock_;
  Metrics metrics_;
  IndexSink indexes_;
  TopLists top_lists_;
  KeyHashes key_hashes_;
  std::unique_ptr<featurestore::ArtifactStore> artifacts_;
  std::optional<Encoders> encoders_;
  std::unique_ptr<featurestore::Store> store_;
  std::optional<LiveRecall> live_recall_;
  std::optional<Backend> backend_;
  std::optional<Jobs> jobs_;
  std::optional<OpenAi> openai_;
  std::optional<ServerFacts> facts_;
  std::atomic<bool> ready_{false};
  mutable Mutex doing_mu_;
  std::string doing_ ABSL_GUARDED_BY(doing_mu_) = "starting";  // while it is not ready
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<GrpcServer> grpc_;
};

}  // namespace

StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options, FileSystem& fs) {
  LARDER_RETURN_IF_ERROR(options.Validate());
  auto server = std::make_unique<ServerImpl>(options, fs);
  LARDER_RETURN_IF_ERROR(server->Open());
  return server;
}

}  // namespace larder::serving
