// SPDX-License-Identifier: Apache-2.0
#include "featurestore/apply.h"

#include <algorithm>
#include <utility>

namespace larder::featurestore {

namespace {

// What may wait between the log and the state.
constexpr size_t kQueueEntries = 128;
constexpr size_t kQueueRecords = 100'000;
constexpr size_t kDecisions = 512;
// How often who waits for a position looks whether it still should.
constexpr std::chrono::milliseconds kLookAround{50};

}  // namespace

ApplyThread::ApplyThread(Applier& applier, Checkpointer& checkpointer, ApplyGate& gate,
                         Position applied, std::function<void()> on_control)
    : applier_(applier),
      checkpointer_(checkpointer),
      gate_(gate),
      on_control_(std::move(on_control)),
      applied_entry_(applied.entry()),
      applied_(applied) {
  applier_.set_on_publish([this](Position position) { Published(position); });
  thread_ = std::thread([this] { Run(); });
}

ApplyThread::~ApplyThread() {
  Stop();
  applier_.set_on_publish(nullptr);
}

void ApplyThread::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

void ApplyThread::OnSynced(std::shared_ptr<const Entry> entry, uint64_t checksum) {
  MutexLock lock(mutex_);
  while (failure_.ok() && !queue_.empty() &&
         (queue_.size() >= kQueueEntries || queued_records_ >= kQueueRecords)) {
    changed_.Wait(mutex_);
  }
  if (!failure_.ok()) return;  // the log has it, for the next start
  queued_records_ += entry->batch.size();
  queue_.push_back({std::move(entry), checksum});
  changed_.SignalAll();
}

Status ApplyThread::WaitApplied(uint64_t number) {
  MutexLock lock(mutex_);
  while (failure_.ok() && applied_entry_ < number) changed_.Wait(mutex_);
  return applied_entry_ >= number ? OkStatus() : FailureLocked();
}

StatusOr<uint64_t> ApplyThread::Decision(uint64_t number) const {
  MutexLock lock(mutex_);
  const auto found = decisions_.find(number);
  if (found == decisions_.end()) return Internal("no decision is known of entry ", number);
  return found->second;
}

Status ApplyThread::WaitPosition(Position position,
                                 std::chrono::steady_clock::time_point deadline,
                                 const std::function<bool()>& cancelled) {
  MutexLock lock(mutex_);
  while (applied_ < position) {
    LARDER_RETURN_IF_ERROR(FailureLocked());
    if (cancelled && cancelled()) return Cancelled("the wait for a position was given up");
    const auto now = std::chrono::steady_clock::now();
    if (now >= deadline) {
      return Unavailable("position ", position.value, " was not applied before the deadline");
    }
    changed_.WaitUntil(mutex_, cancelled ? std::min(deadline, now + kLookAround) : deadline);
  }
  return OkStatus();
}

Status ApplyThread::failure() const {
  MutexLock lock(mutex_);
  return FailureLocked();
}

Status ApplyThread::FailureLocked() const {
  if (failure_.ok()) return OkStatus();
  return Unavailable("apply has stopped: ", Message(failure_));
}

uint64_t ApplyThread::applied_entries() const {
  MutexLock lock(mutex_);
  return applied_entries_;
}

void ApplyThread::Published(Position applied) {
  MutexLock lock(mutex_);
  applied_ = applied;
  changed_.SignalAll();
}

void ApplyThread::Run() {
  while (true) {
    Waiting next;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_) changed_.Wait(mutex_);
      if (queue_.empty() || !failure_.ok()) return;
      next = std::move(queue_.front());
      queue_.pop_front();
      queued_records_ -= next.entry->batch.size();
      changed_.SignalAll();
    }
    const GateLock gate(gate_);
    const Entry& entry = *next.entry;
    const Applier::Outcome outcome = applier_.Apply(entry, next.checksum);
    const bool control = entry.kind != EntryKind::kData;
    if (control && outcome.failure.ok() && on_control_) on_control_();
    Status failure = outcome.failure;
    if (failure.ok() && outcome.new_definitions) failure = checkpointer_.Run();
    MutexLock lock(mutex_);
    if (failure.ok()) {
      applied_entry_ = entry.number;
      ++applied_entries_;
      if (control) decisions_.insert_or_assign(entry.number, outcome.decision);
      if (decisions_.size() > kDecisions) decisions_.erase(decisions_.begin());
    } else {
      failure_ = failure;
      queue_.clear();
      queued_records_ = 0;
    }
    changed_.SignalAll();
  }
}

}  // namespace larder::featurestore
