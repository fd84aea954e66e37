// SPDX-License-Identifier: Apache-2.0
#include "featurestore/sequencer.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/bytes.h"

namespace larder::featurestore {
namespace {

constexpr DurationUs kMaxClockBehind = kMinuteUs;    // S2.1
constexpr DurationUs kMaxAheadOfArrival = 10 * kMinuteUs;  // S2.2

std::string PositionName(Position position) {
  return Concat("entry ", position.entry(), ", record ", position.index());
}

std::string HashName(const Hash128& hash) {
  const uint64_t words[] = {hash.high, hash.low};
  return ToHex(AsBytes(std::span<const uint64_t>(words)));
}

// A copy that shares nothing with `status`. A Status counts references inside the distribution's
// uninstrumented library, where ThreadSanitizer cannot see them; so threads do not share one.
Status Detached(const Status& status) {
  return status.ok() ? OkStatus() : MakeStatus(status.code(), Message(status));
}

// `batch` with only the rows whose `keep` is set.
RecordBatch Filter(RecordBatch batch, const std::vector<bool>& keep, size_t kept) {
  if (kept == keep.size()) return batch;
  RecordBatch out;
  out.source = std::move(batch.source);
  out.names = std::move(batch.names);
  for (const registry::Column& column : batch.columns) {
    out.columns.push_back(registry::Column::Of(column.type, kept));
    for (size_t row = 0; row < keep.size(); ++row) {
      if (keep[row]) out.columns.back().AppendRow(column, row);
    }
  }
  for (size_t row = 0; row < keep.size(); ++row) {
    if (keep[row]) out.infos.push_back(batch.infos[row]);
  }
  return out;
}

}  // namespace

// A batch or a control entry that a caller waits for; it lives on the caller's stack.
struct Sequencer::Item {
  // A batch, if `request` is not null.
  const IngestRequest* request = nullptr;
  ValidatedBatch batch;
  IngestResult result;

  EntryKind kind = EntryKind::kData;
  std::string control;
  Position position;

  // Guarded by the sequencer's mutex.
  Status status;
  bool done = false;
};

// Entries that are synced at once, and the items that wait for that. An item whose batch is all
// duplicates has no entry; its originals are durable when the group is.
struct Sequencer::Group {
  std::vector<std::string> encoded;
  std::vector<std::shared_ptr<const Entry>> entries;
  std::vector<Item*> items;
  size_t bytes = 0;
};

Sequencer::Sequencer(SequencerOptions options, const LogEnd& end, Log& log, const Clock& clock,
                     Dedupe& dedupe, BatchValidator& validator, EntryConsumer& consumer)
    : options_(options),
      log_(log),
      clock_(clock),
      dedupe_(dedupe),
      validator_(validator),
      consumer_(consumer),
      end_(end),
      synced_(end.number) {
  LARDER_CHECK(log_.last() == end_.number);
  thread_ = std::thread([this] { Run(); });
}

Sequencer::~Sequencer() {
  Stop();
  thread_.join();
  // Callers that were answered may still be on their way out.
  const MutexLock lock(mutex_);
  while (callers_ > 0) finished_.Wait(mutex_);
}

void Sequencer::Stop() {
  const MutexLock lock(mutex_);
  stopping_ = true;
  work_.SignalAll();
}

size_t Sequencer::queued() const {
  const MutexLock lock(mutex_);
  return queue_.size();
}

uint64_t Sequencer::synced() const {
  const MutexLock lock(mutex_);
  return synced_;
}

StatusOr<IngestResult> Sequencer::Ingest(const IngestRequest& request) {
  Item item;
  item.request = &request;
  {
    // Before the work of validating: an overloaded store says so cheaply.
    const MutexLock lock(mutex_);
    LARDER_RETURN_IF_ERROR(AdmitLocked());
  }
  LARDER_ASSIGN_OR_RETURN(item.batch, validator_.Validate(request));
  LARDER_RETURN_IF_ERROR(Enqueue(item));
  return std::move(item.result);
}

StatusOr<Position> Sequencer::Control(EntryKind kind, std::string control) {
  LARDER_CHECK(kind != EntryKind::kData);
  Item item;
  item.kind = kind;
  item.control = std::move(control);
  LARDER_RETURN_IF_ERROR(Enqueue(item));
  return item.position;
}

Status Sequencer::failure() const {
  const MutexLock lock(mutex_);
  return FailureLocked();
}

Status Sequencer::FailureLocked() const {
  return failure_.ok() ? consumer_.failure() : Detached(failure_);
}

Status Sequencer::AdmitLocked() const {
  LARDER_RETURN_IF_ERROR(FailureLocked());
  if (stopping_) return Unavailable("the store is shutting down");
  if (queue_.size() >= options_.queue_batches) {
    return ResourceExhausted("the append queue is full: ", queue_.size(),
                             " batches are waiting; try again");
  }
  return OkStatus();
}

Status Sequencer::Enqueue(Item& item) {
  const MutexLock lock(mutex_);
  LARDER_RETURN_IF_ERROR(AdmitLocked());
  queue_.push_back(&item);
  work_.SignalOne();
  ++callers_;
  while (!item.done) finished_.Wait(mutex_);
  if (--callers_ == 0 && stopping_) finished_.SignalAll();
  return std::move(item.status);
}

void Sequencer::Finish(std::span<Item* const> items, const Status& status) {
  const MutexLock lock(mutex_);
  for (Item* item : items) {
    item->status = Detached(status);
    item->done = true;
  }
  finished_.SignalAll();
}

void Sequencer::FinishOne(Item& item, const Status& status) {
  Item* const items[] = {&item};
  Finish(items, status);
}

void Sequencer::Run() {
  while (true) {
    std::deque<Item*> waiting;
    Status failure;
    {
      const MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_) work_.Wait(mutex_);
      if (queue_.empty()) return;
      waiting.swap(queue_);
      failure = Detached(failure_);
    }
    Group group;
    for (Item* item : waiting) {
      if (failure.ok() && item->kind == EntryKind::kRevision) {
        failure = Commit(group);
        if (failure.ok()) failure = SequenceRevision(*item);
        if (!failure.ok()) FinishOne(*item, failure);
      } else if (failure.ok()) {
        if (item->request != nullptr) {
          SequenceBatch(*item, group);
        } else if (AddControl(*item, group)) {
          group.items.push_back(item);
        }
        const bool full = group.entries.size() >= options_.group_batches ||
                          group.bytes >= options_.group_bytes;
        if (full) failure = Commit(group);
      } else {
        FinishOne(*item, failure);
      }
    }
    if (failure.ok()) failure = Commit(group);
  }
}

