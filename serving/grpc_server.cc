// SPDX-License-Identifier: Apache-2.0
#include "serving/grpc_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

#include "base/sync.h"
#include "larder/v1/admin_service.grpc.pb.h"
#include "larder/v1/artifact_service.grpc.pb.h"
#include "larder/v1/feature_service.grpc.pb.h"
#include "larder/v1/registry_service.grpc.pb.h"
#include "larder/v1/retrieval_service.grpc.pb.h"
#include "serving/admitted.h"
#include "serving/artifact_handlers.h"
#include "serving/features.h"
#include "serving/grpc_call.h"
#include "serving/grpc_ingest.h"
#include "serving/grpc_streams.h"
#include "serving/grpc_text.h"
#include "serving/registry_handlers.h"
#include "serving/retrieve.h"
#include "serving/retrieve_all.h"
#include "serving/search.h"

namespace larder::serving {
namespace {

class RegistryService : public v1::RegistryService::Service {
 public:
  explicit RegistryService(const CallRunner& calls) : calls_(calls) {}
  grpc::Status Plan(grpc::ServerContext* call, const v1::PlanRequest* request,
                    v1::PlanResponse* reply) override {
    return calls_.Unary("Plan", *call, *request, reply, serving::Plan);
  }
  grpc::Status Apply(grpc::ServerContext* call, const v1::ApplyRequest* request,
                     v1::ApplyResponse* reply) override {
    return calls_.Unary("Apply", *call, *request, reply, serving::Apply);
  }
  grpc::Status Rollback(grpc::ServerContext* call, const v1::RollbackRequest* request,
                        v1::RollbackResponse* reply) override {
    return calls_.Unary("Rollback", *call, *request, reply, serving::Rollback);
  }
  grpc::Status Get(grpc::ServerContext* call, const v1::RegistryServiceGetRequest* request,
                   v1::RegistryServiceGetResponse* reply) override {
    return calls_.Unary("RegistryGet", *call, *request, reply, GetDefinition);
  }
  grpc::Status List(grpc::ServerContext* call, const v1::RegistryServiceListRequest* request,
                    v1::RegistryServiceListResponse* reply) override {
    return calls_.Unary("RegistryList", *call, *request, reply, ListRevisions);
  }

 private:
  const CallRunner& calls_;
};

class ArtifactService : public v1::ArtifactService::Service {
 public:
  ArtifactService(const CallRunner& calls, Streams& streams, FileSystem& fs)
      : calls_(calls), streams_(streams), fs_(fs) {}
  grpc::Status Stat(grpc::ServerContext* call, const v1::StatRequest* request,
                    v1::StatResponse* reply) override {
    return calls_.Unary("ArtifactStat", *call, *request, reply, StatArtifacts);
  }
  grpc::Status Put(grpc::ServerContext* call, grpc::ServerReader<v1::PutRequest>* stream,
                   v1::PutResponse* reply) override {
    return calls_.Run("ArtifactPut", *call, [&](const Context& context) -> Status {
      Streams::Stream state(streams_, *call, /*ends_at_drain=*/false);
      LARDER_RETURN_IF_ERROR(state.status());
      ArtifactUpload upload(context.backend.artifacts);
      v1::PutRequest part;
      for (; stream->Read(&part); state.Waits()) {
        state.Works();
        LARDER_RETURN_IF_ERROR(CheckDeadline(context));
        LARDER_RETURN_IF_ERROR(upload.Add(part));
      }
      state.Works();
      if (call->IsCancelled()) return Cancelled("the client went away");
      LARDER_ASSIGN_OR_RETURN(*reply, upload.Finish());
      return OkStatus();
    });
  }
  grpc::Status Get(grpc::ServerContext* call, const v1::ArtifactServiceGetRequest* request,
                   grpc::ServerWriter<v1::ArtifactServiceGetResponse>* stream) override {
    return calls_.Run("ArtifactGet", *call, [&](const Context& context) -> Status {
      Streams::Stream state(streams_, *call, /*ends_at_drain=*/false);
      LARDER_RETURN_IF_ERROR(state.status());
      return SendArtifact(*request, fs_, context, [&](const auto& part) {
        state.Waits();
        const bool sent = stream->Write(part);
        state.Works();
        return sent;
      });
    });
  }

