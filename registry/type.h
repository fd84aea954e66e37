// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_TYPE_H_
#define LARDER_REGISTRY_TYPE_H_

#include <cstdint>
#include <string>

namespace larder::registry {

// The scalar kinds of the definition language (L2). The numbers are stored on disk.
enum class Kind : uint8_t {
  kBool = 1,
  kInt64 = 2,
  kFloat = 3,
  kDouble = 4,
  kString = 5,
  kTimestamp = 6,  // TimeUs
  kDuration = 7,   // DurationUs
  kKey = 8,
  kVector = 9,
};

// A type of the language: `int64`, `list<key<item>>`, `vector<titles>` …
struct Type {
  Kind kind = Kind::kDouble;
  bool list = false;
  // kKey: the entity's name. kVector: the encoder's name, empty for a plain `vector<n>`.
  std::string of = {};
  // kVector: the number of dimensions.
  uint32_t dimensions = 0;
  // kVector: values are int8 codes of a static encoder (the vector *is* int8), else float32.
  bool int8 = false;

  bool operator==(const Type&) const = default;
  // As written in definitions: "list<key<item>>".
  std::string Name() const;
  Type Element() const {
    Type element = *this;
    element.list = false;
    return element;
  }
};

inline bool IsNumber(Kind k) {
  return k == Kind::kInt64 || k == Kind::kFloat || k == Kind::kDouble;
}

// Why a value is null (S4.1); kValid means that it is not. The numbers go over the wire.
enum class Reason : uint8_t {
  kValid = 0,
  kNotFound = 1,
  kDeleted = 2,
  kExpired = 3,
  kEmpty = 4,
  kInputNull = 5,
  kNeverComputed = 6,
  kQuarantined = 7,
  kErased = 8,
  kTooManyKeys = 9,
  kTooManyEvents = 10,
  kPending = 11,
  kFailed = 12,
};
const char* ReasonName(Reason reason);

}  // namespace larder::registry

#endif  // LARDER_REGISTRY_TYPE_H_
