// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TRANSFORMER_TRANSFORMER_ENCODER_H_
#define LARDER_TEXT_TRANSFORMER_TRANSFORMER_ENCODER_H_

#include <memory>
#include <string_view>

#include "base/status.h"
#include "text/encoder.h"
#include "text/encoder_config.h"
#include "text/tokenizer.h"

namespace larder::text {

// An encoder of kind transformer (docs/formats/encoder.md). Its tokens are the tokenizer's symbols
// before a text, those of prompt and text together, and the symbols after; what is too long loses
// the end of the text. Its max_tokens() is the smaller of the configuration's and what the table of
// positions has room for.
//
// Cost: that of TransformerModel, by tokens; EncodeTokens computes on the calling thread alone.
// Errors: kDataLoss naming `model_file` if the tokenizer has more pieces than the model rows, or no
//         room for a text between its symbols; else as TransformerModel::Create.
StatusOr<std::unique_ptr<const Encoder>> OpenTransformer(const EncoderInfo& info,
                                                         const EncoderConfig& config,
                                                         std::unique_ptr<const Tokenizer> tokenizer,
                                                         std::string_view model_bytes,
                                                         std::string_view model_file);

}  // namespace larder::text

#endif  // LARDER_TEXT_TRANSFORMER_TRANSFORMER_ENCODER_H_
