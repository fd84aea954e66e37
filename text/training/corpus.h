// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TRAINING_CORPUS_H_
#define LARDER_TEXT_TRAINING_CORPUS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "text/document.h"
#include "text/internal/random.h"
#include "text/progress.h"
#include "text/tokenizer.h"

namespace larder::text::internal {

// Documents as the pieces of their titles and sentences, in memory; unknown pieces are left out.
//
// Thread-safety: thread-compatible.
class Corpus {
 public:
  // Of a content only the first so many bytes are read, and of a sentence so many pieces: what
  // comes later says little new, and time is bounded.
  static constexpr size_t kMaxContentBytes = 4'000;
  static constexpr size_t kMaxSentencePieces = 128;

  // Errors: as Tokenizer::Encode, naming the document by its place.
  // Cost: that of the tokenizer, on all processors.
  static StatusOr<Corpus> Read(std::span<const Document* const> documents,
                               const Tokenizer& tokenizer, const Progress& progress);

  size_t size() const { return first_.size() - 1; }
  std::span<const int32_t> title(size_t document) const { return part(first_[document]); }
  size_t sentence_count(size_t document) const {
    return first_[document + 1] - first_[document] - 1;
  }
  std::span<const int32_t> sentence(size_t document, size_t number) const {
    return part(first_[document] + 1 + number);
  }
  // All pieces of a document: its title, then its sentences.
  std::span<const int32_t> all(size_t document) const {
    const size_t begin = begin_[first_[document]];
    return std::span(ids_).subspan(begin, begin_[first_[document + 1]] - begin);
  }
  std::span<const int32_t> ids() const { return ids_; }
  // As Document::time has it.
  TimeUs time(size_t document) const { return times_[document]; }

  // Values of documents' fields that at least kFewestItems documents have; value k has the id
  // vocab_size() + k, beyond the pieces.
  static constexpr uint64_t kFewestItems = 2;
  struct Value {
    std::string name;  // as Document::values has it
    uint64_t items = 0;
  };
  std::span<const Value> values() const { return values_; }
  std::span<const int32_t> values_of(size_t document) const {
    const size_t begin = first_value_[document];
    return std::span(value_ids_).subspan(begin, first_value_[document + 1] - begin);
  }

 private:
  std::span<const int32_t> part(size_t number) const {
    return std::span(ids_).subspan(begin_[number], begin_[number + 1] - begin_[number]);
  }
  void NumberValues(std::span<const Document* const> documents, int32_t first_id);

  std::vector<int32_t> ids_;
  std::vector<size_t> begin_ = {0};  // of each title or sentence
  std::vector<size_t> first_ = {0};  // each document's first part
  std::vector<TimeUs> times_;
  std::vector<Value> values_;
  std::vector<int32_t> value_ids_;
  std::vector<size_t> first_value_ = {0};
};

// Gains to begin with, 0 for the unknown piece and for symbols that stand for no text. A piece that
// never comes has the greatest: in a text to come it is rarest.
//
// ln((1 + n) / (1 + df)) + 1 over that of a piece in no document: best to learn from.
std::vector<float> DocumentFrequencyGains(const Corpus& corpus, const Tokenizer& tokenizer);
// a / (a + share of all pieces): best as they are, on sentences.
// Source: smooth inverse frequency, Arora et al. 2017, with their a = 0.001.
std::vector<float> InverseFrequencyGains(const Corpus& corpus, const Tokenizer& tokenizer);

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_TRAINING_CORPUS_H_
