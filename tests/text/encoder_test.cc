// SPDX-License-Identifier: Apache-2.0
#include "text/encoder.h"

#include <gtest/gtest.h>

#include <random>

#include "base/bytes.h"
#include "base/directory_digest.h"
#include "base/file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/text/text_testing.h"
#include "text/safetensors.h"

namespace larder::text {
namespace {

using testing::HasSubstr;

FileSystem& Fs() { return FileSystem::Posix(); }

class EncoderArtifact : public testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(WriteSampleEncoder(dir_.path())); }
  StatusOr<std::unique_ptr<const Encoder>> Open() { return OpenEncoder(Fs(), dir_.path()); }
  void Replace(const std::string& name, std::string_view bytes) {
    WriteFile(dir_.File(name), bytes);
  }
  std::string Read(const std::string& name) { return ReadFile(dir_.File(name)); }
  TempDir dir_;
};

TEST_F(EncoderArtifact, OpensAndEncodesAsItsTablesSay) {
  ASSERT_OK_AND_ASSIGN(const auto encoder, Open());

  EXPECT_EQ(encoder->dimensions(), 16);
  EXPECT_EQ(encoder->kind(), EncoderKind::kStatic);
  EXPECT_EQ(EncoderKindName(encoder->kind()), "static");
  const std::string_view text = "network server";
  std::vector<int8_t> vector(16);
  ASSERT_OK(encoder->Encode(std::span(&text, 1), vector));
  const StaticTables tables = RandomTables(16, 1);
  std::vector<int32_t> ids;
  ASSERT_OK(SampleTokenizer()->Encode(text, ids));
  std::vector<int64_t> sums(16);
  SumTokens(tables, ids, sums);
  std::vector<int8_t> expected(16);
  ScaleToInt8(sums, expected);
  EXPECT_EQ(vector, expected);
}

TEST_F(EncoderArtifact, ItsNameIsTheDigestOfItsDirectory) {
  ASSERT_OK_AND_ASSIGN(const auto encoder, Open());
  ASSERT_OK_AND_ASSIGN(const Digest digest, DirectoryDigest(Fs(), dir_.path()));
  ASSERT_OK_AND_ASSIGN(const EncoderInfo info, ReadEncoderInfo(Fs(), dir_.path()));

  EXPECT_EQ(encoder->digest(), digest);
  EXPECT_EQ(info.digest, digest);
  EXPECT_EQ(info.dimensions, 16);
  EXPECT_EQ(info.kind, EncoderKind::kStatic);
}

TEST_F(EncoderArtifact, WritingTheSameTwiceGivesTheSameDigest) {
  TempDir other;
  ASSERT_OK(WriteSampleEncoder(other.path()));

  ASSERT_OK_AND_ASSIGN(const EncoderInfo one, ReadEncoderInfo(Fs(), dir_.path()));
  ASSERT_OK_AND_ASSIGN(const EncoderInfo two, ReadEncoderInfo(Fs(), other.path()));

  EXPECT_EQ(one.digest, two.digest);
}

TEST_F(EncoderArtifact, AMissingDirectoryIsNotFound) {
  EXPECT_THAT(OpenEncoder(Fs(), dir_.File("nowhere")),
              StatusIs(StatusCode::kNotFound, HasSubstr("nowhere")));
  EXPECT_THAT(ReadEncoderInfo(Fs(), dir_.File("nowhere")),
              StatusIs(StatusCode::kNotFound, HasSubstr("nowhere")));
}

TEST_F(EncoderArtifact, AMissingPartIsDataLossNamingIt) {
  for (const std::string name : {"tokenizer.model", "model.safetensors"}) {
    const std::string bytes = Read(name);
    ASSERT_OK(Fs().Remove(dir_.File(name)));

    EXPECT_THAT(Open(), StatusIs(StatusCode::kDataLoss, HasSubstr(name + ": missing")));
    EXPECT_THAT(ReadEncoderInfo(Fs(), dir_.path()),
                StatusIs(StatusCode::kDataLoss, HasSubstr(name + ": missing")));

    Replace(name, bytes);
  }
}

