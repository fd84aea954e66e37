// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TRANSFORMER_TRANSFORMER_WEIGHTS_H_
#define LARDER_TEXT_TRANSFORMER_TRANSFORMER_WEIGHTS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "text/safetensors.h"
#include "text/transformer/transformer_config.h"

namespace larder::text {

// The tensors of a published model.safetensors of the BERT family: f32, f16 or bf16, names with or
// without the prefix "bert." or "roberta.". Tensors that an encoder does not use (the pooler, heads
// of other tasks, position ids) are not looked at.
//
// Thread-safety: thread-safe. Views the bytes, which must outlive it.
class TransformerWeights {
 public:
  // Checks that every tensor that `config` needs is there, with its type, shape and finite values;
  // `file` is for messages. Takes no memory for values.
  // Errors: kDataLoss naming file and tensor; kUnimplemented for another type of number.
  // Cost: reads all bytes once.
  static StatusOr<TransformerWeights> Open(std::string_view bytes, std::string_view file,
                                           const TransformerConfig& config);

  size_t vocab_size() const { return vocab_size_; }
  // The values of "embeddings." or "encoder.layer.N." tensors, named without a prefix, as float.
  // The name must be one that Open has checked (checked).
  std::vector<float> Read(std::string_view name) const;

 private:
  Status CheckTensor(std::string_view name, const std::vector<uint64_t>& shape) const;
  Status CheckEmbeddings(const TransformerConfig& config);
  Status CheckLayer(const TransformerConfig& config, int32_t layer) const;

  SafeTensors tensors_;
  std::string file_;
  std::string prefix_;
  size_t vocab_size_ = 0;
};

}  // namespace larder::text

#endif  // LARDER_TEXT_TRANSFORMER_TRANSFORMER_WEIGHTS_H_
