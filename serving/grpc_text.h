// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_GRPC_TEXT_H_
#define LARDER_SERVING_GRPC_TEXT_H_

#include "larder/v1/text_service.grpc.pb.h"
#include "serving/grpc_call.h"
#include "serving/grpc_streams.h"

namespace larder::serving {

// TextService over PendingEmbed and Tokenize. A stream has a second thread, which answers while the
// first one reads on.
// Thread-safety: thread-safe.
class GrpcTextService : public larder::v1::TextService::Service {
 public:
  GrpcTextService(const CallRunner& calls, Streams& streams) : calls_(calls), streams_(streams) {}

  grpc::Status Embed(grpc::ServerContext* call, const larder::v1::EmbedRequest* request,
                     larder::v1::EmbedResponse* reply) override;
  grpc::Status EmbedStream(grpc::ServerContext* call,
                           grpc::ServerReaderWriter<larder::v1::EmbedStreamResponse,
                                                    larder::v1::EmbedStreamRequest>* stream)
      override;
  grpc::Status Tokenize(grpc::ServerContext* call, const larder::v1::TokenizeRequest* request,
                        larder::v1::TokenizeResponse* reply) override;

 private:
  const CallRunner& calls_;
  Streams& streams_;
};

}  // namespace larder::serving

#endif  // LARDER_SERVING_GRPC_TEXT_H_
