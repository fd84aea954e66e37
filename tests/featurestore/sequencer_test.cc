// SPDX-License-Identifier: Apache-2.0
#include "featurestore/sequencer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <set>
#include <thread>

#include "tests/featurestore/memory_log.h"
#include "tests/featurestore/test_sources.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace larder::featurestore {
namespace {

using testing::_;
using testing::AllOf;
using testing::HasSubstr;

constexpr TimeUs kNow = 1'714'557'600'000'000;  // 2024-05-01T10:00:00Z

// A gate that the test opens.
class Gate {
 public:
  void Open() {
    const MutexLock lock(mutex_);
    open_ = true;
    changed_.SignalAll();
  }
  void Wait() {
    const MutexLock lock(mutex_);
    while (!open_) changed_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
};

// Validates against the clicks source at a revision that the test sets.
class FakeValidator : public BatchValidator {
 public:
  uint64_t LiveRevision() const override { return revision_.load(); }
  StatusOr<ValidatedBatch> Validate(const IngestRequest& request) override {
    validations_.fetch_add(1);
    if (request.source != "clicks") return NotFound("no source '", request.source, "'");
    ValidatedBatch batch;
    batch.revision = request.revision == 0 ? revision_.load() : request.revision;
    batch.time_field = "clicked_at";
    batch.parsed = ParseRecords(clicks_, request.format, request.records);
    return batch;
  }
  void SetRevision(uint64_t revision) { revision_.store(revision); }
  int validations() const { return validations_.load(); }

 private:
  const registry::Source clicks_ = Clicks();
  std::atomic<uint64_t> revision_{1};
  std::atomic<int> validations_{0};
};

// Keeps what it is given; a control entry of revision kind makes its number the live revision.
class FakeConsumer : public EntryConsumer {
 public:
  explicit FakeConsumer(FakeValidator& validator) : validator_(validator) {}
  void OnSynced(std::shared_ptr<const Entry> entry, uint64_t checksum) override {
    if (before_synced) before_synced();
    EXPECT_EQ(checksum, EntryChecksum(EncodeEntry(*entry)));
    const MutexLock lock(mutex_);
    entries_.push_back(std::move(entry));
  }
  Status WaitApplied(uint64_t number) override {
    EXPECT_FALSE(never_applied) << number;
    validator_.SetRevision(number);
    return failure();
  }
  std::vector<std::shared_ptr<const Entry>> entries() const {
    const MutexLock lock(mutex_);
    return entries_;
  }

  Status failure() const override { return failed.load() ? Unavailable("broken") : OkStatus(); }

  std::function<void()> before_synced;
  std::atomic<bool> failed{false};
  bool never_applied = false;

 private:
  FakeValidator& validator_;
  mutable Mutex mutex_;
  std::vector<std::shared_ptr<const Entry>> entries_ ABSL_GUARDED_BY(mutex_);
};

struct Fixture {
  explicit Fixture(SequencerOptions o = {}, LogEnd e = {}) : options(o), end(e) {}
  void Start() {
    sequencer = std::make_unique<Sequencer>(options, end, log, clock, dedupe, validator, consumer);
  }
  // Ingests `records`, which need to live only as long as the call.
  StatusOr<IngestResult> Ingest(const std::vector<std::string>& records, uint64_t revision = 0,
                                bool history = false) {
    IngestRequest request;
    request.history = history;
    request.source = "clicks";
    request.revision = revision;
    request.producer = "test";
    request.records.assign(records.begin(), records.end());
    return sequencer->Ingest(request);
  }
  // What was handed over of all that is synced: it comes after the answer.
  std::vector<std::shared_ptr<const Entry>> Entries() const {
    while (consumer.entries().size() < sequencer->synced() - end.number) std::this_thread::yield();
    return consumer.entries();
  }
  // Waits until so many batches are queued.
  void AwaitQueued(size_t count) {
    while (sequencer->queued() < count) std::this_thread::yield();
  }

