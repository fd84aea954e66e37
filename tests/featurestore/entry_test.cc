// SPDX-License-Identifier: Apache-2.0
#include "featurestore/entry.h"

#include <gtest/gtest.h>

#include <iostream>
#include <random>

#include "base/bytes.h"
#include "featurestore/column_codec.h"
#include "tests/featurestore/random_batch.h"
#include "tests/support/status_matchers.h"

namespace larder::featurestore {
namespace {

using registry::Column;
using registry::Kind;
using testing::_;
using testing::HasSubstr;

void ExpectSameColumn(const Column& a, const Column& b) {
  EXPECT_EQ(a.type, b.type);
  EXPECT_EQ(a.rows, b.rows);
  EXPECT_EQ(a.offsets, b.offsets);
  EXPECT_EQ(a.ints, b.ints);
  EXPECT_EQ(a.doubles, b.doubles);
  EXPECT_EQ(a.strings.bytes, b.strings.bytes);
  EXPECT_EQ(a.strings.ends, b.strings.ends);
  EXPECT_EQ(a.codes, b.codes);
  EXPECT_EQ(a.floats, b.floats);
  EXPECT_EQ(a.reasons, b.reasons);
  EXPECT_EQ(a.element_reasons, b.element_reasons);
}

void ExpectSameEntry(const Entry& a, const Entry& b) {
  EXPECT_EQ(a.number, b.number);
  EXPECT_EQ(a.previous_checksum, b.previous_checksum);
  EXPECT_EQ(a.revision, b.revision);
  EXPECT_EQ(a.arrival, b.arrival);
  EXPECT_EQ(a.arrival_kind, b.arrival_kind);
  EXPECT_EQ(a.producer, b.producer);
  EXPECT_EQ(a.sequence, b.sequence);
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.control, b.control);
  EXPECT_EQ(a.batch.source, b.batch.source);
  EXPECT_EQ(a.batch.names, b.batch.names);
  ASSERT_EQ(a.batch.size(), b.batch.size());
  for (size_t i = 0; i < a.batch.size(); ++i) {
    EXPECT_EQ(a.batch.infos[i].id, b.batch.infos[i].id);
    EXPECT_EQ(a.batch.infos[i].payload_hash, b.batch.infos[i].payload_hash);
    EXPECT_EQ(a.batch.infos[i].event_time, b.batch.infos[i].event_time);
    EXPECT_EQ(a.batch.infos[i].original_event_time, b.batch.infos[i].original_event_time);
    EXPECT_EQ(a.batch.infos[i].flags, b.batch.infos[i].flags);
  }
  ASSERT_EQ(a.batch.columns.size(), b.batch.columns.size());
  for (size_t i = 0; i < a.batch.columns.size(); ++i) {
    ExpectSameColumn(a.batch.columns[i], b.batch.columns[i]);
  }
}

// `body` with the checksum that belongs to it: damage that the checksum cannot see.
std::string WithChecksum(std::string body) {
  ByteWriter out(body);
  out.Fixed(Hash64(body));
  return body;
}
std::string Body(const std::string& encoded) { return encoded.substr(0, encoded.size() - 8); }

Entry SmallEntry() {
  std::mt19937_64 random(7);
  Entry entry = RandomDataEntry(random);
  entry.number = 3;
  return entry;
}

TEST(Entry, DataEntriesComeBackAsTheyWere) {
  const uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  std::mt19937_64 random(seed);
  for (int i = 0; i < 300; ++i) {
    const Entry entry = RandomDataEntry(random);
    const std::string bytes = EncodeEntry(entry);

    ASSERT_OK_AND_ASSIGN(const Entry decoded, DecodeEntry(bytes));

    ExpectSameEntry(decoded, entry);
    EXPECT_EQ(EncodeEntry(decoded), bytes);
    if (HasFailure()) break;
  }
}

TEST(Entry, ControlEntriesComeBackAsTheyWere) {
  Entry entry;
  entry.number = 9;
  entry.kind = EntryKind::kRevision;
  entry.control = std::string("\0revision", 9);

  ASSERT_OK_AND_ASSIGN(const Entry decoded, DecodeEntry(EncodeEntry(entry)));

  ExpectSameEntry(decoded, entry);
}

TEST(Entry, ATimeColumnThatIsTheEventTimeIsStoredOnce) {
  Entry entry;
  entry.number = 1;
  entry.batch.names = {"time"};
  entry.batch.columns.push_back(Column::Of(registry::Type{.kind = Kind::kTimestamp}));
  for (int i = 0; i < 1'000; ++i) {
    const TimeUs time = 1'700'000'000'000'000 + i * 1'000;
    entry.batch.infos.push_back({{1, 2}, {1, 2}, time, time, 0});
    entry.batch.columns[0].AppendInt(time);
  }

  // 16 bytes of hash and 2 of time per record.
  EXPECT_LT(EncodeEntry(entry).size(), 1'000u * 18 + 100);
}

TEST(Entry, AnyFlippedBitIsDataLoss) {
  const std::string good = EncodeEntry(SmallEntry());
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ (1 << (at % 8)));
    EXPECT_THAT(DecodeEntry(bad), StatusIs(StatusCode::kDataLoss, HasSubstr("log entry")));
  }
}

