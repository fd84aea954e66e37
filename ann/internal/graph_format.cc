// SPDX-License-Identifier: Apache-2.0
#include "ann/internal/graph_format.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "ann/distance.h"
#include "base/bytes.h"

namespace larder::ann {
namespace {

constexpr uint32_t kSectionCount = 9;
constexpr std::array<std::string_view, kSectionCount> kSectionNames = {
    "vectors", "low halves", "base links", "upper links", "norms",
    "sketches", "rows",      "key ends",   "keys"};
// The first section that is checked before the first search: those before it are the vectors.
constexpr size_t kFirstStructure = 2;
constexpr uint32_t kHasLow = 1;  // bit of `flags`
// Fixed fields, space, nodes per level, then kind, zero, offset and size of each section, then the
// checksum of the structure.
constexpr size_t kTableEnd = 10 * 4 + 32 + kMaxLevels * 4 + kSectionCount * 24;
constexpr size_t kHeaderBytes = kTableEnd + 8;
// From the start of the file, so that a map of it is aligned for vector loads.
constexpr uint64_t kAlignment = 64;

struct Range {
  uint64_t offset = 0;
  uint64_t size = 0;
};

uint64_t AlignUp(uint64_t n) { return (n + kAlignment - 1) / kAlignment * kAlignment; }

// Where each section lies: sizes follow from the header, so offsets leave no choice.
std::array<Range, kSectionCount> PlanSections(const GraphHeader& h, uint64_t key_bytes) {
  const uint64_t nodes = h.node_count;
  const uint64_t rows = h.row_count;
  const std::array<uint64_t, kSectionCount> sizes = {nodes * h.dim,
                                                     h.has_low ? nodes * h.dim : 0,
                                                     nodes * h.degree * 2 * 4,
                                                     h.UpperRows() * h.degree * 4,
                                                     nodes * 4,
                                                     nodes * h.sketch().stride(),
                                                     rows * 4,
                                                     rows * 4,
                                                     key_bytes};
  std::array<Range, kSectionCount> ranges;
  uint64_t offset = AlignUp(kFrameHeaderSize + kHeaderBytes);
  for (size_t i = 0; i < kSectionCount; ++i) {
    ranges[i] = {offset, sizes[i]};
    offset = AlignUp(offset + sizes[i]);
  }
  return ranges;
}

Status CheckHeader(const GraphHeader& h, std::string_view name) {
  if (h.dim == 0 || h.dim > kMaxDim) {
    return DataLoss(name, ": dim is ", h.dim, ", expected 1 to ", kMaxDim);
  }
  if (h.degree < kMinDegree || h.degree > kMaxDegree) {
    return DataLoss(name, ": degree is ", h.degree, ", expected ", kMinDegree, " to ", kMaxDegree);
  }
  if (h.node_count == 0 || h.node_count > kMaxNodes) {
    return DataLoss(name, ": node count is ", h.node_count, ", expected 1 to ", kMaxNodes);
  }
  if (h.row_count == 0) return DataLoss(name, ": it has no rows");
  if (!(h.slack >= 0 && h.slack <= 1) || (h.slack > 0 && !h.has_low)) {
    return DataLoss(name, ": slack is ", h.slack, ", expected 0 or a share of a low half");
  }
  if (h.level_count == 0 || h.level_count > kMaxLevels) {
    return DataLoss(name, ": level count is ", h.level_count, ", expected 1 to ", kMaxLevels);
  }
  if (h.nodes_at_level[0] != h.node_count) {
    return DataLoss(name, ": level 0 has ", h.nodes_at_level[0], " nodes, expected all ",
                    h.node_count);
  }
  for (uint32_t level = 1; level < kMaxLevels; ++level) {
    const uint32_t nodes = h.nodes_at_level[level];
    const bool used = level < h.level_count;
    if (used ? nodes == 0 || nodes > h.nodes_at_level[level - 1] : nodes != 0) {
      return DataLoss(name, ": level ", level, " has ", nodes, " nodes, the one below ",
                      h.nodes_at_level[level - 1]);
    }
  }
  const uint32_t top = h.nodes_at_level[h.level_count - 1];
  if (h.entry_node >= top) {
    return DataLoss(name, ": entry node is ", h.entry_node, ", the top level has ", top);
  }
  return OkStatus();
}

// Links lead to other nodes of their level; what is unused is at the end of a row.
Status CheckLinks(std::span<const uint32_t> links, size_t width, uint32_t node_count,
                  uint32_t level, std::string_view name) {
  for (size_t node = 0; node * width < links.size(); ++node) {
    bool ended = false;
    for (const uint32_t link : links.subspan(node * width, width)) {
      if (link == kNoNode) {
        ended = true;
      } else if (ended || link >= node_count || link == node) {
        return DataLoss(name, ": level ", level, ": node ", node, " links to ", link, " of ",
                        node_count, " nodes");
      }
    }
  }
  return OkStatus();
}

Status CheckAllLinks(const GraphSections& s, std::string_view name) {
  const GraphHeader& h = s.header;
  LARDER_RETURN_IF_ERROR(CheckLinks(s.base_links, size_t{2} * h.degree, h.node_count, 0, name));
  size_t begin = 0;
  for (uint32_t level = 1; level < h.level_count; ++level) {
    const size_t size = size_t{h.nodes_at_level[level]} * h.degree;
    LARDER_RETURN_IF_ERROR(CheckLinks(s.upper_links.subspan(begin, size), h.degree,
                                      h.nodes_at_level[level], level, name));
    begin += size;
  }
  return OkStatus();
}

Status CheckRows(const GraphSections& s, std::string_view name) {
  for (size_t row = 0; row < s.node_of_row.size(); ++row) {
    const uint32_t node = s.node_of_row[row];
    if (node >= s.header.node_count) {
      return DataLoss(name, ": row ", row, " is node ", node, " of ", s.header.node_count);
    }
    if (row > 0 && node < s.node_of_row[row - 1]) {
      return DataLoss(name, ": row ", row, " is node ", node, ", the one before node ",
                      s.node_of_row[row - 1]);
    }
  }
  return OkStatus();
}

// A norm that is not a positive number would order a walk's candidates at random.
Status CheckNorms(const GraphSections& s, std::string_view name) {
  for (size_t node = 0; node < s.inverse_norms.size(); ++node) {
    const float inverse = s.inverse_norms[node];
    if (!(inverse > 0 && inverse <= 256)) {
      return DataLoss(name, ": inverse norm of node ", node, " is ", inverse);
    }
  }
  return OkStatus();
}

Status CheckSketches(const GraphSections& s, std::string_view name) {
  const SketchShape shape = s.header.sketch();
  if (shape.empty()) return OkStatus();
  for (size_t node = 0; node < s.header.node_count; ++node) {
    const float scale = SketchScale(shape, s.sketches.data() + node * shape.stride());
    if (!(scale >= 0 && scale <= 256)) {
      return DataLoss(name, ": sketch of node ", node, " has scale ", scale);
    }
  }
  return OkStatus();
}

Status CheckVectors(const GraphSections& s, std::string_view name) {
  float slack = 0;
  const SketchShape sketch = s.header.sketch();
  std::string row(sketch.stride(), '\0');
  for (size_t node = 0; node < s.header.node_count; ++node) {
    const VectorView v = s.vector(node);
    if (IsZero(v.high) && IsZero(v.low)) {
      return DataLoss(name, ": vector of node ", node, " is zero");
    }
    const HighNorm norm = NormOf(v);
    if (norm.inverse != s.inverse_norms[node]) {
      return DataLoss(name, ": inverse norm of node ", node, " is ", s.inverse_norms[node],
                      ", its vector's is ", norm.inverse);
    }
    slack = std::max(slack, norm.slack);
    if (sketch.empty()) continue;
    MakeSketch(sketch, v, norm.inverse, row.data());
    if (std::memcmp(row.data(), s.sketches.data() + node * row.size(), row.size()) != 0) {
      return DataLoss(name, ": sketch of node ", node, " is not that of its vector");
    }
  }
  if (slack != s.header.slack) {
    return DataLoss(name, ": slack is ", s.header.slack, ", the vectors' is ", slack);
  }
  return OkStatus();
}

// That keys of different nodes differ is looked at when they get their ids.
Status CheckKeys(const GraphSections& s, std::string_view name) {
  std::string_view previous;
  uint32_t begin = 0;
  for (size_t row = 0; row < s.key_ends.size(); ++row) {
    const uint32_t end = s.key_ends[row];
    if (end <= begin || end > s.key_bytes.size() || end - begin > kMaxKeyBytes) {
      return DataLoss(name, ": key of row ", row, " ends at ", end, ", begins at ", begin);
    }
    const std::string_view key = s.key_bytes.substr(begin, end - begin);
    if (!IsUtf8(key)) return DataLoss(name, ": key of row ", row, " is not UTF-8");
    const bool same_node = row > 0 && s.node_of_row[row] == s.node_of_row[row - 1];
    if (same_node && key <= previous) {
      return DataLoss(name, ": key of row ", row, " is not in order");
    }
    previous = key;
    begin = end;
  }
  if (begin != s.key_bytes.size()) {
    return DataLoss(name, ": keys end at ", begin, " of ", s.key_bytes.size(), " bytes");
  }
  return OkStatus();
}

template <typename T>
std::span<const T> SectionOf(std::string_view file, const Range& range) {
  return {reinterpret_cast<const T*>(file.data() + range.offset), range.size / sizeof(T)};
}

struct FixedFields {
  GraphHeader header;
  uint32_t section_count = 0;
  uint32_t flags = 0;
};

FixedFields ReadFixedFields(ByteReader& reader) {
  FixedFields fields;
  GraphHeader& h = fields.header;
  for (uint32_t* field : {&h.dim, &h.degree, &h.node_count, &h.row_count, &h.level_count,
                          &h.entry_node, &fields.section_count, &fields.flags}) {
    *field = reader.Fixed<uint32_t>();
  }
  h.slack = reader.Fixed<float>();
  if (reader.Fixed<uint32_t>() != 0) reader.Fail();
  h.has_low = (fields.flags & kHasLow) != 0;
  const std::string_view space = reader.Raw(h.space.bytes.size());
  std::copy(space.begin(), space.end(), h.space.bytes.begin());
  for (uint32_t& nodes : h.nodes_at_level) nodes = reader.Fixed<uint32_t>();
  return fields;
}

// The section table must say exactly what PlanSections derives from the header.
StatusOr<std::array<Range, kSectionCount>> ReadSectionTable(ByteReader& reader,
                                                            const GraphHeader& header,
                                                            std::string_view file,
                                                            std::string_view name) {
  std::array<Range, kSectionCount> table;
  for (uint32_t i = 0; i < kSectionCount; ++i) {
    const auto kind = reader.Fixed<uint32_t>();
    const auto zero = reader.Fixed<uint32_t>();
    table[i].offset = reader.Fixed<uint64_t>();
    table[i].size = reader.Fixed<uint64_t>();
    if (kind != i + 1 || zero != 0) {
      return DataLoss(name, ": section ", i, " has kind ", kind, ", expected ", i + 1);
    }
  }
  const Range& keys = table.back();
  if (keys.offset > file.size() || keys.size != file.size() - keys.offset) {
    return DataLoss(name, ": section keys is ", keys.size, " bytes at ", keys.offset,
                    ", the file has ", file.size());
  }
  const auto planned = PlanSections(header, keys.size);
  for (size_t i = 0; i < kSectionCount; ++i) {
    if (table[i].offset != planned[i].offset || table[i].size != planned[i].size) {
      return DataLoss(name, ": section ", kSectionNames[i], " is ", table[i].size, " bytes at ",
                      table[i].offset, ", expected ", planned[i].size, " at ", planned[i].offset);
    }
  }
  uint64_t end = kFrameHeaderSize + kHeaderBytes;
  for (const Range& range : table) {
    const std::string_view padding = file.substr(end, range.offset - end);
    if (padding.find_first_not_of('\0') != std::string_view::npos) {
      return DataLoss(name, ": padding before byte ", range.offset, " is not zero");
    }
    end = range.offset + range.size;
  }
  return table;
}

// Of everything that is checked before the first search: header, table and the sections behind the
// vectors, each seeded with the one before.
uint64_t StructureChecksum(std::string_view file, const std::array<Range, kSectionCount>& table) {
  uint64_t checksum = Hash64(file.substr(kFrameHeaderSize, kTableEnd));
  for (size_t i = kFirstStructure; i < kSectionCount; ++i) {
    checksum = Hash64(file.substr(table[i].offset, table[i].size), checksum);
  }
  return checksum;
}

}  // namespace

uint64_t GraphHeader::UpperRows() const {
  uint64_t rows = 0;
  for (uint32_t level = 1; level < kMaxLevels; ++level) rows += nodes_at_level[level];
  return rows;
}

uint64_t GraphFileBytes(const GraphHeader& header, uint64_t key_bytes) {
  const Range last = PlanSections(header, key_bytes).back();
  return last.offset + last.size;
}

void EncodeGraph(const GraphSections& s, std::span<char> out) {
  const GraphHeader& h = s.header;
  const auto ranges = PlanSections(h, s.key_bytes.size());
  LARDER_CHECK(out.size() == ranges.back().offset + ranges.back().size);
  std::string head;
  ByteWriter writer(head);
  for (const uint32_t field : {h.dim, h.degree, h.node_count, h.row_count, h.level_count,
                               h.entry_node, kSectionCount, h.has_low ? kHasLow : 0}) {
    writer.Fixed<uint32_t>(field);
  }
  writer.Fixed<float>(h.slack);
  writer.Fixed<uint32_t>(0);
  writer.Raw(h.space.view());
  for (const uint32_t nodes : h.nodes_at_level) writer.Fixed<uint32_t>(nodes);
  for (uint32_t i = 0; i < kSectionCount; ++i) {
    writer.Fixed<uint32_t>(i + 1);
    writer.Fixed<uint32_t>(0);
    writer.Fixed<uint64_t>(ranges[i].offset);
    writer.Fixed<uint64_t>(ranges[i].size);
  }
  LARDER_CHECK(head.size() == kTableEnd);
  const std::array<std::string_view, kSectionCount> contents = {
      AsBytes(s.vectors),       AsBytes(s.low),         AsBytes(s.base_links),
      AsBytes(s.upper_links),   AsBytes(s.inverse_norms), AsBytes(s.sketches),
      AsBytes(s.node_of_row),   AsBytes(s.key_ends),    s.key_bytes};
  for (size_t i = 0; i < kSectionCount; ++i) {
    LARDER_CHECK(contents[i].size() == ranges[i].size);
    std::copy(contents[i].begin(), contents[i].end(), out.data() + ranges[i].offset);
  }
  std::copy(head.begin(), head.end(), out.data() + kFrameHeaderSize);
  const std::string_view file(out.data(), out.size());
  writer.Fixed<uint64_t>(StructureChecksum(file, ranges));
  std::copy(head.begin(), head.end(), out.data() + kFrameHeaderSize);
  const std::string frame = FrameHeader(kGraphFormat, file.substr(kFrameHeaderSize));
  std::copy(frame.begin(), frame.end(), out.data());
}

StatusOr<GraphSections> DecodeGraph(std::string_view file, std::string_view name,
                                    GraphCheck check) {
  LARDER_ASSIGN_OR_RETURN(const std::string_view body,
                          Unframe(kGraphFormat, file, name, check == GraphCheck::kAll));
  if (const uint32_t version = FrameVersion(file); version != kGraphFormat.version) {
    return Unimplemented(name, ": format version ", version, ", this binary reads ",
                         kGraphFormat.version, "; the index is to be built again");
  }
  if (body.size() < kHeaderBytes) {
    return DataLoss(name, ": body has ", body.size(), " bytes, expected a header of ",
                    kHeaderBytes);
  }
  ByteReader reader(body);
  const FixedFields fields = ReadFixedFields(reader);
  GraphSections s{.header = fields.header};
  if (!reader.ok() || fields.section_count != kSectionCount || (fields.flags & ~kHasLow) != 0) {
    return DataLoss(name, ": ", fields.section_count, " sections and flags ", fields.flags,
                    ", expected ", kSectionCount, " and 0 or 1");
  }
  LARDER_RETURN_IF_ERROR(CheckHeader(s.header, name));
  LARDER_ASSIGN_OR_RETURN(const auto table, ReadSectionTable(reader, s.header, file, name));
  s.structure_checksum = StructureChecksum(file, table);
  if (reader.Fixed<uint64_t>() != s.structure_checksum) {
    return DataLoss(name, ": the structure's checksum does not match the content");
  }

  s.vectors = SectionOf<int8_t>(file, table[0]);
  s.low = SectionOf<int8_t>(file, table[1]);
  s.base_links = SectionOf<uint32_t>(file, table[2]);
  s.upper_links = SectionOf<uint32_t>(file, table[3]);
  s.inverse_norms = SectionOf<float>(file, table[4]);
  s.sketches = SectionOf<char>(file, table[5]);
  s.node_of_row = SectionOf<uint32_t>(file, table[6]);
  s.key_ends = SectionOf<uint32_t>(file, table[7]);
  s.key_bytes = file.substr(table[8].offset, table[8].size);
  LARDER_RETURN_IF_ERROR(CheckAllLinks(s, name));
  LARDER_RETURN_IF_ERROR(CheckNorms(s, name));
  LARDER_RETURN_IF_ERROR(CheckSketches(s, name));
  LARDER_RETURN_IF_ERROR(CheckRows(s, name));
  LARDER_RETURN_IF_ERROR(CheckKeys(s, name));
  if (check == GraphCheck::kAll) LARDER_RETURN_IF_ERROR(CheckVectors(s, name));
  return s;
}

}  // namespace larder::ann