  SequencerOptions options;
  LogEnd end;
  MemoryLog log;
  ManualClock clock{kNow};
  TempDir dir;
  std::unique_ptr<StateDb> db = *StateDb::Open(dir.File("state"), nullptr);
  Dedupe dedupe{1'000, *db};
  FakeValidator validator;
  FakeConsumer consumer{validator};
  std::unique_ptr<Sequencer> sequencer;
};

std::string Click(std::string_view id, int64_t pos, TimeUs time = kNow - kHourUs) {
  return Concat(R"({"click_id":")", id, R"(","clicked_at":")", FormatTime(time), R"(","pos":)", pos,
                "}");
}

TEST(Sequencer, NumbersChainsStampsAndHandsOverInOrder) {
  Fixture f;
  f.Start();

  ASSERT_OK_AND_ASSIGN(const IngestResult first, f.Ingest({Click("a", 1), Click("b", 2)}));
  f.clock.Advance(kSecondUs);
  ASSERT_OK_AND_ASSIGN(const IngestResult second, f.Ingest({Click("c", 3)}));

  EXPECT_EQ(first.records[1].position, Position::Of(1, 1));
  EXPECT_EQ(first.last, Position::Of(1, 1));
  EXPECT_EQ(second.last, Position::Of(2, 0));
  const auto entries = f.Entries();
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0]->arrival, kNow);
  EXPECT_EQ(entries[1]->arrival, kNow + kSecondUs);
  EXPECT_EQ(entries[1]->producer, "test");
  uint64_t checksum = 0;
  ASSERT_OK(f.log.Read(1, [&](uint64_t number, std::string_view bytes) -> Status {
    LARDER_ASSIGN_OR_RETURN(const Entry entry, DecodeNextEntry(bytes, number, checksum));
    checksum = EntryChecksum(bytes);
    // What apply gets live is what replay will decode.
    EXPECT_EQ(EncodeEntry(entry), EncodeEntry(*entries[number - 1]));
    return OkStatus();
  }));
  EXPECT_EQ(f.sequencer->synced(), 2u);
}

TEST(Sequencer, ContinuesAfterTheRecoveredEnd) {
  Fixture f({}, LogEnd{.number = 1, .checksum = 99, .arrival = kNow + kSecondUs});
  ASSERT_OK(f.log.Append(std::vector<std::string>{"recovered"}));
  f.Start();

  ASSERT_OK_AND_ASSIGN(const IngestResult result, f.Ingest({Click("a", 1)}));

  EXPECT_EQ(result.last, Position::Of(2, 0));
  EXPECT_EQ(f.Entries()[0]->previous_checksum, 99u);
  EXPECT_EQ(f.Entries()[0]->arrival, kNow + kSecondUs);  // S2.1: never decreasing
}

TEST(Sequencer, RefusedRowsAreDroppedAndTheOthersGoIn) {
  Fixture f;
  f.Start();

  ASSERT_OK_AND_ASSIGN(const IngestResult result,
                       f.Ingest({Click("a", 1), R"({"pos":"x"})", Click("b", 2)}));

  EXPECT_OK(result.records[0].status);
  EXPECT_THAT(result.records[1].status, StatusIs(StatusCode::kInvalidArgument, _));
  EXPECT_EQ(result.records[2].position, Position::Of(1, 1));
  EXPECT_EQ(f.Entries()[0]->batch.size(), 2u);
}

TEST(Sequencer, TheSameIdAndPayloadIsADuplicateWithTheOriginalsPosition) {  // S1.7
  Fixture f;
  f.Start();
  ASSERT_OK(f.Ingest({Click("x", 0), Click("a", 1)}));

  ASSERT_OK_AND_ASSIGN(const IngestResult again,
                       f.Ingest({Click("a", 1), Click("b", 2), Click("b", 2)}));

  EXPECT_TRUE(again.records[0].duplicate);
  EXPECT_EQ(again.records[0].position, Position::Of(1, 1));
  EXPECT_FALSE(again.records[1].duplicate);
  EXPECT_EQ(again.records[1].position, Position::Of(2, 0));
  EXPECT_TRUE(again.records[2].duplicate);
  EXPECT_EQ(again.records[2].position, Position::Of(2, 0));
  EXPECT_EQ(f.Entries()[1]->batch.size(), 1u);
  EXPECT_EQ(f.dedupe.Stats()["clicks"].duplicates, 2u);
}

TEST(Sequencer, TheSameIdWithAnotherPayloadNamesBoth) {  // S1.7
  Fixture f;
  f.Start();
  ASSERT_OK(f.Ingest({Click("a", 1)}));

  ASSERT_OK_AND_ASSIGN(const IngestResult result, f.Ingest({Click("a", 2)}));

  EXPECT_THAT(result.records[0].status,
              StatusIs(StatusCode::kAlreadyExists,
                       AllOf(HasSubstr("entry 1, record 0, payload "),
                             HasSubstr("this one has payload "))));
  EXPECT_EQ(result.records[0].position, Position{});
  EXPECT_EQ(f.log.last(), 1u);
}

TEST(Sequencer, ABatchOfDuplicatesAppendsNothing) {
  Fixture f;
  f.Start();
  ASSERT_OK(f.Ingest({Click("a", 1)}));

  ASSERT_OK_AND_ASSIGN(const IngestResult again, f.Ingest({Click("a", 1)}));

  EXPECT_EQ(again.last, Position::Of(1, 0));
  EXPECT_EQ(f.log.last(), 1u);
  EXPECT_EQ(f.log.groups(), 1u);
}

TEST(Sequencer, BulkHistoryIsDeclaredUntilTheFirstLiveRecord) {  // S2.3
  Fixture f;
  f.Start();
  ASSERT_OK(f.Ingest({Click("a", 1)}, 0, /*history=*/true));
  ASSERT_OK(f.Ingest({Click("a", 1)}));  // a duplicate: nothing goes in
  ASSERT_OK_AND_ASSIGN(const IngestResult second,
                       f.Ingest({Click("a", 1), Click("b", 1)}, 0, /*history=*/true));
  EXPECT_TRUE(second.records[0].duplicate);
  ASSERT_OK(f.Ingest({Click("c", 1)}));

  EXPECT_THAT(f.Ingest({Click("d", 1)}, 0, /*history=*/true),
              StatusIs(StatusCode::kFailedPrecondition,
                       HasSubstr("source 'clicks' has live records, the first in entry 3")));

  const auto entries = f.Entries();
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0]->arrival_kind, ArrivalKind::kDeclared);
  EXPECT_EQ(entries[1]->arrival_kind, ArrivalKind::kDeclared);
  EXPECT_EQ(entries[2]->arrival_kind, ArrivalKind::kStamped);
  EXPECT_EQ(entries[0]->arrival, kNow);
}

