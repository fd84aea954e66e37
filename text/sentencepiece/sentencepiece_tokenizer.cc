// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece/sentencepiece_tokenizer.h"

#include <string>
#include <utility>

#include "text/sentencepiece/sentencepiece_bridge.h"
#include "text/sentencepiece/sentencepiece_check.h"

namespace larder::text {
namespace {

class LibraryTokenizer final : public Tokenizer {
 public:
  explicit LibraryTokenizer(std::unique_ptr<const internal::SentencePieceModel> model)
      : Tokenizer(model->size(), model->unknown_id()), model_(std::move(model)) {}

  bool is_control(int32_t id) const override {
    return id >= 0 && id < vocab_size() && model_->is_control(id);
  }
  std::string_view piece(int32_t id) const override {
    if (id < 0 || id >= vocab_size()) return {};
    return model_->piece(id);
  }
  std::string_view engine() const override { return "libsentencepiece"; }

 private:
  Status EncodeText(std::string_view text, std::vector<int32_t>& ids) const override {
    std::string error;
    if (!model_->Encode(text, ids, error)) return Internal("libsentencepiece failed: ", error);
    return OkStatus();
  }
  Status EncodeTextWithOffsets(std::string_view, std::vector<Token>&) const override {
    return Unimplemented("offsets of ", engine());
  }

  const std::unique_ptr<const internal::SentencePieceModel> model_;
};

}  // namespace

StatusOr<std::unique_ptr<const Tokenizer>> OpenSentencePiece(std::string_view model_bytes,
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
  return std::unique_ptr<const Tokenizer>(new LibraryTokenizer(std::move(model)));
}

}  // namespace larder::text