TEST(Entry, AnyTruncationIsDataLoss) {
  const std::string good = EncodeEntry(SmallEntry());
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_THAT(DecodeEntry(good.substr(0, size)), StatusIs(StatusCode::kDataLoss, _));
    EXPECT_FALSE(
        DecodeEntry(WithChecksum(Body(good).substr(0, std::min(size, Body(good).size() - 1))))
            .ok());
  }
}

TEST(Entry, BytesAfterTheEndAreDataLoss) {
  EXPECT_THAT(DecodeEntry(WithChecksum(Body(EncodeEntry(SmallEntry())) + "x")),
              StatusIs(StatusCode::kDataLoss, HasSubstr("too many")));
}

TEST(Entry, ANewerFormatIsRefusedWithItsNumber) {
  std::string body = Body(EncodeEntry(SmallEntry()));
  body[0] = 9;

  EXPECT_THAT(DecodeEntry(WithChecksum(body)),
              StatusIs(StatusCode::kUnimplemented, HasSubstr("log entry 3: format 9 is newer")));
  body[0] = 0;
  EXPECT_THAT(DecodeEntry(WithChecksum(body)), StatusIs(StatusCode::kDataLoss, _));
}

// Wrong bytes under a right checksum: a bug or a forger. Never a crash, never a huge allocation.
TEST(Entry, ForgedBytesAreDecodedOrRefused) {
  const uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  std::mt19937_64 random(seed);
  int refused = 0;
  for (int i = 0; i < 3'000; ++i) {
    std::string body = Body(EncodeEntry(RandomDataEntry(random)));
    for (uint64_t n = 1 + random() % 3; n > 0; --n) {
      body[random() % body.size()] = static_cast<char>(random() % 3 == 0 ? 0xff : random());
    }
    const StatusOr<Entry> entry = DecodeEntry(WithChecksum(body));
    refused += !entry.ok();
    if (!entry.ok()) continue;
    for (const Column& column : entry->batch.columns) EXPECT_EQ(column.rows, entry->batch.size());
  }
  EXPECT_GT(refused, 100);
}

