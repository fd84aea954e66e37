// SPDX-License-Identifier: Apache-2.0
#include "serving/artifact_handlers.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/serving/serving_world.h"
#include "tests/support/status_matchers.h"

namespace larder::serving {
namespace {

using testing::HasSubstr;

v1::PutRequest Header(const std::string& digest = "") {
  v1::PutRequest part;
  part.mutable_header()->set_expected_digest(digest);
  return part;
}
v1::PutRequest File(const std::string& name) {
  v1::PutRequest part;
  part.mutable_file()->set_name(name);
  return part;
}
v1::PutRequest Chunk(const std::string& bytes) {
  v1::PutRequest part;
  part.set_chunk(bytes);
  return part;
}

TEST(ArtifactUpload, StoresFilesThatComeInPieces) {
  ServingWorld world("");
  ArtifactUpload upload(*world.artifacts);
  for (const v1::PutRequest& part :
       {Header(), File("a.txt"), Chunk("he"), Chunk("llo"), File("b/c.txt"), Chunk("x")}) {
    ASSERT_OK(upload.Add(part));
  }
  ASSERT_OK_AND_ASSIGN(const auto put, upload.Finish());

  v1::StatRequest stat;
  stat.add_digests(put.digest());
  stat.add_digests(Sha256("missing").Hex());
  ASSERT_OK_AND_ASSIGN(const auto present, StatArtifacts(stat, world.context()));
  EXPECT_TRUE(present.present(0));
  EXPECT_FALSE(present.present(1));

  std::vector<v1::ArtifactServiceGetResponse> parts;
  v1::ArtifactServiceGetRequest get;
  get.set_digest(put.digest());
  ASSERT_OK(SendArtifact(get, FileSystem::Posix(), world.context(), [&](const auto& part) {
    parts.push_back(part);
    return true;
  }));
  ASSERT_EQ(parts.size(), 4U);
  EXPECT_EQ(parts[0].file().name(), "a.txt");
  EXPECT_EQ(parts[0].file().size_bytes(), 5U);
  EXPECT_EQ(parts[1].chunk(), "hello");
  EXPECT_EQ(parts[2].file().name(), "b/c.txt");
}

TEST(StatArtifacts, ADamagedCopyIsNotPresent) {
  ServingWorld world("");
  v1::StatRequest stat;
  stat.add_digests(world.encoder_digest.Hex());
  ASSERT_TRUE(StatArtifacts(stat, world.context())->present(0));

  world.DamageEncoder();

  EXPECT_FALSE(StatArtifacts(stat, world.context())->present(0));
}

TEST(ArtifactUpload, RefusesContentThatHasAnotherDigest) {
  ServingWorld world("");
  ArtifactUpload upload(*world.artifacts);
  ASSERT_OK(upload.Add(Header(Sha256("other").Hex())));
  ASSERT_OK(upload.Add(File("a.txt")));
  EXPECT_THAT(upload.Finish(), StatusIs(StatusCode::kDataLoss, testing::_));
}

TEST(ArtifactUpload, ADigestOfZerosIsNoDigest) {
  ServingWorld world("");
  ArtifactUpload upload(*world.artifacts);
  EXPECT_THAT(upload.Add(Header(Digest{}.Hex())),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("all zeros")));
}

TEST(ArtifactUpload, RefusesPiecesOutOfOrder) {
  ServingWorld world("");
  {
    ArtifactUpload upload(*world.artifacts);
    EXPECT_THAT(upload.Add(File("a")),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr("before the header")));
    EXPECT_THAT(upload.Add(Chunk("x")),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr("before the first file")));
    EXPECT_THAT(upload.Add(v1::PutRequest()),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr("expected a header")));
    EXPECT_THAT(upload.Finish(), StatusIs(StatusCode::kInvalidArgument, testing::_));
  }
  ArtifactUpload upload(*world.artifacts);
  ASSERT_OK(upload.Add(Header()));
  EXPECT_THAT(upload.Add(Header()), StatusIs(StatusCode::kInvalidArgument, HasSubstr("second")));
  EXPECT_THAT(upload.Finish(), StatusIs(StatusCode::kInvalidArgument, HasSubstr("one file")));
}

TEST(ArtifactUpload, RefusesNamesThatLeaveTheDirectory) {
  ServingWorld world("");
  for (const std::string name : {"../a", "/etc/passwd", "", "a//b", ".hidden", "\xff"}) {
    ArtifactUpload upload(*world.artifacts);
    ASSERT_OK(upload.Add(Header()));
    EXPECT_THAT(upload.Add(File(name)), StatusIs(StatusCode::kInvalidArgument, testing::_)) << name;
  }
}

TEST(ArtifactUpload, RefusesChunksOverTheLimit) {
  ServingWorld world("");
  ArtifactUpload upload(*world.artifacts);
  ASSERT_OK(upload.Add(Header()));
  ASSERT_OK(upload.Add(File("a")));
  EXPECT_THAT(upload.Add(Chunk(std::string(kMaxChunkBytes + 1, 'x'))),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("at most")));
}

TEST(SendArtifact, StopsWhenTheClientIsGone) {
  ServingWorld world("");
  v1::ArtifactServiceGetRequest get;
  get.set_digest(world.encoder_digest.Hex());
  int calls = 0;
  EXPECT_THAT(SendArtifact(get, FileSystem::Posix(), world.context(),
                           [&](const auto&) { return ++calls < 2; }),
              StatusIs(StatusCode::kCancelled, testing::_));
  EXPECT_EQ(calls, 2);
}

TEST(SendArtifact, NamesWhatItDoesNotHave) {
  ServingWorld world("");
  const auto send = [](const auto&) { return true; };
  v1::ArtifactServiceGetRequest get;
  get.set_digest(Sha256("missing").Hex());
  EXPECT_THAT(SendArtifact(get, FileSystem::Posix(), world.context(), send),
              StatusIs(StatusCode::kNotFound, testing::_));
  get.set_digest("../../etc");
  EXPECT_THAT(SendArtifact(get, FileSystem::Posix(), world.context(), send),
              StatusIs(StatusCode::kInvalidArgument, testing::_));
}

}  // namespace
}  // namespace larder::serving
