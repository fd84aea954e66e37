// SPDX-License-Identifier: Apache-2.0
#include "ann/graph_base.h"

#include <algorithm>
#include <utility>

#include "ann/internal/sketch_trust.h"

namespace larder::ann {
namespace {

StatusOr<std::unique_ptr<HugeBuffer>> CopyOf(std::string_view bytes, std::string_view name) {
  auto buffer = HugeBuffer::Allocate(bytes.size());
  if (buffer == nullptr) {
    return ResourceExhausted(name, ": no memory for ", bytes.size(), " bytes");
  }
  std::copy(bytes.begin(), bytes.end(), buffer->bytes().begin());
  return buffer;
}

}  // namespace

StatusOr<std::shared_ptr<const GraphBase>> GraphBase::Make(std::unique_ptr<HugeBuffer> buffer,
                                                           std::unique_ptr<MappedFile> map,
                                                           std::string name, GraphCheck check) {
  std::shared_ptr<GraphBase> base(
      new GraphBase(std::move(buffer), std::move(map), std::move(name)));
  GraphSections& sections = base->map_ != nullptr ? base->mapped_ : base->loaded_;
  LARDER_ASSIGN_OR_RETURN(sections, DecodeGraph(base->bytes(), base->name_, check));
  base->sections_.store(&sections, std::memory_order_release);
  base->Derive();
  return std::shared_ptr<const GraphBase>(std::move(base));
}

StatusOr<std::shared_ptr<const GraphBase>> GraphBase::FromBytes(std::string_view bytes,
                                                                std::string_view name) {
  LARDER_ASSIGN_OR_RETURN(auto buffer, CopyOf(bytes, name));
  return Make(std::move(buffer), nullptr, std::string(name), GraphCheck::kAll);
}

StatusOr<std::shared_ptr<const GraphBase>> GraphBase::FromSections(const GraphSections& s) {
  const uint64_t size = GraphFileBytes(s.header, s.key_bytes.size());
  auto buffer = HugeBuffer::Allocate(size);
  if (buffer == nullptr) return ResourceExhausted("new graph: no memory for ", size, " bytes");
  EncodeGraph(s, buffer->bytes());
  return Make(std::move(buffer), nullptr, "new graph", GraphCheck::kStructure);
}

StatusOr<std::shared_ptr<const GraphBase>> GraphBase::Open(const std::string& dir) {
  std::string path = JoinPath(dir, kGraphFileName);
  LARDER_ASSIGN_OR_RETURN(auto map, MappedFile::Open(path));
  if (map->bytes().size() > kMaxGraphFileBytes) {
    return ResourceExhausted(path, ": ", map->bytes().size(), " bytes, expected at most ",
                             kMaxGraphFileBytes);
  }
  return Make(nullptr, std::move(map), std::move(path), GraphCheck::kStructure);
}

Status GraphBase::Load() const {
  MutexLock lock(load_mu_);
  if (is_loaded() || is_damaged()) return damage_;
  LARDER_ASSIGN_OR_RETURN(auto buffer, CopyOf(bytes(), name_));
  StatusOr<GraphSections> sections = DecodeGraph(buffer->view(), name_, GraphCheck::kAll);
  // What was derived when it was opened holds for the same structure only.
  if (sections.ok() && sections->structure_checksum != mapped_.structure_checksum) {
    sections = DataLoss(name_, ": the file was replaced while it was mapped");
  }
  if (!sections.ok()) {
    damage_ = sections.status();
    damaged_.store(true, std::memory_order_release);
    return damage_;
  }
  buffer_ = std::move(buffer);
  loaded_ = *sections;
  sections_.store(&loaded_, std::memory_order_release);
  return OkStatus();
}

Status GraphBase::damage() const {
  MutexLock lock(load_mu_);
  return damage_;
}

Status GraphBase::Save(FileSystem& fs, const std::string& dir) const {
  LARDER_RETURN_IF_ERROR(fs.MakeDirs(dir));
  return WriteFileAtomically(fs, JoinPath(dir, kGraphFileName), bytes());
}

// What is cheap to recompute is not stored: it could only be wrong.
void GraphBase::Derive() {
  const GraphSections& s = sections();
  const GraphHeader& h = s.header;
  shape_ = h.shape();
  size_t begin = 0;
  for (uint32_t level = 1; level < h.level_count; ++level) {
    upper_begin_[level] = begin;
    begin += size_t{h.nodes_at_level[level]} * h.degree;
  }
  row_begin_.assign(size_t{h.node_count} + 1, 0);
  for (const uint32_t node : s.node_of_row) ++row_begin_[node + 1];
  for (size_t node = 0; node < h.node_count; ++node) row_begin_[node + 1] += row_begin_[node];
  if (MayTrustSketches(s)) sketch_shape_ = h.sketch();
}

std::string_view GraphBase::key(size_t row) const {
  const GraphSections& s = sections();
  const uint32_t begin = row == 0 ? 0 : s.key_ends[row - 1];
  return s.key_bytes.substr(begin, s.key_ends[row] - begin);
}

size_t GraphBase::size_bytes() const {
  return sizeof(*this) + bytes().size() +
         sizeof(uint32_t) * row_begin_.capacity();
}

}  // namespace larder::ann
