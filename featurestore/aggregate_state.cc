// SPDX-License-Identifier: Apache-2.0
#include "featurestore/aggregate_state.h"

#include <algorithm>
#include <limits>
#include <string>

#include "featurestore/internal/exact_state.h"
#include "featurestore/internal/recent_state.h"
#include "featurestore/internal/tiled_state.h"

namespace larder::featurestore {
namespace {

using registry::AggregateFunction;
using registry::Kind;
using registry::Reason;

template <typename Tile, typename Value = int64_t>
std::unique_ptr<AggregateState> MakeWindow(const WindowShape& shape) {
  if (shape.exact()) return std::make_unique<internal::ExactState<Tile, Value>>();
  return std::make_unique<internal::TiledState<Tile>>();
}

}  // namespace

WindowShape WindowShape::Of(const registry::Aggregate& aggregate) {
  const bool has_argument = aggregate.has_argument;
  const Kind kind = aggregate.argument_type.kind;
  WindowShape shape;
  shape.function = aggregate.function;
  shape.window = aggregate.window;
  shape.n = std::max<uint32_t>(aggregate.n, 1);
  shape.list = aggregate.function == AggregateFunction::kLast && aggregate.n > 0;
  shape.distinct = aggregate.distinct;
  shape.text = has_argument && (kind == Kind::kString || kind == Kind::kKey);
  shape.real = has_argument && (kind == Kind::kDouble || kind == Kind::kFloat);
  shape.type = aggregate.type;
  return shape;
}

std::unique_ptr<AggregateState> AggregateState::Make(const WindowShape& shape) {
  switch (shape.function) {
    case AggregateFunction::kCount: return MakeWindow<internal::CountTile>(shape);
    case AggregateFunction::kSum:
      return shape.real ? MakeWindow<internal::RealSumTile>(shape)
                        : MakeWindow<internal::IntSumTile>(shape);
    case AggregateFunction::kMean: return MakeWindow<internal::MeanTile>(shape);
    case AggregateFunction::kMin: return MakeWindow<internal::ExtremeTile<false>>(shape);
    case AggregateFunction::kMax: return MakeWindow<internal::ExtremeTile<true>>(shape);
    case AggregateFunction::kFirst:
      return shape.text
                 ? MakeWindow<internal::FirstTile<std::string>, std::string>(shape)
                 : MakeWindow<internal::FirstTile<int64_t>>(shape);
    case AggregateFunction::kLast:
      if (shape.text) return std::make_unique<internal::RecentState<std::string>>();
      return std::make_unique<internal::RecentState<int64_t>>();
  }
  LARDER_CHECK(false);
}

bool AggregateState::Update(const WindowShape& shape, const EventKey& key,
                            const Argument& argument) {
  if (!shape.Holds(argument)) {
    if (skipped_ < std::numeric_limits<uint32_t>::max()) ++skipped_;
    return false;
  }
  if (key.event_time > newest_) {
    newest_ = key.event_time;
    Prune(shape, shape.Cut(newest_));
  } else if (key.event_time < shape.Cut(newest_)) {
    return true;
  }
  Fold(shape, key, argument);
  return true;
}

void AggregateState::Merge(const WindowShape& shape, const AggregateState& other) {
  newest_ = std::max(newest_, other.newest_);
  const uint64_t skipped = uint64_t{skipped_} + other.skipped_;
  skipped_ = static_cast<uint32_t>(
      std::min<uint64_t>(skipped, std::numeric_limits<uint32_t>::max()));
  MergeFrom(shape, other);
  Prune(shape, shape.Cut(newest_));
}

int64_t AggregateState::WindowId(TimeUs) const { return 0; }

void AggregateState::AppendAt(const WindowShape& shape, TimeUs start,
                              registry::Column& out) const {
  const Scalar scalar = ScalarAt(shape, start);
  if (scalar.reason != Reason::kValid) {
    out.AppendNull(scalar.reason);
  } else if (shape.type.kind == Kind::kDouble || shape.type.kind == Kind::kFloat) {
    out.AppendDouble(std::bit_cast<double>(scalar.bits));
  } else {
    out.AppendInt(scalar.bits);
  }
}

void AggregateState::Encode(std::string& out) const {
  ByteWriter writer(out);
  writer.Varint(skipped_);
  writer.Fixed<uint8_t>(newest_ != kNever);
  if (newest_ != kNever) writer.SignedVarint(newest_);
  EncodeBody(writer);
}

StatusOr<std::unique_ptr<AggregateState>> AggregateState::Decode(const WindowShape& shape,
                                                                 std::string_view bytes) {
  ByteReader in(bytes);
  auto state = Make(shape);
  const uint64_t skipped = in.Varint();
  if (skipped > std::numeric_limits<uint32_t>::max()) in.Fail();
  state->skipped_ = static_cast<uint32_t>(skipped);
  const auto has_newest = in.Fixed<uint8_t>();
  if (has_newest > 1) in.Fail();
  if (has_newest == 1) state->newest_ = in.SignedVarint();
  state->DecodeBody(shape, in);
  LARDER_RETURN_IF_ERROR(in.Finish("window state"));
  return state;
}

Scalar IdentityScalar(const WindowShape& shape) {
  const bool zero = shape.function == AggregateFunction::kCount ||
                    shape.function == AggregateFunction::kSum;
  return {0, zero ? Reason::kValid : Reason::kEmpty};
}

void AppendIdentity(const WindowShape& shape, registry::Column& out) {
  if (shape.list) {
    out.EndList();
  } else if (IdentityScalar(shape).reason != Reason::kValid) {
    out.AppendNull(Reason::kEmpty);
  } else if (shape.type.kind == Kind::kDouble || shape.type.kind == Kind::kFloat) {
    out.AppendDouble(0);
  } else {
    out.AppendInt(0);
  }
}

}  // namespace larder::featurestore
