// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_INTERNAL_TILES_H_
#define LARDER_FEATURESTORE_INTERNAL_TILES_H_

#include <bit>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>

#include "base/bytes.h"
#include "featurestore/fixed_sum.h"
#include "featurestore/hash_bytes.h"
#include "featurestore/window_shape.h"

namespace larder::featurestore::internal {

// The accumulators of the aggregates: what a tile holds, and what an exact window folds its
// entries into. Each is a commutative monoid with `Result` as its finaliser.

inline Scalar Valid(int64_t bits) { return {bits, registry::Reason::kValid}; }
inline Scalar Valid(double value) { return Valid(std::bit_cast<int64_t>(value)); }

inline Wide ToFixed(const WindowShape& shape, int64_t bits) {
  return shape.real ? FixedSum::FromDouble(std::bit_cast<double>(bits)) : FixedSum::FromInt(bits);
}

struct CountTile {
  uint64_t count = 0;
  void Add(const WindowShape&, const EventKey&, const Argument&) { ++count; }
  void Merge(const WindowShape&, const CountTile& other) { count += other.count; }
  Scalar Result(const WindowShape&) const { return Valid(static_cast<int64_t>(count)); }
  void Encode(ByteWriter& out) const { out.Varint(count); }
  void Decode(const WindowShape&, ByteReader& in) {
    count = in.Varint();
    if (count == 0) in.Fail();
  }
};

// Sums of int64: exact, null when the result does not fit (S3.2).
struct IntSumTile {
  Wide sum;
  void Add(const WindowShape&, const EventKey&, const Argument& argument) {
    sum.Add(Wide::Of(argument.bits));
  }
  void Merge(const WindowShape&, const IntSumTile& other) { sum.Add(other.sum); }
  Scalar Result(const WindowShape&) const {
    const Int128 value = sum.value();
    if (value > std::numeric_limits<int64_t>::max() ||
        value < std::numeric_limits<int64_t>::min()) {
      return {0, registry::Reason::kFailed};
    }
    return Valid(static_cast<int64_t>(value));
  }
  void Encode(ByteWriter& out) const { WriteWide(out, sum); }
  void Decode(const WindowShape&, ByteReader& in) { sum = ReadWide(in); }
};

struct RealSumTile {
  Wide sum;
  void Add(const WindowShape& shape, const EventKey&, const Argument& argument) {
    sum.Add(ToFixed(shape, argument.bits));
  }
  void Merge(const WindowShape&, const RealSumTile& other) { sum.Add(other.sum); }
  Scalar Result(const WindowShape&) const { return Valid(FixedSum::ToDouble(sum)); }
  void Encode(ByteWriter& out) const { WriteWide(out, sum); }
  void Decode(const WindowShape&, ByteReader& in) { sum = ReadWide(in); }
};

struct MeanTile {
  Wide sum;
  uint64_t count = 0;
  void Add(const WindowShape& shape, const EventKey&, const Argument& argument) {
    sum.Add(ToFixed(shape, argument.bits));
    ++count;
  }
  void Merge(const WindowShape&, const MeanTile& other) {
    sum.Add(other.sum);
    count += other.count;
  }
  Scalar Result(const WindowShape&) const {
    if (count == 0) return {0, registry::Reason::kEmpty};
    return Valid(FixedSum::Mean(sum, count));
  }
  void Encode(ByteWriter& out) const {
    out.Varint(count);
    WriteWide(out, sum);
  }
  void Decode(const WindowShape&, ByteReader& in) {
    count = in.Varint();
    sum = ReadWide(in);
    if (count == 0) in.Fail();
  }
};

// min and max; never by subtraction, so a tile is kept per hop.
template <bool kMax>
struct ExtremeTile {
  int64_t bits = 0;
  bool empty = true;
  void Add(const WindowShape& shape, const EventKey&, const Argument& argument) {
    Take(shape, argument.bits);
  }
  void Merge(const WindowShape& shape, const ExtremeTile& other) {
    if (!other.empty) Take(shape, other.bits);
  }
  Scalar Result(const WindowShape&) const {
    return empty ? Scalar{0, registry::Reason::kEmpty} : Valid(bits);
  }
  void Encode(ByteWriter& out) const { out.Fixed(bits); }
  void Decode(const WindowShape&, ByteReader& in) {
    bits = in.Fixed<int64_t>();
    empty = false;
  }

 private:
  void Take(const WindowShape& shape, int64_t other) {
    const int64_t a = OrderedBits(shape, other);
    const int64_t b = OrderedBits(shape, bits);
    if (empty || (kMax ? a > b : a < b)) bits = other;
    empty = false;
  }
};

// One record of a key with its argument, as first, last and exact windows keep them. `Value` is
// int64_t (the argument's bits) or std::string.
template <typename Value>
struct Entry {
  EventKey key;
  Value value{};

  static Entry Of(const EventKey& key, const Argument& argument) {
    if constexpr (std::is_same_v<Value, std::string>) {
      return {key, std::string(argument.text)};
    } else {
      return {key, argument.bits};
    }
  }
  Argument argument() const {
    if constexpr (std::is_same_v<Value, std::string>) {
      return {0, value};
    } else {
      return {value, {}};
    }
  }
  size_t HeapBytes() const {
    if constexpr (std::is_same_v<Value, std::string>) {
      return value.capacity() > 15 ? value.capacity() + 1 : 0;
    } else {
      return 0;
    }
  }
  void Encode(ByteWriter& out) const {
    out.SignedVarint(key.event_time);
    out.SignedVarint(key.original_event_time - key.event_time);
    EncodeHash(key.id, out);
    if constexpr (std::is_same_v<Value, std::string>) {
      out.String(value);
    } else {
      out.Fixed(value);
    }
  }
  // At least 19 bytes.
  static Entry Decode(ByteReader& in) {
    Entry entry;
    entry.key.event_time = in.SignedVarint();
    if (__builtin_add_overflow(entry.key.event_time, in.SignedVarint(),
                               &entry.key.original_event_time)) {
      in.Fail();
    }
    entry.key.id = DecodeHash(in);
    if constexpr (std::is_same_v<Value, std::string>) {
      entry.value = std::string(in.String());
    } else {
      entry.value = in.Fixed<int64_t>();
    }
    return entry;
  }
};
inline constexpr size_t kMinEntryBytes = 19;

// The earliest record of the tile.
template <typename Value>
struct FirstTile {
  Entry<Value> first;
  bool empty = true;
  void Add(const WindowShape&, const EventKey& key, const Argument& argument) {
    if (!empty && first.key <= key) return;
    first = Entry<Value>::Of(key, argument);
    empty = false;
  }
  void Merge(const WindowShape&, const FirstTile& other) {
    if (other.empty || (!empty && first.key <= other.first.key)) return;
    first = other.first;
    empty = false;
  }
  Scalar Result(const WindowShape&) const {
    if constexpr (std::is_same_v<Value, std::string>) {
      return {0, registry::Reason::kFailed};  // texts are read through AppendAt
    } else {
      return empty ? Scalar{0, registry::Reason::kEmpty} : Valid(first.value);
    }
  }
  void Encode(ByteWriter& out) const { first.Encode(out); }
  void Decode(const WindowShape& shape, ByteReader& in) {
    first = Entry<Value>::Decode(in);
    empty = false;
    (void)shape;
  }
};

}  // namespace larder::featurestore::internal

#endif  // LARDER_FEATURESTORE_INTERNAL_TILES_H_
