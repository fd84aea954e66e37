// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_KNOWN_NAMES_H_
#define LARDER_SERVING_KNOWN_NAMES_H_

#include <string>

namespace larder::serving {

// What follows an unknown name in a message: ", expected one of user, seed", or "; there are none".
// `range`: of things that have a `name`.
template <typename Range>
std::string ExpectedOneOf(const Range& range) {
  std::string names;
  for (const auto& item : range) {
    names += names.empty() ? ", expected one of " : ", ";
    names += item.name;
  }
  return names.empty() ? "; there are none" : names;
}

}  // namespace larder::serving

#endif  // LARDER_SERVING_KNOWN_NAMES_H_
