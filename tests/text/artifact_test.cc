// SPDX-License-Identifier: Apache-2.0
#include "text/artifact.h"

#include <gtest/gtest.h>

#include "tests/support/gated_file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/text/text_testing.h"
#include "text/static/static_encoder.h"

namespace larder::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

FileSystem& Fs() { return FileSystem::Posix(); }

class ArtifactTest : public testing::Test {
 protected:
  ArtifactTest() { config_.dimensions = 16; }

  StatusOr<std::unique_ptr<const Encoder>> Write(const std::string& dir, FileSystem& fs = Fs()) {
    return WriteArtifact(fs, dir, config_, SampleTokenizerBytes(), model_);
  }

  const TempDir dir_;
  EncoderConfig config_;
  std::string model_ = WriteStaticModel(RandomTables(16, 1));
};

TEST_F(ArtifactTest, IsOpenedAsAServerDoes) {
  for (const std::string& dir : {dir_.File("new/er"), dir_.File("empty")}) {
    ASSERT_OK(Fs().MakeDirs(dir_.File("empty")));

    ASSERT_OK_AND_ASSIGN(const auto written, Write(dir));

    EXPECT_THAT(*Fs().List(dir),
                ElementsAre("encoder.json", "model.safetensors", "tokenizer.model"));
    ASSERT_OK_AND_ASSIGN(const auto opened, OpenEncoder(Fs(), dir));
    EXPECT_EQ(written->digest(), opened->digest());
  }
}

TEST_F(ArtifactTest, ADirectoryThatHoldsSomethingStaysAsItIs) {
  const std::string dir = dir_.File("full");
  ASSERT_OK(Write(dir));
  const std::string before = ReadFile(JoinPath(dir, "encoder.json"));
  config_.max_tokens = 5;

  EXPECT_THAT(Write(dir),
              StatusIs(StatusCode::kAlreadyExists,
                       HasSubstr(dir + ": holds encoder.json, model.safetensors, tokenizer.model, "
                                       "expected an empty or new directory")));
  WriteFile(JoinPath(dir, "LICENSE"), "");
  EXPECT_THAT(CheckNewArtifact(Fs(), dir), StatusIs(StatusCode::kAlreadyExists,
                                                    HasSubstr("model.safetensors and 1 more")));
  EXPECT_EQ(ReadFile(JoinPath(dir, "encoder.json")), before);
  EXPECT_THAT(CheckNewArtifact(Fs(), JoinPath(dir, "LICENSE")),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("no directory")));
}

TEST_F(ArtifactTest, WhatCannotBeOpenedIsNotLeftThere) {
  const std::string dir = dir_.File("encoder");
  config_.dimensions = 17;

  EXPECT_THAT(Write(dir), StatusIs(StatusCode::kDataLoss, HasSubstr("16 dimensions")));

  EXPECT_THAT(*Fs().List(dir), IsEmpty());
  config_.dimensions = 16;
  EXPECT_OK(Write(dir));
}

// A disk that has room for so many files.
class FullDisk final : public GatedFileSystem {
 public:
  explicit FullDisk(int files) : GatedFileSystem("none"), left_(files) {}
  StatusOr<std::unique_ptr<WritableFile>> Create(const std::string& path) override {
    if (left_-- == 0) return ResourceExhausted(path, ": the disk is full");
    return GatedFileSystem::Create(path);
  }

 private:
  int left_;
};

TEST_F(ArtifactTest, AFullDiskLeavesNoFile) {
  const std::string dir = dir_.File("encoder");
  for (int files = 0; files < 3; ++files) {
    FullDisk disk(files);

    EXPECT_THAT(Write(dir, disk), StatusIs(StatusCode::kResourceExhausted,
                                           HasSubstr("the disk is full")));

    EXPECT_THAT(*Fs().List(dir), IsEmpty()) << files;
  }
  FullDisk enough(3);
  EXPECT_OK(Write(dir, enough));
}

}  // namespace
}  // namespace larder::text
