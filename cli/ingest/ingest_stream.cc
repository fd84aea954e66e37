// SPDX-License-Identifier: Apache-2.0
#include "cli/ingest/ingest_stream.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"

namespace larder::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kFirstPause{20};
constexpr std::chrono::milliseconds kLongestPause{1'000};

bool MayRetry(uint32_t code) {
  return code == static_cast<uint32_t>(StatusCode::kResourceExhausted) ||
         code == static_cast<uint32_t>(StatusCode::kUnavailable);
}

}  // namespace

IngestStream::IngestStream(const Client& client, RejectLog& rejects)
    : stub_(v1::IngestService::NewStub(client.channel())),
      stream_(stub_->Ingest(&context_)),
      rejects_(rejects),
      patience_(client.timeout()),
      reader_([this] { ReadAcknowledgements(); }),
      watcher_([this] { WatchForSilence(); }) {}

IngestStream::~IngestStream() {
  if (closed_) return;
  context_.TryCancel();
  (void)Close();
}

Status IngestStream::Close() {
  if (closed_) return failure();
  closed_ = true;
  reader_.join();
  // Not before the reader is gone and nothing is being written: Finish() must be alone.
  Status ended = FromGrpc(stream_->Finish());
  MutexLock lock(mutex_);
  // Whoever cancels it here says why in failure_ first.
  if (ended.code() == StatusCode::kCancelled) {
    ended = WithExitCode(Unavailable("the server has ended the stream: it is stopping; send again "
                                     "what was not acknowledged once it is back"),
                         kExitNoServer);
  }
  if (failure_.ok() && !ended.ok()) failure_ = ended;
  if (failure_.ok() && !(writes_done_ && in_flight_.empty())) {
    failure_ = WithExitCode(Unavailable("server ended the stream with ", in_flight_.size(),
                                        " batches unacknowledged"),
                            kExitNoServer);
  }
  return failure_;
}

Status IngestStream::failure() const {
  MutexLock lock(mutex_);
  return failure_;
}

IngestTotals IngestStream::totals() const {
  MutexLock lock(mutex_);
  return totals_;
}

Status IngestStream::Send(IngestBatch batch) {
  LARDER_RETURN_IF_ERROR(DrainTo(kInFlight - 1));
  const uint64_t sequence = next_sequence_++;
  batch.request.set_sequence(sequence);
  {
    MutexLock lock(mutex_);
    in_flight_.emplace(sequence, std::move(batch));
    owed_since_ = Clock::now();
  }
  return Write(sequence);
}

Status IngestStream::Write(uint64_t sequence) {
  const v1::IngestRequest* request;
  {
    MutexLock lock(mutex_);
    if (!failure_.ok()) return failure_;
    request = &in_flight_.at(sequence).request;
    owed_since_ = Clock::now();
    changed_.SignalAll();
  }
  // Nobody acknowledges, and so removes, a batch before it is written.
  if (stream_->Write(*request)) return OkStatus();
  // The stream has ended, with this batch and maybe others in flight.
  return Close();
}

Status IngestStream::DrainTo(size_t limit) {
  for (;;) {
    uint64_t sequence = 0;
    std::chrono::milliseconds pause{0};
    {
      MutexLock lock(mutex_);
      while (!ended_ && retry_.empty() && in_flight_.size() > limit) changed_.Wait(mutex_);
      if (!ended_ && retry_.empty()) return OkStatus();
      if (!ended_) {
        sequence = retry_.front();
        retry_.pop_front();
        pause = pause_;
        owed_since_ = Clock::now() + pause;
      }
    }
    // Numbers start at 1.
    if (sequence == 0) return Close();
    std::this_thread::sleep_for(pause);
    LARDER_RETURN_IF_ERROR(Write(sequence));
  }
}

Status IngestStream::Finish() {
  LARDER_RETURN_IF_ERROR(DrainTo(0));
  {
    MutexLock lock(mutex_);
    writes_done_ = true;
    owed_since_ = Clock::now();
    changed_.SignalAll();
  }
  stream_->WritesDone();
  return Close();
}

Status IngestStream::Acknowledge(const v1::IngestResponse& response) {
  const auto found = in_flight_.find(response.sequence());
  if (found == in_flight_.end()) {
    return Internal("server acknowledged batch ", response.sequence(), ", which is not in flight");
  }
  const IngestBatch& batch = found->second;
  const std::string where = Concat(batch.file, ":", batch.lines.front());
  if (response.code() != 0) {
    const Status status = FromGrpc(
        grpc::Status(static_cast<grpc::StatusCode>(response.code()), response.message()));
    const auto now = Clock::now();
    if (pause_ == std::chrono::milliseconds(0)) full_since_ = now;
    // About the source, and not about what is in the batch.
    if (status.code() == StatusCode::kNotFound) return status;
    if (status.code() == StatusCode::kFailedPrecondition) return status;
    if (!MayRetry(response.code()) || now - full_since_ > kRetryFor) return Annotate(status, where);
    pause_ = std::clamp(pause_ * 2, kFirstPause, kLongestPause);
    retry_.push_back(response.sequence());
    return OkStatus();
  }
  pause_ = std::chrono::milliseconds(0);
  for (const v1::RecordStatus& record : response.not_ok()) {
    if (record.index() >= batch.size()) return Internal(where, ": reply names a record beyond it");
    LARDER_RETURN_IF_ERROR(
        rejects_.Add(batch.file, batch.lines[record.index()],
                     MakeStatus(static_cast<StatusCode>(record.code()), record.message()),
                     batch.original(record.index())));
  }
  totals_.accepted += response.accepted();
  totals_.duplicates += response.duplicates();
  totals_.position = std::max(totals_.position, response.last_position().value());
  in_flight_.erase(found);
  return OkStatus();
}

void IngestStream::ReadAcknowledgements() {
  v1::IngestResponse response;
  while (stream_->Read(&response)) {
    MutexLock lock(mutex_);
    owed_since_ = Clock::now();
    const Status status = Acknowledge(response);
    if (failure_.ok() && !status.ok()) {
      failure_ = status;
      context_.TryCancel();
    }
    changed_.SignalAll();
  }
  MutexLock lock(mutex_);
  ended_ = true;
  changed_.SignalAll();
}

void IngestStream::WatchForSilence() {
  MutexLock lock(mutex_);
  while (!ended_) {
    const auto deadline = owed_since_ + std::chrono::microseconds(patience_);
    if (!failure_.ok() || (in_flight_.empty() && !writes_done_)) {
      changed_.Wait(mutex_);
    } else if (Clock::now() < deadline) {
      changed_.WaitUntil(mutex_, deadline);
    } else {
      failure_ = DeadlineExceeded("the server has acknowledged nothing for ",
                                  FormatDuration(patience_), ", which --timeout allows");
      context_.TryCancel();
    }
  }
}

}  // namespace larder::cli
