// SPDX-License-Identifier: Apache-2.0
#include "cli/output/resumable_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "cli/input/byte_source.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace larder::cli {
namespace {

using testing::HasSubstr;

std::string Bytes(const std::string& path) {
  return *FileSystem::Posix().Read(path, uint64_t{1} << 30);
}

void Write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// The text of a file, decompressed by its name.
std::string Text(const std::string& path) {
  auto source = *OpenInput(path);
  std::string text;
  std::string buffer(1 << 16, '\0');
  for (;;) {
    const auto size = source->Read(buffer);
    EXPECT_OK(size);
    if (!size.ok() || *size == 0) return text;
    text.append(buffer, 0, *size);
  }
}

std::string Line(size_t i) { return "line " + std::to_string(i) + std::string(100, 'x'); }

std::string Lines(size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) text += Line(i) + "\n";
  return text;
}

// Takes exactly the lines that Append below writes, in their order.
ResumableFile::Accepts InOrder() {
  return [next = size_t{0}](std::string_view line) mutable { return line == Line(next++); };
}

// Names of the directory's files.
std::vector<std::string> Files(const TempDir& dir) { return *FileSystem::Posix().List(dir.path()); }

class ResumableFileTest : public testing::TestWithParam<std::string> {
 protected:
  std::string path() const { return dir_.File("out.jsonl" + GetParam()); }
  std::string partial() const { return path() + ".partial"; }
  std::unique_ptr<ResumableFile> Open() {
    auto file = ResumableFile::Open(path(), InOrder());
    EXPECT_OK(file);
    return file.ok() ? *std::move(file) : nullptr;
  }
  // Lines [from, to), with a flush every `flush` lines.
  static void Append(ResumableFile& file, size_t from, size_t to, size_t flush = 1'000'000) {
    for (size_t i = from; i < to; ++i) {
      ASSERT_OK(file.Append(Line(i)));
      if ((i + 1) % flush != 0) continue;
      ASSERT_OK(file.Flush());
    }
  }
  // What a run that was killed after 100 lines leaves: blocks of ten.
  void Interrupt() {
    const auto file = Open();
    ASSERT_OK(file->Begin("what", true));
    Append(*file, 0, 100, 10);
  }
  // Goes on and ends with 200 lines.
  void GoOn() {
    const auto file = Open();
    ASSERT_OK(file->Begin("what", true));
    Append(*file, file->lines(), 200);
    ASSERT_OK(file->Finish());
    EXPECT_EQ(Text(path()), Lines(200));
    EXPECT_EQ(Files(dir_).size(), 1U);
  }

  TempDir dir_;
};

