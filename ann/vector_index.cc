// SPDX-License-Identifier: Apache-2.0
#include "ann/vector_index.h"

#include <algorithm>
#include <utility>

namespace larder::ann {

VectorIndex::VectorIndex(const VectorIndexOptions& options)
    : options_(options), delta_(options.shape) {
  LARDER_CHECK(options.shape.dim >= 1 && options.shape.dim <= kMaxDim);
}

VectorView VectorIndex::VectorAt(const Place& place) const {
  if (place.slot != kNone) return delta_.vector(place.slot);
  if (ServedByBase(place)) return base_->vector(base_->node_of_row(place.row));
  return {};
}

VectorView VectorIndex::Find(uint32_t id) const {
  return id < places_.size() ? VectorAt(places_[id]) : VectorView();
}

std::vector<uint32_t> VectorIndex::Ids() const {
  std::vector<uint32_t> ids;
  ids.reserve(size_);
  for (uint32_t id = 0; id < places_.size(); ++id) {
    if (IsLive(places_[id])) ids.push_back(id);
  }
  return ids;
}

Status VectorIndex::Upsert(uint32_t id, std::span<const int8_t> codes) {
  if (codes.size() != shape().size()) {
    return InvalidArgument("index: vector has ", codes.size(), " codes, expected ",
                           shape().size());
  }
  if (id >= options_.max_ids) {
    return InvalidArgument("index: id is ", id, ", expected below ", options_.max_ids);
  }
  if (IsZero(codes)) {
    Remove(id);
    return OkStatus();
  }
  const VectorView vector = View(shape(), codes);
  if (id >= places_.size()) {
    places_.resize(size_t{id} + 1);
    node_of_id_.resize(places_.size(), kNone);
  }
  Place& place = places_[id];
  size_ += IsLive(place) ? 0 : 1;
  if (place.row != kNone) {
    if (base_->vector(base_->node_of_row(place.row)) == vector) {
      Unmask(place.row);
      RemoveFromDelta(place);
      return OkStatus();
    }
    Mask(place.row);
  }
  if (place.slot != kNone) {
    delta_.Overwrite(place.slot, vector);
  } else {
    place.slot = delta_.Append(id, vector);
  }
  return OkStatus();
}

void VectorIndex::Remove(uint32_t id) {
  if (id >= places_.size() || !IsLive(places_[id])) return;
  Place& place = places_[id];
  --size_;
  RemoveFromDelta(place);
  if (place.row != kNone) Mask(place.row);
}

void VectorIndex::RemoveFromDelta(Place& place) {
  if (place.slot == kNone) return;
  const uint32_t moved = delta_.Remove(place.slot);
  if (moved != kNoId) places_[moved].slot = place.slot;
  place.slot = kNone;
}

void VectorIndex::Mask(uint32_t row) {
  if (masked_.Test(row)) return;
  masked_.Set(row);
  ++masked_count_;
  node_of_id_[id_of_row_[row]] = kNone;
  const uint32_t node = base_->node_of_row(row);
  const auto rows = base_->rows_of_node(node);
  for (uint32_t other = rows.begin; other < rows.end; ++other) {
    if (!masked_.Test(other)) return;
  }
  live_nodes_.nodes.Clear(node);
  any_dead_ = true;
}

void VectorIndex::Unmask(uint32_t row) {
  if (!masked_.Test(row)) return;
  masked_.Clear(row);
  --masked_count_;
  node_of_id_[id_of_row_[row]] = base_->node_of_row(row);
  live_nodes_.nodes.Set(base_->node_of_row(row));
}

bool VectorIndex::WantsBase() const {
  if (size_ == 0) return false;
  const size_t base_rows = base_ == nullptr ? 0 : base_->row_count();
  const auto rows = static_cast<double>(base_rows);
  const bool large_delta = delta_.size() > options_.min_delta &&
                           static_cast<double>(delta_.size()) > options_.max_delta_share * rows;
  return large_delta || (base_ != nullptr && WantsRebuild());
}

bool VectorIndex::WantsRebuild() const {
  if (base_ == nullptr) return true;
  if (!any_dead_) return false;
  const auto nodes = static_cast<double>(base_->node_count());
  const auto live = static_cast<double>(live_nodes_.nodes.Count());
  return nodes - live > options_.max_masked_share * nodes;
}

VectorIndex::FoldInput VectorIndex::TakeFoldInput() const {
  Snapshot added;
  CopyVectors(Part::kDelta, 0, id_end(), added);
  return FinishFold(std::move(added));
}

VectorIndex::FoldInput VectorIndex::FinishFold(Snapshot added) const {
  LARDER_CHECK(base_ != nullptr);
  const auto size = static_cast<std::ptrdiff_t>(shape().size());
  size_t kept = 0;
  for (size_t i = 0; i < added.ids.size(); ++i) {
    if (ServedByBase(places_[added.ids[i]])) continue;
    if (kept < i) {
      added.ids[kept] = added.ids[i];
      const auto from = added.codes.begin() + static_cast<std::ptrdiff_t>(i) * size;
      std::copy(from, from + size,
                added.codes.begin() + static_cast<std::ptrdiff_t>(kept) * size);
    }
    ++kept;
  }
  added.ids.resize(kept);
  added.codes.resize(kept * shape().size());
  return {.base = base_, .removed = masked_, .added = std::move(added)};
}

VectorIndex::Snapshot VectorIndex::TakeSnapshot() const {
  Snapshot snapshot;
  snapshot.ids.reserve(size_);
  snapshot.codes.reserve(size_ * shape().size());
  CopyVectors(Part::kAll, 0, id_end(), snapshot);
  return snapshot;
}

void VectorIndex::CopyVectors(Part part, uint32_t begin, uint32_t end, Snapshot& out) const {
  for (uint32_t id = begin; id < std::min(end, id_end()); ++id) {
    if (part == Part::kDelta && places_[id].slot == kNone) continue;
    const VectorView vector = VectorAt(places_[id]);
    if (vector.empty()) continue;
    out.ids.push_back(id);
    vector.AppendTo(out.codes);
  }
}

Status VectorIndex::CheckBase(const GraphBase& base, std::span<const uint32_t> id_of_row) const {
  if (base.space() != options_.space) {
    return FailedPrecondition("index: base is in space ", base.space().Short(), ", expected ",
                              options_.space.Short());
  }
  if (base.shape() != shape()) {
    return InvalidArgument("index: base has vectors of ", base.shape().size(),
                           " codes, expected ", shape().size());
  }
  if (id_of_row.size() != base.row_count()) {
    return InvalidArgument("index: ", id_of_row.size(), " ids for a base of ", base.row_count(),
                           " rows");
  }
  uint32_t end = 0;
  for (const uint32_t id : id_of_row) {
    if (id == kNoId) continue;
    if (id >= options_.max_ids) {
      return InvalidArgument("index: id is ", id, ", expected below ", options_.max_ids);
    }
    end = std::max(end, id + 1);
  }
  Bitmap seen(end);
  for (const uint32_t id : id_of_row) {
    if (id == kNoId) continue;
    if (seen.Test(id)) return InvalidArgument("index: id ", id, " comes twice in a base");
    seen.Set(id);
  }
  return OkStatus();
}

StatusOr<std::unique_ptr<VectorIndex>> VectorIndex::WithBase(
    std::shared_ptr<const GraphBase> base, std::span<const uint32_t> id_of_row) const {
  LARDER_CHECK(base != nullptr);
  LARDER_RETURN_IF_ERROR(CheckBase(*base, id_of_row));
  const auto rows = static_cast<uint32_t>(base->row_count());
  auto with = std::make_unique<VectorIndex>(options_);
  with->size_ = size_;
  with->places_.resize(places_.size());
  with->masked_ = Bitmap(rows);
  for (uint32_t row = 0; row < rows; ++row) {
    const uint32_t id = id_of_row[row];
    if (id == kNoId || Find(id) != base->vector(base->node_of_row(row))) {
      with->masked_.Set(row);
      ++with->masked_count_;
    }
    if (id == kNoId) continue;
    // Ids that were never upserted here may come later: their row is remembered, masked.
    if (id >= with->places_.size()) with->places_.resize(size_t{id} + 1);
    with->places_[id].row = row;
  }
  for (uint32_t id = 0; id < places_.size(); ++id) {
    Place& place = with->places_[id];
    if (!IsLive(places_[id]) || with->ServedByBase(place)) continue;
    place.slot = with->delta_.Append(id, VectorAt(places_[id]));
  }
  with->node_of_id_.assign(with->places_.size(), kNone);
  with->live_nodes_.nodes = Bitmap(base->node_count());
  for (uint32_t row = 0; row < rows; ++row) {
    if (with->masked_.Test(row)) continue;
    with->live_nodes_.nodes.Set(base->node_of_row(row));
    with->node_of_id_[id_of_row[row]] = base->node_of_row(row);
  }
  with->any_dead_ = with->live_nodes_.nodes.Count() < base->node_count();
  with->base_ = std::move(base);
  with->id_of_row_.assign(id_of_row.begin(), id_of_row.end());
  return with;
}

Status VectorIndex::InstallBase(std::shared_ptr<const GraphBase> base,
                                std::span<const uint32_t> id_of_row) {
  LARDER_ASSIGN_OR_RETURN(const auto with, WithBase(std::move(base), id_of_row));
  *this = std::move(*with);
  return OkStatus();
}

VectorIndex::Stats VectorIndex::GetStats() const {
  Stats stats{.size = size_, .masked_rows = masked_count_, .delta_size = delta_.size()};
  stats.size_bytes = sizeof(*this) + places_.capacity() * sizeof(Place) +
                     node_of_id_.capacity() * sizeof(uint32_t) + delta_.size_bytes() +
                     id_of_row_.capacity() * sizeof(uint32_t) + masked_.size_bytes() +
                     live_nodes_.nodes.size_bytes();
  if (base_ != nullptr) {
    stats.base_rows = base_->row_count();
    stats.size_bytes += base_->size_bytes();
  }
  // The draft's copy, FAISS's links and the file, and the map of what replaces the old base.
  const size_t base_bytes = base_ == nullptr ? 0 : base_->size_bytes();
  constexpr size_t kLinkBytes = 256;
  const size_t node_bytes = shape().size() + kLinkBytes;
  stats.next_base_bytes =
      3 * (base_bytes + (base_ == nullptr ? size_ : delta_.size()) * node_bytes);
  stats.next_epoch_bytes = 4 * size_ * node_bytes;  // its vectors, and such a base
  if (size_ > 0) {
    stats.bytes_per_vector = static_cast<double>(stats.size_bytes) / static_cast<double>(size_);
  }
  return stats;
}

}  // namespace larder::ann