TEST(Entry, ForgedCountsAllocateNothing) {
  const auto head = [](ByteWriter& out) {
    out.Fixed(uint8_t{1});
    out.Varint(1);
    out.Fixed(uint64_t{0});
    out.Fixed(static_cast<uint8_t>(EntryKind::kData));
    out.Varint(1);
    out.SignedVarint(0);
    out.Fixed(static_cast<uint8_t>(ArrivalKind::kStamped));
    out.String("");
    out.Varint(0);
    out.String("s");
  };
  std::string many_rows;
  ByteWriter rows(many_rows);
  head(rows);
  rows.Varint(uint64_t{1} << 60);
  std::string wide_vector;
  ByteWriter vector(wide_vector);
  head(vector);
  vector.Varint(9'000);
  vector.Varint(1);
  vector.String("v");
  EncodeType(registry::Type{.kind = Kind::kVector, .of = "e", .dimensions = 60'000}, vector);
  wide_vector.append(9'000 * 17, '\0');

  std::string null_elements;
  ByteWriter list(null_elements);
  head(list);
  list.Varint(1);
  list.Varint(1);
  list.String("l");
  EncodeType(registry::Type{.kind = Kind::kInt64, .list = true}, list);
  null_elements.append(1 + 16 + 16 + 1, '\0');  // the record's hashes and time
  list.Fixed(uint8_t{0});                  // a column follows
  list.Fixed(uint8_t{0});                  // no row is null
  list.Varint(uint64_t{1} << 24);          // elements …
  list.Fixed(uint8_t{2});                  // … that are all null

  std::string two_lists;
  ByteWriter lists(two_lists);
  head(lists);
  lists.Varint(1);
  lists.Varint(2);
  for (const char* name : {"a", "b"}) {
    lists.String(name);
    EncodeType(registry::Type{.kind = Kind::kBool, .list = true}, lists);
  }
  two_lists.append(1 + 16 + 16 + 1, '\0');
  two_lists.append(std::string("\0\0\1\0\0", 5));  // one element
  lists.Fixed(uint8_t{0});
  lists.Fixed(uint8_t{0});
  lists.Varint(uint64_t{1} << 24);                // and as many as the limit
  two_lists.append(1 + (size_t{1} << 21), '\0');

  EXPECT_THAT(DecodeEntry(WithChecksum(two_lists)), StatusIs(StatusCode::kDataLoss, _));
  EXPECT_THAT(DecodeEntry(WithChecksum(null_elements)), StatusIs(StatusCode::kDataLoss, _));
  EXPECT_THAT(DecodeEntry(WithChecksum(many_rows)), StatusIs(StatusCode::kDataLoss, _));
  EXPECT_THAT(DecodeEntry(WithChecksum(wide_vector)), StatusIs(StatusCode::kDataLoss, _));
}

TEST(Entry, NextEntryMustContinueTheChain) {  // S11
  Entry first = SmallEntry();
  first.number = 1;
  first.previous_checksum = 0;
  const std::string first_bytes = EncodeEntry(first);
  Entry second = SmallEntry();
  second.number = 2;
  second.previous_checksum = EntryChecksum(first_bytes);
  const std::string second_bytes = EncodeEntry(second);

  EXPECT_OK(DecodeNextEntry(first_bytes, 1, 0));
  EXPECT_OK(DecodeNextEntry(second_bytes, 2, EntryChecksum(first_bytes)));
  EXPECT_THAT(
      DecodeNextEntry(second_bytes, 3, EntryChecksum(first_bytes)),
      StatusIs(StatusCode::kDataLoss, HasSubstr("log entry 3: it says that it is entry 2")));
  EXPECT_THAT(DecodeNextEntry(second_bytes, 2, 17),
              StatusIs(StatusCode::kDataLoss, HasSubstr("does not follow the entry before it")));
}

TEST(Entry, TheStoredBytesAreFrozen) {  // the worked example of docs/formats/log.md
  Entry entry;
  entry.number = 1;
  entry.revision = 1;
  entry.arrival = 1'000;
  entry.batch.source = "clicks";
  entry.batch.infos = {{{1, 2}, {1, 2}, 900, 900, 0}, {{3, 4}, {3, 4}, 950, 950, 0}};
  entry.batch.names = {"at", "pos"};
  entry.batch.columns = {Column::Of(registry::Type{.kind = Kind::kTimestamp}),
                         Column::Of(registry::Type{.kind = Kind::kInt64})};
  entry.batch.columns[0].AppendInt(900);
  entry.batch.columns[0].AppendInt(950);
  entry.batch.columns[1].AppendInt(7);
  entry.batch.columns[1].AppendNull(registry::Reason::kInputNull);

  EXPECT_EQ(ToHex(EncodeEntry(entry)),
            "01"
            "01"
            "0000000000000000"
            "01"
            "01"
            "d00f"
            "01"
            "00"
            "00"
            "06636c69636b73"
            "02"
            "02"
            "026174"
            "0600"
            "03706f73"
            "0200"
            "01"
            "01000000000000000200000000000000"
            "03000000000000000400000000000000"
            "c701"
            "64"
            "01"
            "00"
            "01"
            "02"
            "0e"
            "c2e6d69fea4c6049");
}

TEST(Activation, ComesBackAsItWas) {
  for (const auto kind : {Activation::Kind::kIndexBase, Activation::Kind::kVectors,
                          Activation::Kind::kEpoch, Activation::Kind::kNoBase,
                          Activation::Kind::kAllVectors}) {
    const Activation activation{.kind = kind,
                                .feature = Sha256("feature"),
                                .artifact = Sha256("artifact"),
                                .vectors = "vectors"};

    ASSERT_OK_AND_ASSIGN(const Activation decoded, DecodeActivation(EncodeActivation(activation)));

    EXPECT_EQ(decoded.kind, activation.kind);
    EXPECT_EQ(decoded.feature, activation.feature);
    EXPECT_EQ(decoded.artifact, activation.artifact);
    EXPECT_EQ(decoded.vectors, activation.vectors);
  }
}

// Formats 1 and 2 are the same without the later kinds and without vectors.
TEST(Activation, TheFormatsBeforeAreStillRead) {
  std::string old = EncodeActivation({.kind = Activation::Kind::kVectors,
                                      .feature = Sha256("feature"),
                                      .artifact = Sha256("artifact")});
  for (const char format : {char{1}, char{2}}) {
    old[0] = format;
    ASSERT_OK_AND_ASSIGN(const Activation decoded, DecodeActivation(old));
    EXPECT_EQ(decoded.kind, Activation::Kind::kVectors);
    EXPECT_EQ(decoded.vectors, "");
    EXPECT_THAT(DecodeActivation(old + "x"), StatusIs(StatusCode::kDataLoss, _));
  }
}

TEST(Activation, MalformedBytesAreRefused) {
  const std::string good = EncodeActivation({});
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_THAT(DecodeActivation(good.substr(0, size)), StatusIs(StatusCode::kDataLoss, _));
  }
  std::string unknown = good;
  unknown[1] = 9;
  EXPECT_THAT(DecodeActivation(unknown), StatusIs(StatusCode::kDataLoss, HasSubstr("kind 9")));
  std::string newer = good;
  newer[0] = 4;
  EXPECT_THAT(DecodeActivation(newer), StatusIs(StatusCode::kUnimplemented, _));
}

}  // namespace
}  // namespace larder::featurestore
