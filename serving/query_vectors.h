// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_QUERY_VECTORS_H_
#define LARDER_SERVING_QUERY_VECTORS_H_

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/status.h"
#include "registry/stored_feature.h"
#include "serving/context.h"
#include "serving/text/pending_texts.h"

namespace larder::serving {

// The vectors that a read needs of texts in its request: `embed(encoder, request.query)`.
//
// A read holds a snapshot. Apply waits for it, and other reads wait for apply; a slow encoder has a
// queue. So nothing waits for one inside a read: where a vector is not there yet, it is begun and
// the read goes on with an error; once it has let its snapshot go, the vector is waited for, and it
// is run again. Fast encoders, and vectors that the cache has, answer at once.
//
// Borrows what it is made of. Thread-safety: single-thread.
class QueryVectors final : public registry::TextEmbedder {
 public:
  explicit QueryVectors(const Context& context) : context_(context), deadline_(context.deadline) {}

  // Vectors that are begun from now on are of no use later than this; at first the call's deadline.
  void set_deadline(std::chrono::steady_clock::time_point deadline) { deadline_ = deadline; }

  // Errors: as Encoders::Embed; kUnavailable for vectors that are not there yet.
  Status Embed(const Digest& encoder, registry::TextRole role,
               std::span<const std::string_view> texts, std::span<int8_t> codes) override;
  std::string JoinFields(std::span<const std::string_view> fields) const override;

  // What `read` returns, a StatusOr, once all vectors that it asked for are there or have failed.
  // It is called again and again, and has to let its snapshot go each time.
  // Errors: those of `read`; kDeadlineExceeded, kCancelled.
  template <typename Read>
  auto Run(const Read& read) -> decltype(read()) {
    for (;;) {
      auto result = read();
      if (waiting_.empty()) return result;
      Wait();
      LARDER_RETURN_IF_ERROR(CheckDeadline(context_));
    }
  }

 private:
  struct Key {
    Digest encoder;
    registry::TextRole role;
    std::string text;
    auto operator<=>(const Key&) const = default;
  };
  struct Vector {
    bool made = false;
    Status status;
    std::vector<int8_t> codes;
  };
  using Vectors = std::map<Key, Vector>;
  struct Waiting {
    std::vector<Vectors::iterator> of;
    PendingTexts texts;
  };

  Status Begin(const Digest& encoder, registry::TextRole role,
               std::vector<Vectors::iterator> fresh);
  // Waits for all that was begun.
  void Wait();
  static void Take(Waiting& waiting);

  const Context& context_;
  std::chrono::steady_clock::time_point deadline_;
  Vectors vectors_;
  std::vector<Waiting> waiting_;
};

}  // namespace larder::serving

#endif  // LARDER_SERVING_QUERY_VECTORS_H_