TEST(Sequencer, ATimeUpToTenMinutesAheadIsStoredAsArrival) {  // S2.2
  Fixture f;
  f.Start();
  const TimeUs ahead = kNow + 10 * kMinuteUs;

  ASSERT_OK_AND_ASSIGN(const IngestResult result,
                       f.Ingest({Click("a", 1, ahead), Click("b", 1, ahead + 1)}));

  EXPECT_OK(result.records[0].status);
  const RecordInfo& info = f.Entries()[0]->batch.infos[0];
  EXPECT_EQ(info.event_time, kNow);
  EXPECT_EQ(info.original_event_time, ahead);
  EXPECT_THAT(result.records[1].status,
              StatusIs(StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("field 'clicked_at'"), HasSubstr("2024-05-01T10:00:00Z"),
                             HasSubstr("got 2024-05-01T10:10:00.000001Z"))));
}

TEST(Sequencer, AClockMoreThanAMinuteBehindIsRefused) {  // S2.1
  Fixture f;
  f.Start();
  ASSERT_OK(f.Ingest({Click("a", 1)}));

  f.clock.Set(kNow - kMinuteUs - 1);
  EXPECT_THAT(f.Ingest({Click("b", 1)}),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("--accept-clock-skew")));
  EXPECT_THAT(f.sequencer->Control(EntryKind::kRevision, "r"),
              StatusIs(StatusCode::kFailedPrecondition, _));
  f.clock.Set(kNow - kMinuteUs);
  EXPECT_OK(f.Ingest({Click("b", 1)}));
  EXPECT_EQ(f.Entries()[1]->arrival, kNow);
}

