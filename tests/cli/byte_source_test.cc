// SPDX-License-Identifier: Apache-2.0
#include "cli/input/byte_source.h"

#include <gmock/gmock.h>
#include <zlib.h>
#include <zstd.h>

#include <unistd.h>

#include <fstream>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace larder::cli {
namespace {

using testing::HasSubstr;

std::string Zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::string Gzip(std::string_view text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

StatusOr<std::string> ReadAll(ByteSource& source, size_t piece = 1'000) {
  std::string out;
  std::string buffer(piece, '\0');
  for (;;) {
    LARDER_ASSIGN_OR_RETURN(const size_t size, source.Read(buffer));
    if (size == 0) return out;
    out.append(buffer, 0, size);
  }
}

StatusOr<std::string> ReadFile(const std::string& name, std::string_view bytes) {
  const TempDir dir;
  const std::string path = dir.File(name);
  std::ofstream(path, std::ios::binary) << bytes;
  LARDER_ASSIGN_OR_RETURN(const auto source, OpenInput(path));
  return ReadAll(*source);
}

std::string LongText() {
  std::string text;
  for (int i = 0; i < 60'000; ++i) text += Concat("line ", i * 7'919 % 10'007, "\n");
  return text;
}

TEST(ByteSource, ReadsPlainFilesOfAnyLength) {
  for (const std::string_view text : {"", "a", "abc", "abcdefgh"}) {
    EXPECT_THAT(ReadFile("plain", text), IsOkAndHolds(std::string(text)));
  }
}

TEST(ByteSource, DecompressesByContentWhateverTheName) {
  const std::string text = LongText();
  EXPECT_THAT(ReadFile("a.jsonl", Zstd(text)), IsOkAndHolds(text));
  EXPECT_THAT(ReadFile("b.zst", Zstd(text)), IsOkAndHolds(text));
  EXPECT_THAT(ReadFile("c.gz", Gzip(text)), IsOkAndHolds(text));
}

TEST(ByteSource, SeveralFramesAreOneFile) {
  EXPECT_THAT(ReadFile("a.zst", Zstd("one ") + Zstd("") + Zstd("two")), IsOkAndHolds("one two"));
  EXPECT_THAT(ReadFile("b.gz", Gzip("one ") + Gzip("two")), IsOkAndHolds("one two"));
}

TEST(ByteSource, SmallBuffersGetEverything) {
  const std::string text = LongText();
  const std::string compressed = Zstd(text);
  const auto zstd = ZstdSource(MemorySource(compressed), "x");
  EXPECT_THAT(ReadAll(*zstd, 3), IsOkAndHolds(text));
}

TEST(ByteSource, ATruncatedFileIsDataLoss) {
  const std::string text = LongText();
  for (const std::string& bytes : {Zstd(text), Gzip(text)}) {
    const auto read = ReadFile("cut", std::string_view(bytes).substr(0, bytes.size() / 2));
    EXPECT_THAT(read, StatusIs(StatusCode::kDataLoss, HasSubstr("cut short")));
  }
}

TEST(ByteSource, AFlippedBitIsDataLossOrAtLeastNoCrash) {
  std::string gzip = Gzip(LongText());
  gzip[gzip.size() - 5] ^= 1;  // the checksum
  EXPECT_THAT(ReadFile("a.gz", gzip), StatusIs(StatusCode::kDataLoss, HasSubstr("a.gz")));
  const std::string zstd = Zstd(LongText());
  for (size_t i = 4; i < zstd.size(); i += 97) {
    std::string damaged = zstd;
    damaged[i] ^= 16;
    const auto source = ZstdSource(MemorySource(damaged), "damaged");
    (void)ReadAll(*source, 1 << 16);
  }
}

TEST(ByteSource, ANameThatPromisesCompressionIsHeld) {
  EXPECT_THAT(ReadFile("a.zst", "{}"), StatusIs(StatusCode::kDataLoss, HasSubstr("zstd")));
  EXPECT_THAT(ReadFile("a.gz", "{}"), StatusIs(StatusCode::kDataLoss, HasSubstr("gzip")));
}

TEST(ByteSource, AMissingFileIsNamed) {
  EXPECT_THAT(OpenInput("/nonexistent/x.jsonl"),
              StatusIs(StatusCode::kNotFound, HasSubstr("x.jsonl")));
}

TEST(OpenInput, ASilentPipeIsIdleUntilSomethingComes) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  int idle = 0;
  // Only what is done while nothing comes makes something come: without it this would hang.
  const auto on_idle = [&]() -> Status {
    const std::string_view text = ++idle == 1 ? "first" : "then";
    EXPECT_EQ(write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    if (idle == 2) close(ends[1]);
    return OkStatus();
  };

  ASSERT_OK_AND_ASSIGN(const auto source, OpenInput(Concat("/dev/fd/", ends[0]), on_idle));

  EXPECT_THAT(ReadAll(*source), IsOkAndHolds("firstthen"));
  EXPECT_EQ(idle, 2);
  close(ends[0]);
}

TEST(OpenInput, AnErrorWhileIdleEndsTheReading) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);

  const auto source =
      OpenInput(Concat("/dev/fd/", ends[0]), [] { return Cancelled("server went away"); });

  EXPECT_THAT(source, StatusIs(StatusCode::kCancelled, HasSubstr("went away")));
  close(ends[0]);
  close(ends[1]);
}

TEST(OpenInput, WhatCannotBeReadIsNoMissingServer) {
  EXPECT_THAT(OpenInput(testing::TempDir()),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("directory")));
}

}  // namespace
}  // namespace larder::cli
