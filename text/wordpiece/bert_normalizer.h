// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_WORDPIECE_BERT_NORMALIZER_H_
#define LARDER_TEXT_WORDPIECE_BERT_NORMALIZER_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace larder::text::internal {

// What is done to a text, one after the other, before it is split into words.
enum class NormalizerStep {
  kClean,            // drops control characters, makes a space of each white space
  kSpaceChinese,     // puts a space before and after each ideograph
  kDecompose,        // canonical decomposition, NFD
  kStripNonspacing,  // drops nonspacing marks
  kStripMarks,       // drops all marks
  kLowercase,        // each character for itself, whatever is around it
};

// A character of the normalised text and the bytes [begin, end) of the text that it came from.
struct NormalizedChar {
  char32_t c = 0;
  uint32_t begin = 0;
  uint32_t end = 0;
};

// Applies steps to texts. Where it came from is told as the `tokenizers` package tells it: what a
// character is replaced by has its place; marks that change places do not take it along.
//
// Thread-safety: single-thread.
class BertNormalizer {
 public:
  explicit BertNormalizer(std::span<const NormalizerStep> steps) : steps_(steps) {}

  // The normalised text[begin, end), which must be well-formed UTF-8 on its own. Valid until the
  // next call. Cost: linear but for the sorting of runs of marks.
  // Source: tokenizers 0.23, tokenizer/normalizer.rs and normalizers/bert.rs.
  std::span<const NormalizedChar> Run(std::string_view text, size_t begin, size_t end);

 private:
  struct Part {
    char32_t c;
    uint8_t combining_class;
    bool first;  // of what one character became
  };
  void Apply(NormalizerStep step);
  void Decompose();
  template <typename Keep>
  void Filter(Keep keep);

  const std::span<const NormalizerStep> steps_;
  std::vector<NormalizedChar> chars_;
  std::vector<NormalizedChar> next_;
  std::vector<Part> parts_;
};

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_WORDPIECE_BERT_NORMALIZER_H_
