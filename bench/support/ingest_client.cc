// SPDX-License-Identifier: Apache-2.0
#include "bench/support/ingest_client.h"

#include <algorithm>
#include <atomic>
#include <semaphore>
#include <thread>

#include "base/sync.h"
#include "bench/support/server_process.h"
#include "larder/v1/ingest_service.grpc.pb.h"
#include "serving/ingest.h"

namespace larder::bench {
namespace {

Status Count(const v1::IngestResponse& response, Ingested& total) {
  if (response.code() != 0) {
    return MakeStatus(static_cast<StatusCode>(response.code()), response.message());
  }
  if (response.not_ok_size() > 0) {
    const v1::RecordStatus& record = response.not_ok(0);
    return MakeStatus(static_cast<StatusCode>(record.code()), record.message());
  }
  total.records += response.accepted();
  total.position = std::max(total.position, response.last_position().value());
  return OkStatus();
}

}  // namespace

std::vector<v1::IngestRequest> MakeBatches(std::string_view source,
                                           const std::vector<std::string>& lines) {
  std::vector<v1::IngestRequest> batches;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i % kBatchRecords == 0) {
      batches.emplace_back().set_source(std::string(source));
      batches.back().set_sequence(batches.size());
    }
    batches.back().add_records(lines[i]);
  }
  return batches;
}

StatusOr<Ingested> SendInProcess(Engine& engine, const std::vector<v1::IngestRequest>& batches) {
  Mutex mutex;
  Ingested total;
  Status failure;
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < batches.size(); i = next++) {
      const v1::IngestResponse response = serving::IngestBatch(batches[i], engine.context());
      MutexLock lock(mutex);
      if (Status status = Count(response, total); !status.ok()) failure = std::move(status);
    }
  };
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < kBatchesInFlight; ++i) threads.emplace_back(work);
  }
  LARDER_RETURN_IF_ERROR(failure);
  return total;
}

StatusOr<Ingested> SendOverGrpc(const std::shared_ptr<grpc::Channel>& channel,
                                const std::vector<v1::IngestRequest>& batches) {
  const auto stub = v1::IngestService::NewStub(channel);
  grpc::ClientContext context;
  const auto stream = stub->Ingest(&context);
  std::counting_semaphore<> room(kBatchesInFlight);
  Ingested total;
  Status failure;
  std::jthread reader([&] {
    v1::IngestResponse response;
    while (stream->Read(&response)) {
      if (Status status = Count(response, total); !status.ok()) failure = std::move(status);
      room.release();
    }
    room.release(static_cast<std::ptrdiff_t>(batches.size()));  // a broken stream blocks nobody
  });
  for (const v1::IngestRequest& batch : batches) {
    room.acquire();
    if (!stream->Write(batch)) break;
  }
  stream->WritesDone();
  reader.join();
  LARDER_RETURN_IF_ERROR(FromGrpc(stream->Finish()));
  LARDER_RETURN_IF_ERROR(failure);
  return total;
}

}  // namespace larder::bench
