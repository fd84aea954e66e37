// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_TEXT_NAMED_ENCODER_H_
#define LARDER_SERVING_TEXT_NAMED_ENCODER_H_

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "base/status.h"
#include "larder/v1/common.pb.h"
#include "serving/context.h"
#include "text/encoder.h"

namespace larder::serving {

// An encoder of the live revision.
struct NamedEncoder {
  Digest digest;
  larder::v1::DefinitionRef ref;
  const text::Encoder* encoder = nullptr;
};

// Finds it by name and loads it if need be.
// Errors: kInvalidArgument for what is no name; kNotFound for an unknown one; kFailedPrecondition
//         for an external one; the store's; as Encoders::Get.
StatusOr<NamedEncoder> FindEncoder(const std::string& name, const Context& context);

// The names of those that take texts, and when they became live.
struct EncoderNames {
  std::vector<std::string> names;
  TimeUs since = 0;  // of the revision
};
StatusOr<EncoderNames> ListEncoders(const Context& context);

}  // namespace larder::serving

#endif  // LARDER_SERVING_TEXT_NAMED_ENCODER_H_
