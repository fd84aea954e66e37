// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_READ_INFO_H_
#define LARDER_SERVING_READ_INFO_H_

#include <string_view>

#include "base/clock.h"
#include "base/hash.h"
#include "featurestore/store.h"
#include "larder/v1/common.pb.h"

namespace larder::serving {

// Microseconds as protobuf's times.
void SetTime(TimeUs time, google::protobuf::Timestamp* out);
void SetDuration(DurationUs duration, google::protobuf::Duration* out);

// Position, T and semantics of a read (R1), and the revision that it took definitions from.
void SetReadInfo(const featurestore::Snapshot& snapshot, uint64_t revision,
                 larder::v1::ReadInfo* out);

// One more definition that the read evaluated.
void AddDefinition(std::string_view kind, std::string_view name, uint32_t version,
                   const Digest& digest, larder::v1::ReadInfo* out);

}  // namespace larder::serving

#endif  // LARDER_SERVING_READ_INFO_H_
