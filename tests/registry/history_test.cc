// SPDX-License-Identifier: Apache-2.0
#include "registry/history.h"

#include <random>

#include "tests/registry/compile_testing.h"
#include "tests/support/status_matchers.h"

namespace larder::registry {
namespace {

using testing::HasSubstr;

RevisionRecord RecordOf(uint64_t base, std::string text) {
  return {base, "ada", {{"a.yaml", std::move(text)}}, TestEncoders()};
}

// Applies each text as the next revision.
History HistoryOf(const std::vector<std::string>& texts) {
  History history;
  for (const std::string& text : texts) {
    EXPECT_OK(history.Apply(RecordOf(history.revisions().size(), text), 1'000));
  }
  return history;
}

// A small registry whose set and retrieval are the same but for the parts given.
std::string Small(const std::string& feature, const std::string& column = "candidate.v.a") {
  return "entity: item\nkey: item_id\n---\n"
         "events: clicks\nkeys: {item_id: item}\ntime: at\ncolumns: {d: double}\n---\n"
         "view: v\nof: item\nfrom: clicks\ndefine: {a: \"" + feature + "\", b: count()}\n---\n"
         "request: r\nkeys: {seed: item}\n---\n"
         "set: s\nfor: r\ncandidate: item\ncolumns: [" + column + "]\n---\n"
         "retrieval: t\nfor: r\ncandidate: item\nchannels: {x: {top: v.b, take: 5}}\nreturn: s\n";
}

const History::IsActive kAllActive = [](const StoredFeature&) { return true; };

TEST(History, CountsRevisionsAndKeepsTheirRecords) {
  const History history = HistoryOf({Small("count()"), Small("sum(d)")});

  ASSERT_NE(history.current(), nullptr);
  EXPECT_EQ(history.current()->number, 2u);
  EXPECT_EQ(history.current()->base, 1u);
  EXPECT_EQ(history.current()->author, "ada");
  EXPECT_EQ(history.current()->arrival, 1'000);
  EXPECT_EQ(history.Find(1)->record.files[0].text, Small("count()"));
  EXPECT_EQ(history.Find(0), nullptr);
  EXPECT_EQ(history.Find(3), nullptr);
  EXPECT_EQ(History().current(), nullptr);
}

TEST(History, ComparesAndSetsTheBase) {
  History history = HistoryOf({Small("count()")});

  EXPECT_THAT(history.Apply(RecordOf(0, Small("sum(d)")), 1).status(),
              StatusIs(StatusCode::kAborted, HasSubstr("against revision 0, but revision 1")));
  EXPECT_EQ(history.revisions().size(), 1u);
}

TEST(History, RefusesWhatDoesNotCompile) {
  History history;
  EXPECT_THAT(history.Apply(RecordOf(0, "entity: a\n"), 1).status(),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("a.yaml:1:1: entity a:")));
}

TEST(History, GivesNewDigestsNewVersionsAndOldOnesTheirOwn) {
  const History history =
      HistoryOf({Small("count()"), Small("sum(d)"), Small("count()"), Small("mean(d)")});

  EXPECT_EQ(history.Find(1)->versions.at("v"), 1u);
  EXPECT_EQ(history.Find(2)->versions.at("v"), 2u);
  EXPECT_EQ(history.Find(3)->versions.at("v"), 1u);  // a rollback
  EXPECT_EQ(history.Find(4)->versions.at("v"), 3u);
  for (uint64_t number = 1; number <= 4; ++number) {
    EXPECT_EQ(history.Find(number)->versions.at("clicks"), 1u);
  }
}

TEST(History, ResolvesPinnedNames) {
  const History history =
      HistoryOf({Small("count()"), Small("sum(d)"), Small("count()"), Small("mean(d)")});

  ASSERT_OK_AND_ASSIGN(const History::ResolvedSet first, history.FindSet("s@1", kAllActive));
  EXPECT_EQ(first.revision, 3u);  // the newest revision that has this version
  ASSERT_OK_AND_ASSIGN(const History::ResolvedSet second, history.FindSet("s@2", kAllActive));
  EXPECT_EQ(second.revision, 2u);
  EXPECT_EQ(second.version, 2u);
  EXPECT_THAT(history.FindSet("s@9", kAllActive).status(),
              StatusIs(StatusCode::kNotFound, HasSubstr("s@9")));
  for (const char* bad : {"s@", "s@0", "s@x", "s@1x", "s@-1"}) {
    EXPECT_THAT(history.FindSet(bad, kAllActive).status(),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr(bad)));
  }
}

TEST(History, AnUnpinnedNameWaitsUntilAllThatItNeedsIsActive) {
  const History history = HistoryOf({Small("count()"), Small("sum(d)")});
  const Digest fresh = history.Find(2)->registry->FindSet("s")->needs[0].digest;
  const auto not_fresh = [&](const StoredFeature& f) { return f.digest != fresh; };

  ASSERT_OK_AND_ASSIGN(const History::ResolvedSet before, history.FindSet("s", not_fresh));
  EXPECT_EQ(before.version, 1u);
  ASSERT_OK_AND_ASSIGN(const History::ResolvedSet after, history.FindSet("s", kAllActive));
  EXPECT_EQ(after.version, 2u);
  ASSERT_OK_AND_ASSIGN(const History::ResolvedSet none,
                       history.FindSet("s", [](const StoredFeature&) { return false; }));
  EXPECT_EQ(none.version, 2u);
  // The recipe waits for the features that it returns.
  ASSERT_OK_AND_ASSIGN(const History::ResolvedRetrieval recipe,
                       history.FindRetrieval("t", not_fresh));
  EXPECT_EQ(recipe.revision, 1u);
  EXPECT_EQ(recipe.return_set, history.Find(1)->registry->FindSet("s"));
}

TEST(History, ARollbackServesTheOldVersionAgain) {
  const History history = HistoryOf({Small("count()"), Small("sum(d)"), Small("count()")});

  ASSERT_OK_AND_ASSIGN(const History::ResolvedSet set, history.FindSet("s", kAllActive));
  EXPECT_EQ(set.version, 1u);
  EXPECT_EQ(set.revision, 3u);
}

TEST(History, ARemovedNameIsFoundOnlyWhenPinned) {
  std::string without = Small("count()");
  without.resize(without.find("set: s") - 4);
  const History history = HistoryOf({Small("count()"), without});

  EXPECT_THAT(history.FindSet("s", kAllActive).status(),
              StatusIs(StatusCode::kNotFound, HasSubstr("no set 's' at revision 2")));
  EXPECT_OK(history.FindSet("s@1", kAllActive));
  EXPECT_OK(history.FindRetrieval("t@1", kAllActive));
  EXPECT_THAT(History().FindSet("s", kAllActive).status(),
              StatusIs(StatusCode::kNotFound, HasSubstr("no revision")));
}

TEST(History, AWrongNameGetsTheNearestOne) {
  const History history = HistoryOf({Small("count()")});
  EXPECT_THAT(history.FindSet("ss", kAllActive).status(),
              StatusIs(StatusCode::kNotFound, HasSubstr("revision 1; did you mean 's'?")));
  EXPECT_THAT(history.FindRetrieval("u", kAllActive).status(),
              StatusIs(StatusCode::kNotFound, HasSubstr("no retrieval 'u' at revision 1; did")));
}

TEST(History, KeepsWhatStoredRecordsNeed) {
  const std::string text = Small("count()");
  const auto refused = [&](const std::string& changed, std::string_view why) {
    History history = HistoryOf({text});
    EXPECT_THAT(history.Apply(RecordOf(1, changed), 1).status(),
                StatusIs(StatusCode::kFailedPrecondition, HasSubstr(std::string(why))));
  };
  refused(Replace(text, "d: double", "d: int64"), "column d had type double, not int64");
  refused(Replace(text, "time: at", "time: at\nunit: ms"), "its unit was RFC 3339 text, not ms");
  refused(Replace(text, "time: at", "time: when_at"), "its time column was at, not when_at");
  refused(Replace(text, "key: item_id", "key: id"), "entity item: its key was item_id, not id");
  refused("entity: item\nkey: item_id\n---\n"
          "table: clicks\nof: item\ntime: at\ncolumns: {d: double}\n",
          "table clicks: was events; revision 1 has it so, and records may be stored since");
}

TEST(History, RefusesAllAtOnceEachAtItsPlace) {
  const std::string text = Small("count()");
  History history = HistoryOf({text});
  std::string changed = Replace(text, "key: item_id", "key: id");
  changed = Replace(changed, "time: at\ncolumns: {d: double}",
                    "time: when_at\nunit: ms\nid: c\ncolumns: {c: string, d: int64}");

  const Status status = history.Apply(RecordOf(1, changed), 1).status();

  const std::string end =
      "; revision 1 has it so, and records may be stored since: use another name";
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(Message(status),
            "the definitions do not fit earlier revisions:\n"
            "a.yaml:7:7: events clicks: its unit was RFC 3339 text, not ms" + end + "\n"
            "a.yaml:6:7: events clicks: its time column was at, not when_at" + end + "\n"
            "a.yaml:8:5: events clicks: its id was the payload's hash, not c" + end + "\n"
            "a.yaml:9:22: events clicks: column d had type double, not int64" + end + "\n"
            "a.yaml:2:6: entity item: its key was item_id, not id" + end);
}

// Both would decide anew which records are duplicates (S1.7).
TEST(History, TheIdOfASourceStays) {
  const std::string text = Replace(Small("count()"), "{d: double}", "{d: double, c: string}");
  const std::string with_id = Replace(text, "time: at\n", "time: at\nid: c\n");
  const auto check = [](const std::string& before, const std::string& after) {
    return std::string(Message(HistoryOf({before}).Apply(RecordOf(1, after), 1).status()));
  };
  EXPECT_THAT(check(text, with_id), HasSubstr("its id was the payload's hash, not c"));
  EXPECT_THAT(check(with_id, text),
              HasSubstr("a.yaml:4:9: events clicks: its id was c, not the payload's hash"));
}

TEST(History, ASourceThatComesBackMustFitItsOldRecords) {
  const std::string text = Small("count()");
  History history = HistoryOf({text, "entity: item\nkey: item_id\n"});

  EXPECT_THAT(history.Apply(RecordOf(2, Replace(text, "d: double", "d: int64")), 1).status(),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("revision 1 has it so")));
  EXPECT_OK(history.Apply(RecordOf(2, text), 1));
  EXPECT_EQ(history.current()->versions.at("clicks"), 1u);
}

TEST(History, ColumnsMayComeAndGo) {
  const std::string text = Small("count()");
  EXPECT_OK(HistoryOf({text}).Apply(RecordOf(1, Replace(text, "{d: double}", "{e: bool}")), 1));
}

TEST(RevisionCodec, RoundTrips) {
  RevisionRecord record = RecordOf(7, ItemsYaml());
  record.files.push_back({"b.yaml", std::string("\0x", 2)});

  ASSERT_OK_AND_ASSIGN(const RevisionRecord read, DecodeRevision(EncodeRevision(record)));

  EXPECT_EQ(read.base, 7u);
  EXPECT_EQ(read.author, "ada");
  ASSERT_EQ(read.files.size(), 2u);
  EXPECT_EQ(read.files[0].text, record.files[0].text);
  EXPECT_EQ(read.files[1].text, record.files[1].text);
  ASSERT_EQ(read.encoders.size(), 1u);
  EXPECT_EQ(read.encoders[0].digest, record.encoders[0].digest);
  EXPECT_EQ(read.encoders[0].dimensions, 64u);
  EXPECT_FALSE(read.encoders[0].floats);
  EXPECT_EQ(EncodeRevision(read), EncodeRevision(record));
  record.encoders[0].floats = true;
  ASSERT_OK_AND_ASSIGN(const RevisionRecord floats, DecodeRevision(EncodeRevision(record)));
  EXPECT_TRUE(floats.encoders[0].floats);
}

// Its encoders have no `floats`, which is the last byte of a record with one encoder.
TEST(RevisionCodec, TheFormatBeforeIsStillRead) {
  const RevisionRecord record = RecordOf(7, ItemsYaml());
  std::string body = EncodeRevision(record).substr(12);
  body.pop_back();
  const uint64_t checksum = Hash64(body);
  std::string bytes = "LRV1";
  bytes.append(reinterpret_cast<const char*>(&checksum), sizeof checksum).append(body);

  ASSERT_OK_AND_ASSIGN(const RevisionRecord read, DecodeRevision(bytes));

  EXPECT_EQ(EncodeRevision(read), EncodeRevision(record));
}

TEST(RevisionCodec, RefusesEveryDamage) {
  const std::string good = EncodeRevision(RecordOf(1, Small("count()")));
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_THAT(DecodeRevision(good.substr(0, size)).status(),
                StatusIs(StatusCode::kDataLoss, HasSubstr("registry revision")));
  }
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    EXPECT_FALSE(DecodeRevision(bad).ok()) << i;
  }
  EXPECT_THAT(DecodeRevision(good + "x").status(), StatusIs(StatusCode::kDataLoss, HasSubstr("")));
}

// With a right checksum, lengths and counts are still not believed.
TEST(RevisionCodec, ForgedCountsAllocateNothing) {
  constexpr uint64_t kSeed = 7;
  SCOPED_TRACE(kSeed);
  std::mt19937_64 random(kSeed);
  const std::string good = EncodeRevision(RecordOf(1, Small("count()"))).substr(12);
  for (int round = 0; round < 500; ++round) {
    std::string body = good.substr(0, random() % (good.size() + 1));
    for (int edit = 0; edit < 3 && !body.empty(); ++edit) {
      body[random() % body.size()] = static_cast<char>(random());
    }
    std::string bytes = round % 2 == 0 ? "LRV1" : "LRV2";
    const uint64_t checksum = Hash64(body);
    bytes.append(reinterpret_cast<const char*>(&checksum), sizeof checksum).append(body);
    (void)DecodeRevision(bytes);
  }
}

TEST(RevisionCodec, RefusesNewerFormats) {
  std::string bytes = EncodeRevision(RecordOf(1, "a"));
  bytes[3] = '3';
  EXPECT_THAT(DecodeRevision(bytes).status(),
              StatusIs(StatusCode::kUnimplemented, HasSubstr("newer")));
}

}  // namespace
}  // namespace larder::registry
