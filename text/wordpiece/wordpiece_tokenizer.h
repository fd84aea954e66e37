// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_WORDPIECE_WORDPIECE_TOKENIZER_H_
#define LARDER_TEXT_WORDPIECE_WORDPIECE_TOKENIZER_H_

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "text/tokenizer.h"

namespace larder::text {

inline constexpr size_t kMaxTokenizerJsonBytes = 32u << 20;

// Opens a WordPiece tokenizer from the bytes of a tokenizer.json of the `tokenizers` package, which
// are not trusted; `name` is for messages. Its ids and places are those of the package, version
// 0.23 (docs/formats/encoder.md says what of such a file is supported).
//
// Encode yields the symbols of the file's added tokens where a text spells them out ("[SEP]").
// Errors: kDataLoss naming `name` when the bytes are not a usable tokenizer; kUnimplemented naming
//         what it has and we have not.
// Cost: encoding takes about 80 MB/s of English on one core, 15 MB/s of text that has something
//       else than ASCII in every word.
StatusOr<std::unique_ptr<const Tokenizer>> OpenWordPiece(std::string_view bytes,
                                                         std::string_view name);

// The tokenizer.json of BERT's vocab.txt, one piece a line, its place the id: [CLS] and [SEP]
// around a text, words lowercased and stripped of accents if `lowercase`.
// Errors: kDataLoss naming `name` for a file that is too large, not UTF-8, has a piece twice or no
//         [UNK], [CLS] or [SEP].
StatusOr<std::string> TokenizerJsonOfVocab(std::string_view vocab, bool lowercase,
                                           std::string_view name);

}  // namespace larder::text

#endif  // LARDER_TEXT_WORDPIECE_WORDPIECE_TOKENIZER_H_