StatusOr<TimeUs> Sequencer::StampArrival() const {
  const TimeUs now = clock_.Now();
  if (now < end_.arrival - kMaxClockBehind && !options_.accept_clock_skew) {
    return FailedPrecondition("the clock says ", FormatTime(now), ", more than a minute before ",
                              "the last arrival, ", FormatTime(end_.arrival),
                              "; set the clock, or serve with --accept-clock-skew if it once ran "
                              "ahead");
  }
  return std::max(now, end_.arrival);
}

void Sequencer::SequenceBatch(Item& item, Group& group) {
  // The revision may have changed between the check on the caller's thread and this turn (S1.9).
  if (item.request->revision == 0 && item.batch.revision != validator_.LiveRevision()) {
    StatusOr<ValidatedBatch> again = validator_.Validate(*item.request);
    if (!again.ok()) return FinishOne(item, again.status());
    item.batch = *std::move(again);
  }
  const StatusOr<TimeUs> arrival = StampArrival();
  if (!arrival.ok()) return FinishOne(item, arrival.status());
  auto entry = std::make_shared<Entry>();
  entry->number = end_.number + 1;
  entry->previous_checksum = end_.checksum;
  entry->revision = item.batch.revision;
  entry->arrival = *arrival;
  entry->producer = item.request->producer;
  entry->sequence = item.request->sequence;
  SourceIds& ids = dedupe_.For(item.request->source);
  if (item.request->history) {
    entry->arrival_kind = ArrivalKind::kDeclared;
    const Status status = RecallHistory(item, ids);
    if (!status.ok()) return FinishOne(item, status);
  }
  SelectRows(item, ids, *entry);
  group.items.push_back(&item);
  if (entry->batch.size() == 0) return;
  if (!item.request->history) ids.NoteLive(entry->number);
  Add(std::move(entry), group);
}

void Sequencer::Add(std::shared_ptr<const Entry> entry, Group& group) {
  group.encoded.push_back(EncodeEntry(*entry));
  group.bytes += group.encoded.back().size();
  end_ = {entry->number, EntryChecksum(group.encoded.back()), entry->arrival};
  group.entries.push_back(std::move(entry));
}