 private:
  const CallRunner& calls_;
  Streams& streams_;
  FileSystem& fs_;
};

class FeatureService : public v1::FeatureService::Service {
 public:
  explicit FeatureService(const CallRunner& calls) : calls_(calls) {}
  grpc::Status GetFeatures(grpc::ServerContext* call, const v1::GetFeaturesRequest* request,
                           v1::GetFeaturesResponse* reply) override {
    return calls_.Unary("GetFeatures", *call, *request, reply, serving::GetFeatures);
  }

 private:
  const CallRunner& calls_;
};

class RetrievalService : public v1::RetrievalService::Service {
 public:
  RetrievalService(const CallRunner& calls, Streams& streams) : calls_(calls), streams_(streams) {}
  grpc::Status Retrieve(grpc::ServerContext* call, const v1::RetrieveRequest* request,
                        v1::RetrieveResponse* reply) override {
    return calls_.Unary("Retrieve", *call, *request, reply, serving::Retrieve);
  }
  grpc::Status RetrieveAll(grpc::ServerContext* call, const v1::RetrieveAllRequest* request,
                           grpc::ServerWriter<v1::RetrieveAllResponse>* stream) override {
    return calls_.Run("RetrieveAll", *call, [&](const Context& context) -> Status {
      const Admitted admitted(all_calls_, kMaxRetrieveAllCalls);
      if (!admitted.ok()) {
        return ResourceExhausted(kMaxRetrieveAllCalls, " calls of RetrieveAll run already, which "
                                 "is the most at once: call again when one of them has ended");
      }
      Streams::Stream state(streams_, *call, /*ends_at_drain=*/true);
      LARDER_RETURN_IF_ERROR(state.status());
      state.Works();
      return serving::RetrieveAll(*request, context, [&](const auto& part) -> Status {
        if (!state.Waits()) return Unavailable("the server is shutting down");
        const bool sent = stream->Write(part);
        state.Works();
        return sent ? OkStatus() : Cancelled("the client went away");
      });
    });
  }
  grpc::Status Search(grpc::ServerContext* call, const v1::SearchRequest* request,
                      v1::SearchResponse* reply) override {
    return calls_.Unary("Search", *call, *request, reply, serving::Search);
  }

 private:
  const CallRunner& calls_;
  Streams& streams_;
  std::atomic<size_t> all_calls_{0};
};

class AdminService : public v1::AdminService::Service {
 public:
  AdminService(const CallRunner& calls, const ServerFacts& facts) : calls_(calls), facts_(facts) {}
  grpc::Status Status(grpc::ServerContext* call, const v1::StatusRequest* request,
                      v1::StatusResponse* reply) override {
    return calls_.Unary("Status", *call, *request, reply,
                        [this](const v1::StatusRequest& r, const Context& context) {
                          return GetServerStatus(r, facts_, context);
                        });
  }
  grpc::Status ActivateEpoch(grpc::ServerContext* call, const v1::ActivateEpochRequest* request,
                             v1::ActivateEpochResponse* reply) override {
    return calls_.Unary("ActivateEpoch", *call, *request, reply,
                        [this](const v1::ActivateEpochRequest& r, const Context& context) {
                          return serving::ActivateEpoch(r, facts_, context);
                        });
  }

