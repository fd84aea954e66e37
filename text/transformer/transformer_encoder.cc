// SPDX-License-Identifier: Apache-2.0
#include "text/transformer/transformer_encoder.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "text/transformer/transformer_model.h"

namespace larder::text {
namespace {

class TransformerEncoder final : public Encoder {
 public:
  TransformerEncoder(const EncoderInfo& info, const EncoderConfig& config, size_t max_tokens,
                     std::unique_ptr<const Tokenizer> tokenizer,
                     std::unique_ptr<const TransformerModel> model)
      : Encoder(info, std::move(tokenizer), max_tokens),
        query_prompt_(config.query_prompt),
        document_prompt_(config.document_prompt),
        model_(std::move(model)) {}

  Status Tokenize(std::string_view text, TextRole role, TokenizedText& out) const override;
  std::string_view prompt(TextRole role) const override {
    return role == TextRole::kQuery ? query_prompt_ : document_prompt_;
  }

 private:
  void EncodeFloat(std::span<const TokenizedText> texts, std::span<float> out) const override;

  const std::string query_prompt_;
  const std::string document_prompt_;
  const std::unique_ptr<const TransformerModel> model_;
};

Status TransformerEncoder::Tokenize(std::string_view text, TextRole role,
                                    TokenizedText& out) const {
  // What is too long to be a text stays whole: the tokenizer refuses it.
  if (text.size() > kMaxTextBytes) return tokenizer().Encode(text, out.ids);
  const std::string_view head = Utf8Prefix(text, max_tokens() * kMaxBytesPerToken);
  const std::string_view prompt = this->prompt(role);
  std::vector<int32_t> ids;
  if (prompt.empty()) {
    LARDER_RETURN_IF_ERROR(tokenizer().Encode(head, ids));
  } else {
    LARDER_RETURN_IF_ERROR(tokenizer().Encode(Concat(prompt, head), ids));
  }
  const auto before = tokenizer().before();
  const auto after = tokenizer().after();
  const size_t room = max_tokens() - before.size() - after.size();
  out.truncated = head.size() < text.size() || ids.size() > room;
  out.ids.assign(before.begin(), before.end());
  out.ids.insert(out.ids.end(), ids.begin(),
                 ids.begin() + static_cast<std::ptrdiff_t>(std::min(ids.size(), room)));
  out.ids.insert(out.ids.end(), after.begin(), after.end());
  return OkStatus();
}

void TransformerEncoder::EncodeFloat(std::span<const TokenizedText> texts,
                                     std::span<float> out) const {
  std::vector<std::span<const int32_t>> ids;
  ids.reserve(texts.size());
  for (const TokenizedText& text : texts) ids.emplace_back(text.ids);
  model_->Encode(ids, out);
}

// How many tokens a text has at most, which must leave room for a text among the symbols.
StatusOr<size_t> MaxTokens(const EncoderConfig& config, const Tokenizer& tokenizer,
                           std::string_view config_file) {
  const int32_t positions = config.transformer.max_tokens();
  const auto max_tokens = static_cast<size_t>(std::min(config.max_tokens, positions));
  const size_t symbols = tokenizer.before().size() + tokenizer.after().size();
  if (symbols < max_tokens) return max_tokens;
  return DataLoss(config_file, positions < config.max_tokens
                                   ? ": transformer: 'max_positions' leaves "
                                   : ": 'max_tokens' is ",
                  max_tokens, " tokens for a text, of which ", symbols,
                  " are the tokenizer's symbols around it");
}

}  // namespace

StatusOr<std::unique_ptr<const Encoder>> OpenTransformer(const EncoderInfo& info,
                                                         const EncoderConfig& config,
                                                         std::unique_ptr<const Tokenizer> tokenizer,
                                                         const TransformerFiles& files) {
  LARDER_ASSIGN_OR_RETURN(const size_t max_tokens,
                          MaxTokens(config, *tokenizer, files.config_file));
  LARDER_ASSIGN_OR_RETURN(
      auto model, TransformerModel::Create(config.transformer, files.model, files.model_file));
  if (static_cast<size_t>(tokenizer->vocab_size()) > model->vocab_size()) {
    return DataLoss(files.model_file, ": ", model->vocab_size(), " rows of words, the tokenizer ",
                    "has ", tokenizer->vocab_size(), " pieces");
  }
  return std::unique_ptr<const Encoder>(std::make_unique<TransformerEncoder>(
      info, config, max_tokens, std::move(tokenizer), std::move(model)));
}

}  // namespace larder::text
