// SPDX-License-Identifier: Apache-2.0
#include "featurestore/store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "featurestore/vector_list.h"
#include "tests/featurestore/store_fixture.h"
#include "tests/support/power_cut_file_system.h"

namespace larder::featurestore {
namespace {

using registry::Reason;
using testing::HasSubstr;

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(t_.Open());
    ASSERT_OK(t_.Define());
  }
  void Put(std::string_view source, const std::vector<std::string>& records) {
    ASSERT_OK_AND_ASSIGN(const IngestResult result, t_.Ingest(source, records));
    for (const RecordResult& record : result.records) ASSERT_OK(record.status);
  }
  // As the job that has made them does.
  void ActivateVectors(const Digest& feature, const std::vector<VectorInput>& inputs,
                       const std::vector<int8_t>& codes) {
    ASSERT_OK(t_.store->Activate({.kind = Activation::Kind::kVectors,
                                  .feature = feature,
                                  .vectors = EncodeVectorList(inputs, codes)}));
    ASSERT_OK(t_.store->Activate({.kind = Activation::Kind::kAllVectors, .feature = feature}));
  }
  // All that a job has to do, in pieces of one.
  StatusOr<std::vector<VectorInput>> Pending(const Digest& feature) {
    std::vector<VectorInput> all;
    for (PendingVectors piece; !piece.is_last;) {
      LARDER_ASSIGN_OR_RETURN(piece, t_.store->FindPendingVectors(feature, piece.next, {}));
      all.insert(all.end(), piece.inputs.begin(), piece.inputs.end());
    }
    return all;
  }
  static constexpr TimeUs kNow = kStartTime;

  TempDir dir_;
  PowerCutFileSystem disk_{dir_.path()};  // only because it does not sync
  TestStore t_{dir_.File("data"), &disk_, disk_.env()};
};

TEST_F(StoreTest, ServesRowsWindowsAndVectors) {
  Put("catalog", {ItemRow("i1", kNow - 5, "kettle", R"(,"price":2.5,"tags":["a","b"])")});
  Put("clicks", {Click("c1", kNow - 4, "u1", "i1", R"(,"dwell_s":10,"position":3)"),
                 Click("c2", kNow - 3, "u1", "i1", R"(,"dwell_s":5,"position":4)"),
                 Click("c3", kNow - 2, "u2", "i2", R"(,"dwell_s":9999)")});

  EXPECT_EQ(t_.Value("catalog.title", "i1"), "kettle");
  EXPECT_EQ(t_.Value("catalog.price", "i1"), "2.5");
  EXPECT_EQ(t_.Value("catalog.tags", "i1"), "a,b");
  EXPECT_EQ(t_.Value("quality.clicks_1h", "i1"), "2");
  EXPECT_EQ(t_.Value("quality.dwell", "i1"), "7.5");
  EXPECT_EQ(t_.Value("quality.best", "i1"), "10");
  EXPECT_EQ(t_.Value("quality.positions", "i1"), "7");
  EXPECT_EQ(t_.Value("quality.first_user", "i1"), "u1");
  EXPECT_EQ(t_.Value("quality.dwell", "i2"), "null empty");
  EXPECT_EQ(t_.Value("quality.positions", "i2"), "0");
  EXPECT_EQ(t_.Value("taste.recent", "u1"), "i1");
  EXPECT_EQ(t_.Value("taste.clicks", "u1"), "2");
  std::string codes;
  for (const int8_t code : FakeEmbedder::CodesOf("kettle\n")) {
    codes += Concat(static_cast<int>(code), " ");
  }
  EXPECT_EQ(t_.Value("text_of.vec", "i1"), codes);
}

// S4.1, S3.4.
TEST_F(StoreTest, NullsSayWhy) {
  Put("catalog", {ItemRow("i1", kNow - 5, "kettle"), ItemDelete("i2", kNow - 5)});

  EXPECT_EQ(t_.Value("catalog.price", "i1"), "null input_null");
  EXPECT_EQ(t_.Value("catalog.title", "i2"), "null deleted");
  EXPECT_EQ(t_.Value("catalog.title", "nobody"), "null not_found");
  EXPECT_EQ(t_.Value("text_of.vec", "nobody"), "null not_found");
  EXPECT_EQ(t_.Value("text_of.vec", "i2"), "null deleted");
  EXPECT_EQ(t_.Value("quality.clicks_1h", "nobody"), "0");
  EXPECT_EQ(t_.Value("quality.dwell", "nobody"), "null empty");
  EXPECT_EQ(t_.Value("taste.recent", "nobody"), "");
}

