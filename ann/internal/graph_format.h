// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_ANN_INTERNAL_GRAPH_FORMAT_H_
#define LARDER_ANN_INTERNAL_GRAPH_FORMAT_H_

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "ann/codes.h"
#include "ann/sketch.h"
#include "base/framed_file.h"
#include "base/hash.h"
#include "base/status.h"

namespace larder::ann {

// The layout of `index.larder`; docs/formats/index.md describes it.

inline constexpr FrameFormat kGraphFormat{.magic = "LRDRANNG", .version = 2};
inline constexpr std::string_view kGraphFileName = "index.larder";
inline constexpr uint64_t kMaxGraphFileBytes = uint64_t{4} << 30;  // S11
inline constexpr uint32_t kMaxLevels = 16;
inline constexpr uint32_t kMinDegree = 4;
inline constexpr uint32_t kMaxDegree = 64;
// Two high bits of a node number are free for marks in the walk.
inline constexpr uint32_t kMaxNodes = uint32_t{1} << 27;
inline constexpr size_t kMaxKeyBytes = 256;  // S1.3
// Fills the unused end of a row of links.
inline constexpr uint32_t kNoNode = 0xffffffff;

// What the sections are read with. Nodes are numbered by falling level, so the nodes of level L
// are exactly [0, nodes_at_level[L]).
struct GraphHeader {
  uint32_t dim = 0;
  uint32_t degree = 0;  // links per node on the upper levels; twice that on level 0
  uint32_t node_count = 0;
  uint32_t row_count = 0;
  uint32_t level_count = 0;
  uint32_t entry_node = 0;  // a node of the top level
  bool has_low = false;     // a float space: vectors have low halves
  float slack = 0;          // the largest HighNorm::slack of all nodes
  Digest space;
  std::array<uint32_t, kMaxLevels> nodes_at_level{};

  // Rows of all upper link tables together.
  uint64_t UpperRows() const;
  CodeShape shape() const { return {.dim = dim, .has_low = has_low}; }
  SketchShape sketch() const { return {.dim = dim}; }
};

// The header and the sections, which are views into the file's or the builder's bytes.
struct GraphSections {
  GraphHeader header;
  std::span<const int8_t> vectors{};       // [node_count, dim], the high halves
  std::span<const int8_t> low{};           // [node_count, dim] in a float space, else empty
  std::span<const uint32_t> base_links{};  // [node_count, 2 * degree]
  std::span<const uint32_t> upper_links{};  // per level >= 1: [nodes_at_level[L], degree]
  std::span<const float> inverse_norms{};  // [node_count], HighNorm::inverse
  std::span<const char> sketches{};        // [node_count, sketch().stride()]
  std::span<const uint32_t> node_of_row{};  // [row_count], never falling
  std::span<const uint32_t> key_ends{};    // [row_count], ends of the keys in key_bytes
  std::string_view key_bytes{};
  uint64_t structure_checksum = 0;  // of all but the vectors, in a file that was read

  VectorView vector(size_t node) const {
    const size_t begin = node * header.dim;
    return {vectors.subspan(begin, header.dim),
            low.empty() ? low : low.subspan(begin, header.dim)};
  }
};

// The bytes of the file that these sections will make; what an index over the limit is refused by.
uint64_t GraphFileBytes(const GraphHeader& header, uint64_t key_bytes);

// Writes the file, frame included. Shapes: out [GraphFileBytes()], zeroed.
void EncodeGraph(const GraphSections& sections, std::span<char> out);

enum class GraphCheck {
  // All but the content of the vectors: what a search could trip over. Reads no vector.
  kStructure,
  // The file's checksum and every vector's norm as well.
  kAll,
};

// Takes a whole file apart and checks it: frame, header, section bounds, padding, every link, row
// and key. `name` is the file, for messages. The views point into `file`, which must be aligned to
// 64 bytes.
// Errors: kDataLoss naming the file and what is wrong; kUnimplemented for another version.
StatusOr<GraphSections> DecodeGraph(std::string_view file, std::string_view name,
                                    GraphCheck check);

}  // namespace larder::ann

#endif  // LARDER_ANN_INTERNAL_GRAPH_FORMAT_H_
