// SPDX-License-Identifier: Apache-2.0
// What is over S11's limits is refused by name, before any of the work.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "ann/graph_base.h"
#include "ann/internal/graph_draft.h"
#include "tests/ann/ann_testing.h"

namespace larder::ann {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// The sections as docs/formats/index.md gives them, for nodes on level 0 alone.
uint64_t DocumentedBytes(const GraphHeader& h, uint64_t key_bytes) {
  const uint64_t nodes = h.node_count;
  const uint64_t sketch = h.dim < 64 ? 0 : ((h.dim + 63) / 64 * 8 + 4 + 15) / 16 * 16;
  uint64_t bytes = kFrameHeaderSize + 40 + 32 + 64 + 9 * 24 + 8;
  for (const uint64_t section :
       {nodes * h.dim, h.has_low ? nodes * h.dim : 0, nodes * 2 * h.degree * 4, uint64_t{0},
        nodes * 4, nodes * sketch, uint64_t{h.row_count} * 4, uint64_t{h.row_count} * 4,
        key_bytes}) {
    bytes = (bytes + 63) / 64 * 64 + section;
  }
  return bytes;
}

TEST(GraphLimit, FileSizesAreRightFarOverTheLimitToo) {
  for (const uint32_t dim : {1u, 63u, 64u, 65u, 384u, 4096u}) {
    for (const uint32_t nodes : {1u, 1'000u, 5'000'000u, kMaxNodes}) {
      for (const bool has_low : {false, true}) {
        const GraphHeader header{.dim = dim,
                                 .degree = kMaxDegree,
                                 .node_count = nodes,
                                 .row_count = nodes + 7,
                                 .level_count = 1,
                                 .has_low = has_low,
                                 .space = TestSpace(),
                                 .nodes_at_level = {nodes}};
        EXPECT_EQ(GraphFileBytes(header, 123), DocumentedBytes(header, 123))
            << "dim " << dim << " nodes " << nodes;
      }
    }
  }
}

TEST(GraphLimit, AFileOverFourGibibytesIsRefusedBeforeAnythingIsLinked) {
  const CodeShape shape{.dim = kMaxDim, .has_low = true};
  std::mt19937_64 random(5);
  const auto codes = RandomVector(random, shape.size());
  GraphDraft draft({.shape = shape, .space = TestSpace(), .degree = kMaxDegree});
  // Nodes borrow their vectors, and those of an old base are not looked at for equal ones.
  GraphHeader header{.dim = kMaxDim,
                     .degree = kMaxDegree,
                     .level_count = 1,
                     .has_low = true,
                     .space = TestSpace()};
  const auto size = [&] { return GraphFileBytes(header, size_t{3} * header.row_count); };
  while (size() <= kMaxGraphFileBytes) {
    draft.AddOld(View(shape, codes), 0);
    header.nodes_at_level[0] = header.row_count = ++header.node_count;
  }
  for (uint32_t node = 0; node < header.node_count; ++node) draft.AddRow("key", node);
  bool began = false;

  const auto made = draft.Finish(nullptr, [&](uint64_t, uint64_t) { began = true; }, {});

  EXPECT_THAT(made, StatusIs(StatusCode::kResourceExhausted,
                             AllOf(HasSubstr(Concat("file would have ", size(), " bytes")),
                                   HasSubstr("expected at most 4294967296"))));
  EXPECT_FALSE(began);
}

TEST(GraphLimit, TooManyVectorsAreRefusedBeforeOneIsRead) {
  const std::string key = "key";
  const std::span<const std::string> keys(&key, size_t{kMaxNodes} + 1);  // of which none is read

  EXPECT_THAT(BuildGraphBase({.shape = {.dim = 1}, .space = TestSpace()}, {}, keys),
              StatusIs(StatusCode::kResourceExhausted,
                       AllOf(HasSubstr("134217729 vectors"),
                             HasSubstr("expected at most 134217728"))));
}

// A sparse file: nothing of it is read.
TEST(GraphLimit, ALargerFileIsNotOpened) {
  const std::string dir = testing::TempDir() + "/graph_limit_" + std::to_string(getpid());
  std::filesystem::create_directories(dir);
  const std::string path = dir + "/" + std::string(kGraphFileName);
  std::ofstream(path) << "LRDRANNG";
  std::filesystem::resize_file(path, kMaxGraphFileBytes + 1);

  EXPECT_THAT(GraphBase::Open(dir),
              StatusIs(StatusCode::kResourceExhausted,
                       AllOf(HasSubstr(path), HasSubstr("4294967297 bytes"),
                             HasSubstr("expected at most 4294967296"))));
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace larder::ann
