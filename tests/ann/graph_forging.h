// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_ANN_GRAPH_FORGING_H_
#define LARDER_TESTS_ANN_GRAPH_FORGING_H_

#include <cstdint>
#include <cstring>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "ann/internal/graph_format.h"

namespace larder::ann {

// Offsets in the body of `index.larder`, as docs/formats/index.md gives them.
inline constexpr size_t kDimAt = 0, kDegreeAt = 4, kNodesAt = 8, kRowsAt = 12, kLevelsAt = 16,
                        kEntryAt = 20, kSectionsAt = 24, kFlagsAt = 28, kSlackAt = 32,
                        kZeroAt = 36, kNodesAtLevelAt = 72, kTableAt = 136;
inline constexpr size_t kSectionEntry = 24;
inline constexpr size_t kSectionCount = 9;
inline constexpr size_t kStructureChecksumAt = kTableAt + kSectionCount * kSectionEntry;
inline constexpr size_t kFirstStructure = 2;

template <typename T>
T NumberAt(std::string_view body, size_t at) {
  T value{};
  std::memcpy(&value, body.data() + at, sizeof value);
  return value;
}

// The file of a changed body, with both checksums made right again, as a forger would.
std::string Sealed(std::string body);

// A base taken apart, to be changed and put together again.
struct GraphParts {
  GraphHeader header;
  std::vector<int8_t> vectors;
  std::vector<int8_t> low;
  std::vector<uint32_t> base_links;
  std::vector<uint32_t> upper_links;
  std::vector<float> inverse_norms;
  std::vector<char> sketches;
  std::vector<uint32_t> node_of_row;
  std::vector<uint32_t> key_ends;
  std::string keys;

  // Nothing if a search could not begin with this file.
  static std::optional<GraphParts> Of(std::string_view file);
  // Cuts and lengthens the sections to what the header says.
  void Fit();
  // Makes of the vectors what must agree with them: norms, sketches, slack.
  void Heal();
  // The sections must fit the header.
  std::string File() const;
};

// Another file out of a valid one, or of one that came from here: bytes, header, table, sections
// or parts changed, mostly under good checksums, so that the change gets past these.
std::string MutatedGraphFile(std::string file, std::mt19937_64& random);

// Valid files of every kind, the smallest first: with and without low halves, sketches and upper
// levels, with nodes that several rows share, and one that a fold made.
std::vector<std::string> SampleGraphFiles();

}  // namespace larder::ann

#endif  // LARDER_TESTS_ANN_GRAPH_FORGING_H_