TEST(Sequencer, ClockSkewCanBeAccepted) {  // S2.1
  Fixture f({.accept_clock_skew = true});
  f.Start();
  ASSERT_OK(f.Ingest({Click("a", 1)}));
  f.clock.Set(kNow - kDayUs);

  ASSERT_OK(f.Ingest({Click("b", 1)}));

  EXPECT_EQ(f.Entries()[1]->arrival, kNow);
}

TEST(Sequencer, ErrorsOfTheWholeBatchAreReturned) {
  Fixture f;
  f.Start();
  IngestRequest request;
  request.source = "nothing";

  EXPECT_THAT(f.sequencer->Ingest(request), StatusIs(StatusCode::kNotFound, HasSubstr("nothing")));
}

TEST(Sequencer, AFullQueueIsRefusedAtOnce) {  // invariant 10
  Fixture f({.queue_batches = 2});
  Gate gate;
  std::atomic<bool> appending{false};
  f.log.before_append = [&] {
    appending.store(true);
    gate.Wait();
    return OkStatus();
  };
  f.Start();
  std::vector<std::thread> clients;
  clients.emplace_back([&] { EXPECT_OK(f.Ingest({Click("a", 1)})); });
  while (!appending.load()) std::this_thread::yield();
  for (const std::string id : {"b", "c"}) {
    clients.emplace_back([&f, id] { EXPECT_OK(f.Ingest({Click(id, 1)})); });
  }
  f.AwaitQueued(2);

  EXPECT_THAT(f.Ingest({Click("d", 1)}),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("2 batches are waiting")));

  gate.Open();
  for (std::thread& client : clients) client.join();
  // The two that waited were synced together (group commit).
  EXPECT_EQ(f.log.last(), 3u);
  EXPECT_EQ(f.log.groups(), 2u);
}

TEST(Sequencer, GroupsAreBounded) {
  Fixture f({.group_batches = 3});
  Gate gate;
  std::atomic<bool> appending{false};
  f.log.before_append = [&] {
    appending.store(true);
    gate.Wait();
    return OkStatus();
  };
  f.Start();
  std::vector<std::thread> clients;
  clients.emplace_back([&] { EXPECT_OK(f.Ingest({Click("first", 1)})); });
  while (!appending.load()) std::this_thread::yield();
  for (int i = 0; i < 7; ++i) {
    clients.emplace_back([&f, i] { EXPECT_OK(f.Ingest({Click(Concat("c", i), 1)})); });
  }
  f.AwaitQueued(7);
  gate.Open();
  for (std::thread& client : clients) client.join();

  EXPECT_EQ(f.log.groups(), 1u + 3u);  // 3 + 3 + 1
}

TEST(Sequencer, AFailedAppendFailsItsCallersAndEverythingAfter) {
  Fixture f;
  std::atomic<bool> fail{false};
  f.log.before_append = [&]() -> Status {
    return fail.load() ? ResourceExhausted("disk full") : OkStatus();
  };
  f.Start();
  ASSERT_OK(f.Ingest({Click("a", 1)}));

  fail.store(true);
  EXPECT_THAT(f.Ingest({Click("b", 1)}),
              StatusIs(StatusCode::kUnavailable,
                       AllOf(HasSubstr("disk full"), HasSubstr("started again"))));
  fail.store(false);

  // Not even a duplicate of what is durable: the index of ids may hold what is not.
  EXPECT_THAT(f.Ingest({Click("a", 1)}), StatusIs(StatusCode::kUnavailable, _));
  EXPECT_THAT(f.sequencer->Control(EntryKind::kRevision, "r"),
              StatusIs(StatusCode::kUnavailable, _));
  EXPECT_EQ(f.Entries().size(), 1u);
  EXPECT_EQ(f.sequencer->synced(), 1u);
}

