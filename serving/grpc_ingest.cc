// SPDX-License-Identifier: Apache-2.0
#include "serving/grpc_ingest.h"

#include "serving/ingest.h"

namespace larder::serving {

grpc::Status GrpcIngestService::Ingest(
    grpc::ServerContext* call,
    grpc::ServerReaderWriter<v1::IngestResponse, v1::IngestRequest>* stream) {
  Streams::Stream state(streams_, *call, /*ends_at_drain=*/true);
  if (!state.status().ok()) return ToGrpc(state.status());
  v1::IngestRequest request;
  bool goes_on = state.Waits();
  while (goes_on && stream->Read(&request)) {
    // Once a batch is read it is worked on and acknowledged, also while draining.
    state.Works();
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
    goes_on = state.Waits();
  }
  if (!goes_on) return {grpc::StatusCode::UNAVAILABLE, "the server is shutting down"};
  return grpc::Status::OK;
}

}  // namespace larder::serving
