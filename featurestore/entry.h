// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_ENTRY_H_
#define LARDER_FEATURESTORE_ENTRY_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/hash.h"
#include "base/status.h"
#include "featurestore/record_batch.h"

namespace larder::featurestore {

enum class EntryKind : uint8_t {
  kData = 1,      // `batch`
  kRevision = 2,  // `control` is a registry::RevisionRecord
  kActivate = 3,  // `control` is an Activation
};

enum class ArrivalKind : uint8_t { kStamped = 1, kDeclared = 2 };

// One log entry (S1.10). On disk: docs/formats/log.md.
struct Entry {
  uint64_t number = 0;             // 1, 2, 3 … without holes
  uint64_t previous_checksum = 0;  // of the entry before it; chained (S11)
  uint64_t revision = 0;           // that validated it
  TimeUs arrival = 0;
  ArrivalKind arrival_kind = ArrivalKind::kStamped;
  std::string producer;            // may be empty
  uint64_t sequence = 0;
  EntryKind kind = EntryKind::kData;
  RecordBatch batch;
  std::string control;
};

// The stored bytes, checksum last.
std::string EncodeEntry(const Entry& entry);
// Errors: kDataLoss naming the entry; kUnimplemented for a newer format.
StatusOr<Entry> DecodeEntry(std::string_view bytes);
// Also checks that it is entry `number` and follows the one with `previous_checksum` (S11); entry 1
// follows 0. Errors: also kDataLoss.
StatusOr<Entry> DecodeNextEntry(std::string_view bytes, uint64_t number,
                                uint64_t previous_checksum);
// The checksum at the end of an encoded entry (the next entry's previous_checksum).
uint64_t EntryChecksum(std::string_view bytes);

// Makes visible what was made outside of apply (R4, S7.3, S7.4).
struct Activation {
  enum class Kind : uint8_t {
    kIndexBase = 1,   // artifact: an `ann` graph base of vector feature `feature`
    kVectors = 2,     // `vectors` of `feature` for some of its rows, which a job made
    kEpoch = 3,       // `feature` is active from here on
    kNoBase = 4,      // the index of `feature` goes on without the base that it has
    kAllVectors = 5,  // all rows have had their vectors of `feature`
  };
  bool HasArtifact() const { return kind == Kind::kIndexBase; }

  Kind kind = Kind::kIndexBase;
  Digest feature;       // the VectorFeature
  Digest artifact{};    // in the artifact store; zero if the kind has none
  std::string vectors{};  // a list of vectors (vector_list.h); empty if the kind has none
};
std::string EncodeActivation(const Activation& activation);
StatusOr<Activation> DecodeActivation(std::string_view bytes);

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_ENTRY_H_
