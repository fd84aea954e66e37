// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_INTEGRATION_INGEST_CLIENT_H_
#define LARDER_TESTS_INTEGRATION_INGEST_CLIENT_H_

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "larder/v1/admin_service.grpc.pb.h"
#include "larder/v1/feature_service.grpc.pb.h"
#include "larder/v1/ingest_service.grpc.pb.h"
#include "larder/v1/retrieval_service.grpc.pb.h"

namespace larder {

// A bare gRPC client: sends batches one by one and says which were acknowledged.
// Thread-safety: single-thread.
class IngestClient {
 public:
  explicit IngestClient(const std::string& address)
      : channel_(grpc::CreateChannel(address, grpc::InsecureChannelCredentials())) {}

  // Sends `batches` on one stream, waiting for each acknowledgement, until all are sent or the
  // server is gone; calls `acknowledged(i, response)` for each.
  void Send(const std::string& source, const std::vector<std::vector<std::string>>& batches,
            const std::function<void(size_t, const v1::IngestResponse&)>& acknowledged) {
    const auto stub = v1::IngestService::NewStub(channel_);
    grpc::ClientContext context;
    const auto stream = stub->Ingest(&context);
    for (size_t i = 0; i < batches.size(); ++i) {
      v1::IngestRequest request;
      request.set_source(source);
      request.set_sequence(i + 1);
      request.set_format(v1::RECORD_FORMAT_JSON);
      for (const std::string& record : batches[i]) request.add_records(record);
      v1::IngestResponse response;
      if (!stream->Write(request) || !stream->Read(&response)) break;
      acknowledged(i, response);
    }
    stream->WritesDone();
    stream->Finish();
  }

  // Features of `candidates`, at `min_position` or later.
  grpc::Status GetFeatures(const v1::GetFeaturesRequest& request,
                           v1::GetFeaturesResponse& response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    return v1::FeatureService::NewStub(channel_)->GetFeatures(&context, request, &response);
  }

  grpc::Status Search(const v1::SearchRequest& request, v1::SearchResponse& response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    return v1::RetrievalService::NewStub(channel_)->Search(&context, request, &response);
  }

  v1::StatusResponse Status(bool want_state_hash) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    v1::StatusRequest request;
    request.set_want_state_hash(want_state_hash);
    v1::StatusResponse response;
    const grpc::Status status =
        v1::AdminService::NewStub(channel_)->Status(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

 private:
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace larder

#endif  // LARDER_TESTS_INTEGRATION_INGEST_CLIENT_H_