// S4.2.
TEST_F(StoreTest, OlderThanItsTtlReadsExpired) {
  // T is one microsecond after the last arrival.
  Put("catalog", {ItemRow("i1", kNow + 1 - kMinuteUs, "kettle")});
  Put("clicks", {Click("c1", kNow + 1 - kMinuteUs, "u1", "i1")});

  EXPECT_EQ(t_.Value("catalog.title", "i1", kMinuteUs), "kettle");
  EXPECT_EQ(t_.Value("quality.clicks_1d", "i1", kMinuteUs), "1");
  t_.clock.Advance(2);
  EXPECT_EQ(t_.Value("catalog.title", "i1", kMinuteUs), "null expired");
  EXPECT_EQ(t_.Value("quality.clicks_1d", "i1", kMinuteUs), "null expired");
  EXPECT_EQ(t_.Value("text_of.vec", "i1", kMinuteUs), "null expired");
}

// S1.5, S1.6, S5.1.
TEST_F(StoreTest, DeletedRowsStayDeletedUntilANewerRowComes) {
  Put("catalog", {ItemRow("i1", kNow - 100, "first")});
  Put("clicks", {Click("c1", kNow - 90, "u1", "i1")});
  Put("catalog", {ItemDelete("i1", kNow - 50)});
  Put("catalog", {ItemRow("i1", kNow - 60, "late")});
  EXPECT_EQ(t_.Value("catalog.title", "i1"), "null deleted");
  EXPECT_EQ(t_.Value("quality.clicks_1h", "i1"), "1");
  EXPECT_EQ(t_.sink->vectors.begin()->second.size(), 0U);
  {
    ASSERT_OK_AND_ASSIGN(const auto snapshot, t_.Read());
    const std::string_view keys[] = {"i1", "never"};
    registry::Ordinal ordinals[2];
    snapshot->FindKeys("item", keys, ordinals);
    EXPECT_EQ(snapshot->CandidateState("item", ordinals[0]), Reason::kDeleted);
    EXPECT_EQ(snapshot->CandidateState("item", ordinals[1]), Reason::kNotFound);
    EXPECT_EQ(snapshot->Candidates("item")[0], 0U);
  }

  Put("catalog", {ItemRow("i1", kNow - 40, "again")});
  EXPECT_EQ(t_.Value("catalog.title", "i1"), "again");
  EXPECT_EQ(t_.Value("quality.clicks_1h", "i1"), "1");
  EXPECT_EQ(t_.sink->vectors.begin()->second.size(), 1U);
  ASSERT_OK_AND_ASSIGN(const auto snapshot, t_.Read());
  EXPECT_EQ(std::popcount(snapshot->Candidates("item")[0]), 1);
  EXPECT_EQ(snapshot->KeyOf("item", static_cast<registry::Ordinal>(
                                        std::countr_zero(snapshot->Candidates("item")[0]))),
            "i1");
}

TEST_F(StoreTest, UnchangedContentIsNotEncodedAgain) {
  Put("catalog", {ItemRow("i1", kNow - 100, "kettle", R"(,"price":1)")});
  Put("catalog", {ItemRow("i1", kNow - 90, "kettle", R"(,"price":2)")});
  Put("catalog", {ItemRow("i1", kNow - 95, "late"), ItemRow("i1", kNow - 80, "kettle")});
  ASSERT_OK(t_.Read());
  EXPECT_EQ(t_.embedder.texts_encoded, 1U);

  Put("catalog", {ItemRow("i1", kNow - 70, "pot")});
  ASSERT_OK(t_.Read());
  EXPECT_EQ(t_.embedder.texts_encoded, 2U);
  EXPECT_EQ(t_.store->Stats().vectors[0].reused, 2U);
}

TEST_F(StoreTest, ReadWaitsForItsPositionOrSaysThatItDidNotCome) {
  const auto soon = std::chrono::steady_clock::now() + std::chrono::milliseconds(30);
  EXPECT_THAT(t_.store->Read(Position::Of(1000, 0), soon),
              StatusIs(StatusCode::kUnavailable, HasSubstr("deadline")));
}

TEST_F(StoreTest, ReadThatIsCancelledEndsBeforeItsDeadline) {
  const auto late = std::chrono::steady_clock::now() + std::chrono::hours(24);
  int looks = 0;
  EXPECT_THAT(t_.store->Read(Position::Of(1000, 0), late, [&looks] { return ++looks == 2; }),
              StatusIs(StatusCode::kCancelled, HasSubstr("given up")));
}

// S2.4: T is later than everything applied, even when the clock stands still.
TEST_F(StoreTest, ReadSeesWhatArrivedAtTheSameInstant) {
  Put("clicks", {Click("c1", kNow, "u1", "i1")});
  ASSERT_OK_AND_ASSIGN(const auto snapshot, t_.Read());
  EXPECT_EQ(snapshot->time(), kNow + 1);
  EXPECT_EQ(t_.Value(*snapshot, "quality.clicks_1h", "i1"), "1");
}

TEST_F(StoreTest, OnlyOneProcessMayOpenADirectory) {
  TestStore second(dir_.File("data"));
  EXPECT_THAT(second.Open(), StatusIs(StatusCode::kFailedPrecondition, testing::_));
}

