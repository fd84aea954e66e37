// SPDX-License-Identifier: Apache-2.0
#include "base/directory_digest.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace larder {
namespace {

using ::testing::HasSubstr;

class DirectoryDigestTest : public testing::Test {
 protected:
  void Write(const std::string& name, std::string_view bytes) {
    ASSERT_OK(fs_.MakeDirs(dir_.File("sub")));
    ASSERT_OK(WriteFileAtomically(fs_, dir_.File(name), bytes));
  }
  Digest Of() { return DirectoryDigest(fs_, dir_.path()).value(); }

  FileSystem& fs_ = FileSystem::Posix();
  TempDir dir_;
};

TEST_F(DirectoryDigestTest, DependsOnNamesAndContentOnly) {
  Write("a", "1");
  Write("sub/b", "2");
  const Digest first = Of();

  Write(".hidden", "x");
  EXPECT_EQ(Of(), first);
  Write("a", "3");
  EXPECT_NE(Of(), first);
  Write("a", "1");
  EXPECT_EQ(Of(), first);
  ASSERT_OK(fs_.Rename(dir_.File("a"), dir_.File("c")));
  EXPECT_NE(Of(), first);
}

TEST_F(DirectoryDigestTest, IsTheDocumentedHash) {
  Write("a", "1");
  std::string manifest = "larder-dir-1\n";
  manifest += std::string("\1\0\0\0\0\0\0\0", 8) + "a" + std::string("\1\0\0\0\0\0\0\0", 8);
  manifest += Sha256("1").view();
  EXPECT_EQ(Of(), Sha256(manifest));
}

TEST_F(DirectoryDigestTest, EmptyAndMissingDirectoriesAreErrors) {
  EXPECT_THAT(DirectoryDigest(fs_, dir_.path()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("no files")));
  EXPECT_THAT(DirectoryDigest(fs_, dir_.File("no")),
              StatusIs(StatusCode::kNotFound, HasSubstr("no")));
}

TEST(SafeRelativePath, RefusesWhatCouldLeaveTheDirectory) {
  for (const char* good : {"a", "a/b.txt", "model.safetensors", "ä"}) {
    EXPECT_TRUE(IsSafeRelativePath(good)) << good;
  }
  for (const char* bad :
       {"", "/a", "a/", "a//b", "..", "a/../b", ".x", "a/.x", "a\\b", "a\nb", "\xff"}) {
    EXPECT_FALSE(IsSafeRelativePath(bad)) << bad;
  }
  EXPECT_FALSE(IsSafeRelativePath(std::string(256, 'a')));
}

}  // namespace
}  // namespace larder
