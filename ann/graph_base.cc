// SPDX-License-Identifier: Apache-2.0
#include "ann/graph_base.h"

#include <cmath>
#include <utility>

#include "ann/distance.h"

namespace larder::ann {

StatusOr<std::shared_ptr<const GraphBase>> GraphBase::FromBytes(std::string bytes,
                                                                std::string_view name) {
  std::shared_ptr<GraphBase> base(new GraphBase(std::move(bytes)));
  LARDER_ASSIGN_OR_RETURN(base->sections_, DecodeGraph(base->bytes_, name));
  LARDER_RETURN_IF_ERROR(base->Derive(name));
  return std::shared_ptr<const GraphBase>(std::move(base));
}

StatusOr<std::shared_ptr<const GraphBase>> GraphBase::Open(FileSystem& fs,
                                                           const std::string& dir) {
  const std::string path = JoinPath(dir, kGraphFileName);
  LARDER_ASSIGN_OR_RETURN(std::string bytes, fs.Read(path, kMaxGraphFileBytes));
  return FromBytes(std::move(bytes), path);
}

Status GraphBase::Save(FileSystem& fs, const std::string& dir) const {
  LARDER_RETURN_IF_ERROR(fs.MakeDirs(dir));
  return WriteFileAtomically(fs, JoinPath(dir, kGraphFileName), bytes_);
}

// What is cheap to recompute is not stored: it could only be wrong.
Status GraphBase::Derive(std::string_view name) {
  const GraphHeader& h = sections_.header;
  size_t begin = 0;
  for (uint32_t level = 1; level < h.level_count; ++level) {
    upper_begin_[level] = begin;
    begin += size_t{h.nodes_at_level[level]} * h.degree;
  }

  row_begin_.assign(size_t{h.node_count} + 1, 0);
  for (const uint32_t node : sections_.node_of_row) ++row_begin_[node + 1];
  for (size_t node = 0; node < h.node_count; ++node) row_begin_[node + 1] += row_begin_[node];
  rows_.resize(h.row_count);
  std::vector<uint32_t> next(row_begin_.begin(), row_begin_.end() - 1);
  for (uint32_t row = 0; row < h.row_count; ++row) rows_[next[sections_.node_of_row[row]]++] = row;

  squared_norms_.resize(h.node_count);
  inverse_norms_.resize(h.node_count);
  for (size_t node = 0; node < h.node_count; ++node) {
    const int32_t norm = SquaredNorm(vector(node));
    if (norm == 0) return DataLoss(name, ": vector of node ", node, " is zero");
    squared_norms_[node] = norm;
    inverse_norms_[node] = static_cast<float>(1.0 / std::sqrt(static_cast<double>(norm)));
  }
  return OkStatus();
}

std::string_view GraphBase::key(size_t row) const {
  const uint32_t begin = row == 0 ? 0 : sections_.key_ends[row - 1];
  return sections_.key_bytes.substr(begin, sections_.key_ends[row] - begin);
}

size_t GraphBase::size_bytes() const {
  return sizeof(*this) + bytes_.capacity() +
         sizeof(uint32_t) * (row_begin_.capacity() + rows_.capacity()) +
         sizeof(int32_t) * squared_norms_.capacity() + sizeof(float) * inverse_norms_.capacity();
}

}  // namespace larder::ann
