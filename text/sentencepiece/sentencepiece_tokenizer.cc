// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece/sentencepiece_tokenizer.h"

#include <string>
#include <utility>

#include "text/sentencepiece/model.h"
#include "text/sentencepiece/normalizer.h"
#include "text/sentencepiece/own_tokenizer.h"
#include "text/sentencepiece/sentencepiece_bridge.h"
#include "text/sentencepiece/vocabulary.h"

namespace larder::text {
namespace {

using internal::LibraryToken;
using internal::Model;
using internal::SentencePieceLibrary;

class LibraryTokenizer final : public Tokenizer {
 public:
  LibraryTokenizer(const Model& model, std::unique_ptr<const SentencePieceLibrary> library)
      : Tokenizer(static_cast<int32_t>(model.pieces.size()), model.unknown_id),
        vocabulary_(model),
        engine_(Concat("libsentencepiece ", ModelTypeName(model.type))),
        library_(std::move(library)) {}

  bool is_control(int32_t id) const override { return vocabulary_.is_control(id); }
  std::string_view piece(int32_t id) const override { return vocabulary_.piece(id); }
  std::string_view engine() const override { return engine_; }

 private:
  Status EncodeText(std::string_view text, std::vector<int32_t>& ids) const override {
    std::string error;
    if (!library_->Encode(text, ids, error)) return Internal(engine_, " failed: ", error);
    return OkStatus();
  }
  Status EncodeTextWithOffsets(std::string_view text, std::vector<Token>& tokens) const override {
    std::string error;
    std::vector<LibraryToken> pieces;
    if (!library_->EncodeWithOffsets(text, pieces, error)) {
      return Internal(engine_, " failed: ", error);
    }
    for (const LibraryToken& piece : pieces) tokens.push_back({piece.id, piece.begin, piece.end});
    return OkStatus();
  }

  const internal::Vocabulary vocabulary_;
  const std::string engine_;
  const std::unique_ptr<const SentencePieceLibrary> library_;
};

StatusOr<Model> Parse(std::string_view model_bytes, std::string_view name) {
  if (model_bytes.size() > kMaxTokenizerBytes) {
    return DataLoss(name, ": a tokenizer of ", model_bytes.size(), " bytes, the limit is ",
                    kMaxTokenizerBytes);
  }
  return internal::ParseModel(model_bytes, name);
}

StatusOr<std::unique_ptr<const Tokenizer>> InLibrary(const Model& model, std::string_view bytes,
                                                     std::string_view name) {
  // For its checks of the tables, which the library trusts.
  LARDER_RETURN_IF_ERROR(internal::Normalizer::Create(model, name).status());
  std::string error;
  auto library = SentencePieceLibrary::Load(bytes, error);
  if (library == nullptr) return DataLoss(name, ": libsentencepiece refuses the model: ", error);
  return std::unique_ptr<const Tokenizer>(new LibraryTokenizer(model, std::move(library)));
}

}  // namespace

StatusOr<std::unique_ptr<const Tokenizer>> OpenSentencePiece(std::string_view model_bytes,
                                                             std::string_view name) {
  LARDER_ASSIGN_OR_RETURN(const Model model, Parse(model_bytes, name));
  if (internal::OwnTokenizer::Covers(model)) {
    LARDER_ASSIGN_OR_RETURN(auto own, internal::OwnTokenizer::Create(model, name));
    if (own->PassesSelfTest(model)) return std::unique_ptr<const Tokenizer>(std::move(own));
  }
  return InLibrary(model, model_bytes, name);
}

StatusOr<std::unique_ptr<const Tokenizer>> OpenSentencePieceLibrary(std::string_view model_bytes,
                                                                    std::string_view name) {
  LARDER_ASSIGN_OR_RETURN(const Model model, Parse(model_bytes, name));
  return InLibrary(model, model_bytes, name);
}

}  // namespace larder::text
