// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_GRPC_INGEST_H_
#define LARDER_SERVING_GRPC_INGEST_H_

#include "larder/v1/ingest_service.grpc.pb.h"
#include "serving/grpc_call.h"
#include "serving/grpc_streams.h"

namespace larder::serving {

// IngestService over IngestBatch: one batch at a time per stream.
// Thread-safety: thread-safe.
class GrpcIngestService : public larder::v1::IngestService::Service {
 public:
  GrpcIngestService(const CallRunner& calls, Streams& streams)
      : calls_(calls), streams_(streams) {}

  grpc::Status Ingest(grpc::ServerContext* call,
                      grpc::ServerReaderWriter<larder::v1::IngestResponse,
                                               larder::v1::IngestRequest>* stream) override;

 private:
  const CallRunner& calls_;
  Streams& streams_;
};

}  // namespace larder::serving

#endif  // LARDER_SERVING_GRPC_INGEST_H_
