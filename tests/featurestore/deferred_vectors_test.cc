// SPDX-License-Identifier: Apache-2.0
//
// Vectors of an encoder that is too slow for apply: a job makes them (R4).
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/fixed_point.h"
#include "featurestore/vector_list.h"
#include "tests/featurestore/store_fixture.h"
#include "tests/support/power_cut_file_system.h"

namespace larder::featurestore {
namespace {

class DeferredVectorsTest : public testing::Test {
 protected:
  void SetUp() override {
    t_.floats = true;
    ASSERT_OK(t_.Open());
    ASSERT_OK(t_.Define());
  }
  void Put(const std::string& record) {
    ASSERT_OK_AND_ASSIGN(const IngestResult result, t_.Ingest("catalog", {record}));
    ASSERT_OK(result.records[0].status);
    ASSERT_OK(t_.Read());  // applied
  }
  Digest feature() const { return t_.store->Stats().vectors[0].feature; }
  uint64_t wanted() const { return t_.store->Stats().vectors[0].wanted; }

  static std::vector<float> VectorOf(std::string_view text) {
    std::vector<float> vector;
    for (const int8_t code : FakeEmbedder::CodesOf(text)) vector.push_back(code);
    return vector;
  }
  // As a read has it.
  static std::string Shown(std::string_view text) {
    std::vector<float> unit(kDimensions);
    FromFixedPoint(ToFixedPoint(VectorOf(text)), unit);
    std::string shown;
    for (const float value : unit) shown += Concat(value, " ");
    return shown;
  }
  PendingVectors Pending() {
    const auto pending = t_.store->FindPendingVectors(feature(), 0, {100, 1'000});
    EXPECT_OK(pending);
    return pending.ok() ? *pending : PendingVectors();
  }
  void Activate(const std::vector<VectorInput>& inputs) {
    std::vector<int8_t> codes;
    for (const VectorInput& input : inputs) {
      const std::vector<int8_t> fixed = ToFixedPoint(VectorOf(input.text));
      codes.insert(codes.end(), fixed.begin(), fixed.end());
    }
    ASSERT_OK(t_.store->Activate({.kind = Activation::Kind::kVectors,
                                  .feature = feature(),
                                  .vectors = EncodeVectorList(inputs, codes)}));
  }
  // The job that does all there is.
  void MakeAll() {
    for (PendingVectors piece = Pending(); !piece.inputs.empty(); piece = Pending()) {
      Activate(piece.inputs);
    }
  }
  std::string Vector(std::string_view key) { return t_.Value("text_of.vec", key); }

  static constexpr TimeUs kNow = kStartTime;
  TempDir dir_;
  PowerCutFileSystem disk_{dir_.path()};
  TestStore t_{dir_.File("data"), &disk_, disk_.env()};
};

TEST_F(DeferredVectorsTest, AreNullUntilTheyAreActivated) {
  Put(ItemRow("i0", kNow - 9, "kettle"));
  EXPECT_EQ(Vector("i0"), "null never_computed");
  EXPECT_EQ(wanted(), 1U);

  const PendingVectors pending = Pending();
  ASSERT_EQ(pending.inputs.size(), 1U);
  EXPECT_EQ(pending.inputs[0].key, "i0");
  EXPECT_EQ(pending.inputs[0].text, "kettle\n");
  Activate(pending.inputs);

  EXPECT_EQ(Vector("i0"), Shown("kettle\n"));
  EXPECT_EQ(t_.sink->vectors[feature()].at(0), ToFixedPoint(VectorOf("kettle\n")));
  EXPECT_EQ(wanted(), 0U);
  EXPECT_TRUE(Pending().is_last);
  EXPECT_EQ(t_.embedder.texts_encoded, 0U) << "apply encodes nothing";
}

TEST_F(DeferredVectorsTest, AChangedTextKeepsItsVectorUntilTheNextComes) {  // S7.3
  Put(ItemRow("i0", kNow - 9, "kettle"));
  MakeAll();
  Put(ItemRow("i0", kNow - 8, "pan"));
  EXPECT_EQ(Vector("i0"), Shown("kettle\n"));
  const PendingVectors pan = Pending();
  Put(ItemRow("i0", kNow - 7, "lid"));

  Activate(pan.inputs);

  EXPECT_EQ(Vector("i0"), Shown("kettle\n")) << "that of another text is dropped";
  EXPECT_EQ(wanted(), 1U);
  MakeAll();
  EXPECT_EQ(Vector("i0"), Shown("lid\n"));
}

TEST_F(DeferredVectorsTest, WhatIsAsItWasOrGoneIsNotWanted) {
  Put(ItemRow("i0", kNow - 9, "kettle"));
  MakeAll();
  Put(ItemRow("i0", kNow - 8, "kettle", R"(,"price":2)"));
  EXPECT_EQ(wanted(), 0U);
  Put(ItemRow("i0", kNow - 7, "pan"));
  EXPECT_EQ(wanted(), 1U);
  Put(ItemRow("i0", kNow - 6, "kettle"));
  EXPECT_EQ(wanted(), 0U) << "its vector is there";
  Put(ItemRow("i0", kNow - 5, "pan"));
  Put(ItemDelete("i0", kNow - 4));
  EXPECT_EQ(wanted(), 0U);
  EXPECT_TRUE(t_.sink->vectors[feature()].empty());
  Put(ItemRow("i1", kNow - 4, "lid"));
  Put(ItemDelete("i1", kNow - 3));
  EXPECT_EQ(wanted(), 0U);
  EXPECT_TRUE(Pending().is_last);
}

TEST_F(DeferredVectorsTest, WhatIsWantedSurvivesARestartAndAPowerCut) {
  Put(ItemRow("i0", kNow - 9, "kettle"));
  MakeAll();
  Put(ItemRow("i0", kNow - 8, "pan"));
  Put(ItemRow("i1", kNow - 8, "lid"));
  Put(ItemRow("i2", kNow - 8, "pot"));
  Put(ItemDelete("i2", kNow - 7));
  const Hash128 hash = t_.Hash();
  for (int round = 0; round < 3; ++round) {
    if (round == 1) disk_.Freeze();  // replayed from the log
    t_.Close();
    disk_.Thaw();
    ASSERT_OK(t_.Open());
    EXPECT_EQ(t_.Hash(), hash) << round;
    EXPECT_EQ(Vector("i0"), Shown("kettle\n"));
    EXPECT_EQ(Vector("i1"), "null never_computed");
    ASSERT_EQ(wanted(), 2U);
  }
  MakeAll();
  const Hash128 made = t_.Hash();
  disk_.Freeze();
  t_.Close();
  disk_.Thaw();
  ASSERT_OK(t_.Open());
  EXPECT_EQ(t_.Hash(), made);
  EXPECT_EQ(Vector("i0"), Shown("pan\n"));
  EXPECT_EQ(Vector("i1"), Shown("lid\n"));
  EXPECT_EQ(wanted(), 0U);
}

// One whose rows were there before it, while others change.
TEST_F(DeferredVectorsTest, ChangedRowsComeBeforeTheBacklog) {
  for (int i = 0; i < 600; ++i) {
    ASSERT_OK(t_.Ingest("catalog", {ItemRow(Concat("i", i), kNow - 9, Concat("title ", i))}));
  }
  MakeAll();
  std::string more(kDefinitions);
  more += "---\nview: titles_of\nof: item\nfrom: catalog\ndefine:\n  vec: embed(titles, title)\n";
  ASSERT_OK(t_.Define(more));
  const Digest fresh = t_.store->Stats().vectors[1].feature;
  ASSERT_OK_AND_ASSIGN(PendingVectors piece, t_.store->FindPendingVectors(fresh, 0, {10, 1'000}));
  ASSERT_EQ(piece.inputs.size(), 10U);
  EXPECT_EQ(piece.inputs[0].key, "i0");
  EXPECT_EQ(piece.left, 590U);
  Put(ItemRow("i599", kNow - 8, "changed"));
  ASSERT_OK_AND_ASSIGN(piece, t_.store->FindPendingVectors(fresh, piece.next, {10, 1'000}));
  ASSERT_EQ(piece.inputs.size(), 1U);
  EXPECT_EQ(piece.inputs[0].key, "i599");
  EXPECT_EQ(piece.next, 10U);
  EXPECT_FALSE(piece.is_last);
}

}  // namespace
}  // namespace larder::featurestore
