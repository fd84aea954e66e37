// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_INGEST_INGEST_STREAM_H_
#define LARDER_CLI_INGEST_INGEST_STREAM_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "base/sync.h"
#include "cli/client.h"
#include "cli/ingest/reject_log.h"
#include "larder/v1/ingest_service.grpc.pb.h"

namespace larder::cli {

// Records of one file on their way.
struct IngestBatch {
  std::string file;
  std::vector<uint64_t> lines;         // of each record
  std::vector<std::string> originals;  // as in the file, if that is not what is sent; else empty
  size_t size_bytes = 0;
  v1::IngestRequest request;

  size_t size() const { return lines.size(); }
  std::string_view original(size_t i) const {
    return originals.empty() ? std::string_view(request.records(static_cast<int>(i)))
                             : std::string_view(originals[i]);
  }
};

struct IngestTotals {
  uint64_t accepted = 0;  // durable, duplicates included
  uint64_t duplicates = 0;
  uint64_t position = 0;  // the greatest
};

// Sends batches over one stream with several in flight. A batch that the server has no room for is
// sent again, with growing pauses; rejected records go to the log. A server that acknowledges
// nothing for the client's timeout ends the stream.
//
// Threads: one of its own reads acknowledgements, one watches that there are some.
// Thread-safety: single-thread.
class IngestStream {
 public:
  // `rejects` must outlive the stream.
  IngestStream(const Client& client, RejectLog& rejects);
  ~IngestStream();
  IngestStream(const IngestStream&) = delete;
  IngestStream& operator=(const IngestStream&) = delete;

  // Sends one batch; waits while too many are in flight.
  // Errors: what ended the stream, or the first batch that can never go in.
  Status Send(IngestBatch batch);
  // Sends again what the server had no room for, waiting until it is due: for callers that have
  // nothing to send for a while.
  // Errors: as Send.
  Status Poll() { return DrainTo(kInFlight); }
  // Waits until everything is acknowledged. Errors: as Send.
  Status Finish();
  IngestTotals totals() const;

 private:
  static constexpr size_t kInFlight = 4;
  static constexpr std::chrono::seconds kRetryFor{900};

  Status Write(uint64_t sequence);
  // Waits until at most `limit` batches are unacknowledged, sending those that wait for a retry.
  Status DrainTo(size_t limit);
  void ReadAcknowledgements();
  // Ends the stream with kDeadlineExceeded once the server owes an answer for too long.
  void WatchForSilence();
  // Once the stream has ended, or is about to: learns how. Errors: what Send and Finish return.
  Status Close();
  Status failure() const;
  Status Acknowledge(const v1::IngestResponse& response) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::unique_ptr<v1::IngestService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::IngestRequest, v1::IngestResponse>> stream_;
  RejectLog& rejects_;
  uint64_t next_sequence_ = 1;
  const DurationUs patience_;
  bool closed_ = false;

  mutable Mutex mutex_;
  CondVar changed_;
  // Unacknowledged, by sequence. The map's nodes stay put while a batch is being written.
  std::map<uint64_t, IngestBatch> in_flight_ ABSL_GUARDED_BY(mutex_);
  std::deque<uint64_t> retry_ ABSL_GUARDED_BY(mutex_);
  std::chrono::steady_clock::time_point full_since_ ABSL_GUARDED_BY(mutex_){};
  std::chrono::milliseconds pause_ ABSL_GUARDED_BY(mutex_){0};
  Status failure_ ABSL_GUARDED_BY(mutex_);
  bool writes_done_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;  // no more acknowledgements will come
  // Since when the server has owed the next answer, if it owes one.
  std::chrono::steady_clock::time_point owed_since_ ABSL_GUARDED_BY(mutex_){};
  IngestTotals totals_ ABSL_GUARDED_BY(mutex_);
  // Last: they join before the rest goes.
  std::jthread reader_;
  std::jthread watcher_;
};

}  // namespace larder::cli

#endif  // LARDER_CLI_INGEST_INGEST_STREAM_H_
