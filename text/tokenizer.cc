// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer.h"

#include <string>
#include <utility>

#include "text/internal/sentencepiece_bridge.h"
#include "text/internal/sentencepiece_check.h"

namespace larder::text {

StatusOr<std::unique_ptr<const Tokenizer>> Tokenizer::Open(std::string_view model_bytes,
                                                           std::string_view name) {
  if (model_bytes.size() > kMaxTokenizerBytes) {
    return DataLoss(name, ": a tokenizer of ", model_bytes.size(), " bytes, the limit is ",
                    kMaxTokenizerBytes);
  }
  LARDER_RETURN_IF_ERROR(internal::CheckSentencePieceModel(model_bytes, name));
  std::string error;
  auto model = internal::SentencePieceModel::Load(model_bytes, error);
  if (model == nullptr) {
    return DataLoss(name, ": libsentencepiece refuses the model: ", error);
  }
  return std::unique_ptr<const Tokenizer>(new Tokenizer(std::move(model)));
}

Tokenizer::Tokenizer(std::unique_ptr<const internal::SentencePieceModel> model)
    : model_(std::move(model)),
      vocab_size_(model_->size()),
      unknown_id_(model_->unknown_id()) {}

Tokenizer::~Tokenizer() = default;

Status Tokenizer::Encode(std::string_view text, std::vector<int32_t>& ids) const {
  if (text.size() > kMaxTextBytes) {
    ids.clear();
    return InvalidArgument("a text of ", text.size(), " bytes, the limit is ", kMaxTextBytes);
  }
  std::string error;
  if (!model_->Encode(text, ids, error)) return Internal("libsentencepiece failed: ", error);
  return OkStatus();
}

bool Tokenizer::is_control(int32_t id) const {
  return id >= 0 && id < vocab_size_ && model_->is_control(id);
}

std::string_view Tokenizer::piece(int32_t id) const {
  if (id < 0 || id >= vocab_size_) return {};
  return model_->piece(id);
}

}  // namespace larder::text
