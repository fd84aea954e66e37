// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_VALUE_H_
#define LARDER_REGISTRY_VALUE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "registry/type.h"

namespace larder::registry {

// One value by itself: slow and plain. The reference implementations of the functions work on
// these; programs never do.
struct Value {
  Type type;
  Reason reason = Reason::kValid;
  int64_t integer = 0;           // kBool, kInt64, kTimestamp, kDuration
  double number = 0;             // kFloat, kDouble
  std::string text;              // kString, kKey
  std::vector<double> vector;    // kVector: codes or floats
  std::vector<Value> elements;   // lists

  bool valid() const { return reason == Reason::kValid; }
  // A number of any kind, as double.
  double AsDouble() const {
    return type.kind == Kind::kInt64 ? static_cast<double>(integer) : number;
  }

  static Value Null(Type type, Reason reason);
  static Value Bool(bool value);
  static Value Int(int64_t value);
  // Null `input_null` if `value` is not finite, as everywhere in the language.
  static Value Double(double value);
  static Value Text(std::string value);
  static Value Timestamp(int64_t value);
  static Value Duration(int64_t value);
};

}  // namespace larder::registry

#endif  // LARDER_REGISTRY_VALUE_H_
