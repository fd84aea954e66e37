// SPDX-License-Identifier: Apache-2.0
#include "serving/grpc_ingest.h"

#include "serving/ingest.h"

namespace larder::serving {

bool GrpcIngestService::SetBusy(grpc::ServerContext* call, bool busy) {
  MutexLock lock(mu_);
  busy_[call] = busy;
  return !draining_;
}

grpc::Status GrpcIngestService::Ingest(
    grpc::ServerContext* call,
    grpc::ServerReaderWriter<v1::IngestResponse, v1::IngestRequest>* stream) {
  bool draining = !SetBusy(call, false);
  v1::IngestRequest request;
  while (!draining && stream->Read(&request)) {
    // Once a batch is read it is worked on and acknowledged, also while draining.
    SetBusy(call, true);
    v1::IngestResponse ack;
    // Each batch counts as one call; a failed batch does not end the stream.
    const grpc::Status status =
        calls_.Run("Ingest", *call, [&](const Context& context) -> Status {
          ack = IngestBatch(request, context);
          return MakeStatus(static_cast<StatusCode>(ack.code()), ack.message());
        });
    if (!status.ok() && ack.code() == 0) {
      ack.set_sequence(request.sequence());
      ack.set_code(static_cast<uint32_t>(status.error_code()));
      ack.set_message(status.error_message());
    }
    if (!stream->Write(ack)) break;
    draining = !SetBusy(call, false);
  }
  MutexLock lock(mu_);
  busy_.erase(call);
  if (draining) return {grpc::StatusCode::UNAVAILABLE, "the server is shutting down"};
  return grpc::Status::OK;
}

void GrpcIngestService::Drain() {
  MutexLock lock(mu_);
  draining_ = true;
  for (const auto& [call, busy] : busy_) {
    if (!busy) call->TryCancel();
  }
}

}  // namespace larder::serving
