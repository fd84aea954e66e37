// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_SENTENCEPIECE_OWN_TOKENIZER_H_
#define LARDER_TEXT_SENTENCEPIECE_OWN_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "text/sentencepiece/model.h"
#include "text/sentencepiece/normalizer.h"
#include "text/sentencepiece/segmenter.h"
#include "text/sentencepiece/vocabulary.h"
#include "text/sentencepiece/word_cache.h"
#include "text/tokenizer.h"

namespace larder::text::internal {

// Unigram and BPE models without libsentencepiece, with its ids: Encode and EncodeWithOffsets give
// what SentencePieceProcessor::Encode of 0.1.97 gives, for any bytes.
//
// Two ways lead there. The whole way normalises a text and splits it. The way by words cuts a text
// at spaces, takes what it has seen before from a cache, and does the rest word by word; it stops,
// and the text goes the whole way, where it cannot be sure of the same result:
//   - The model must turn spaces into U+2581, and none of its pieces may have U+2581 except at the
//     beginning (at the end, with treat_whitespace_as_suffix). Then no piece reaches from one word
//     into the next, and words are split independently up to what segmenter.h calls trust.
//   - A text is cut at characters that become one space wherever they stand (Normalizer). What is
//     between them must not become or have a space itself.
//   - Words that are not trusted, and texts over 256 KiB, for which trust has no bounds.
//
// Thread-safety: thread-safe.
class OwnTokenizer final : public Tokenizer {
 public:
  // True for unigram and BPE models, except BPE models in which a symbol is spelled like a text:
  // the library gives the symbol's id, or fails.
  static bool Covers(const Model& model);
  // Of a model that Covers.
  // Errors: kDataLoss naming `name`: those of Normalizer::Create and PieceTrie::Build.
  static StatusOr<std::unique_ptr<const OwnTokenizer>> Create(const Model& model,
                                                              std::string_view name);

  bool is_control(int32_t id) const override { return vocabulary_.is_control(id); }
  std::string_view piece(int32_t id) const override { return vocabulary_.piece(id); }
  std::string_view engine() const override { return engine_; }

  // True if all samples of the model's self test give the pieces that it says.
  bool PassesSelfTest(const Model& model) const;

 private:
  struct Work;
  class ByWords;

  OwnTokenizer(const Model& model, Normalizer normalizer);
  static Work& ThreadWork();
  Status EncodeText(std::string_view text, std::vector<int32_t>& ids) const override;
  Status EncodeTextWithOffsets(std::string_view text, std::vector<Token>& tokens) const override;
  void AppendIds(std::string_view normalized, const std::vector<Piece>& pieces,
                 std::vector<int32_t>& ids) const;

  const Vocabulary vocabulary_;
  const Normalizer normalizer_;
  const std::vector<int32_t> byte_ids_;
  const std::string engine_;
  const bool suffix_;
  const bool add_dummy_prefix_;
  const bool remove_extra_whitespaces_;
  std::unique_ptr<const Segmenter> segmenter_;
  // Null: there is no way by words.
  std::unique_ptr<WordCache> cache_;
};

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_SENTENCEPIECE_OWN_TOKENIZER_H_