TEST(Sequencer, AControlEntryIsAppliedBeforeAnythingElseIsSequenced) {  // S1.9
  Fixture f;
  Gate gate;
  std::atomic<bool> appending{false};
  f.log.before_append = [&] {
    appending.store(true);
    gate.Wait();
    return OkStatus();
  };
  f.Start();
  std::thread first([&] { EXPECT_OK(f.Ingest({Click("a", 1)})); });
  while (!appending.load()) std::this_thread::yield();
  std::thread control([&] {
    EXPECT_THAT(f.sequencer->Control(EntryKind::kRevision, "new"),
                IsOkAndHolds(Position::Of(2, 0)));
  });
  f.AwaitQueued(1);
  // Validated at revision 1 on its own thread; revision 2 is live when its turn comes.
  std::thread second([&] { EXPECT_OK(f.Ingest({Click("b", 1)})); });
  f.AwaitQueued(2);
  // This one names the older revision, so it stays validated against that.
  std::thread pinned([&] { EXPECT_OK(f.Ingest({Click("c", 1)}, 1)); });
  f.AwaitQueued(3);
  EXPECT_EQ(f.validator.validations(), 3);

  gate.Open();
  for (std::thread* thread : {&first, &control, &second, &pinned}) thread->join();

  const auto entries = f.Entries();
  ASSERT_EQ(entries.size(), 4u);
  EXPECT_EQ(entries[0]->revision, 1u);
  EXPECT_EQ(entries[1]->kind, EntryKind::kRevision);
  EXPECT_EQ(entries[1]->control, "new");
  EXPECT_EQ(entries[2]->revision, 2u);
  EXPECT_EQ(entries[3]->revision, 1u);
  EXPECT_EQ(f.validator.validations(), 4);
}

TEST(Sequencer, AfterApplyFailedNothingMoreIsTaken) {
  Fixture f;
  f.Start();
  ASSERT_OK(f.Ingest({Click("a", 1)}));
  EXPECT_OK(f.sequencer->failure());

  f.consumer.failed = true;

  EXPECT_THAT(f.Ingest({Click("b", 1)}),
              StatusIs(StatusCode::kUnavailable, HasSubstr("broken")));
  EXPECT_THAT(f.sequencer->Control(EntryKind::kRevision, "r"),
              StatusIs(StatusCode::kUnavailable, HasSubstr("broken")));
  EXPECT_THAT(f.sequencer->failure(), StatusIs(StatusCode::kUnavailable, HasSubstr("broken")));
  EXPECT_EQ(f.log.last(), 1u);
}

TEST(Sequencer, ARevisionThatCouldNotBeAppliedStopsEverything) {
  Fixture f;
  Gate gate;
  std::atomic<bool> appending{false};
  f.log.before_append = [&] {
    appending.store(true);
    gate.Wait();
    return OkStatus();
  };
  f.Start();
  std::thread revision([&] {
    EXPECT_THAT(f.sequencer->Control(EntryKind::kRevision, "r"),
                StatusIs(StatusCode::kUnavailable, HasSubstr("broken")));
  });
  while (!appending.load()) std::this_thread::yield();
  // It was let in before the failure, and its revision is not the live one.
  std::thread batch([&] {
    EXPECT_THAT(f.Ingest({Click("a", 1)}), StatusIs(StatusCode::kUnavailable, HasSubstr("broken")));
  });
  f.AwaitQueued(1);
  f.consumer.failed = true;
  gate.Open();
  revision.join();
  batch.join();

  EXPECT_EQ(f.log.last(), 1u);
}

// A full queue of apply holds up what comes next, not who is durable already.
TEST(Sequencer, CallersAreAnsweredBeforeTheEntriesAreHandedOver) {
  Gate gate;
  Fixture f;
  f.consumer.before_synced = [&] { gate.Wait(); };
  f.Start();

  EXPECT_OK(f.Ingest({Click("a", 1)}));
  EXPECT_EQ(f.sequencer->synced(), 1u);
  EXPECT_TRUE(f.consumer.entries().empty());

  gate.Open();
}