 private:
  const CallRunner& calls_;
  const ServerFacts& facts_;
};

void Configure(const GrpcServer::Options& options, grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMaxReceiveBytes);
  builder.SetMaxSendMessageSize(kMaxSendBytes);
  grpc::ResourceQuota quota("larder");
  quota.SetMaxThreads(static_cast<int>(options.threads));
  quota.Resize(options.buffer_bytes);
  builder.SetResourceQuota(quota);
  // Two servers on one port would each get some of the calls: the second must fail instead.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 1'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  const auto cores = std::max(1U, std::thread::hardware_concurrency());
  using Option = grpc::ServerBuilder::SyncServerOption;
  builder.SetSyncServerOption(Option::NUM_CQS, static_cast<int>(std::min(cores, 8U)));
  builder.SetSyncServerOption(Option::MIN_POLLERS, 1);
  builder.SetSyncServerOption(Option::MAX_POLLERS, 4);
}

class GrpcServerImpl : public GrpcServer {
 public:
  GrpcServerImpl(const Options& options, const Parts& parts)
      : store_(parts.backend.store),
        calls_(parts.backend, parts.metrics, options.default_deadline),
        streams_(options.threads / 2, options.stream_idle),
        registry_(calls_),
        artifacts_(calls_, streams_, parts.fs),
        ingest_(calls_, streams_),
        features_(calls_),
        text_(calls_, streams_),
        retrieval_(calls_, streams_),
        admin_(calls_, parts.facts) {}
  ~GrpcServerImpl() override {
    if (server_ != nullptr) Shutdown(std::chrono::milliseconds(0));
  }

  larder::Status Listen(const Options& options) {
    // Global settings of the library that hold for servers built later.
    static std::once_flag once;
    std::call_once(once, [] {
      grpc::EnableDefaultHealthCheckService(true);
      grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    });
    grpc::ServerBuilder builder;
    Configure(options, builder);
    int port = 0;
    builder.AddListeningPort(options.address, grpc::InsecureServerCredentials(), &port);
    for (grpc::Service* service :
         {static_cast<grpc::Service*>(&registry_), static_cast<grpc::Service*>(&artifacts_),
          static_cast<grpc::Service*>(&ingest_), static_cast<grpc::Service*>(&features_),
          static_cast<grpc::Service*>(&text_), static_cast<grpc::Service*>(&retrieval_),
          static_cast<grpc::Service*>(&admin_)}) {
      builder.RegisterService(service);
    }
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port == 0) {
      server_.reset();
      return Unavailable("cannot listen on ", options.address, " for gRPC: is it in use?");
    }
    port_ = static_cast<uint16_t>(port);
    health_ = std::jthread([this, every = options.health_every](const std::stop_token& stop) {
      WatchHealth(every, stop);
    });
    return OkStatus();
  }

  uint16_t port() const override { return port_; }

  void Shutdown(std::chrono::milliseconds drain) override {
    health_.request_stop();
    {
      MutexLock lock(health_mu_);
      health_wake_.SignalAll();
    }
    health_.join();
    if (auto* health = server_->GetHealthCheckService(); health != nullptr) {
      health->SetServingStatus(false);
    }
    streams_.Drain();
    server_->Shutdown(std::chrono::system_clock::now() + drain);
    server_->Wait();
    server_.reset();
  }

 private:
  // The health service of the library is told, it does not ask.
  void WatchHealth(std::chrono::milliseconds every, const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (auto* health = server_->GetHealthCheckService(); health != nullptr) {
        health->SetServingStatus(store_.Health().ok());
      }
      MutexLock lock(health_mu_);
      if (!stop.stop_requested()) {
        health_wake_.WaitUntil(health_mu_, std::chrono::steady_clock::now() + every);
      }
    }
  }

  const featurestore::Store& store_;
  CallRunner calls_;
  Streams streams_;
  RegistryService registry_;
  ArtifactService artifacts_;
  GrpcIngestService ingest_;
  FeatureService features_;
  GrpcTextService text_;
  RetrievalService retrieval_;
  AdminService admin_;
  uint16_t port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  Mutex health_mu_;
  CondVar health_wake_;
  std::jthread health_;
};

}  // namespace

StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(const Options& options,
                                                        const Parts& parts) {
  auto server = std::make_unique<GrpcServerImpl>(options, parts);
  LARDER_RETURN_IF_ERROR(server->Listen(options));
  return server;
}

}  // namespace larder::serving
