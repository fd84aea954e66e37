// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_TEXT_PENDING_TEXTS_H_
#define LARDER_SERVING_TEXT_PENDING_TEXTS_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/status.h"
#include "serving/text/batcher.h"
#include "serving/text/embed_call.h"
#include "serving/text/vector_cache.h"
#include "text/encoder.h"

namespace larder::serving {

// What an encoder has done since start. Thread-safety: thread-safe.
struct EncoderCounts {
  std::atomic<uint64_t> texts{0};   // that got a vector
  std::atomic<uint64_t> tokens{0};  // of them
  std::atomic<uint64_t> cache_hits{0};
  std::atomic<uint64_t> cache_misses{0};
};

// An encoder and what encodes with it, all borrowed.
struct EncoderUse {
  const text::Encoder& encoder;
  uint32_t number = 0;  // one per digest
  EncoderCounts& counts;
  Batcher& batcher;
  VectorCache& cache;
};

// Texts on their way to vectors. Those of a fast encoder (kInt8) are encoded when it starts, by the
// calling thread and helpers; those of a slow one are then in the queue, each different text once,
// unless the cache has them.
//
// Must not outlive what it borrows. Thread-safety: single-thread, not always the same.
class PendingTexts {
 public:
  // The texts are not looked at afterwards.
  // Errors: kResourceExhausted if too much waits already; kDeadlineExceeded, kCancelled. What is
  //         wrong with a text is in its outcome.
  static StatusOr<PendingTexts> Start(const EncoderUse& use,
                                      std::span<const std::string_view> texts,
                                      const EmbedCall& call);
  // The same of tokens, which are taken as they are: nothing is put around them.
  static StatusOr<PendingTexts> StartTokens(const EncoderUse& use,
                                            std::vector<std::vector<int32_t>> ids,
                                            const EmbedCall& call);

  // True if nothing is in the queue: Wait does not.
  bool ready() const { return !ticket_.has_value(); }
  // Once. Errors: kDeadlineExceeded, kCancelled; the encoder's.
  StatusOr<EmbeddedTexts> Wait();

 private:
  // A text that is to be encoded.
  struct Row {
    size_t row = 0;
    std::optional<VectorCache::Key> key;  // nothing: it is not cached
  };

  PendingTexts(const EncoderUse& use, size_t texts, EmbedPriority priority);
  Status EncodeNow(std::span<const std::string_view> texts, const EmbedCall& call);
  void EncodeRow(size_t row, std::string_view text, const EmbedCall& call,
                 text::TokenizedText& tokens);
  Status TakeTexts(std::span<const std::string_view> texts, const EmbedCall& call);
  // Starts what is in `tokens_`.
  Status Submit(const EmbedCall& call);
  // Ends all of it if the call wants all or nothing and this text is wrong.
  void Refuse(const EmbedCall& call, const TextOutcome& outcome) {
    refused_ |= call.all_or_nothing && !outcome.status.ok();
  }
  std::span<int8_t> CodesOf(size_t row);

  EncoderUse use_;
  EmbedPriority priority_;
  EmbeddedTexts result_;
  bool refused_ = false;                     // nothing is encoded
  std::vector<text::TokenizedText> tokens_;  // of `rows_`
  std::vector<Row> rows_;
  std::vector<std::pair<size_t, size_t>> copies_;  // a row that is the same text as an earlier one
  std::vector<int8_t> codes_;                      // of `rows_`, if they are there already
  std::optional<Batcher::Ticket> ticket_;
};

}  // namespace larder::serving

#endif  // LARDER_SERVING_TEXT_PENDING_TEXTS_H_