TEST_F(StoreTest, RevisionIsComparedAndSetInApply) {
  registry::RevisionRecord record;
  record.base = 0;
  record.files = {{"larder.yaml", "entity: item\nkey: item_id\n"}};
  Position position;
  EXPECT_THAT(t_.store->Propose(record, &position), StatusIs(StatusCode::kAborted, testing::_));
  record.encoders = {{"e", Sha256("no such artifact"), 8}};
  EXPECT_THAT(t_.store->Propose(record, &position),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("artifact")));
  EXPECT_EQ(t_.store->Stats().revision, 1U);
}

// S7.2, S7.5: what misses a past says so; an unrelated edit keeps state.
TEST_F(StoreTest, ANewAggregateOverASourceWithRecordsIsNotActive) {
  Put("clicks", {Click("c1", kNow - 4, "u1", "i1")});
  std::string more(kDefinitions);
  more += "---\nview: late\nof: user\nfrom: clicks\ndefine:\n  n: count(over 7d)\n";
  ASSERT_OK(t_.Define(more));
  Put("clicks", {Click("c2", kNow - 3, "u1", "i1")});

  EXPECT_EQ(t_.Value("late.n", "u1"), "null never_computed");
  EXPECT_EQ(t_.Value("quality.clicks_1h", "i1"), "2");
  for (int round = 0; round < 2; ++round) {
    {
      ASSERT_OK_AND_ASSIGN(const auto snapshot, t_.Read());
      EXPECT_FALSE(snapshot->IsActive(t_.Feature(*snapshot, "late.n")));
      EXPECT_TRUE(snapshot->IsActive(t_.Feature(*snapshot, "quality.clicks_1h")));
    }
    ASSERT_OK(t_.Reopen());
  }
}

TEST_F(StoreTest, ColumnsAddedLaterReadNullInOlderRows) {
  Put("catalog", {ItemRow("i1", kNow - 5, "kettle", R"(,"price":1.5)")});
  std::string more(kDefinitions);
  const std::string from = "columns: {title: string, content: string,";
  more.replace(more.find(from), from.size(), from + " brand: string,");
  ASSERT_OK(t_.Define(more));
  Put("catalog", {ItemRow("i2", kNow - 5, "pot", R"(,"brand":"x")")});
  Put("clicks", {Click("c1", kNow - 4, "u1", "i1")});

  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(t_.Value("catalog.brand", "i1"), "null input_null");
    EXPECT_EQ(t_.Value("catalog.price", "i1"), "1.5");
    EXPECT_EQ(t_.Value("catalog.brand", "i2"), "x");
    EXPECT_EQ(t_.Value("quality.clicks_1h", "i1"), "1");
    ASSERT_OK(t_.Reopen());
  }
}

// S7.3: a vector feature over existing rows: a job, then an activate.
TEST_F(StoreTest, ActivatedVectorsGoToRowsWhoseTextIsUnchanged) {
  Put("catalog", {ItemRow("i0", kNow - 9, "kettle"), ItemRow("i1", kNow - 9, "pot"),
                  ItemRow("i2", kNow - 9, "pan")});
  std::string more(kDefinitions);
  more += "---\nview: titles_of\nof: item\nfrom: catalog\ndefine:\n  vec: embed(titles, title)\n";
  ASSERT_OK(t_.Define(more));
  Put("catalog", {ItemRow("i3", kNow - 8, "lid")});
  EXPECT_EQ(t_.Value("titles_of.vec", "i0"), "null never_computed");
  registry::StoredFeature feature;
  {
    ASSERT_OK_AND_ASSIGN(const auto snapshot, t_.Read());
    feature = t_.Feature(*snapshot, "titles_of.vec");
    EXPECT_FALSE(snapshot->IsActive(feature));
  }
  ASSERT_OK_AND_ASSIGN(const auto missing, Pending(feature.digest));
  EXPECT_EQ(missing.size(), 3U);
  std::vector<int8_t> vectors;
  for (const VectorInput& input : missing) {
    const auto codes = FakeEmbedder::CodesOf(input.text);
    vectors.insert(vectors.end(), codes.begin(), codes.end());
  }
  Put("catalog", {ItemRow("i1", kNow - 7, "other pot")});

  ActivateVectors(feature.digest, missing, vectors);
  EXPECT_EQ(t_.Value("titles_of.vec", "i0"), "null never_computed") << "its epoch is not active";
  ASSERT_OK(t_.store->Activate({.kind = Activation::Kind::kEpoch, .feature = feature.digest}));

  for (int round = 0; round < 2; ++round) {
    {
      ASSERT_OK_AND_ASSIGN(const auto snapshot, t_.Read());
      EXPECT_TRUE(snapshot->IsActive(feature));
      registry::Column column = registry::Column::Of(feature.type);
      const std::string_view keys[] = {"i0", "i1", "i2", "i3"};
      registry::Ordinal ordinals[4];
      snapshot->FindKeys("item", keys, ordinals);
      ASSERT_OK(snapshot->Read(feature, ordinals, false, column));
      std::vector<int8_t> expected;
      for (const char* text : {"kettle\n", "other pot\n", "pan\n", "lid\n"}) {
        const auto codes = FakeEmbedder::CodesOf(text);
        expected.insert(expected.end(), codes.begin(), codes.end());
      }
      EXPECT_EQ(column.codes, expected);
      EXPECT_EQ(t_.sink->vectors[feature.digest].size(), 4U);
    }
    ASSERT_OK(t_.Reopen());
  }
}

