// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_FEATURESTORE_RANDOM_BATCH_H_
#define LARDER_TESTS_FEATURESTORE_RANDOM_BATCH_H_

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "featurestore/entry.h"
#include "registry/column.h"

namespace larder::featurestore {

inline int64_t RandomInt(std::mt19937_64& random) {
  return static_cast<int64_t>(random()) >> (random() % 64);
}

inline std::string RandomText(std::mt19937_64& random) {
  std::string text(random() % 12, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

inline void AddRandomElement(std::mt19937_64& random, registry::Column& column) {
  using registry::Kind;
  switch (column.type.kind) {
    case Kind::kBool:
      return column.AddInt(static_cast<int64_t>(random() % 2));
    case Kind::kFloat:
      return column.AddDouble(static_cast<double>(static_cast<float>(RandomInt(random)) / 3));
    case Kind::kDouble:
      return column.AddDouble(static_cast<double>(RandomInt(random)) / 7);
    case Kind::kString:
    case Kind::kKey:
      return column.AddString(RandomText(random));
    default:
      return column.AddInt(RandomInt(random));
  }
}

inline void AppendRandomRow(std::mt19937_64& random, registry::Column& column, uint64_t nulls) {
  using registry::Kind;
  if (random() % 100 < nulls) return column.AppendNull(registry::Reason::kInputNull);
  const registry::Type& type = column.type;
  if (type.list) {
    for (uint64_t n = random() % 5; n > 0; --n) {
      if (random() % 50 == 0) {
        column.AddNull(registry::Reason::kInputNull);
      } else {
        AddRandomElement(random, column);
      }
    }
    return column.EndList();
  }
  if (type.kind == Kind::kVector && type.int8) {
    std::vector<int8_t> codes(type.dimensions);
    for (int8_t& code : codes) code = static_cast<int8_t>(random());
    return column.AppendCodes(codes);
  }
  if (type.kind == Kind::kVector) {
    std::vector<float> floats(type.dimensions);
    for (float& value : floats) value = static_cast<float>(RandomInt(random));
    return column.AppendFloats(floats);
  }
  // The value of a one-element list is that of a scalar row.
  registry::Column one = registry::Column::Of(type);
  AddRandomElement(random, one);
  if (!one.ints.empty()) return column.AppendInt(one.ints[0]);
  if (!one.doubles.empty()) return column.AppendDouble(one.doubles[0]);
  column.AppendString(one.strings[0]);
}

inline registry::Column RandomColumn(std::mt19937_64& random, size_t rows) {
  using registry::Kind;
  registry::Type type;
  type.kind = static_cast<Kind>(1 + random() % 9);
  type.list = type.kind != Kind::kVector && random() % 3 == 0;
  if (type.kind == Kind::kKey || type.kind == Kind::kVector) type.of = "thing";
  if (type.kind == Kind::kVector) {
    type.dimensions = 1 + static_cast<uint32_t>(random() % 9);
    type.int8 = random() % 2 == 0;
  }
  registry::Column column = registry::Column::Of(type);
  const uint64_t nulls = std::vector<uint64_t>{0, 20, 100}[random() % 3];
  for (size_t row = 0; row < rows; ++row) AppendRandomRow(random, column, nulls);
  return column;
}

inline Hash128 RandomHash(std::mt19937_64& random) { return {random(), random()}; }

inline Entry RandomDataEntry(std::mt19937_64& random) {
  Entry entry;
  entry.number = 1 + random() % 1'000'000;
  entry.previous_checksum = random();
  entry.revision = random() % 100;
  entry.arrival = RandomInt(random);
  entry.arrival_kind = random() % 2 == 0 ? ArrivalKind::kStamped : ArrivalKind::kDeclared;
  entry.producer = RandomText(random);
  entry.sequence = random() % 1'000;
  entry.batch.source = "source";
  const size_t rows = random() % 40;
  const bool own_ids = random() % 2 == 0;
  const bool originals = random() % 2 == 0;
  const bool flags = random() % 2 == 0;
  for (size_t row = 0; row < rows; ++row) {
    RecordInfo info;
    info.payload_hash = RandomHash(random);
    info.id = own_ids ? RandomHash(random) : info.payload_hash;
    info.event_time = RandomInt(random);
    info.original_event_time = originals ? RandomInt(random) : info.event_time;
    if (flags) info.flags = static_cast<uint8_t>(random() % 8);
    entry.batch.infos.push_back(info);
  }
  for (uint64_t n = random() % 6; n > 0; --n) {
    entry.batch.names.push_back("column_" + std::to_string(n));
    entry.batch.columns.push_back(RandomColumn(random, rows));
  }
  // As ingest makes it: a time column that is the original event time.
  registry::Column times = registry::Column::Of(registry::Type{.kind = registry::Kind::kTimestamp});
  for (const RecordInfo& info : entry.batch.infos) times.AppendInt(info.original_event_time);
  entry.batch.names.push_back("time");
  entry.batch.columns.push_back(std::move(times));
  return entry;
}

}  // namespace larder::featurestore

#endif  // LARDER_TESTS_FEATURESTORE_RANDOM_BATCH_H_