TEST_P(ResumableFileTest, IsThereAtOnceWhenItIsComplete) {
  Write(path(), "old");
  const auto file = Open();
  ASSERT_OK(file->Begin("what", true));
  Append(*file, 0, 50'000);
  EXPECT_EQ(Bytes(path()), "old");

  ASSERT_OK(file->Finish());

  EXPECT_EQ(Text(path()), Lines(50'000));
  EXPECT_EQ(Files(dir_).size(), 1U);
}

TEST_P(ResumableFileTest, MayHaveNoLines) {
  const auto file = Open();
  ASSERT_OK(file->Begin("what", true));
  ASSERT_OK(file->Finish());
  EXPECT_EQ(Text(path()), "");
}

TEST_P(ResumableFileTest, GoesOnWhereItWasInterrupted) {
  Interrupt();
  {
    const auto file = Open();
    EXPECT_EQ(file->lines(), 100U);
    EXPECT_EQ(file->last_line(), Line(99));
    EXPECT_EQ(file->damaged_bytes(), 0U);
    EXPECT_EQ(file->what(), "what");
  }
  GoOn();
}

TEST_P(ResumableFileTest, BeginsAnewIfItIsToldTo) {
  Interrupt();
  {
    const auto file = Open();
    ASSERT_OK(file->Begin("other", false));
    EXPECT_EQ(file->lines(), 0U);
    Append(*file, 0, 3);
    ASSERT_OK(file->Flush());
  }
  const auto file = Open();
  EXPECT_EQ(file->lines(), 3U);
  EXPECT_EQ(file->what(), "other");
}

TEST_P(ResumableFileTest, CutsATornTailWhereverItIsTorn) {
  Interrupt();
  const std::string whole = Bytes(partial());
  const std::string what = Bytes(partial() + ".json");
  std::mt19937_64 random(1);
  for (int round = 0; round < 30; ++round) {
    SCOPED_TRACE(testing::Message() << "round " << round);
    const size_t size = random() % whole.size();
    // After a power cut the end may be zeros as well.
    Write(partial(), whole.substr(0, size) + std::string(round % 2 == 0 ? 0 : 700, '\0'));
    Write(partial() + ".json", what);
    {
      const auto file = Open();
      EXPECT_LT(file->lines(), 100U);
      if (file->lines() > 0) {
        EXPECT_EQ(file->last_line(), Line(file->lines() - 1));
      }
    }
    GoOn();
    std::filesystem::remove(path());
  }
}

TEST_P(ResumableFileTest, WritesAnewFromADamagedPlaceOn) {
  Interrupt();
  const std::string whole = Bytes(partial());
  const std::string what = Bytes(partial() + ".json");
  std::mt19937_64 random(2);
  for (int round = 0; round < 50; ++round) {
    SCOPED_TRACE(testing::Message() << "round " << round);
    std::string bytes = whole;
    const size_t at = random() % bytes.size();
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
    Write(partial(), bytes);
    Write(partial() + ".json", what);
    EXPECT_LT(Open()->lines(), 100U);
    GoOn();
    std::filesystem::remove(path());
  }
}

TEST_P(ResumableFileTest, LeavesNothingWithoutALine) {
  {
    const auto untouched = Open();
  }
  EXPECT_EQ(Files(dir_).size(), 0U);
  {
    const auto begun = Open();
    ASSERT_OK(begun->Begin("what", true));
    Append(*begun, 0, 5);  // not flushed
  }
  EXPECT_EQ(Files(dir_).size(), 0U);
}

TEST_P(ResumableFileTest, IsWrittenByOneAtATime) {
  const auto first = Open();
  EXPECT_THAT(ResumableFile::Open(path(), InOrder()),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("another process writes it")));
  ASSERT_OK(first->Begin("what", true));
  Append(*first, 0, 10);
  ASSERT_OK(first->Finish());
  EXPECT_EQ(Text(path()), Lines(10));
}

TEST_P(ResumableFileTest, NamesWhatItCannotWrite) {
  EXPECT_THAT(ResumableFile::Open(dir_.File("no/out" + GetParam()), InOrder()),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("No such file or directory")));
  std::filesystem::create_directory(path());
  EXPECT_THAT(ResumableFile::Open(path(), InOrder()),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("not a regular file")));
  EXPECT_THAT(ResumableFile::Open("/dev/null", InOrder()),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("not a regular file")));
}

INSTANTIATE_TEST_SUITE_P(PlainAndCompressed, ResumableFileTest, testing::Values("", ".zst"),
                         [](const auto& test) { return test.param.empty() ? "Plain" : "Zstd"; });

TEST(ResumableFile, TakesNoFramesOfOthers) {
  const TempDir dir;
  const std::string path = dir.File("out.zst");
  // A skippable frame.
  Write(path + ".partial", std::string("\x50\x2A\x4D\x18\x02\x00\x00\x00zz", 10));
  const auto file = *ResumableFile::Open(path, [](std::string_view) { return true; });
  EXPECT_EQ(file->lines(), 0U);
  EXPECT_EQ(file->damaged_bytes(), 10U);
}

}  // namespace
}  // namespace larder::cli
