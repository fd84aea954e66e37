// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_LEXER_H_
#define LARDER_REGISTRY_LEXER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "registry/compile.h"
#include "registry/source_text.h"

namespace larder::registry {

struct Token {
  enum class Kind : uint8_t { kEnd, kInt, kDouble, kDuration, kString, kName, kSymbol };
  Kind kind = Kind::kEnd;
  SourcePosition at;
  std::string text;  // kName, kSymbol: as written; kString: its value; kDuration: as written
  int64_t integer = 0;  // kInt; kDuration: microseconds
  double number = 0;    // kDouble

  bool Is(std::string_view symbol) const { return kind == Kind::kSymbol && text == symbol; }
  bool IsName(std::string_view name) const { return kind == Kind::kName && text == name; }
  // For messages: "','", "name 'price'", "the end".
  std::string Describe() const;
};

// Cuts `source` into tokens, the last of which is kEnd. nullopt after exactly one diagnostic.
//
// Texts stand in double or single quotes with the escapes \\ \" \' \n \t; numbers are decimal, with
// an optional fraction and exponent (1, 0.5, 2e-3), not finite ones are refused.
std::optional<std::vector<Token>> Lex(const SourceText& source,
                                      std::vector<Diagnostic>& diagnostics);

}  // namespace larder::registry

#endif  // LARDER_REGISTRY_LEXER_H_
