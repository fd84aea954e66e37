// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_HASH_BYTES_H_
#define LARDER_FEATURESTORE_HASH_BYTES_H_

#include "base/bytes.h"
#include "base/hash.h"

namespace larder::featurestore {

// A hash on disk: high word, low word.
inline void EncodeHash(const Hash128& hash, ByteWriter& out) {
  out.Fixed(hash.high);
  out.Fixed(hash.low);
}
inline Hash128 DecodeHash(ByteReader& in) {
  const auto high = in.Fixed<uint64_t>();
  return {high, in.Fixed<uint64_t>()};
}

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_HASH_BYTES_H_
