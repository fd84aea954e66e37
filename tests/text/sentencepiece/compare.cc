// SPDX-License-Identifier: Apache-2.0
#include "tests/text/sentencepiece/compare.h"

#include <cstdio>
#include <utility>
#include <vector>

#include "text/sentencepiece/sentencepiece_tokenizer.h"

namespace larder::text {
namespace {

std::string List(const std::vector<Token>& tokens) {
  std::string list;
  for (const Token& token : tokens) {
    list += Concat(" ", token.id, "[", token.begin, ",", token.end, ")");
  }
  return list;
}

std::string List(const std::vector<int32_t>& ids) {
  std::string list;
  for (const int32_t id : ids) list += Concat(" ", id);
  return list;
}

}  // namespace

StatusOr<Pair> Pair::Open(std::string_view model, std::string_view name) {
  Pair pair;
  LARDER_ASSIGN_OR_RETURN(pair.own, OpenSentencePiece(model, name));
  LARDER_ASSIGN_OR_RETURN(pair.library, OpenSentencePieceLibrary(model, name));
  return pair;
}

std::string Difference(const Pair& pair, std::string_view text) {
  std::vector<Token> own;
  std::vector<Token> expected;
  const Status own_status = pair.own->EncodeWithOffsets(text, own);
  const Status status = pair.library->EncodeWithOffsets(text, expected);
  std::vector<int32_t> ids;
  const Status ids_status = pair.own->Encode(text, ids);
  if (own_status.ok() != status.ok() || ids_status.ok() != status.ok()) {
    return Concat("own ", Message(own_status), ", ", Message(ids_status), ", library ",
                  Message(status));
  }
  std::vector<int32_t> expected_ids;
  for (const Token& token : expected) expected_ids.push_back(token.id);
  if (status.ok() && ids != expected_ids) {
    return Concat("ids of '", Escaped(text), "': own", List(ids), ", library", List(expected_ids));
  }
  if (status.ok() && own != expected) {
    return Concat("tokens of '", Escaped(text), "': own", List(own), ", library", List(expected));
  }
  return "";
}

std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c >= ' ' && c < 127 && c != '\\') {
      escaped.push_back(c);
    } else {
      char hex[8];
      const unsigned byte = static_cast<unsigned char>(c);
      std::snprintf(hex, sizeof hex, "\\x%02x", byte);
      escaped += hex;
    }
  }
  return escaped;
}

}  // namespace larder::text
