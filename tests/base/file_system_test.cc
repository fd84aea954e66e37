// SPDX-License-Identifier: Apache-2.0
#include "base/file_system.h"

#include <dirent.h>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace {

// How many more entries a directory gives before the disk fails; negative: it never does.
int entries_before_failure = -1;

}  // namespace

// In place of the C library's, for the standard library too: a disk that fails in mid-directory.
extern "C" dirent* readdir(DIR* dir) {
  if (entries_before_failure == 0) {
    errno = EIO;
    return nullptr;
  }
  if (entries_before_failure > 0) --entries_before_failure;
  static const auto real = reinterpret_cast<dirent* (*)(DIR*)>(dlsym(RTLD_NEXT, "readdir"));
  return real(dir);
}

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

TEST(FileSystem, AWriteThatFailsLeavesNoTemporaryFile) {
  TempDir dir;
  FileSystem& fs = FileSystem::Posix();
  ASSERT_OK(fs.MakeDir(dir.File("a")));

  EXPECT_FALSE(WriteFileAtomically(fs, dir.File("a"), "one").ok());
  EXPECT_THAT(fs.List(dir.path()), IsOkAndHolds(ElementsAre("a")));
}

TEST(FileSystem, ReadRefusesMoreThanTheLimit) {
  TempDir dir;
  ASSERT_OK(WriteFileAtomically(FileSystem::Posix(), dir.File("a"), "12345"));
  EXPECT_THAT(FileSystem::Posix().Read(dir.File("a"), 4),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("limit is 4")));
}

TEST(FileSystem, StreamsAFileInPieces) {
  const TempDir dir;
  FileSystem& fs = FileSystem::Posix();
  for (const size_t size : {size_t{0}, size_t{5}, FileSystem::kPieceBytes - 1,
                            FileSystem::kPieceBytes, 2 * FileSystem::kPieceBytes + 7}) {
    std::string bytes(size, 'x');
    if (size > 0) bytes.back() = 'y';
    ASSERT_OK(WriteFileAtomically(fs, dir.File("a"), bytes));
    std::string got;

    EXPECT_OK(fs.Stream(dir.File("a"), [&](std::string_view piece) {
      EXPECT_LE(piece.size(), FileSystem::kPieceBytes);
      got += piece;
      return OkStatus();
    }));

    EXPECT_TRUE(got == bytes) << size;
  }
  EXPECT_THAT(fs.Stream(dir.File("a"), [](std::string_view) { return Cancelled("enough"); }),
              StatusIs(StatusCode::kCancelled, "enough"));
  EXPECT_THAT(fs.Stream(dir.File("no"), [](std::string_view) { return OkStatus(); }),
              StatusIs(StatusCode::kNotFound, HasSubstr("/no'")));
}

TEST(FileSystem, MakesDirectoriesWithTheirParents) {
  const TempDir dir;
  FileSystem& fs = FileSystem::Posix();

  EXPECT_OK(fs.MakeDirs(dir.File("a/b/c/")));
  EXPECT_OK(fs.MakeDirs(dir.File("a/b/c")));

  EXPECT_TRUE(fs.IsDirectory(dir.File("a/b/c")));
  ASSERT_OK(WriteFileAtomically(fs, dir.File("file"), ""));
  EXPECT_THAT(fs.MakeDirs(dir.File("file")),
              StatusIs(StatusCode::kNotFound, HasSubstr("/file': Not a directory")));
  EXPECT_THAT(fs.MakeDirs(dir.File("file/b")),
              StatusIs(StatusCode::kNotFound, HasSubstr("/file': Not a directory")));
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

TEST(FileSystem, AFifoIsRefusedAndNotWaitedFor) {
  const TempDir dir;
  const std::string path = dir.File("pipe");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);

  for (const Status& status : {FileSystem::Posix().Read(path, 1).status(),
                               FileSystem::Posix().Size(path).status(),
                               MappedFile::Open(path).status()}) {
    EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument,
                                 HasSubstr("pipe' is a FIFO, not a regular file")));
  }
}

TEST(FileSystem, ADirectoryThatFailsHalfwayIsNotAShortList) {
  const TempDir dir;
  for (const char* name : {"a", "b", "c"}) {
    ASSERT_OK(WriteFileAtomically(FileSystem::Posix(), dir.File(name), "x"));
  }

  for (int entries = 0; entries < 5; ++entries) {  // with "." and ".."
    entries_before_failure = entries;
    const auto names = FileSystem::Posix().List(dir.path());
    entries_before_failure = -1;
    EXPECT_THAT(names, StatusIs(StatusCode::kUnavailable, HasSubstr(dir.path()))) << entries;
  }
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
