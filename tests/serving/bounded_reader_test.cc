// SPDX-License-Identifier: Apache-2.0
#include "serving/bounded_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/serving/serving_world.h"
#include "tests/support/status_matchers.h"

namespace larder::serving {
namespace {

using registry::Column;
using registry::Kind;
using registry::StoredKind;
using testing::HasSubstr;

registry::StoredFeature TableColumn(const std::string& name, Kind kind) {
  registry::StoredFeature feature;
  feature.kind = StoredKind::kTableColumn;
  feature.entity = "item";
  feature.source = "catalog";
  feature.column = name;
  feature.type.kind = kind;
  return feature;
}

class BoundedReaderTest : public testing::Test {
 protected:
  BoundedReaderTest() {
    world_.AddItem("a", std::string(1'000, 'x'));
    snapshot_ = *world_.store->Read({}, {});
    const std::string_view key = "a";
    snapshot_->FindKeys("item", {&key, 1}, {&a_, 1});
  }
  // Reads a column of item a `n` times, and gives its values.
  StatusOr<Column> Read(const registry::StoredFeature& feature, size_t n, size_t max_bytes) {
    BoundedReader reader(*snapshot_, max_bytes);
    Column out = Column::Of(feature.type);
    LARDER_RETURN_IF_ERROR(
        reader.Read(feature, std::vector<registry::Ordinal>(n, a_), true, out));
    return out;
  }

  ServingWorld world_;
  std::unique_ptr<featurestore::Snapshot> snapshot_;
  registry::Ordinal a_ = registry::kNoOrdinal;
};

TEST_F(BoundedReaderTest, ReadsWhatFits) {
  ASSERT_OK_AND_ASSIGN(const Column out, Read(TableColumn("title", Kind::kString), 300, 302'000));
  EXPECT_EQ(out.rows, 300U);
  EXPECT_EQ(out.times.size(), 300U);
  EXPECT_EQ(out.strings[299], std::string(1'000, 'x'));
}

TEST_F(BoundedReaderTest, NamesTheFeatureThatDoesNotFit) {
  EXPECT_THAT(Read(TableColumn("title", Kind::kString), 300, 300'000),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("'catalog.title' does not fit")));
  const registry::VectorFeature* vector =
      snapshot_->history().current()->registry->FindVectorByName("text_of.vec");
  registry::StoredFeature feature;
  feature.kind = StoredKind::kVector;
  feature.entity = "item";
  feature.digest = vector->digest;
  feature.type = {.kind = Kind::kVector, .of = "titles", .dimensions = 16, .int8 = true};
  EXPECT_OK(Read(feature, 10, 160).status());
  EXPECT_THAT(Read(feature, 11, 160),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("'text_of.vec' does not fit")));
}

TEST_F(BoundedReaderTest, CountsAllReadsOfOneRun) {
  BoundedReader reader(*snapshot_, 2'500);
  for (int i = 0; i < 3; ++i) {
    Column out = Column::Of(registry::Type{.kind = Kind::kString, .of = {}});
    const Status status = reader.Read(TableColumn("title", Kind::kString), {&a_, 1}, false, out);
    EXPECT_EQ(status.ok(), i < 2) << status.ToString();
  }
}

TEST_F(BoundedReaderTest, NumbersAreNotCounted) {
  EXPECT_OK(Read(TableColumn("stock", Kind::kInt64), 10'000, 0).status());
}

}  // namespace
}  // namespace larder::serving