Status Sequencer::RecallHistory(const Item& item, SourceIds& ids) {
  if (ids.first_live() > 0) {
    return FailedPrecondition("source '", item.request->source, "' has live records, the first in ",
                              "entry ", ids.first_live(), ": bulk history goes in before them; ",
                              "send these records without --history");
  }
  return ids.Recall(item.batch.parsed.good.infos);
}

void Sequencer::SelectRows(Item& item, SourceIds& ids, Entry& entry) const {
  ParsedBatch& parsed = item.batch.parsed;
  std::vector<RecordResult>& results = item.result.records;
  results.resize(parsed.statuses.size());
  for (size_t i = 0; i < results.size(); ++i) results[i].status = std::move(parsed.statuses[i]);
  const auto find = [&](const Hash128& id) {
    return item.request->history ? ids.FindAny(id) : ids.newest().Find(id);
  };
  std::vector<bool> keep(parsed.good.size());
  size_t kept = 0;
  for (size_t row = 0; row < keep.size(); ++row) {
    RecordInfo& info = parsed.good.infos[row];
    RecordResult& result = results[parsed.request_index[row]];
    const Position position = Position::Of(entry.number, kept);
    if (const auto original = find(info.id)) {
      if (original->payload_hash == info.payload_hash) {
        result.duplicate = true;
        result.position = original->position;
        ids.newest().CountDuplicate();
        item.result.last = std::max(item.result.last, result.position);
      } else {
        const std::string& field = item.batch.id_field;
        result.status = AlreadyExists(
            field.empty() ? "" : Concat("field '", field, "': "),
            "the id of this record was taken by another payload: ",
            PositionName(original->position), ", payload ", HashName(original->payload_hash),
            "; this one has payload ", HashName(info.payload_hash));
      }
      continue;
    }
    if (info.event_time > entry.arrival + kMaxAheadOfArrival) {
      result.status = InvalidArgument(
          "field '", item.batch.time_field, "': expected a time at most 10 minutes after arrival (",
          FormatTime(entry.arrival), "), got ", FormatTime(info.event_time));
      continue;
    }
    info.event_time = std::min(info.event_time, entry.arrival);  // S2.2; the original is kept
    ids.newest().Add(info.id, info.payload_hash, position);
    result.position = position;
    item.result.last = std::max(item.result.last, position);
    keep[row] = true;
    ++kept;
  }
  entry.batch = Filter(std::move(parsed.good), keep, kept);
}

bool Sequencer::AddControl(Item& item, Group& group) {
  const StatusOr<TimeUs> arrival = StampArrival();
  if (!arrival.ok()) {
    FinishOne(item, arrival.status());
    return false;
  }
  auto entry = std::make_shared<Entry>();
  entry->number = end_.number + 1;
  entry->previous_checksum = end_.checksum;
  entry->revision = validator_.LiveRevision();
  entry->arrival = *arrival;
  entry->kind = item.kind;
  entry->control = std::move(item.control);
  item.position = Position::Of(entry->number, 0);
  Add(std::move(entry), group);
  return true;
}

Status Sequencer::SequenceRevision(Item& item) {
  Group group;
  if (!AddControl(item, group)) return OkStatus();
  LARDER_RETURN_IF_ERROR(Commit(group));
  const Status applied = consumer_.WaitApplied(item.position.entry());
  if (!applied.ok()) return Fail(applied);
  FinishOne(item, OkStatus());
  return OkStatus();
}

Status Sequencer::Commit(Group& group) {
  Status status;
  if (!group.encoded.empty()) status = log_.Append(group.encoded);
  if (!status.ok()) {
    status = Fail(Annotate(status, "the log could not be written; whether the batch is durable is "
                                   "unknown until the server is started again"));
  }
  if (status.ok() && !group.entries.empty()) {
    const MutexLock lock(mutex_);
    synced_ = group.entries.back()->number;
  }
  Finish(group.items, status);
  if (status.ok()) {
    for (size_t i = 0; i < group.entries.size(); ++i) {
      consumer_.OnSynced(std::move(group.entries[i]), EntryChecksum(group.encoded[i]));
    }
  }
  group = Group{};
  return status;
}

Status Sequencer::Fail(const Status& status) {
  const MutexLock lock(mutex_);
  failure_ = Unavailable(Message(status));
  return Detached(failure_);
}

}  // namespace larder::featurestore