TEST_F(StoreTest, AnActivateThatCannotBeReadChangesNothingAndIsReported) {
  const Digest feature = t_.store->Stats().vectors[0].feature;
  EXPECT_THAT(t_.store->Activate({.kind = Activation::Kind::kVectors,
                                  .feature = feature,
                                  .vectors = "garbage"}),
              StatusIs(StatusCode::kDataLoss, HasSubstr("list of vectors")));
  EXPECT_EQ(t_.store->Stats().artifact_errors, 1U);
  EXPECT_THAT(t_.store->Activate({.kind = Activation::Kind::kIndexBase,
                                  .feature = feature,
                                  .artifact = Sha256("none")}),
              StatusIs(StatusCode::kFailedPrecondition, testing::_));
  EXPECT_THAT(t_.store->Activate(
                  {.kind = Activation::Kind::kAllVectors, .feature = Sha256("none")}),
              StatusIs(StatusCode::kNotFound, testing::_));
  EXPECT_THAT(t_.store->Activate({.kind = Activation::Kind::kVectors,
                                  .feature = feature,
                                  .vectors = std::string(kMaxBatchBytes + 1, 'x')}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("at most")));
  Put("catalog", {ItemRow("i1", kNow - 5, "kettle")});
  EXPECT_EQ(t_.Value("catalog.title", "i1"), "kettle");
}

TEST_F(StoreTest, IndexBasesAreLoadedAtActivationAndAtStart) {
  Put("catalog", {ItemRow("i0", kNow - 5, "kettle")});
  const Digest feature = t_.store->Stats().vectors[0].feature;
  ASSERT_OK_AND_ASSIGN(const Digest first, t_.PutArtifact("base", "1"));
  ASSERT_OK_AND_ASSIGN(const Digest second, t_.PutArtifact("base", "2"));
  ASSERT_OK(t_.store->Activate(
      {.kind = Activation::Kind::kIndexBase, .feature = feature, .artifact = first}));
  ASSERT_OK(t_.store->Activate(
      {.kind = Activation::Kind::kIndexBase, .feature = feature, .artifact = second}));
  EXPECT_EQ(t_.sink->installs, 2);
  EXPECT_NE(t_.sink->found, registry::kNoOrdinal);

  ASSERT_OK(t_.Reopen());
  EXPECT_EQ(t_.sink->loads, 1);
  EXPECT_EQ(t_.sink->installs, 1);
}

// Each is a file of all vectors: only those that may be wanted again stay.
TEST_F(StoreTest, BasesThatAreOfNoUseAnyMoreAreRemoved) {
  const Digest feature = t_.store->Stats().vectors[0].feature;
  std::vector<Digest> bases;
  for (const char* bytes : {"1", "2", "3", "4"}) {
    ASSERT_OK_AND_ASSIGN(bases.emplace_back(), t_.PutArtifact("base", bytes));
  }
  for (const size_t i : {0, 1, 2, 0, 3}) {
    ASSERT_TRUE(t_.artifacts->Contains(bases[i]) || t_.PutArtifact("base", "1").ok());
    ASSERT_OK(t_.store->Activate({Activation::Kind::kIndexBase, feature, bases[i]}));
  }
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(t_.artifacts->Contains(bases[0])) << "it was activated again";
    EXPECT_FALSE(t_.artifacts->Contains(bases[1]));
    EXPECT_FALSE(t_.artifacts->Contains(bases[2]));
    EXPECT_TRUE(t_.artifacts->Contains(bases[3]));
    EXPECT_THAT(t_.sink->installed, HasSubstr(bases[3].Hex()));
    EXPECT_EQ(t_.store->Stats().artifact_errors, 0U);
    ASSERT_OK(t_.Reopen());
  }
}

