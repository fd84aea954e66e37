// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_EMBED_H_
#define LARDER_SERVING_EMBED_H_

#include <cstddef>
#include <utility>

#include "base/status.h"
#include "larder/v1/text_service.pb.h"
#include "serving/context.h"
#include "serving/text/named_encoder.h"
#include "serving/text/pending_texts.h"

namespace larder::serving {

// The forms of vectors that a reply has, and their length.
struct EmbedWant {
  bool codes = false;
  bool vectors = false;
  bool halves = false;
  size_t dimensions = 0;
};

// A request for vectors whose texts are on their way. Thread-safety: single-thread, not always the
// same.
class PendingEmbed {
 public:
  // Does not keep the request; the context's backend and `cancelled` must stay.
  // Errors: as the proto says.
  static StatusOr<PendingEmbed> Start(const larder::v1::EmbedRequest& request,
                                      const Context& context);
  size_t texts() const { return texts_; }
  // Once. Errors: kDeadlineExceeded, kCancelled; the encoder's.
  StatusOr<larder::v1::EmbedResponse> Finish();

 private:
  PendingEmbed(NamedEncoder encoder, EmbedWant want, size_t texts, PendingTexts pending)
      : encoder_(std::move(encoder)), want_(want), texts_(texts), pending_(std::move(pending)) {}

  NamedEncoder encoder_;
  EmbedWant want_;
  size_t texts_ = 0;
  PendingTexts pending_;
};

// TextService.Embed and .Tokenize. Errors: as the proto says.
StatusOr<larder::v1::EmbedResponse> Embed(const larder::v1::EmbedRequest& request,
                                          const Context& context);
StatusOr<larder::v1::TokenizeResponse> Tokenize(const larder::v1::TokenizeRequest& request,
                                                const Context& context);

}  // namespace larder::serving

#endif  // LARDER_SERVING_EMBED_H_
