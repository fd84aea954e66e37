// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece/sentencepiece_tokenizer.h"

#include <string>
#include <utility>

#include "base/bytes.h"
#include "text/sentencepiece/model.h"
#include "text/sentencepiece/normalizer.h"
#include "text/sentencepiece/own_tokenizer.h"
#include "text/sentencepiece/sentencepiece_bridge.h"
#include "text/sentencepiece/vocabulary.h"

namespace larder::text {
namespace {

using internal::LibraryToken;
using internal::Model;
using internal::Normalizer;
using internal::SentencePieceLibrary;

// Limits of what the library is given, in normalised form: its time grows with the square of a run
// of unknown pieces, some 0.3 s for the first and 1 ms for the second.
constexpr size_t kMaxLibraryTextBytes = 128u << 10;
constexpr size_t kSpaceBytes = 3;
constexpr size_t kMaxLibrarySampleBytes = 4u << 10;

// Never fails: what is stored was accepted, and is encoded again and again.
class LibraryTokenizer final : public Tokenizer {
 public:
  LibraryTokenizer(const Model& model, Normalizer normalizer,
                   std::unique_ptr<const SentencePieceLibrary> library)
      : Tokenizer(static_cast<int32_t>(model.pieces.size()), model.unknown_id),
        vocabulary_(model),
        normalizer_(std::move(normalizer)),
        engine_(Concat("libsentencepiece ", ModelTypeName(model.type))),
        library_(std::move(library)) {}

  bool is_control(int32_t id) const override { return vocabulary_.is_control(id); }
  std::string_view piece(int32_t id) const override { return vocabulary_.piece(id); }
  std::string_view engine() const override { return engine_; }

 private:
  // What of the text is looked at.
  std::string_view Head(std::string_view text) const {
    std::string normalized;
    std::vector<uint32_t> origin;
    normalizer_.Normalize(text, normalized, origin);
    if (normalized.size() <= kMaxLibraryTextBytes) return text;
    // A space may be put before what is left, and one behind it.
    return Utf8Prefix(text, origin[kMaxLibraryTextBytes - 2 * kSpaceBytes]);
  }
  // The library fails where a text spells some symbols.
  Status EncodeText(std::string_view text, std::vector<int32_t>& ids) const override {
    std::string error;
    if (!library_->Encode(Head(text), ids, error)) ids.assign(1, unknown_id());
    return OkStatus();
  }
  Status EncodeTextWithOffsets(std::string_view text, std::vector<Token>& tokens) const override {
    const std::string_view head = Head(text);
    std::string error;
    std::vector<LibraryToken> pieces;
    if (!library_->EncodeWithOffsets(head, pieces, error)) {
      tokens.assign(1, {unknown_id(), 0, static_cast<uint32_t>(head.size())});
      return OkStatus();
    }
    for (const LibraryToken& piece : pieces) tokens.push_back({piece.id, piece.begin, piece.end});
    return OkStatus();
  }

  const internal::Vocabulary vocabulary_;
  const Normalizer normalizer_;
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
  // Also for its checks of the tables, which the library trusts.
  LARDER_ASSIGN_OR_RETURN(Normalizer normalizer, Normalizer::Create(model, name));
  for (const Model::Sample& sample : model.samples) {
    std::string normalized;
    normalizer.Normalize(sample.input, normalized);
    if (normalized.size() > kMaxLibrarySampleBytes) {
      return DataLoss(name, ": a self test of ", normalized.size(),
                      " bytes in normal form, the limit of libsentencepiece is ",
                      kMaxLibrarySampleBytes);
    }
  }
  std::string error;
  auto library = SentencePieceLibrary::Load(bytes, error);
  if (library == nullptr) return DataLoss(name, ": libsentencepiece refuses the model: ", error);
  return std::unique_ptr<const Tokenizer>(
      new LibraryTokenizer(model, std::move(normalizer), std::move(library)));
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
