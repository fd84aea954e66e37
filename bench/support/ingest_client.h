// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_BENCH_SUPPORT_INGEST_CLIENT_H_
#define LARDER_BENCH_SUPPORT_INGEST_CLIENT_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "bench/support/engine.h"
#include "larder/v1/ingest_service.pb.h"

namespace larder::bench {

inline constexpr size_t kBatchRecords = 2'000;  // what `larder ingest` sends at once
inline constexpr size_t kBatchesInFlight = 4;

// What came of sending batches.
struct Ingested {
  uint64_t records = 0;   // durable
  uint64_t position = 0;  // the greatest
};

// The lines as batches of `source`.
std::vector<v1::IngestRequest> MakeBatches(std::string_view source,
                                           const std::vector<std::string>& lines);

// Hands the batches to the handler, kBatchesInFlight at a time; returns when all are durable.
// Errors: the first batch or record that did not go in.
StatusOr<Ingested> SendInProcess(Engine& engine, const std::vector<v1::IngestRequest>& batches);

// The same over one gRPC stream.
StatusOr<Ingested> SendOverGrpc(const std::shared_ptr<grpc::Channel>& channel,
                                const std::vector<v1::IngestRequest>& batches);

}  // namespace larder::bench

#endif  // LARDER_BENCH_SUPPORT_INGEST_CLIENT_H_
