// SPDX-License-Identifier: Apache-2.0
#include "featurestore/artifact_store.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/support/power_cut_file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace larder::featurestore {
namespace {

using testing::_;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint64_t kAnySize = 1 << 20;
constexpr uint64_t kPlenty = 1 << 20;

StatusOr<Digest> Put(ArtifactStore& store, std::string_view content, const Digest& expected = {}) {
  LARDER_ASSIGN_OR_RETURN(const auto writer, store.Create());
  LARDER_RETURN_IF_ERROR(writer->BeginFile("model.bin"));
  LARDER_RETURN_IF_ERROR(writer->Append(content.substr(0, 2)));
  LARDER_RETURN_IF_ERROR(writer->Append(content.substr(2)));
  LARDER_RETURN_IF_ERROR(writer->BeginFile("sub/config.json"));
  LARDER_RETURN_IF_ERROR(writer->Append("{}"));
  return writer->Commit(expected);
}

// The names in the store.
StatusOr<std::vector<std::string>> Names(const TempDir& dir) {
  LARDER_ASSIGN_OR_RETURN(auto names, FileSystem::Posix().List(dir.File("artifacts")));
  std::erase(names, ".staging");
  return names;
}

TEST(ArtifactStore, NamesADirectoryByItsContent) {
  const TempDir dir;
  ASSERT_OK_AND_ASSIGN(const auto store, ArtifactStore::Open(FileSystem::Posix(), dir.path()));

  ASSERT_OK_AND_ASSIGN(const Digest digest, Put(*store, "weights"));

  ASSERT_OK_AND_ASSIGN(const std::string path, store->Path(digest));
  EXPECT_EQ(path, dir.File("artifacts/" + digest.Hex()));
  EXPECT_THAT(DirectoryDigest(FileSystem::Posix(), path), IsOkAndHolds(digest));
  EXPECT_THAT(FileSystem::Posix().Read(path + "/model.bin", kAnySize), IsOkAndHolds("weights"));
  EXPECT_TRUE(store->Contains(digest));
  EXPECT_OK(store->Verify(digest));
  EXPECT_THAT(Names(dir), IsOkAndHolds(ElementsAre(digest.Hex())));
}

TEST(ArtifactStore, TheSameContentAgainIsFine) {
  const TempDir dir;
  ASSERT_OK_AND_ASSIGN(const auto store, ArtifactStore::Open(FileSystem::Posix(), dir.path()));
  ASSERT_OK_AND_ASSIGN(const Digest digest, Put(*store, "weights"));

  EXPECT_THAT(Put(*store, "weights", digest), IsOkAndHolds(digest));

  EXPECT_THAT(FileSystem::Posix().List(dir.File("artifacts/.staging")), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(Names(dir), IsOkAndHolds(ElementsAre(digest.Hex())));
}

TEST(ArtifactStore, OtherContentThanExpectedIsDataLoss) {
  const TempDir dir;
  ASSERT_OK_AND_ASSIGN(const auto store, ArtifactStore::Open(FileSystem::Posix(), dir.path()));

  EXPECT_THAT(Put(*store, "weights", Sha256("other")),
              StatusIs(StatusCode::kDataLoss, HasSubstr(Sha256("other").Hex())));

  EXPECT_THAT(Names(dir), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(FileSystem::Posix().List(dir.File("artifacts/.staging")), IsOkAndHolds(IsEmpty()));
}

TEST(ArtifactStore, AnUnfinishedArtifactIsForgotten) {
  const TempDir dir;
  ASSERT_OK_AND_ASSIGN(const auto store, ArtifactStore::Open(FileSystem::Posix(), dir.path()));
  {
    ASSERT_OK_AND_ASSIGN(const auto writer, store->Create());
    ASSERT_OK(writer->BeginFile("a"));
    ASSERT_OK(writer->Append("bytes"));
  }

  EXPECT_THAT(FileSystem::Posix().List(dir.File("artifacts/.staging")), IsOkAndHolds(IsEmpty()));
}

TEST(ArtifactStore, StagingLeftByACrashIsRemovedAtOpen) {
  const TempDir dir;
  ASSERT_OK(FileSystem::Posix().MakeDirs(dir.File("artifacts/.staging/3/sub")));

  ASSERT_OK(ArtifactStore::Open(FileSystem::Posix(), dir.path()));

  EXPECT_THAT(FileSystem::Posix().List(dir.File("artifacts")), IsOkAndHolds(IsEmpty()));
}

TEST(ArtifactStore, UnsafeAndRepeatedNamesAreRefused) {
  const TempDir dir;
  ASSERT_OK_AND_ASSIGN(const auto store, ArtifactStore::Open(FileSystem::Posix(), dir.path()));
  ASSERT_OK_AND_ASSIGN(const auto writer, store->Create());
  EXPECT_THAT(writer->Append("x"), StatusIs(StatusCode::kInvalidArgument, _));
  ASSERT_OK(writer->BeginFile("a/b"));

  for (const std::string_view name :
       {"", "/etc/passwd", "../up", "a/../../up", "a//b", ".hidden", "a\\b", "a/b", "a/b/c", "a"}) {
    EXPECT_THAT(writer->BeginFile(name), StatusIs(StatusCode::kInvalidArgument, _)) << name;
  }
  EXPECT_OK(writer->BeginFile("a/c"));
}

TEST(ArtifactStore, AnEmptyArtifactIsRefused) {
  const TempDir dir;
  ASSERT_OK_AND_ASSIGN(const auto store, ArtifactStore::Open(FileSystem::Posix(), dir.path()));
  ASSERT_OK_AND_ASSIGN(const auto writer, store->Create());

  EXPECT_THAT(writer->Commit({}), StatusIs(StatusCode::kInvalidArgument, HasSubstr("no files")));
}

TEST(ArtifactStore, AnUnknownArtifactIsNotFound) {
  const TempDir dir;
  ASSERT_OK_AND_ASSIGN(const auto store, ArtifactStore::Open(FileSystem::Posix(), dir.path()));

  EXPECT_FALSE(store->Contains(Sha256("x")));
  EXPECT_THAT(store->Path(Sha256("x")), StatusIs(StatusCode::kNotFound, _));
  EXPECT_THAT(store->Verify(Sha256("x")), StatusIs(StatusCode::kNotFound, _));
}

TEST(ArtifactStore, VerifyFindsEveryKindOfDamage) {
  FileSystem& fs = FileSystem::Posix();
  const auto damage = [&](auto how) {
    const TempDir dir;
    const auto store = ArtifactStore::Open(fs, dir.path());
    const auto digest = Put(**store, "weights");
    how(*(*store)->Path(*digest));
    EXPECT_THAT((*store)->Verify(*digest),
                StatusIs(StatusCode::kDataLoss, HasSubstr(digest->Hex())));
  };

  damage([&](const std::string& path) {
    ASSERT_OK(WriteFileAtomically(fs, path + "/model.bin", "weightt"));  // a flipped bit
  });
  damage([&](const std::string& path) {
    ASSERT_OK(WriteFileAtomically(fs, path + "/model.bin", "weight"));  // truncated
  });
  damage([&](const std::string& path) { ASSERT_OK(fs.Remove(path + "/model.bin")); });
  damage([&](const std::string& path) {
    ASSERT_OK(WriteFileAtomically(fs, path + "/more.bin", "x"));
  });
  damage([&](const std::string& path) {
    ASSERT_OK(fs.Rename(path + "/model.bin", path + "/other.bin"));
  });
  damage([&](const std::string& path) {
    ASSERT_OK(fs.Remove(path + "/model.bin"));
    ASSERT_OK(fs.RemoveTree(path + "/sub"));
  });
}

TEST(ArtifactStore, ANamedArtifactIsWholeAfterAPowerCutAnywhere) {
  for (uint64_t operations = 1; operations < 40; ++operations) {
    SCOPED_TRACE(Concat("after ", operations, " operations"));
    const TempDir dir;
    PowerCutFileSystem fs(dir.path());
    StatusOr<Digest> digest = Unavailable("not yet");
    {
      ASSERT_OK_AND_ASSIGN(const auto store, ArtifactStore::Open(fs, dir.path()));
      fs.FreezeAfter(operations);
      digest = Put(*store, "weights");
    }
    fs.PowerCut(operations % 2 == 0 ? PowerCutFileSystem::Mode::kDrop
                                    : PowerCutFileSystem::Mode::kScramble, operations);

    ASSERT_OK_AND_ASSIGN(const auto store, ArtifactStore::Open(fs, dir.path()));

    ASSERT_OK_AND_ASSIGN(const auto names, Names(dir));
    if (digest.ok()) {
      EXPECT_THAT(names, ElementsAre(digest->Hex()));
    }
    for (const std::string& name : names) EXPECT_OK(store->Verify(*Digest::FromHex(name)));
  }
}

// A server that is killed between the rename and its sync leaves a name that no disk has promised.
TEST(ArtifactStore, WhatIsThereAfterAKillAndIsNamedAgainSurvivesAPowerCut) {  // S7.4
  for (uint64_t operations = 1; operations < 40; ++operations) {
    SCOPED_TRACE(Concat("after ", operations, " operations"));
    const TempDir dir;
    PowerCutFileSystem fs(dir.path());
    StatusOr<Digest> digest = Unavailable("not yet");
    {
      ASSERT_OK_AND_ASSIGN(const auto store, ArtifactStore::Open(fs, dir.path()));
      fs.FreezeAfter(operations);
      EXPECT_TRUE(Put(*store, "weights").ok() || fs.frozen());
      fs.FreezeAfter(kPlenty);
      ASSERT_OK_AND_ASSIGN(digest, Put(*store, "weights"));
    }
    fs.PowerCut(PowerCutFileSystem::Mode::kDrop, operations);

    ASSERT_OK_AND_ASSIGN(const auto store, ArtifactStore::Open(fs, dir.path()));

    EXPECT_OK(store->Verify(*digest));
  }
}

TEST(ArtifactStore, WhatItFindsWhenOpenedSurvivesAPowerCut) {  // S7.4
  const TempDir dir;
  PowerCutFileSystem fs(dir.path());
  ASSERT_OK_AND_ASSIGN(const Digest digest, Put(**ArtifactStore::Open(fs, dir.path()), "weights"));
  const std::string name = dir.File("artifacts/" + digest.Hex());
  ASSERT_OK(fs.Rename(name, dir.File("artifacts/.staging/0")));
  ASSERT_OK(fs.SyncDir(dir.File("artifacts")));
  ASSERT_OK(fs.Rename(dir.File("artifacts/.staging/0"), name));  // and killed before the sync

  ASSERT_OK(ArtifactStore::Open(fs, dir.path()));
  fs.PowerCut(PowerCutFileSystem::Mode::kDrop, 1);

  ASSERT_OK_AND_ASSIGN(const auto store, ArtifactStore::Open(fs, dir.path()));
  EXPECT_OK(store->Verify(digest));
}

TEST(ArtifactStore, PuttingADamagedArtifactAgainRepairsIt) {
  const TempDir dir;
  FileSystem& fs = FileSystem::Posix();
  ASSERT_OK_AND_ASSIGN(const auto store, ArtifactStore::Open(fs, dir.path()));
  ASSERT_OK_AND_ASSIGN(const Digest digest, Put(*store, "weights"));
  ASSERT_OK(WriteFileAtomically(fs, *store->Path(digest) + "/model.bin", "weightt"));
  ASSERT_THAT(store->Verify(digest), StatusIs(StatusCode::kDataLoss, _));

  EXPECT_THAT(Put(*store, "weights", digest), IsOkAndHolds(digest));

  EXPECT_OK(store->Verify(digest));
  EXPECT_THAT(fs.List(dir.File("artifacts/.staging")), IsOkAndHolds(IsEmpty()));
}

// Artifacts may be larger than memory.
TEST(ArtifactStore, NoFileIsReadAsAWhole) {
  class Streaming : public PowerCutFileSystem {
   public:
    using PowerCutFileSystem::PowerCutFileSystem;
    StatusOr<std::string> Read(const std::string&, uint64_t) override { return Internal("read"); }
  };
  const TempDir dir;
  Streaming fs(dir.path());
  ASSERT_OK_AND_ASSIGN(const auto store, ArtifactStore::Open(fs, dir.path()));

  ASSERT_OK_AND_ASSIGN(const Digest digest, Put(*store, "weights"));

  EXPECT_THAT(PutDirectory(*store, fs, *store->Path(digest)), IsOkAndHolds(digest));
}

TEST(ArtifactStore, PutDirectoryCopiesAllFiles) {
  const TempDir dir;
  FileSystem& fs = FileSystem::Posix();
  ASSERT_OK_AND_ASSIGN(const auto store, ArtifactStore::Open(fs, dir.path()));
  ASSERT_OK(fs.MakeDirs(dir.File("in/deep")));
  ASSERT_OK(WriteFileAtomically(fs, dir.File("in/a"), "1"));
  ASSERT_OK(WriteFileAtomically(fs, dir.File("in/deep/b"), "2"));
  ASSERT_OK_AND_ASSIGN(const Digest expected, DirectoryDigest(fs, dir.File("in")));

  EXPECT_THAT(PutDirectory(*store, fs, dir.File("in")), IsOkAndHolds(expected));

  EXPECT_OK(store->Verify(expected));
}

}  // namespace
}  // namespace larder::featurestore