// A crash, or a full queue, between the making of a base and its activation.
TEST_F(StoreTest, ABaseThatWasNeverActivatedIsRemovedAtTheNextStart) {
  const Digest feature = t_.store->Stats().vectors[0].feature;
  const std::string name(kBaseFileName);
  ASSERT_OK_AND_ASSIGN(const Digest used, t_.PutArtifact(name, "1"));
  ASSERT_OK(t_.store->Activate(
      {.kind = Activation::Kind::kIndexBase, .feature = feature, .artifact = used}));
  ASSERT_OK_AND_ASSIGN(const Digest lost, t_.PutArtifact(name, "2"));
  ASSERT_OK_AND_ASSIGN(const Digest other, t_.PutArtifact("model.bin", "2"));
  // What a client may put beside the files of its encoder.
  ASSERT_OK_AND_ASSIGN(auto writer, t_.artifacts->Create());
  for (const std::string& file : {name, std::string("model.bin")}) {
    ASSERT_OK(writer->BeginFile(file));
    ASSERT_OK(writer->Append("3"));
  }
  ASSERT_OK_AND_ASSIGN(const Digest encoder, writer->Commit(Digest{}));
  writer.reset();

  ASSERT_OK(t_.Reopen());

  EXPECT_TRUE(t_.artifacts->Contains(used));
  EXPECT_FALSE(t_.artifacts->Contains(lost));
  EXPECT_TRUE(t_.artifacts->Contains(other));
  EXPECT_TRUE(t_.artifacts->Contains(encoder));
  EXPECT_THAT(t_.sink->installed, HasSubstr(used.Hex()));
  EXPECT_EQ(t_.store->Stats().artifact_errors, 0U);
}

TEST_F(StoreTest, AnIndexGoesOnWithoutItsBaseAlsoAfterARestart) {
  Put("catalog", {ItemRow("i0", kNow - 5, "kettle")});
  const Digest feature = t_.store->Stats().vectors[0].feature;
  ASSERT_OK_AND_ASSIGN(const Digest base, t_.PutArtifact("base", "1"));
  ASSERT_OK(t_.store->Activate(
      {.kind = Activation::Kind::kIndexBase, .feature = feature, .artifact = base}));

  ASSERT_OK(t_.store->Activate({.kind = Activation::Kind::kNoBase, .feature = feature}));

  EXPECT_EQ(t_.sink->installed, "none of 1");
  EXPECT_FALSE(t_.artifacts->Contains(base));
  ASSERT_OK(t_.Reopen());
  EXPECT_EQ(t_.sink->loads, 0);
  EXPECT_EQ(t_.store->Stats().artifact_errors, 0U);
}

// ARCHITECTURE §8: the old one serves, and both are kept up to date.
TEST_F(StoreTest, ANewEpochOfAVectorFeatureWaitsUntilItIsActivated) {
  Put("catalog", {ItemRow("i0", kNow - 9, "kettle")});
  std::string changed(kDefinitions);
  const std::string from = "embed(titles, title, content)";
  changed.replace(changed.find(from), from.size(), "embed(titles, title)");
  ASSERT_OK(t_.Define(changed));
  ASSERT_EQ(t_.store->Stats().vectors.size(), 2U);
  const Digest fresh = t_.store->Stats().vectors[1].feature;
  const auto stages = [&] {
    const StoreStats stats = t_.store->Stats();
    return std::pair(stats.vectors[0].stage, stats.vectors[1].stage);
  };
  EXPECT_EQ(stages(), std::pair(VectorStage::kActive, VectorStage::kComputing));
  ASSERT_OK(t_.store->Activate({.kind = Activation::Kind::kEpoch, .feature = fresh}));
  EXPECT_EQ(stages(), std::pair(VectorStage::kActive, VectorStage::kComputing))
      << "never active while vectors are missing";

  ASSERT_OK_AND_ASSIGN(const auto missing, Pending(fresh));
  ASSERT_EQ(missing.size(), 1U);
  ActivateVectors(fresh, missing, FakeEmbedder::CodesOf(missing[0].text));
  EXPECT_EQ(stages(), std::pair(VectorStage::kActive, VectorStage::kReady));
  ASSERT_OK(t_.Reopen());
  EXPECT_EQ(stages(), std::pair(VectorStage::kActive, VectorStage::kReady));
  EXPECT_EQ(t_.Value("text_of.vec", "i0"), "null never_computed");

  ASSERT_OK(t_.store->Activate({.kind = Activation::Kind::kEpoch, .feature = fresh}));
  Put("catalog", {ItemRow("i1", kNow - 8, "pot")});
  for (int round = 0; round < 2; ++round) {
    EXPECT_NE(t_.Value("text_of.vec", "i0"), "null never_computed");
    for (const VectorStats& vectors : t_.store->Stats().vectors) {
      EXPECT_EQ(vectors.stage, VectorStage::kActive);
      EXPECT_EQ(vectors.vectors, 2U);
      EXPECT_EQ(t_.sink->vectors[vectors.feature].size(), 2U);
    }
    ASSERT_OK(t_.Reopen());
  }
}

