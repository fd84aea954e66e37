// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_SENTENCEPIECE_PUNCTUATION_RULES_H_
#define LARDER_TEXT_SENTENCEPIECE_PUNCTUATION_RULES_H_

#include <string>

#include "text/sentencepiece/charsmap.h"

namespace larder::text::internal {

// A normaliser's rules, changed so that punctuation becomes a space: "(GNN)" and "graph-based" are
// then the words that "GNN" and "graph based" are, wherever they stand. Punctuation is what ASCII
// has beside letters and digits, and Unicode's general category P; but '#' and '+' stay ("C#",
// "C++").
//
// Returns the rules in the format of SentencePiece's option normalization_rule_tsv: in each line
// the characters replaced, a tab, and the characters in their place, in hexadecimal.
std::string PunctuationAsSpace(const CharsMap& rules);

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_SENTENCEPIECE_PUNCTUATION_RULES_H_
