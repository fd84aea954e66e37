// SPDX-License-Identifier: Apache-2.0
#include "tests/ann/graph_forging.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <span>
#include <utility>

#include "ann/bitmap.h"
#include "ann/graph_base.h"
#include "base/hash.h"
#include "base/huge_buffer.h"

namespace larder::ann {
namespace {

using Random = std::mt19937_64;

// What a forged header may ask for: enough for every kind of graph, little enough to be quick.
constexpr uint64_t kMaxForgedBytes = 1 << 20;

template <typename T>
std::vector<T> Copy(std::span<const T> section) {
  return {section.begin(), section.end()};
}

size_t Below(Random& random, size_t end) { return end == 0 ? 0 : random() % end; }

// Numbers at which bounds are: near `known`, which is near the right one.
uint64_t Interesting(Random& random, uint64_t known) {
  switch (random() % 8) {
    case 0: return 0;
    case 1: return known + 1;
    case 2: return known - 1;
    case 3: return known * 2;
    case 4: return 0xffffffff;
    case 5: return uint64_t{1} << random() % 64;
    case 6: return random() % 256;
    default: return random();
  }
}

void SetNumber(std::string& bytes, size_t at, uint64_t value, size_t size) {
  if (at + size <= bytes.size()) std::memcpy(bytes.data() + at, &value, size);
}

void ChangeBytes(std::string& bytes, Random& random) {
  if (bytes.empty()) return;
  for (size_t left = 1 + random() % 4; left > 0; --left) {
    bytes[Below(random, bytes.size())] = static_cast<char>(random());
  }
}

void ChangeHeader(std::string& body, Random& random) {
  const size_t at = Below(random, kTableAt / 4) * 4;
  if (at + 4 > body.size()) return;
  SetNumber(body, at, Interesting(random, NumberAt<uint32_t>(body, at)), 4);
}

void ChangeTable(std::string& body, Random& random) {
  const size_t at = kTableAt + Below(random, kSectionCount * kSectionEntry / 8) * 8;
  if (at + 8 > body.size()) return;
  SetNumber(body, at, Interesting(random, NumberAt<uint64_t>(body, at)), 8);
}

void ChangeLength(std::string& bytes, Random& random) {
  if (random() % 2 == 0) {
    bytes.resize(Below(random, bytes.size()));
  } else {
    bytes.append(1 + random() % 200, static_cast<char>(random()));
  }
}

// One element of a section: another value, another element's, or one at a bound.
template <typename T>
void ChangeElement(std::vector<T>& section, Random& random, uint64_t bound) {
  if (section.empty()) return;
  T& element = section[Below(random, section.size())];
  switch (random() % 4) {
    case 0: element = section[Below(random, section.size())]; break;
    case 1: element = static_cast<T>(Interesting(random, bound)); break;
    default: element = static_cast<T>(Below(random, bound)); break;
  }
}

void ChangeKeys(GraphParts& parts, Random& random) {
  if (random() % 2 == 0) {
    ChangeElement(parts.key_ends, random, parts.keys.size());
  } else if (!parts.keys.empty()) {
    // The bytes of one key over those of another: a key that comes twice.
    const size_t from = Below(random, parts.keys.size());
    const size_t to = Below(random, parts.keys.size());
    const size_t size = std::min(parts.keys.size() - std::max(from, to), 1 + random() % 12);
    parts.keys.replace(to, size, parts.keys.substr(from, size));
  }
}

// Another one's, a multiple, or bits of any kind, not numbers among them.
void ChangeNorm(std::vector<float>& norms, Random& random) {
  float& norm = norms[Below(random, norms.size())];
  switch (random() % 4) {
    case 0: norm = norms[Below(random, norms.size())]; break;
    case 1: norm *= static_cast<float>(random() % 5) - 2; break;
    default: norm = std::bit_cast<float>(static_cast<uint32_t>(random())); break;
  }
}

void ChangeShape(GraphParts& parts, Random& random) {
  GraphHeader& h = parts.header;
  switch (random() % 6) {
    case 0: h.dim = static_cast<uint32_t>(1 + random() % 130); break;
    case 1: h.degree = static_cast<uint32_t>(kMinDegree + random() % 8); break;
    case 2: h.has_low = !h.has_low; break;
    case 3: h.row_count = static_cast<uint32_t>(1 + random() % (h.row_count + 2)); break;
    case 4: h.entry_node = static_cast<uint32_t>(Below(random, h.node_count)); break;
    default: {
      h.level_count = static_cast<uint32_t>(1 + random() % kMaxLevels);
      h.nodes_at_level = {h.node_count};
      for (uint32_t level = 1; level < h.level_count; ++level) {
        h.nodes_at_level[level] =
            static_cast<uint32_t>(1 + Below(random, h.nodes_at_level[level - 1]));
      }
      h.entry_node %= h.nodes_at_level[h.level_count - 1];
    }
  }
}

void ChangeParts(GraphParts& parts, Random& random) {
  const uint32_t nodes = parts.header.node_count;
  switch (random() % 12) {
    case 0: ChangeElement(parts.vectors, random, 256); break;
    case 1: ChangeElement(parts.low, random, 256); break;
    case 2:
    case 3: ChangeElement(parts.base_links, random, nodes); break;
    case 4: ChangeElement(parts.upper_links, random, nodes); break;
    case 5: ChangeElement(parts.node_of_row, random, nodes); break;
    case 6: ChangeKeys(parts, random); break;
    case 7: {  // a vector without a direction, or with one that a sketch can hardly tell
      const size_t node = Below(random, nodes);
      const auto begin = parts.vectors.begin() + static_cast<ptrdiff_t>(node * parts.header.dim);
      std::fill_n(begin, parts.header.dim, int8_t{0});
      if (random() % 4 != 0) begin[static_cast<ptrdiff_t>(Below(random, parts.header.dim))] = -1;
      break;
    }
    case 8: {  // a node that nothing leads to, or that leads nowhere
      const uint32_t node = static_cast<uint32_t>(Below(random, nodes));
      if (random() % 2 == 0) {
        const size_t width = size_t{2} * parts.header.degree;
        std::fill_n(&parts.base_links[node * width], width, kNoNode);
      } else {
        for (uint32_t& link : parts.base_links) {
          if (link == node) link = node == 0 ? 1 : 0;
        }
      }
      break;
    }
    case 9: ChangeElement(parts.sketches, random, 256); break;
    case 10: ChangeNorm(parts.inverse_norms, random); break;
    default: ChangeShape(parts, random); break;
  }
}

// A file of `codes` [n, shape.size()] under keys "k0", "k1", ….
std::shared_ptr<const GraphBase> SampleBase(const CodeShape& shape, std::vector<int8_t> codes,
                                            uint32_t degree = 4) {
  std::vector<std::string> keys(codes.size() / shape.size());
  for (size_t i = 0; i < keys.size(); ++i) keys[i] = Concat("k", i);
  auto base = BuildGraphBase(
      {.shape = shape, .space = Sha256("test space"), .degree = degree, .ef_construction = 16},
      codes, keys);
  LARDER_CHECK(base.ok());
  return *std::move(base);
}

std::vector<int8_t> SampleCodes(Random& random, size_t count) {
  std::vector<int8_t> codes(count);
  for (int8_t& code : codes) code = static_cast<int8_t>(random());
  return codes;
}

}  // namespace

std::string Sealed(std::string body) {
  if (body.size() >= kStructureChecksumAt + 8) {
    uint64_t checksum = Hash64(std::string_view(body).substr(0, kStructureChecksumAt));
    for (size_t i = kFirstStructure; i < kSectionCount; ++i) {
      const auto offset = NumberAt<uint64_t>(body, kTableAt + i * kSectionEntry + 8);
      const auto size = NumberAt<uint64_t>(body, kTableAt + i * kSectionEntry + 16);
      if (offset - kFrameHeaderSize > body.size()) break;
      checksum = Hash64(std::string_view(body).substr(offset - kFrameHeaderSize, size), checksum);
    }
    std::memcpy(body.data() + kStructureChecksumAt, &checksum, sizeof checksum);
  }
  return Frame(kGraphFormat, body);
}

std::optional<GraphParts> GraphParts::Of(std::string_view file) {
  const auto buffer = HugeBuffer::Allocate(file.size());
  LARDER_CHECK(buffer != nullptr);
  std::copy(file.begin(), file.end(), buffer->bytes().begin());
  const auto s = DecodeGraph(buffer->view(), "parts", GraphCheck::kStructure);
  if (!s.ok()) return std::nullopt;
  return GraphParts{.header = s->header,
                    .vectors = Copy(s->vectors),
                    .low = Copy(s->low),
                    .base_links = Copy(s->base_links),
                    .upper_links = Copy(s->upper_links),
                    .inverse_norms = Copy(s->inverse_norms),
                    .sketches = Copy(s->sketches),
                    .node_of_row = Copy(s->node_of_row),
                    .key_ends = Copy(s->key_ends),
                    .keys = std::string(s->key_bytes)};
}

void GraphParts::Fit() {
  const size_t nodes = header.node_count;
  vectors.resize(nodes * header.dim, 1);
  low.resize(header.has_low ? nodes * header.dim : 0, 1);
  base_links.resize(nodes * header.degree * 2, kNoNode);
  upper_links.resize(header.UpperRows() * header.degree, kNoNode);
  inverse_norms.resize(nodes, 1);
  sketches.resize(nodes * header.sketch().stride());
  node_of_row.resize(header.row_count, header.node_count - 1);
  while (key_ends.size() < header.row_count) {
    keys += Concat("~", key_ends.size());
    key_ends.push_back(static_cast<uint32_t>(keys.size()));
  }
  if (key_ends.size() > header.row_count) {
    key_ends.resize(header.row_count);
    keys.resize(std::min<size_t>(keys.size(), key_ends.back()));
  }
}

void GraphParts::Heal() {
  header.slack = 0;
  const SketchShape sketch = header.sketch();
  const GraphSections s{.header = header, .vectors = vectors, .low = low};
  for (size_t node = 0; node < header.node_count; ++node) {
    const VectorView v = s.vector(node);
    if (IsZero(v.high) && IsZero(v.low)) continue;
    const HighNorm norm = NormOf(v);
    inverse_norms[node] = norm.inverse;
    header.slack = std::max(header.slack, norm.slack);
    if (!sketch.empty()) MakeSketch(sketch, v, norm.inverse, &sketches[node * sketch.stride()]);
  }
}

std::string GraphParts::File() const {
  std::string file(GraphFileBytes(header, keys.size()), '\0');
  EncodeGraph({.header = header,
               .vectors = vectors,
               .low = low,
               .base_links = base_links,
               .upper_links = upper_links,
               .inverse_norms = inverse_norms,
               .sketches = sketches,
               .node_of_row = node_of_row,
               .key_ends = key_ends,
               .key_bytes = keys},
              file);
  return file;
}

std::string MutatedGraphFile(std::string file, Random& random) {
  const uint64_t how = random() % 8;
  if (how == 0) {  // damage, as disks do it
    random() % 2 == 0 ? ChangeBytes(file, random) : ChangeLength(file, random);
    return file;
  }
  if (how > 2) {
    if (auto parts = GraphParts::Of(file); parts.has_value()) {
      for (size_t left = 1 + random() % 3; left > 0; --left) {
        ChangeParts(*parts, random);
        if (GraphFileBytes(parts->header, parts->keys.size()) > kMaxForgedBytes) return file;
        parts->Fit();
      }
      if (random() % 2 == 0) parts->Heal();
      return parts->File();
    }
  }
  std::string body = file.size() < kFrameHeaderSize ? file : file.substr(kFrameHeaderSize);
  switch (random() % 4) {
    case 0: ChangeBytes(body, random); break;
    case 1: ChangeHeader(body, random); break;
    case 2: ChangeTable(body, random); break;
    default: ChangeLength(body, random); break;
  }
  return Sealed(std::move(body));
}

std::vector<std::string> SampleGraphFiles() {
  Random random(1);
  const CodeShape wide{.dim = 70};
  std::vector<std::string> files;
  const auto add = [&](const GraphBase& base) { files.emplace_back(base.bytes()); };
  add(*SampleBase({.dim = 1}, {1}));
  add(*SampleBase({.dim = 2}, {1, 2, 3, 4, -5, 6, 3, 4}));
  // Few values: many rows share a node.
  std::vector<int8_t> coarse = SampleCodes(random, 40 * 6);
  for (int8_t& code : coarse) code = static_cast<int8_t>(code % 2);
  add(*SampleBase({.dim = 3, .has_low = true}, coarse));
  add(*SampleBase({.dim = 8}, SampleCodes(random, 120 * 8)));  // several levels
  add(*SampleBase({.dim = 64, .has_low = true}, SampleCodes(random, 30 * 128), 6));
  std::vector<int8_t> sparse(30 * 70);
  for (size_t i = 0; i < 30; ++i) sparse[i * 70 + i] = -100;
  const auto base = SampleBase(wide, sparse);
  add(*base);
  // A fold: nodes that are gone, and new ones.
  Bitmap removed(base->row_count());
  for (uint32_t row = 0; row < 10; ++row) removed.Set(row * 2);
  const std::vector<std::string> keys = {"n1", "n2", "n3"};
  const auto folded = FoldGraphBase(*base, removed, SampleCodes(random, 3 * 70), keys);
  LARDER_CHECK(folded.ok());
  add(**folded);
  return files;
}

}  // namespace larder::ann