// From the revision on, so that the vectors that were there before are all that it misses.
TEST_F(StoreTest, WritesReachBothEpochsWhileTheNewOneIsMade) {
  Put("catalog", {ItemRow("i0", kNow - 9, "kettle"), ItemRow("i1", kNow - 9, "pan")});
  std::string changed(kDefinitions);
  const std::string from = "embed(titles, title, content)";
  changed.replace(changed.find(from), from.size(), "embed(titles, title)");
  ASSERT_OK(t_.Define(changed));
  const Digest old = t_.store->Stats().vectors[0].feature;
  const Digest fresh = t_.store->Stats().vectors[1].feature;
  using Vectors = std::map<registry::Ordinal, std::vector<int8_t>>;
  // What the old one has of ordinals 0, 1, …: codes of these titles, and nothing of the empty ones.
  const auto expect = [&](const std::vector<std::string>& titles, size_t first_of_fresh) {
    Vectors all;
    Vectors some;
    for (size_t i = 0; i < titles.size(); ++i) {
      if (titles[i].empty()) continue;
      const auto ordinal = static_cast<registry::Ordinal>(i);
      all[ordinal] = FakeEmbedder::CodesOf(titles[i] + "\n");
      if (i >= first_of_fresh) some[ordinal] = all[ordinal];
    }
    const auto applied = t_.Read();  // which the sink is changed under
    ASSERT_OK(applied);
    EXPECT_EQ(t_.sink->vectors[old], all);
    EXPECT_EQ(t_.sink->vectors[fresh], some);
  };
  expect({"kettle", "pan"}, 2);

  ASSERT_EQ(t_.store->Stats().vectors[1].stage, VectorStage::kComputing);
  Put("catalog", {ItemRow("i2", kNow - 8, "pot"), ItemRow("i1", kNow - 8, "lid")});
  expect({"kettle", "lid", "pot"}, 1);
  Put("catalog", {ItemDelete("i1", kNow - 7), ItemRow("i2", kNow - 7, "big pot")});
  expect({"kettle", "", "big pot"}, 1);

  ASSERT_OK_AND_ASSIGN(const auto missing, Pending(fresh));
  ASSERT_EQ(missing.size(), 1U);
  EXPECT_EQ(missing[0].text, "kettle\n");
  ActivateVectors(fresh, missing, FakeEmbedder::CodesOf(missing[0].text));
  ASSERT_EQ(t_.store->Stats().vectors[1].stage, VectorStage::kReady);
  Put("catalog", {ItemRow("i3", kNow - 6, "cup"), ItemRow("i0", kNow - 6, "tea kettle")});
  expect({"tea kettle", "", "big pot", "cup"}, 0);
}

// All that it names is there, and up to date.
TEST_F(StoreTest, ARollbackToAnEpochThatIsKeptIsOneLogEntry) {
  Put("catalog", {ItemRow("i0", kNow - 9, "kettle")});
  const std::string old_codes = t_.Value("text_of.vec", "i0");
  std::string changed(kDefinitions);
  const std::string from = "embed(titles, title, content)";
  changed.replace(changed.find(from), from.size(), "embed(titles, content)");
  ASSERT_OK(t_.Define(changed));
  const Digest fresh = t_.store->Stats().vectors[1].feature;
  ActivateVectors(fresh, {}, {});
  ASSERT_OK(t_.store->Activate({.kind = Activation::Kind::kEpoch, .feature = fresh}));
  Put("catalog", {ItemRow("i1", kNow - 8, "pot", R"(,"content":"of iron")")});
  ASSERT_OK(t_.Reopen());
  const uint64_t entry = t_.store->Stats().applied.entry();
  const size_t encoded = t_.embedder.texts_encoded;
  const int loads = t_.sink->loads;

  ASSERT_OK(t_.Define());

  const StoreStats stats = t_.store->Stats();
  EXPECT_EQ(stats.applied.entry(), entry + 1);
  EXPECT_EQ(t_.embedder.texts_encoded, encoded);
  EXPECT_EQ(t_.sink->loads, loads);
  ASSERT_EQ(stats.vectors.size(), 2U);
  for (const VectorStats& vectors : stats.vectors) {
    EXPECT_EQ(vectors.stage, VectorStage::kActive);
    ASSERT_OK_AND_ASSIGN(const auto missing, Pending(vectors.feature));
    EXPECT_TRUE(missing.empty());
  }
  EXPECT_EQ(t_.Value("text_of.vec", "i0"), old_codes);
  EXPECT_NE(t_.Value("text_of.vec", "i1"), "null never_computed");
}

