// SPDX-License-Identifier: Apache-2.0
#include "base/file_system.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace larder {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(FileSystem, WritesAtomicallyAndReadsBack) {
  TempDir dir;
  FileSystem& fs = FileSystem::Posix();
  ASSERT_OK(WriteFileAtomically(fs, dir.File("a"), "one"));
  ASSERT_OK(WriteFileAtomically(fs, dir.File("a"), "two"));

  EXPECT_THAT(fs.Read(dir.File("a"), 100), IsOkAndHolds(std::string("two")));
  EXPECT_THAT(fs.List(dir.path()), IsOkAndHolds(ElementsAre("a")));
}

TEST(FileSystem, ReadRefusesMoreThanTheLimit) {
  TempDir dir;
  ASSERT_OK(WriteFileAtomically(FileSystem::Posix(), dir.File("a"), "12345"));
  EXPECT_THAT(FileSystem::Posix().Read(dir.File("a"), 4),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("limit is 4")));
}

TEST(FileSystem, MissingFilesAreNotFoundByName) {
  TempDir dir;
  FileSystem& fs = FileSystem::Posix();
  EXPECT_THAT(fs.Read(dir.File("no"), 1), StatusIs(StatusCode::kNotFound, HasSubstr("/no'")));
  EXPECT_THAT(fs.List(dir.File("no")), StatusIs(StatusCode::kNotFound, HasSubstr("/no'")));
  EXPECT_THAT(MappedFile::Open(dir.File("no")), StatusIs(StatusCode::kNotFound, HasSubstr("/no'")));
  EXPECT_OK(fs.RemoveTree(dir.File("no")));
}

TEST(FileSystem, ADirectoryIsNotAFile) {
  TempDir dir;
  EXPECT_THAT(FileSystem::Posix().Read(dir.path(), 1),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("directory")));
  EXPECT_THAT(MappedFile::Open(dir.path()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("regular file")));
}

TEST(FileSystem, MapsWholeFilesAndEmptyOnes) {
  TempDir dir;
  ASSERT_OK(WriteFileAtomically(FileSystem::Posix(), dir.File("a"), "bytes"));
  ASSERT_OK(WriteFileAtomically(FileSystem::Posix(), dir.File("b"), ""));
  ASSERT_OK_AND_ASSIGN(const auto a, MappedFile::Open(dir.File("a")));
  ASSERT_OK_AND_ASSIGN(const auto b, MappedFile::Open(dir.File("b")));
  EXPECT_EQ(a->bytes(), "bytes");
  EXPECT_EQ(b->bytes(), "");
}

TEST(FileSystem, SecondLockIsRefusedUntilTheFirstIsGone) {
  TempDir dir;
  {
    ASSERT_OK_AND_ASSIGN(const auto first, FileLock::Acquire(dir.File("LOCK")));
    EXPECT_THAT(FileLock::Acquire(dir.File("LOCK")),
                StatusIs(StatusCode::kFailedPrecondition, HasSubstr("another process")));
  }
  EXPECT_OK(FileLock::Acquire(dir.File("LOCK")));
}

}  // namespace
}  // namespace larder