TEST_F(EncoderArtifact, TruncatedPartsAreNamed) {
  for (const std::string name : {"tokenizer.model", "model.safetensors", "encoder.json"}) {
    const std::string bytes = Read(name);
    for (const size_t size : {size_t{0}, size_t{3}, bytes.size() / 2, bytes.size() - 3}) {
      Replace(name, std::string_view(bytes).substr(0, size));
      EXPECT_THAT(Open(), StatusIs(StatusCode::kDataLoss, HasSubstr(name))) << size;
    }
    Replace(name, bytes);
  }
}

TEST_F(EncoderArtifact, ModelsOfTheWrongShapeAreNamed) {
  const StaticTables tables = RandomTables(16, 1);
  const auto vocab = static_cast<uint64_t>(tables.vocab_size());
  const std::string_view table = AsBytes(std::span<const int8_t>(tables.table));
  const std::string_view weights = AsBytes(std::span<const int32_t>(tables.weights));
  const Tensor good_table = {"token_table", DType::kI8, {vocab, 16}, table};
  const Tensor good_weights = {"token_weights", DType::kI32, {vocab}, weights};
  const std::vector<std::pair<std::vector<Tensor>, std::string>> cases = {
      {{good_table}, "'token_weights' is missing"},
      {{good_weights}, "'token_table' is missing"},
      {{{"token_table", DType::kU8, {vocab, 16}, table}, good_weights}, "is U8, expected I8"},
      {{{"token_table", DType::kI8, {vocab * 16}, table}, good_weights}, "rank 1, expected 2"},
      {{good_table, {"token_weights", DType::kF32, {vocab}, weights}}, "is F32, expected I32"},
      {{good_table, {"token_weights", DType::kI32, {vocab - 1}, weights.substr(4)}}, "weights for"},
      {{{"token_table", DType::kI8, {vocab, 8}, table.substr(0, vocab * 8)}, good_weights},
       "8 dimensions, encoder.json says 16"},
      {{{"token_table", DType::kI8, {0, 16}, ""}, {"token_weights", DType::kI32, {0}, ""}},
       "0 x 16"},
      {{good_table, good_weights, {"extra", DType::kI8, {1}, "x"}}, "3 tensors"},
  };
  for (const auto& [tensors, message] : cases) {
    Replace("model.safetensors", WriteSafeTensors(tensors));
    EXPECT_THAT(Open(), StatusIs(StatusCode::kDataLoss,
                                 testing::AllOf(HasSubstr("model.safetensors"),
                                                HasSubstr(message))));
  }
}

TEST_F(EncoderArtifact, ATokenizerThatDoesNotFitTheTableIsRefused) {
  StaticTables tables = RandomTables(16, 1);
  tables.weights.pop_back();
  tables.table.resize(tables.table.size() - 16);
  Replace("model.safetensors", WriteStaticModel(tables));

  EXPECT_THAT(Open(), StatusIs(StatusCode::kDataLoss, HasSubstr("the tokenizer has")));
}

TEST_F(EncoderArtifact, FlippedBitsAnywhereNeverCrash) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (const std::string name : {"tokenizer.model", "model.safetensors", "encoder.json"}) {
    const std::string bytes = Read(name);
    for (int round = 0; round < 25; ++round) {
      std::string damaged = bytes;
      // Half of the flips near the front, where the lengths are.
      const size_t range = round % 2 == 0 ? std::min<size_t>(bytes.size(), 300) : bytes.size();
      char& c = damaged[random() % range];
      c = static_cast<char>(static_cast<unsigned char>(c) ^ (1u << (random() % 8)));
      Replace(name, damaged);
      const auto encoder = Open();
      if (!encoder.ok()) {
        EXPECT_THAT(encoder.status().code(),
                    testing::AnyOf(StatusCode::kDataLoss, StatusCode::kUnimplemented));
        continue;
      }
      const std::string_view text = "a network server";
      std::vector<int8_t> vector(static_cast<size_t>((*encoder)->dimensions()));
      EXPECT_OK((*encoder)->Encode(std::span(&text, 1), vector));
    }
    Replace(name, bytes);
  }
}

}  // namespace
}  // namespace larder::text
