// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TRANSFORMER_TRANSFORMER_MODEL_H_
#define LARDER_TEXT_TRANSFORMER_TRANSFORMER_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/status.h"
#include "text/transformer/transformer_config.h"

namespace larder::text {

namespace internal {
struct TransformerKernel;
}

// The forward pass of an encoder of the BERT family: token ids to one vector per text.
//
// The vector of a text has the same bits whatever texts are computed with it, on any number of
// threads and on every instruction set (docs/formats/encoder.md, "transformer").
//
// Memory: int8: a byte per weight of the layers and 4 per value of the embedding tables; f32: 4 for
// either. A call borrows room for a pass and gives it back; there are as many as calls at once.
// One holds about 24 · hidden bytes per token of kPassTokens or the longest text, 5 · intermediate
// per token of 48, and (36 + 4 · head size) per token of the longest text.
// Cost of a text: 2 · layers · hidden · (4 · hidden + 2 · intermediate) operations per token, and
// 4 · layers · hidden per pair of tokens: a server that wants to know the cost of a batch adds up
// tokens. all-MiniLM-L6-v2 in int8 on one core: some 60 us a token.
// Thread-safety: thread-safe.
class TransformerModel {
 public:
  // Texts go through the layers together up to so many tokens: from there on a product's rows are
  // enough that reading the weights costs nothing.
  static constexpr size_t kPassTokens = 128;

  // Makes a model from the bytes of model.safetensors, which are needed only while it is made.
  // `kernel` is for tests: null is the fastest that this processor has.
  // Errors: as TransformerWeights::Open.
  // Cost: reads the bytes twice; the weights of one matrix as float besides the result.
  static StatusOr<std::unique_ptr<const TransformerModel>> Create(
      const TransformerConfig& config, std::string_view bytes, std::string_view file,
      const internal::TransformerKernel* kernel = nullptr);
  ~TransformerModel();
  TransformerModel(const TransformerModel&) = delete;
  TransformerModel& operator=(const TransformerModel&) = delete;

  const TransformerConfig& config() const;
  size_t vocab_size() const;
  // What does the work, for people: "avx512vnni int8".
  std::string_view engine() const;
  // Of tables and weights, in bytes.
  size_t memory_bytes() const;

  // The vectors of texts, of length 1 each; zero for a text without tokens.
  //
  // Shapes: out [texts.size(), hidden]. Ids must be in [0, vocab_size()), and at most
  // config().max_tokens() of a text (checked: LARDER_CHECK).
  void Encode(std::span<const std::span<const int32_t>> texts, std::span<float> out) const;

 private:
  struct Parts;
  explicit TransformerModel(std::unique_ptr<Parts> parts);

  const std::unique_ptr<Parts> parts_;
};

}  // namespace larder::text

#endif  // LARDER_TEXT_TRANSFORMER_TRANSFORMER_MODEL_H_