TEST(Sequencer, AnActivationHoldsUpNobody) {
  Fixture f;
  f.consumer.never_applied = true;
  f.Start();

  EXPECT_THAT(f.sequencer->Control(EntryKind::kActivate, "a"), IsOkAndHolds(Position::Of(1, 0)));
  EXPECT_OK(f.Ingest({Click("a", 1)}));
}

TEST(Sequencer, StopFinishesWhatWaitsAndRefusesWhatIsNew) {
  Fixture f;
  Gate gate;
  std::atomic<bool> appending{false};
  f.log.before_append = [&] {
    appending.store(true);
    gate.Wait();
    return OkStatus();
  };
  f.Start();
  std::vector<std::thread> clients;
  clients.emplace_back([&] { EXPECT_OK(f.Ingest({Click("a", 1)})); });
  while (!appending.load()) std::this_thread::yield();
  clients.emplace_back([&] { EXPECT_OK(f.Ingest({Click("b", 1)})); });
  f.AwaitQueued(1);

  f.sequencer->Stop();
  EXPECT_THAT(f.Ingest({Click("c", 1)}),
              StatusIs(StatusCode::kUnavailable, HasSubstr("shutting down")));
  gate.Open();
  f.sequencer.reset();

  for (std::thread& client : clients) client.join();
  EXPECT_EQ(f.log.last(), 2u);
}

// Many clients send overlapping records, some again, while revisions change: the log ends up with
// each id once, chained, in order, and every answer points at it.
TEST(Sequencer, ConcurrentClientsAgreeOnOneLog) {
  const uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  Fixture f({.group_batches = 4});
  f.Start();
  constexpr int kClients = 6;
  constexpr int kIds = 120;
  std::vector<std::map<std::string, Position>> seen(kClients);
  std::vector<std::thread> clients;
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([&, c] {
      std::mt19937_64 random(seed + static_cast<uint64_t>(c));
      for (int round = 0; round < 40; ++round) {
        std::vector<std::string> ids, records;
        for (uint64_t n = 1 + random() % 5; n > 0; --n) {
          ids.push_back(Concat("id", random() % kIds));
          records.push_back(Click(ids.back(), 1));
        }
        const auto result = f.Ingest(records);
        ASSERT_OK(result);
        for (size_t i = 0; i < ids.size(); ++i) {
          ASSERT_OK(result->records[i].status);
          const Position position = result->records[i].position;
          ASSERT_LE(position, result->last);
          const auto [it, fresh] = seen[static_cast<size_t>(c)].emplace(ids[i], position);
          ASSERT_EQ(it->second, position);
        }
      }
    });
  }
  clients.emplace_back([&] {
    for (int i = 0; i < 10; ++i) ASSERT_OK(f.sequencer->Control(EntryKind::kRevision, "r"));
  });
  for (std::thread& client : clients) client.join();
  f.sequencer.reset();

  std::map<Hash128, Position> logged;
  uint64_t checksum = 0;
  uint64_t live = 1;
  ASSERT_OK(f.log.Read(1, [&](uint64_t number, std::string_view bytes) -> Status {
    LARDER_ASSIGN_OR_RETURN(const Entry entry, DecodeNextEntry(bytes, number, checksum));
    checksum = EntryChecksum(bytes);
    EXPECT_EQ(entry.revision, live);
    if (entry.kind == EntryKind::kRevision) live = number;
    for (size_t i = 0; i < entry.batch.size(); ++i) {
      EXPECT_TRUE(logged.emplace(entry.batch.infos[i].id, Position::Of(number, i)).second);
    }
    return OkStatus();
  }));
  for (const auto& positions : seen) {
    for (const auto& [id, position] : positions) EXPECT_EQ(logged[HashTo128(id)], position);
  }
  const auto entries = f.consumer.entries();
  ASSERT_EQ(entries.size(), f.log.last());
  for (size_t i = 0; i < entries.size(); ++i) EXPECT_EQ(entries[i]->number, i + 1);
}

}  // namespace
}  // namespace larder::featurestore
