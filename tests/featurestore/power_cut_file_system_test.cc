// SPDX-License-Identifier: Apache-2.0
#include "tests/support/power_cut_file_system.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace larder {
namespace {

using Mode = PowerCutFileSystem::Mode;
using testing::ElementsAre;
using testing::StartsWith;

constexpr uint64_t kAnySize = 1 << 20;

TEST(PowerCutFileSystem, KeepsSyncedBytesAndDropsTheOthers) {
  const TempDir dir;
  PowerCutFileSystem fs(dir.path());
  ASSERT_OK_AND_ASSIGN(auto file, fs.Create(dir.File("a")));
  ASSERT_OK(file->Append("synced"));
  ASSERT_OK(file->Sync());
  ASSERT_OK(fs.SyncDir(dir.path()));
  ASSERT_OK(file->Append("lost"));
  ASSERT_OK(file->Close());

  fs.PowerCut(Mode::kDrop, 1);

  EXPECT_THAT(fs.Read(dir.File("a"), kAnySize), IsOkAndHolds("synced"));
}

TEST(PowerCutFileSystem, ForgetsAFileWhoseDirectoryWasNotSynced) {
  const TempDir dir;
  PowerCutFileSystem fs(dir.path());
  ASSERT_OK_AND_ASSIGN(auto file, fs.Create(dir.File("a")));
  ASSERT_OK(file->Sync());

  fs.PowerCut(Mode::kDrop, 1);

  EXPECT_FALSE(fs.Exists(dir.File("a")));
}

TEST(PowerCutFileSystem, ForgetsADirectoryWhoseParentWasNotSynced) {
  const TempDir dir;
  PowerCutFileSystem fs(dir.path());
  ASSERT_OK(fs.MakeDirs(dir.File("b/c")));  // which syncs what it makes
  ASSERT_OK(fs.MakeDir(dir.File("a")));

  fs.PowerCut(Mode::kDrop, 1);

  EXPECT_FALSE(fs.Exists(dir.File("a")));
  EXPECT_TRUE(fs.IsDirectory(dir.File("b/c")));
}

TEST(PowerCutFileSystem, UndoesUnsyncedRenamesAndRemovals) {
  const TempDir dir;
  PowerCutFileSystem fs(dir.path());
  ASSERT_OK(WriteFileAtomically(fs, dir.File("kept"), "old"));
  ASSERT_OK(WriteFileAtomically(fs, dir.File("removed"), "back"));
  ASSERT_OK_AND_ASSIGN(auto file, fs.Create(dir.File("new")));
  ASSERT_OK(file->Append("new"));
  ASSERT_OK(file->Sync());
  ASSERT_OK(fs.Rename(dir.File("new"), dir.File("kept")));
  ASSERT_OK(fs.Remove(dir.File("removed")));

  fs.PowerCut(Mode::kDrop, 1);

  EXPECT_THAT(fs.List(dir.path()), IsOkAndHolds(ElementsAre("kept", "removed")));
  EXPECT_THAT(fs.Read(dir.File("kept"), kAnySize), IsOkAndHolds("old"));
  EXPECT_THAT(fs.Read(dir.File("removed"), kAnySize), IsOkAndHolds("back"));
}

TEST(PowerCutFileSystem, KeepsWhatIsWrittenAtomically) {
  const TempDir dir;
  PowerCutFileSystem fs(dir.path());
  ASSERT_OK(fs.MakeDirs(dir.File("x/y")));
  ASSERT_OK(WriteFileAtomically(fs, dir.File("x/y/a"), "one"));
  ASSERT_OK(WriteFileAtomically(fs, dir.File("x/y/a"), "two"));

  fs.PowerCut(Mode::kScramble, 3);

  EXPECT_THAT(fs.Read(dir.File("x/y/a"), kAnySize), IsOkAndHolds("two"));
}

TEST(PowerCutFileSystem, ScrambleNeverTouchesSyncedBytes) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const TempDir dir;
    PowerCutFileSystem fs(dir.path());
    ASSERT_OK_AND_ASSIGN(auto file, fs.Create(dir.File("a")));
    const std::string synced(1'000, 's');
    ASSERT_OK(file->Append(synced));
    ASSERT_OK(file->Sync());
    ASSERT_OK(fs.SyncDir(dir.path()));
    ASSERT_OK(file->Append(std::string(3'000, 'u')));

    fs.PowerCut(Mode::kScramble, seed);

    EXPECT_THAT(fs.Read(dir.File("a"), kAnySize), IsOkAndHolds(StartsWith(synced)));
  }
}

TEST(PowerCutFileSystem, FrozenRefusesEveryChangeUntilThePowerIsBack) {
  const TempDir dir;
  PowerCutFileSystem fs(dir.path());
  ASSERT_OK_AND_ASSIGN(auto file, fs.Create(dir.File("a")));
  fs.FreezeAfter(1);
  EXPECT_OK(file->Append("last"));

  EXPECT_THAT(file->Append("x"), StatusIs(StatusCode::kUnavailable, "the power is off"));
  EXPECT_THAT(file->Sync(), StatusIs(StatusCode::kUnavailable, testing::_));
  EXPECT_THAT(fs.SyncDir(dir.path()), StatusIs(StatusCode::kUnavailable, testing::_));
  EXPECT_TRUE(fs.frozen());
  fs.PowerCut(Mode::kDrop, 1);
  EXPECT_OK(fs.Create(dir.File("b")));
}

}  // namespace
}  // namespace larder
