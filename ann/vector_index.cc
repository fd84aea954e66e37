// SPDX-License-Identifier: Apache-2.0
#include "ann/vector_index.h"

#include <algorithm>
#include <utility>

#include "ann/distance.h"

namespace larder::ann {
namespace {

bool Equal(std::span<const int8_t> a, std::span<const int8_t> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace

VectorIndex::VectorIndex(const VectorIndexOptions& options)
    : options_(options), delta_(options.dim) {
  LARDER_CHECK(options.dim >= 1 && options.dim <= kMaxDim);
}

std::span<const int8_t> VectorIndex::VectorAt(const Place& place) const {
  if (place.slot != kNone) return delta_.vector(place.slot);
  if (ServedByBase(place)) return base_->vector(base_->node_of_row(place.row));
  return {};
}

std::span<const int8_t> VectorIndex::Find(uint32_t id) const {
  return id < places_.size() ? VectorAt(places_[id]) : std::span<const int8_t>();
}

std::vector<uint32_t> VectorIndex::Ids() const {
  std::vector<uint32_t> ids;
  ids.reserve(size_);
  for (uint32_t id = 0; id < places_.size(); ++id) {
    if (IsLive(places_[id])) ids.push_back(id);
  }
  return ids;
}

Status VectorIndex::Upsert(uint32_t id, std::span<const int8_t> vector) {
  if (vector.size() != options_.dim) {
    return InvalidArgument("index: vector has dim ", vector.size(), ", expected ", options_.dim);
  }
  if (id >= options_.max_ids) {
    return InvalidArgument("index: id is ", id, ", expected below ", options_.max_ids);
  }
  if (SquaredNorm(vector) == 0) {
    Remove(id);
    return OkStatus();
  }
  if (id >= places_.size()) places_.resize(size_t{id} + 1);
  Place& place = places_[id];
  size_ += IsLive(place) ? 0 : 1;
  if (place.row != kNone) {
    if (Equal(base_->vector(base_->node_of_row(place.row)), vector)) {
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
  const uint32_t node = base_->node_of_row(row);
  const auto rows = base_->rows_of_node(node);
  if (std::all_of(rows.begin(), rows.end(), [this](uint32_t r) { return masked_.Test(r); })) {
    dead_nodes_.Set(node);
  }
}

void VectorIndex::Unmask(uint32_t row) {
  if (!masked_.Test(row)) return;
  masked_.Clear(row);
  --masked_count_;
  dead_nodes_.Clear(base_->node_of_row(row));
}

bool VectorIndex::WantsBase() const {
  if (size_ == 0) return false;
  const size_t base_rows = base_ == nullptr ? 0 : base_->row_count();
  const auto rows = static_cast<double>(base_rows);
  const bool large_delta = delta_.size() > options_.min_delta &&
                           static_cast<double>(delta_.size()) > options_.max_delta_share * rows;
  return large_delta || static_cast<double>(masked_count_) > options_.max_masked_share * rows;
}

VectorIndex::Snapshot VectorIndex::TakeSnapshot() const {
  Snapshot snapshot{.ids = Ids(), .vectors = {}};
  snapshot.vectors.reserve(size_ * options_.dim);
  for (const uint32_t id : snapshot.ids) {
    const std::span<const int8_t> v = Find(id);
    snapshot.vectors.insert(snapshot.vectors.end(), v.begin(), v.end());
  }
  return snapshot;
}

Status VectorIndex::CheckBase(const GraphBase& base, std::span<const uint32_t> id_of_row) const {
  if (base.space() != options_.space) {
    return FailedPrecondition("index: base is in space ", base.space().Short(), ", expected ",
                              options_.space.Short());
  }
  if (base.dim() != options_.dim) {
    return InvalidArgument("index: base has dim ", base.dim(), ", expected ", options_.dim);
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
    if (id == kNoId || !Equal(Find(id), base->vector(base->node_of_row(row)))) {
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
  with->dead_nodes_ = Bitmap(base->node_count());
  for (uint32_t node = 0; node < base->node_count(); ++node) {
    const auto node_rows = base->rows_of_node(node);
    if (std::all_of(node_rows.begin(), node_rows.end(),
                    [&](uint32_t row) { return with->masked_.Test(row); })) {
      with->dead_nodes_.Set(node);
    }
  }
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
  stats.size_bytes = sizeof(*this) + places_.capacity() * sizeof(Place) + delta_.size_bytes() +
                     id_of_row_.capacity() * sizeof(uint32_t) + masked_.size_bytes() +
                     dead_nodes_.size_bytes();
  if (base_ != nullptr) {
    stats.base_rows = base_->row_count();
    stats.size_bytes += base_->size_bytes();
  }
  if (size_ > 0) {
    stats.bytes_per_vector = static_cast<double>(stats.size_bytes) / static_cast<double>(size_);
  }
  return stats;
}

}  // namespace larder::ann
