// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_TEXT_OPENAI_H_
#define LARDER_SERVING_TEXT_OPENAI_H_

#include <atomic>
#include <chrono>
#include <cstddef>

#include "serving/context.h"
#include "serving/http.h"
#include "serving/metrics.h"

namespace larder::serving {

// OpenAI's API for vectors, with encoders as models: POST /v1/embeddings, GET /v1/models and
// GET /v1/models/ID. Strict where OpenAI is (docs/reference/api.md).
//
// Borrows its parts. Thread-safety: thread-safe.
class OpenAi {
 public:
  // `most`: requests for vectors at once; more are told to try again, so that threads are left for
  // who asks how the server is.
  OpenAi(Backend& backend, Metrics& metrics, std::chrono::milliseconds deadline, size_t most)
      : backend_(backend), metrics_(metrics), deadline_(deadline), most_(most) {}

  // Never throws. Waits for vectors until the deadline.
  HttpReply Answer(const HttpRequest& request);

 private:
  HttpReply CreateEmbeddings(const HttpRequest& request, const Context& context);

  Backend& backend_;
  Metrics& metrics_;
  const std::chrono::milliseconds deadline_;
  const size_t most_;
  std::atomic<size_t> running_{0};
};

}  // namespace larder::serving

#endif  // LARDER_SERVING_TEXT_OPENAI_H_
