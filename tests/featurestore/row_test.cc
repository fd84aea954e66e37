// SPDX-License-Identifier: Apache-2.0
#include "featurestore/row.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/featurestore/random_batch.h"
#include "tests/featurestore/test_sources.h"
#include "tests/support/status_matchers.h"

namespace larder::featurestore {
namespace {

using registry::Column;
using registry::Reason;

struct Batch {
  std::vector<std::string> names;
  std::vector<Column> columns;
};

Batch RandomRows(std::mt19937_64& random, size_t rows) {
  Batch batch;
  for (const registry::Source& source : {Clicks(), Catalog()}) {
    for (const registry::SourceColumn& column : source.columns) {
      batch.names.push_back(source.name + "." + column.name);
      batch.columns.push_back(Column::Of(column.type, rows));
      for (size_t i = 0; i < rows; ++i) AppendRandomRow(random, batch.columns.back(), 30);
    }
  }
  return batch;
}

RecordInfo Info(TimeUs time, uint8_t flags = 0) {
  RecordInfo info;
  info.id = {1, 2};
  info.event_time = time;
  info.original_event_time = time + 5;
  info.flags = flags;
  return info;
}

bool SameRow(const Column& a, size_t row_a, const Column& b, size_t row_b) {
  Column one = Column::Of(a.type);
  Column two = Column::Of(b.type);
  one.AppendRow(a, row_a);
  two.AppendRow(b, row_b);
  if (!one.valid(0)) return !two.valid(0);
  return one.reasons == two.reasons && one.ints == two.ints && one.doubles == two.doubles &&
         one.strings.bytes == two.strings.bytes && one.strings.ends == two.strings.ends &&
         one.floats == two.floats && one.offsets == two.offsets;
}

TEST(Row, GivesBackEveryColumnBeforeAndAfterItsBytes) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 20; ++round) {
    const Batch batch = RandomRows(random, 8);
    RowLayouts layouts;
    const RowLayout& layout = layouts.Get(batch.names, batch.columns);
    for (size_t i = 0; i < 8; ++i) {
      const Row::Ptr row = Row::Pack(layout, batch.columns, i, Info(static_cast<TimeUs>(i)));
      std::string bytes;
      row->EncodeTo(bytes);
      ASSERT_OK_AND_ASSIGN(const Row::Ptr again, Row::Decode(layouts, bytes));
      EXPECT_EQ(again->key(), row->key());
      for (const Row* each : {row.get(), again.get()}) {
        for (size_t c = 0; c < batch.columns.size(); ++c) {
          Column out = Column::Of(batch.columns[c].type);
          each->AppendColumn(layout.Find(batch.names[c]), out);
          ASSERT_TRUE(SameRow(batch.columns[c], i, out, 0)) << batch.names[c];
        }
      }
    }
  }
}

TEST(Row, LayoutIsMadeOnceAndComesBackFromItsBytes) {
  std::mt19937_64 random(2);
  const Batch batch = RandomRows(random, 1);
  RowLayouts layouts;
  const RowLayout& layout = layouts.Get(batch.names, batch.columns);
  EXPECT_EQ(&layouts.Get(batch.names, batch.columns), &layout);
  EXPECT_EQ(layouts.TakeNew().size(), 1U);
  EXPECT_TRUE(layouts.TakeNew().empty());

  ASSERT_OK_AND_ASSIGN(const RowLayout again, RowLayout::Decode(layout.Encode()));
  EXPECT_EQ(again.id, layout.id);
  EXPECT_EQ(layout.Find("no.such"), -1);
}

TEST(Row, CanonicalBytesDoNotDependOnColumnsAddedLater) {
  std::mt19937_64 random(3);
  Batch batch = RandomRows(random, 1);
  RowLayouts layouts;
  const Row::Ptr before =
      Row::Pack(layouts.Get(batch.names, batch.columns), batch.columns, 0, Info(1));
  batch.names.push_back("zzz");
  batch.columns.push_back(Column::Of(registry::Type{.kind = registry::Kind::kInt64}));
  batch.columns.back().AppendNull(Reason::kInputNull);
  const Row::Ptr after =
      Row::Pack(layouts.Get(batch.names, batch.columns), batch.columns, 0, Info(1));

  std::string a;
  std::string b;
  before->AppendCanonical(a);
  after->AppendCanonical(b);
  EXPECT_EQ(a, b);
  EXPECT_NE(before->layout(), after->layout());
}

TEST(Row, TombstonesHaveNoColumns) {
  std::mt19937_64 random(4);
  const Batch batch = RandomRows(random, 1);
  RowLayouts layouts;
  const Row::Ptr row = Row::Pack(layouts.Get(batch.names, batch.columns), batch.columns, 0,
                                 Info(1, RecordInfo::kDelete));
  EXPECT_TRUE(row->deleted());
  std::string bytes;
  row->EncodeTo(bytes);
  ASSERT_OK_AND_ASSIGN(const Row::Ptr again, Row::Decode(layouts, bytes));
  EXPECT_TRUE(again->deleted());
  EXPECT_THAT(Row::Decode(layouts, bytes + "x"), StatusIs(StatusCode::kDataLoss, testing::_));
}

TEST(Row, DamagedBytesAreRefusedOrHarmless) {
  std::mt19937_64 random(5);
  const Batch batch = RandomRows(random, 4);
  RowLayouts layouts;
  const RowLayout& layout = layouts.Get(batch.names, batch.columns);
  for (int round = 0; round < 2000; ++round) {
    const Row::Ptr row = Row::Pack(layout, batch.columns, random() % 4, Info(1));
    std::string bytes;
    row->EncodeTo(bytes);
    if (random() % 3 == 0) bytes.resize(random() % bytes.size());
    if (!bytes.empty()) bytes[random() % bytes.size()] = static_cast<char>(random());
    const auto again = Row::Decode(layouts, bytes);
    if (!again.ok() || (*again)->deleted()) continue;
    for (size_t c = 0; c < batch.columns.size(); ++c) {
      Column out = Column::Of(batch.columns[c].type);
      (*again)->AppendColumn(static_cast<int>(c), out);
      EXPECT_EQ(out.rows, 1U);
    }
  }
}

}  // namespace
}  // namespace larder::featurestore
