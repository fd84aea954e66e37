// SPDX-License-Identifier: Apache-2.0
#include "serving/index_sink.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "ann/graph_base.h"
#include "tests/serving/serving_world.h"
#include "tests/support/status_matchers.h"

namespace larder::serving {
namespace {

using testing::HasSubstr;

const registry::VectorFeature& Feature(featurestore::Snapshot& snapshot) {
  return snapshot.history().current()->registry->vectors.front();
}

std::unique_ptr<featurestore::Snapshot> Read(ServingWorld& world) {
  return *world.store->Read({}, std::chrono::steady_clock::now());
}

// A base of one item, as an artifact directory.
std::string WriteBase(ServingWorld& world, const Digest& space, size_t dim) {
  const std::vector<int8_t> vectors(dim, 1);
  const std::vector<std::string> keys = {"a"};
  const auto base = ann::BuildGraphBase({.shape = {.dim = dim}, .space = space}, vectors, keys);
  EXPECT_OK(base);
  const std::string dir = world.dir.path() + "/base-" + std::to_string(dim);
  EXPECT_OK((*base)->Save(FileSystem::Posix(), dir));
  return dir;
}

TEST(IndexSink, FollowsTheRows) {
  ServingWorld world;
  world.AddItem("a", "apple pie");
  world.AddItem("b", "green pear");
  world.store->DeleteRow("catalog", "a");
  const auto snapshot = Read(world);
  const LiveIndex* live = world.indexes.Find(Feature(*snapshot).digest, *snapshot);
  ASSERT_NE(live, nullptr);
  EXPECT_EQ(live->name, "text_of.vec");
  EXPECT_EQ(live->entity, "item");
  EXPECT_EQ(live->index->size(), 1U);
  EXPECT_EQ(world.indexes.All(*snapshot).size(), 1U);
  EXPECT_EQ(world.indexes.refused(), 0U);
}

TEST(IndexSink, RefusesABaseOfAnotherSpaceOrLength) {  // invariant 6
  ServingWorld world;
  const auto keys = Read(world);
  const Digest feature = Feature(*keys).digest;
  EXPECT_THAT(world.indexes.LoadBase(feature, WriteBase(world, Sha256("other"), 16), *keys),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("it holds space")));
  EXPECT_THAT(world.indexes.LoadBase(feature, WriteBase(world, world.encoder_digest, 8), *keys),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("of 8 dimensions")));
  EXPECT_OK(world.indexes.LoadBase(feature, WriteBase(world, world.encoder_digest, 16), *keys));
}

TEST(IndexSink, AnInstalledBaseLeavesWhatItReplaces) {
  ServingWorld world;
  world.AddItem("a", "apple pie");
  world.AddItem("b", "green pear");
  const auto keys = Read(world);
  const Digest feature = Feature(*keys).digest;
  const LiveIndex* live = world.indexes.Find(feature, *keys);
  const ann::VectorIndex* before = live->index.get();
  ASSERT_OK_AND_ASSIGN(
      const auto base,
      world.indexes.LoadBase(feature, WriteBase(world, world.encoder_digest, 16), *keys));
  EXPECT_EQ(live->index->base(), nullptr);

  world.indexes.InstallBase(feature, *base);

  EXPECT_NE(live->index->base(), nullptr);
  EXPECT_EQ(live->index->size(), 2U);
  EXPECT_EQ(before->size(), 2U);  // still there, for the caller to free
  EXPECT_EQ(before->base(), nullptr);
}

TEST(IndexSink, NamesADamagedBase) {
  ServingWorld world;
  const std::string dir = WriteBase(world, world.encoder_digest, 16);
  FileSystem& fs = FileSystem::Posix();
  std::string bytes = *fs.Read(dir + "/index.larder", 1 << 20);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  ASSERT_OK(WriteFileAtomically(fs, dir + "/index.larder", bytes));
  const auto keys = Read(world);
  EXPECT_THAT(world.indexes.LoadBase(Feature(*keys).digest, dir, *keys),
              StatusIs(StatusCode::kDataLoss, HasSubstr("index.larder")));
}

TEST(IndexSink, CountsWhatItRefuses) {
  ServingWorld world;
  const Digest feature = Feature(*Read(world)).digest;
  world.indexes.SetVector(feature, 1, std::vector<int8_t>(3, 1));
  world.indexes.SetVector(Sha256("unknown"), 1, std::vector<int8_t>(16, 1));
  EXPECT_EQ(world.indexes.refused(), 2U);
  EXPECT_THAT(world.indexes.LoadBase(Sha256("unknown"), "dir", *Read(world)),
              StatusIs(StatusCode::kNotFound, HasSubstr("no vector feature")));
}

}  // namespace
}  // namespace larder::serving