// One that cannot be read does not hide an older one that can, also not after a replay.
TEST_F(StoreTest, TheNewestIndexBaseThatCanBeLoadedIsUsed) {
  const Digest feature = t_.store->Stats().vectors[0].feature;
  ASSERT_OK_AND_ASSIGN(const Digest good, t_.PutArtifact("base", "1"));
  ASSERT_OK_AND_ASSIGN(const Digest bad, t_.PutArtifact("base", "2"));
  ASSERT_OK(t_.store->Activate(
      {.kind = Activation::Kind::kIndexBase, .feature = feature, .artifact = good}));
  ASSERT_OK(t_.store->Checkpoint());
  ASSERT_OK(t_.store->Activate(
      {.kind = Activation::Kind::kIndexBase, .feature = feature, .artifact = bad}));
  disk_.Freeze();  // so that it is replayed
  t_.Close();
  disk_.Thaw();
  t_.refuse_base = bad.Hex();

  for (int round = 0; round < 2; ++round) {
    ASSERT_OK(t_.Reopen());
    EXPECT_EQ(t_.store->Stats().replayed_entries, round == 0 ? 1U : 0U);
    EXPECT_THAT(t_.sink->installed, HasSubstr(good.Hex()));
    EXPECT_EQ(t_.store->Stats().artifact_errors, 1U);
  }
  t_.refuse_base.clear();
  ASSERT_OK(t_.Reopen());
  EXPECT_THAT(t_.sink->installed, HasSubstr(bad.Hex()));
}

TEST_F(StoreTest, ReadersDoNotWaitWhileAnIndexBaseIsLoaded) {
  const Digest feature = t_.store->Stats().vectors[0].feature;
  ASSERT_OK_AND_ASSIGN(const Digest base, t_.PutArtifact("base", "1"));
  bool read = false;
  t_.sink->while_loading = [&] {
    auto reader = std::async(std::launch::async, [&] { return t_.store->Stats().revision; });
    read = reader.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
  };
  ASSERT_OK(t_.store->Activate(
      {.kind = Activation::Kind::kIndexBase, .feature = feature, .artifact = base}));
  EXPECT_TRUE(read);
}

constexpr std::string_view kTowers =
    "---\nencoder: tower\nexternal: 3\n---\ntable: towers\nof: item\ntime: at\nunit: us\n"
    "columns: {tv: vector<tower>}\n";

// What rows carry needs no job: the revision that first asks for it has it at once.
TEST_F(StoreTest, ANewFeatureOfExternalVectorsHasThoseOfTheRowsSoFar) {
  ASSERT_OK(t_.Define(Concat(kDefinitions, kTowers)));
  Put("towers", {Concat(R"({"item_id":"i1","at":)", kNow - 5, R"(,"tv":[0.5,-1,0]})"),
                 Concat(R"({"item_id":"i2","at":)", kNow - 5, "}")});
  const size_t features = t_.store->Stats().vectors.size();
  ASSERT_OK(t_.Define(Concat(kDefinitions, kTowers,
                             "---\nrequest: seeded\nkeys: {seed: item}\n---\n"
                             "retrieval: alike\nfor: seeded\ncandidate: item\nchannels:\n"
                             "  like: {near: towers.tv, to: seed.towers.tv, take: 10}\n"
                             "limit: 10\n")));

  const StoreStats stats = t_.store->Stats();
  ASSERT_EQ(stats.vectors.size(), features + 1);
  EXPECT_EQ(stats.vectors.back().stage, VectorStage::kActive);
  EXPECT_EQ(stats.vectors.back().vectors, 1U);
  EXPECT_EQ(t_.sink->vectors[stats.vectors.back().feature].size(), 1U);
}

// Nothing is to be computed for a table without rows, but it would take the place of vectors.
TEST_F(StoreTest, AnEmptyFeatureInPlaceOfAnotherWaitsForItsEpoch) {
  Put("catalog", {ItemRow("i1", kNow - 9, "kettle")});
  std::string changed(kDefinitions);
  const std::string from = "from: catalog\n";
  changed.replace(changed.find(from), from.size(), "from: drafts\n");
  changed += "---\ntable: drafts\nof: item\ntime: at\nunit: us\n"
             "columns: {title: string, content: string}\n";
  ASSERT_OK(t_.Define(changed));

  const StoreStats stats = t_.store->Stats();
  ASSERT_EQ(stats.vectors.size(), 2U);
  EXPECT_EQ(stats.vectors[0].stage, VectorStage::kActive);
  EXPECT_EQ(stats.vectors[1].stage, VectorStage::kReady);
  // What the name means is still the first one.
  const std::string text = "embed(titles, title, content)";
  changed.replace(changed.find(text), text.size(), "embed(titles, title)");
  ASSERT_OK(t_.Define(changed));
  ASSERT_EQ(t_.store->Stats().vectors.size(), 3U);
  EXPECT_EQ(t_.store->Stats().vectors[2].stage, VectorStage::kReady);
}

TEST_F(StoreTest, ExternalVectorsComeWithTheRows) {
  ASSERT_OK(t_.Define(Concat(kDefinitions, kTowers)));
  Put("towers", {Concat(R"({"item_id":"i1","at":)", kNow - 5, R"(,"tv":[0.5,-1,0]})")});
  EXPECT_EQ(t_.store->Stats().sources.size(), 3U);
  ASSERT_OK_AND_ASSIGN(const auto snapshot, t_.Read());
  const registry::StoredFeature feature = t_.Feature(*snapshot, "towers.tv");
  registry::Column column = registry::Column::Of(feature.type);
  const std::string_view key = "i1";
  registry::Ordinal ordinal = 0;
  snapshot->FindKeys("item", {&key, 1}, {&ordinal, 1});
  ASSERT_OK(snapshot->Read(feature, {&ordinal, 1}, false, column));
  EXPECT_EQ(column.floats, (std::vector<float>{0.5F, -1, 0}));
}

