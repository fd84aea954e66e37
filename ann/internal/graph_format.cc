// SPDX-License-Identifier: Apache-2.0
#include "ann/internal/graph_format.h"

#include <algorithm>
#include <vector>

#include "ann/distance.h"
#include "base/bytes.h"

namespace larder::ann {
namespace {

constexpr uint32_t kSectionCount = 6;
constexpr std::array<std::string_view, kSectionCount> kSectionNames = {
    "vectors", "base links", "upper links", "rows", "key ends", "keys"};
// Fixed fields, nodes per level, then kind, zero, offset and size of each section.
constexpr size_t kHeaderBytes = 8 * 4 + 32 + kMaxLevels * 4 + kSectionCount * 24;
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
                                                     nodes * h.degree * 2 * 4,
                                                     h.UpperRows() * h.degree * 4,
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
  if (h.row_count < h.node_count) {
    return DataLoss(name, ": ", h.row_count, " rows for ", h.node_count, " nodes");
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
  std::vector<bool> seen(s.header.node_count);
  size_t distinct = 0;
  for (size_t row = 0; row < s.node_of_row.size(); ++row) {
    const uint32_t node = s.node_of_row[row];
    if (node >= s.header.node_count) {
      return DataLoss(name, ": row ", row, " is node ", node, " of ", s.header.node_count);
    }
    distinct += seen[node] ? 0 : 1;
    seen[node] = true;
  }
  if (distinct != s.header.node_count) {
    return DataLoss(name, ": ", s.header.node_count - distinct, " nodes have no row");
  }
  return OkStatus();
}

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
    if (key <= previous) return DataLoss(name, ": key of row ", row, " is not in order");
    previous = key;
    begin = end;
  }
  if (begin != s.key_bytes.size()) {
    return DataLoss(name, ": keys end at ", begin, " of ", s.key_bytes.size(), " bytes");
  }
  return OkStatus();
}

template <typename T>
std::span<const T> View(std::string_view file, const Range& range) {
  return {reinterpret_cast<const T*>(file.data() + range.offset), range.size / sizeof(T)};
}

GraphHeader ReadHeader(ByteReader& reader, uint32_t& section_count, uint32_t& zero) {
  GraphHeader h;
  for (uint32_t* field : {&h.dim, &h.degree, &h.node_count, &h.row_count, &h.level_count,
                          &h.entry_node, &section_count, &zero}) {
    *field = reader.Fixed<uint32_t>();
  }
  const std::string_view space = reader.Raw(h.space.bytes.size());
  std::copy(space.begin(), space.end(), h.space.bytes.begin());
  for (uint32_t& nodes : h.nodes_at_level) nodes = reader.Fixed<uint32_t>();
  return h;
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

std::string EncodeGraph(const GraphSections& s) {
  const GraphHeader& h = s.header;
  const auto ranges = PlanSections(h, s.key_bytes.size());
  std::string body;
  body.reserve(ranges.back().offset + ranges.back().size - kFrameHeaderSize);
  ByteWriter writer(body);
  for (const uint32_t field : {h.dim, h.degree, h.node_count, h.row_count, h.level_count,
                               h.entry_node, kSectionCount, uint32_t{0}}) {
    writer.Fixed<uint32_t>(field);
  }
  writer.Raw(h.space.view());
  for (const uint32_t nodes : h.nodes_at_level) writer.Fixed<uint32_t>(nodes);
  for (uint32_t i = 0; i < kSectionCount; ++i) {
    writer.Fixed<uint32_t>(i + 1);
    writer.Fixed<uint32_t>(0);
    writer.Fixed<uint64_t>(ranges[i].offset);
    writer.Fixed<uint64_t>(ranges[i].size);
  }
  const std::array<std::string_view, kSectionCount> contents = {
      AsBytes(s.vectors),     AsBytes(s.base_links), AsBytes(s.upper_links),
      AsBytes(s.node_of_row), AsBytes(s.key_ends),   s.key_bytes};
  for (size_t i = 0; i < kSectionCount; ++i) {
    LARDER_CHECK(contents[i].size() == ranges[i].size);
    body.resize(ranges[i].offset - kFrameHeaderSize, '\0');
    writer.Raw(contents[i]);
  }
  return body;
}

StatusOr<GraphSections> DecodeGraph(std::string_view file, std::string_view name) {
  LARDER_ASSIGN_OR_RETURN(const std::string_view body, Unframe(kGraphFormat, file, name));
  if (body.size() < kHeaderBytes) {
    return DataLoss(name, ": body has ", body.size(), " bytes, expected a header of ",
                    kHeaderBytes);
  }
  ByteReader reader(body);
  uint32_t section_count = 0;
  uint32_t zero = 0;
  GraphSections s{.header = ReadHeader(reader, section_count, zero)};
  if (section_count != kSectionCount || zero != 0) {
    return DataLoss(name, ": ", section_count, " sections, expected ", kSectionCount);
  }
  LARDER_RETURN_IF_ERROR(CheckHeader(s.header, name));
  LARDER_ASSIGN_OR_RETURN(const auto table, ReadSectionTable(reader, s.header, file, name));

  s.vectors = View<int8_t>(file, table[0]);
  s.base_links = View<uint32_t>(file, table[1]);
  s.upper_links = View<uint32_t>(file, table[2]);
  s.node_of_row = View<uint32_t>(file, table[3]);
  s.key_ends = View<uint32_t>(file, table[4]);
  s.key_bytes = file.substr(table[5].offset, table[5].size);
  LARDER_RETURN_IF_ERROR(CheckAllLinks(s, name));
  LARDER_RETURN_IF_ERROR(CheckRows(s, name));
  LARDER_RETURN_IF_ERROR(CheckKeys(s, name));
  return s;
}

}  // namespace larder::ann
