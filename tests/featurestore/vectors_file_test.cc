// SPDX-License-Identifier: Apache-2.0
#include "featurestore/vectors_file.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace larder::featurestore {
namespace {

using testing::HasSubstr;

const Digest kFeature = Sha256("feature");

std::string TwoVectors() {
  const std::vector<VectorInput> inputs = {{"a", {1, 2}, "text"}, {"b", {3, 4}, "other"}};
  const std::vector<int8_t> vectors = {1, -2, 3, 4, 5, -128};
  return EncodeVectorsFile(kFeature, 3, inputs, vectors);
}

StatusOr<VectorsFile> ReadBytes(const TempDir& dir, const std::string& bytes,
                                const Digest& feature = kFeature, uint32_t dimensions = 3) {
  FileSystem& fs = FileSystem::Posix();
  const std::string path = dir.File("vectors.larder");
  LARDER_ASSIGN_OR_RETURN(const auto out, fs.Create(path));
  LARDER_RETURN_IF_ERROR(out->Append(bytes));
  LARDER_RETURN_IF_ERROR(out->Close());
  return VectorsFile::Read(fs, path, feature, dimensions);
}

TEST(VectorsFile, GivesBackItsVectors) {
  const TempDir dir;
  ASSERT_OK_AND_ASSIGN(const VectorsFile file, ReadBytes(dir, TwoVectors()));

  std::vector<std::string> keys;
  file.ForEach([&](const VectorsFile::Item& item) {
    keys.emplace_back(item.key);
    EXPECT_EQ(item.vector.size(), 3U);
    if (item.key == "b") {
      EXPECT_EQ(item.vector[2], -128);
      EXPECT_EQ(item.content, (Hash128{3, 4}));
    }
  });
  EXPECT_EQ(keys, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(file.size(), 2U);
}

TEST(VectorsFile, AnEmptyFileIsFine) {
  const TempDir dir;
  ASSERT_OK_AND_ASSIGN(const VectorsFile file,
                       ReadBytes(dir, EncodeVectorsFile(kFeature, 3, {}, {})));
  EXPECT_EQ(file.size(), 0U);
}

TEST(VectorsFile, EveryDamageIsDataLossNamingTheFile) {
  const TempDir dir;
  const std::string bytes = TwoVectors();
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    const auto read = ReadBytes(dir, damaged);
    ASSERT_FALSE(read.ok()) << i;
    EXPECT_THAT(read.status().ToString(), HasSubstr("vectors.larder"));
    EXPECT_THAT(ReadBytes(dir, bytes.substr(0, i)), StatusIs(StatusCode::kDataLoss, testing::_));
  }
}

TEST(VectorsFile, VectorsOfAnotherFeatureAreRefused) {
  const TempDir dir;
  EXPECT_THAT(ReadBytes(dir, TwoVectors(), Sha256("other")),
              StatusIs(StatusCode::kDataLoss, HasSubstr("another feature")));
  EXPECT_THAT(ReadBytes(dir, TwoVectors(), kFeature, 4),
              StatusIs(StatusCode::kDataLoss, HasSubstr("another feature")));
}

}  // namespace
}  // namespace larder::featurestore