// S5.2: an entity without tables: any key seen, whether or not a view uses it.
TEST_F(StoreTest, KeysOfAnEntityWithoutTablesAreCandidatesOnceSeen) {
  Put("clicks", {Click("c1", kNow - 4, "u1", "i1", R"(,"page_id":"p1")")});
  for (int round = 0; round < 2; ++round) {
    {
      ASSERT_OK_AND_ASSIGN(const auto snapshot, t_.Read());
      const std::string_view keys[] = {"p1", "p2"};
      registry::Ordinal ordinals[2];
      snapshot->FindKeys("page", keys, ordinals);
      EXPECT_EQ(snapshot->CandidateState("page", ordinals[0]), Reason::kValid);
      EXPECT_EQ(snapshot->CandidateState("page", ordinals[1]), Reason::kNotFound);
    }
    ASSERT_OK(t_.Reopen());
  }
}

// Users leave the cache once their state is stored, and come back with it.
TEST_F(StoreTest, DroppedKeysAreReadAndUpdatedFromTheirBlobs) {
  t_.options.cached_keys = 50;
  t_.options.checkpoint_every = std::chrono::milliseconds(1);
  ASSERT_OK(t_.Reopen());
  constexpr int kUsers = 400;
  const auto click = [&](int round) {
    std::vector<std::string> records;
    for (int u = 0; u < kUsers; ++u) {
      records.push_back(Click(Concat("c", round, "-", u), kNow - 1000 + round, Concat("u", u),
                              Concat("i", round)));
    }
    return records;
  };
  Put("clicks", click(1));
  ASSERT_EQ(t_.Value("taste.clicks", Concat("u", kUsers - 1)), "1");  // all are applied
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (t_.store->Stats().keys > 60 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_LE(t_.store->Stats().keys, 60U);
  for (int u = 0; u < kUsers; u += 7) {
    ASSERT_EQ(t_.Value("taste.clicks", Concat("u", u)), "1");
  }
  Put("clicks", click(2));
  for (int u = 0; u < kUsers; u += 7) {
    ASSERT_EQ(t_.Value("taste.clicks", Concat("u", u)), "2");
    ASSERT_EQ(t_.Value("taste.recent", Concat("u", u)), "i2,i1");
  }
  EXPECT_EQ(t_.Value("taste.clicks", "nobody"), "0");
  {
    // One read of many keys, each of them twice.
    ASSERT_OK_AND_ASSIGN(const auto snapshot, t_.Read());
    std::vector<std::string> names;
    for (int u = 0; u < 2 * kUsers; ++u) names.push_back(Concat("u", u % kUsers));
    const std::vector<std::string_view> keys(names.begin(), names.end());
    std::vector<registry::Ordinal> ordinals(keys.size());
    snapshot->FindKeys("user", keys, ordinals);
    for (size_t u = 0; u < kUsers; ++u) {
      EXPECT_EQ(ordinals[u], ordinals[u + kUsers]);
      EXPECT_EQ(snapshot->KeyOf("user", ordinals[u]), keys[u]);
    }
  }
  ASSERT_OK(t_.Reopen());
  EXPECT_EQ(t_.Value("taste.recent", "u7"), "i2,i1");
}

TEST_F(StoreTest, StatsCountWhatWasDone) {
  Put("clicks", {Click("c1", kNow - 4, "u1", "i1"), Click("c2", kNow - 4, "u1", "i1")});
  ASSERT_OK_AND_ASSIGN(const IngestResult again,
                       t_.Ingest("clicks", {Click("c1", kNow - 4, "u1", "i1")}));
  EXPECT_TRUE(again.records[0].duplicate);
  ASSERT_OK(t_.Read());
  ASSERT_OK(t_.store->Checkpoint());
  for (int round = 0; round < 2; ++round) {
    const StoreStats stats = t_.store->Stats();
    const auto clicks = std::find_if(stats.sources.begin(), stats.sources.end(),
                                     [](const SourceStats& s) { return s.name == "clicks"; });
    ASSERT_NE(clicks, stats.sources.end());
    EXPECT_EQ(clicks->records, 2U);
    EXPECT_EQ(clicks->ids, 2U);
    EXPECT_EQ(stats.dirty_blobs, 0U);
    EXPECT_EQ(stats.checkpoint, stats.applied);
    EXPECT_GE(stats.synced, stats.applied);
    ASSERT_OK(t_.Reopen());
  }
}

}  // namespace
}  // namespace larder::featurestore
