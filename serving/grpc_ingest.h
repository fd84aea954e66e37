// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_GRPC_INGEST_H_
#define LARDER_SERVING_GRPC_INGEST_H_

#include <map>

#include "base/sync.h"
#include "larder/v1/ingest_service.grpc.pb.h"
#include "serving/grpc_call.h"

namespace larder::serving {

// IngestService over IngestBatch: one batch at a time per stream.
// Thread-safety: thread-safe.
class GrpcIngestService : public larder::v1::IngestService::Service {
 public:
  explicit GrpcIngestService(const CallRunner& calls) : calls_(calls) {}

  grpc::Status Ingest(grpc::ServerContext* call,
                      grpc::ServerReaderWriter<larder::v1::IngestResponse,
                                               larder::v1::IngestRequest>* stream) override;

  // Ends every stream: at once if it waits for its client, else after the batch that it is at.
  void Drain();

 private:
  // False when the stream is to end.
  bool SetBusy(grpc::ServerContext* call, bool busy);

  const CallRunner& calls_;
  Mutex mu_;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  std::map<grpc::ServerContext*, bool> busy_ ABSL_GUARDED_BY(mu_);
};

}  // namespace larder::serving

#endif  // LARDER_SERVING_GRPC_INGEST_H_
