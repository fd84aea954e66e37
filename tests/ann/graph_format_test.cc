// SPDX-License-Identifier: Apache-2.0
#include "ann/internal/graph_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "ann/graph_base.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "tests/ann/ann_testing.h"
#include "tests/ann/graph_forging.h"

namespace larder::ann {
namespace {

using testing::HasSubstr;

constexpr const char* kSectionNames[] = {"vectors", "low halves", "base links", "upper links",
                                         "norms",   "sketches",   "rows",       "key ends",
                                         "keys"};

// Three nodes of dim 2 on two levels (only node 0 on the upper one), four rows.
struct Parts : GraphParts {
  Parts() {
    header = {.dim = 2,
              .degree = 4,
              .node_count = 3,
              .row_count = 4,
              .level_count = 2,
              .entry_node = 0,
              .space = TestSpace(),
              .nodes_at_level = {3, 1}};
    vectors = {1, 2, 3, 4, -5, 6};
    base_links.assign(3 * 8, kNoNode);
    upper_links.assign(4, kNoNode);
    node_of_row = {0, 0, 1, 2};
    key_ends = {1, 3, 4, 5};
    keys = "bddca";
    for (const auto& [node, link] : {std::pair{0, 1}, {8, 0}, {9, 2}, {16, 1}}) {
      base_links[static_cast<size_t>(node)] = static_cast<uint32_t>(link);
    }
    Norm();
  }
  void Norm() {
    inverse_norms.clear();
    header.slack = 0;
    for (size_t node = 0; node < 3; ++node) {
      const VectorView v{std::span(vectors).subspan(node * 2, 2),
                         low.empty() ? std::span<const int8_t>(low)
                                     : std::span<const int8_t>(low).subspan(node * 2, 2)};
      const HighNorm norm = NormOf(v);
      inverse_norms.push_back(norm.inverse);
      header.slack = std::max(header.slack, norm.slack);
    }
  }
  // The same in a float space.
  static Parts WithLow() {
    Parts parts;
    parts.header.has_low = true;
    parts.low = {-128, 127, 0, 5, 6, 7};
    parts.Norm();
    return parts;
  }
  std::string Body() const { return File().substr(kFrameHeaderSize); }
};

void ExpectDamage(const std::string& file, const char* message) {
  EXPECT_THAT(GraphBase::FromBytes(file, "some/index.larder"),
              StatusIs(StatusCode::kDataLoss,
                       testing::AllOf(HasSubstr("some/index.larder"), HasSubstr(message))));
}

// A good file with one number of its body overwritten, under good checksums.
template <typename T>
std::string Forged(size_t at, T value) {
  std::string body = Parts().Body();
  std::memcpy(body.data() + at, &value, sizeof value);
  return Sealed(body);
}

void ExpectForged(const std::function<void(Parts&)>& change, const char* message) {
  Parts parts;
  change(parts);
  ExpectDamage(parts.File(), message);
}

TEST(GraphFormat, AHandMadeFileOpens) {
  ASSERT_OK_AND_ASSIGN(const auto base, GraphBase::FromBytes(Parts().File(), "hand"));

  EXPECT_EQ(base->key(1), "dd");
  EXPECT_EQ(base->node_of_row(1), 0u);
  EXPECT_EQ(base->level_count(), 2u);
  EXPECT_EQ(SquaredNorm(base->vector(2)), 61);
  EXPECT_TRUE(base->vector(2).low.empty());
  EXPECT_EQ(Parts().File().size(), GraphFileBytes(Parts().header, 5));
}

TEST(GraphFormat, AFloatSpaceHasLowHalves) {
  ASSERT_OK_AND_ASSIGN(const auto base, GraphBase::FromBytes(Parts::WithLow().File(), "hand"));

  EXPECT_TRUE(base->shape().has_low);
  EXPECT_THAT(base->vector(2).low, testing::ElementsAre(6, 7));
  EXPECT_GT(base->slack(), 0);
}

// Nothing writes such a file, and nothing depends on that.
TEST(GraphFormat, ANodeNeedsNoRow) {
  Parts parts;
  parts.node_of_row[3] = 1;
  parts.keys = "bddce";
  ASSERT_OK_AND_ASSIGN(const auto base, GraphBase::FromBytes(parts.File(), "hand"));

  EXPECT_TRUE(base->rows_of_node(2).empty());
}

TEST(GraphFormat, SectionsAreAlignedInTheFile) {
  const std::string body = Parts().Body();
  for (size_t i = 0; i < kSectionCount; ++i) {
    uint64_t offset = 0;
    std::memcpy(&offset, body.data() + kTableAt + i * kSectionEntry + 8, sizeof offset);
    EXPECT_EQ(offset % 64, 0u);
  }
}

TEST(GraphFormat, EveryTruncationIsDataLoss) {
  const std::string file = Parts().File();
  for (size_t size = 0; size < file.size(); ++size) {
    EXPECT_THAT(GraphBase::FromBytes(file.substr(0, size), "cut"),
                StatusIs(StatusCode::kDataLoss, HasSubstr("cut")))
        << size;
  }
}

TEST(GraphFormat, EveryTruncatedBodyUnderAGoodChecksumIsDataLoss) {
  const std::string body = Parts().Body();
  for (size_t size = 0; size < body.size(); ++size) {
    EXPECT_THAT(GraphBase::FromBytes(Sealed(body.substr(0, size)), "cut"),
                StatusIs(StatusCode::kDataLoss, HasSubstr("cut")))
        << size;
  }
}

TEST(GraphFormat, EveryFlippedBitIsAnError) {
  const std::string file = Parts().File();
  for (size_t bit = 0; bit < file.size() * 8; ++bit) {
    std::string bad = file;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(GraphBase::FromBytes(bad, "flipped").ok()) << bit;
  }
}

// No byte of the body, whatever it says, may crash the loader or what uses the result.
TEST(GraphFormat, AnyByteUnderGoodChecksumsIsRefusedOrHarmless) {
  const std::string body = Parts::WithLow().Body();
  for (size_t at = 0; at < body.size(); ++at) {
    for (const int value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      std::string bad = body;
      bad[at] = static_cast<char>(value);
      const auto base = GraphBase::FromBytes(Sealed(bad), "forged");
      if (!base.ok()) {
        EXPECT_THAT(base, StatusIs(StatusCode::kDataLoss, HasSubstr("forged"))) << at;
        continue;
      }
      VectorIndex index({.shape = (*base)->shape(), .space = (*base)->space()});
      EXPECT_OK(index.InstallBase(*base, std::vector<uint32_t>((*base)->row_count(), kNoId)));
    }
  }
}

TEST(GraphFormat, HeaderFieldsAreChecked) {
  ExpectDamage(Forged<uint32_t>(kDimAt, 0), "dim is 0");
  ExpectDamage(Forged<uint32_t>(kDimAt, 1u << 31), "dim is 2147483648");
  ExpectDamage(Forged<uint32_t>(kDegreeAt, 0), "degree is 0");
  ExpectDamage(Forged<uint32_t>(kDegreeAt, 65), "degree is 65");
  ExpectDamage(Forged<uint32_t>(kNodesAt, 0), "node count is 0");
  ExpectDamage(Forged<uint32_t>(kNodesAt, 0xffffffff), "node count is 4294967295");
  ExpectDamage(Forged<uint32_t>(kNodesAt, 2), "level 0 has 3 nodes, expected all 2");
  ExpectDamage(Forged<uint32_t>(kRowsAt, 0), "it has no rows");
  ExpectDamage(Forged<uint32_t>(kRowsAt, 0xffffffff), "section rows");
  ExpectDamage(Forged<uint32_t>(kLevelsAt, 0), "level count is 0");
  ExpectDamage(Forged<uint32_t>(kLevelsAt, 17), "level count is 17");
  ExpectDamage(Forged<uint32_t>(kLevelsAt, 3), "level 2 has 0 nodes");
  ExpectDamage(Forged<uint32_t>(kLevelsAt, 1), "level 1 has 1 nodes");
  ExpectDamage(Forged<uint32_t>(kEntryAt, 1), "entry node is 1, the top level has 1");
  ExpectDamage(Forged<uint32_t>(kSectionsAt, 7), "7 sections");
  ExpectDamage(Forged<uint32_t>(kZeroAt, 1), "sections");
  ExpectDamage(Forged<uint32_t>(kFlagsAt, 2), "flags 2");
  ExpectDamage(Forged<uint32_t>(kFlagsAt, 1), "section low halves");
  ExpectDamage(Forged<float>(kSlackAt, 0.1F), "slack is 0.1");
  ExpectDamage(Forged<float>(kSlackAt, -1), "slack is -1");
  ExpectDamage(Forged<float>(kSlackAt, std::numeric_limits<float>::quiet_NaN()), "slack is");
  ExpectDamage(Forged<uint32_t>(kNodesAtLevelAt + 4, 4), "level 1 has 4 nodes, the one below 3");
  ExpectDamage(Forged<uint32_t>(kNodesAtLevelAt + 4, 2), "section upper links");
}

TEST(GraphFormat, SectionBoundsAreChecked) {
  const auto& names = kSectionNames;
  for (size_t i = 0; i < kSectionCount; ++i) {
    const size_t entry = kTableAt + i * kSectionEntry;
    ExpectDamage(Forged<uint32_t>(entry, 99), "has kind 99");
    ExpectDamage(Forged<uint32_t>(entry + 4, 1), "has kind");
    ExpectDamage(Forged<uint64_t>(entry + 8, 1), names[i]);
    ExpectDamage(Forged<uint64_t>(entry + 8, ~uint64_t{0}), names[i]);
    ExpectDamage(Forged<uint64_t>(entry + 16, 3), names[i]);
    ExpectDamage(Forged<uint64_t>(entry + 16, ~uint64_t{0}), names[i]);
  }
}

TEST(GraphFormat, PaddingMustBeZero) {
  uint64_t second = 0;
  const std::string body = Parts().Body();
  std::memcpy(&second, body.data() + kTableAt + kSectionEntry + 8, sizeof second);

  ExpectDamage(Forged<uint8_t>(second - kFrameHeaderSize - 1, 1), "padding before byte");
}

TEST(GraphFormat, VectorsMustNotBeZero) {
  ExpectForged([](Parts& p) { p.vectors[2] = p.vectors[3] = 0; }, "vector of node 1 is zero");
}

TEST(GraphFormat, NormsMustBeThoseOfTheVectors) {
  ExpectForged([](Parts& p) { p.inverse_norms[1] *= 2; }, "inverse norm of node 1");
  ExpectForged([](Parts& p) { p.inverse_norms[1] = 0; }, "inverse norm of node 1 is 0");
  ExpectForged([](Parts& p) { p.inverse_norms[2] = std::nanf(""); }, "inverse norm of node 2");
  Parts low = Parts::WithLow();
  low.header.slack *= 2;
  ExpectDamage(low.File(), "slack is");
}

// Two nodes of dim 70, of which sketches have 128 bits, a scale and 12 bytes of padding.
struct SketchedParts : Parts {
  SketchedParts() {
    header.dim = kDim;
    header.node_count = 2;
    header.row_count = 2;
    header.nodes_at_level = {2, 1};
    vectors.assign(2 * kDim, 3);
    std::fill_n(vectors.begin(), 10, int8_t{-7});
    base_links.assign(2 * 8, kNoNode);
    base_links[0] = 1;
    base_links[8] = 0;
    node_of_row = {0, 1};
    key_ends = {1, 2};
    keys = "ba";
    inverse_norms.assign(2, 1);
    sketches.assign(2 * kStride, '\0');
    Heal();
  }
  void SetScale(size_t node, float scale) {
    std::memcpy(&sketches[node * kStride + kBitsBytes], &scale, sizeof scale);
  }
  // With node 1's byte at `at` changed by one bit.
  static SketchedParts Flipped(size_t at, int bit) {
    SketchedParts parts;
    char& byte = parts.sketches[kStride + at];
    byte = static_cast<char>(byte ^ 1 << bit);
    return parts;
  }
  static constexpr uint32_t kDim = 70;
  static constexpr size_t kBitsBytes = 16;
  static constexpr size_t kStride = 32;
};

TEST(GraphFormat, AFileWithSketchesOpens) {
  ASSERT_OK_AND_ASSIGN(const auto base, GraphBase::FromBytes(SketchedParts().File(), "hand"));

  EXPECT_EQ(base->dim(), 70u);
  EXPECT_EQ(SketchShape{.dim = 70}.stride(), SketchedParts::kStride);
  EXPECT_EQ(SketchShape{.dim = 70}.bits_bytes(), SketchedParts::kBitsBytes);
}

TEST(GraphFormat, ScalesOfSketchesMustBeNumbersInTheirRange) {
  const float inf = std::numeric_limits<float>::infinity();
  for (const auto& [scale, shown] :
       {std::pair{std::nanf(""), "nan"}, {-0.5F, "-0.5"}, {-inf, "-inf"}, {257, "257"},
        {inf, "inf"}}) {
    SketchedParts parts;
    parts.SetScale(1, scale);
    ExpectDamage(parts.File(), Concat("sketch of node 1 has scale ", shown).c_str());
  }
}

TEST(GraphFormat, SketchesMustBeThoseOfTheVectors) {
  constexpr const char* kWrong = "sketch of node 1 is not that of its vector";
  for (const float scale : {0.0F, 256.0F}) {
    SketchedParts parts;
    parts.SetScale(1, scale);
    ExpectDamage(parts.File(), kWrong);
  }
  for (size_t at = 0; at < SketchedParts::kStride; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      // Bits of components, of none (70 to 127), and of the padding; scales are as they come.
      const bool in_scale = at / sizeof(float) == SketchedParts::kBitsBytes / sizeof(float);
      ExpectDamage(SketchedParts::Flipped(at, bit).File(), in_scale ? "sketch of node 1" : kWrong);
    }
  }
  SketchedParts swapped;
  std::swap_ranges(swapped.sketches.begin(), swapped.sketches.begin() + SketchedParts::kStride,
                   swapped.sketches.begin() + SketchedParts::kStride);
  ExpectDamage(swapped.File(), "sketch of node 0 is not that of its vector");
}

TEST(GraphFormat, NormsMustBeNumbersInTheirRange) {
  const float inf = std::numeric_limits<float>::infinity();
  for (const auto& [norm, shown] :
       {std::pair{std::nanf(""), "nan"}, {0.0F, "0"}, {-0.5F, "-0.5"}, {257, "257"},
        {inf, "inf"}}) {
    SketchedParts parts;
    parts.inverse_norms[1] = norm;
    ExpectDamage(parts.File(), Concat("inverse norm of node 1 is ", shown).c_str());
  }
  SketchedParts parts;
  parts.inverse_norms[1] = std::nextafter(parts.inverse_norms[1], 1.0F);
  ExpectDamage(parts.File(), ", its vector's is ");
}

// What is checked before the first search, without a look at the vectors.
TEST(GraphFormat, TheStructureIsCheckedWithoutTheVectors) {
  const std::string dir = testing::TempDir() + "/graph_format_" + std::to_string(getpid());
  FileSystem& fs = FileSystem::Posix();
  ASSERT_OK(fs.MakeDirs(dir));
  const std::string path = JoinPath(dir, kGraphFileName);
  const std::string file = Parts::WithLow().File();
  const auto vectors = NumberAt<uint64_t>(file, kFrameHeaderSize + kTableAt + 8);
  const auto links =
      NumberAt<uint64_t>(file, kFrameHeaderSize + kTableAt + 2 * kSectionEntry + 8);
  for (size_t at = 0; at < file.size(); ++at) {
    std::string bad = file;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    std::filesystem::remove(path);  // a file that is cut and written again is synced by some
    std::ofstream(path, std::ios::binary) << bad;
    const auto opened = GraphBase::Open(dir);
    const bool in_frame_checksum = at >= 24 && at < kFrameHeaderSize;
    const bool in_vectors = at >= vectors && at < links;
    if (!opened.ok()) {
      // Padding between the vectors is looked at too.
      EXPECT_FALSE(in_frame_checksum) << at;
      continue;
    }
    EXPECT_TRUE(in_frame_checksum || in_vectors) << at;
    EXPECT_FALSE((*opened)->is_loaded());
    EXPECT_THAT((*opened)->Load(), StatusIs(StatusCode::kDataLoss, HasSubstr(path))) << at;
  }
  ASSERT_OK(fs.RemoveTree(dir));
}

TEST(GraphFormat, LinksMustLeadToOtherNodesOfTheLevel) {
  ExpectForged([](Parts& p) { p.base_links[0] = 3; }, "level 0: node 0 links to 3 of 3 nodes");
  ExpectForged([](Parts& p) { p.base_links[23] = 0; }, "level 0: node 2 links to 0");
  ExpectForged([](Parts& p) { p.base_links[8] = 1; }, "level 0: node 1 links to 1");
  ExpectForged([](Parts& p) { p.upper_links[0] = 1; }, "level 1: node 0 links to 1 of 1 nodes");
}

TEST(GraphFormat, EveryRowMustHaveANode) {
  ExpectForged([](Parts& p) { p.node_of_row[1] = 3; }, "row 1 is node 3 of 3");
  ExpectForged([](Parts& p) { p.node_of_row[0] = 1; }, "row 1 is node 0, the one before node 1");
}

TEST(GraphFormat, KeysMustBeAscendingUtf8OfAllowedLength) {
  ExpectForged([](Parts& p) { p.key_ends[0] = 0; }, "key of row 0 ends at 0");
  ExpectForged([](Parts& p) { p.key_ends[1] = 6; }, "key of row 1 ends at 6");
  ExpectForged([](Parts& p) { p.key_ends[2] = 1; }, "key of row 2 ends at 1");
  ExpectForged([](Parts& p) { p.keys += 'x'; }, "keys end at 5 of 6");
  ExpectForged([](Parts& p) { p.keys = "baaca"; }, "key of row 1 is not in order");
  ExpectForged([](Parts& p) { p.keys[3] = '\xff'; }, "key of row 2 is not UTF-8");
  ExpectForged(
      [](Parts& p) {
        p.keys = "bddc" + std::string(257, 'd');
        p.key_ends[3] = 261;
      },
      "key of row 3");
}

TEST(GraphFormat, OtherVersionsAreRefused) {
  for (const uint32_t version : {1u, 3u}) {
    EXPECT_THAT(GraphBase::FromBytes(Frame({.magic = kGraphFormat.magic, .version = version},
                                           Parts().Body()),
                                     "other"),
                StatusIs(StatusCode::kUnimplemented, HasSubstr("other")));
  }
}

}  // namespace
}  // namespace larder::ann
