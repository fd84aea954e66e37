// SPDX-License-Identifier: Apache-2.0
#include "text/wordpiece/added_tokens.h"

#include <algorithm>
#include <utility>

#include "text/wordpiece/unicode.h"

namespace larder::text::internal {
namespace {

bool IsWordBefore(std::string_view text, size_t at) {
  return at > 0 && Unicode::Get().is(PreviousChar(text, at), kWord);
}

bool IsWordAt(std::string_view text, size_t at) {
  return at < text.size() && Unicode::Get().is(NextChar(text, at), kWord);
}

size_t SkipSpaceBack(std::string_view text, size_t at, size_t stop) {
  while (at > stop) {
    size_t before = at;
    if (!Unicode::Get().is(PreviousChar(text, before), kSpace)) break;
    at = before;
  }
  return std::max(at, stop);
}

size_t SkipSpace(std::string_view text, size_t at) {
  while (at < text.size()) {
    size_t behind = at;
    if (!Unicode::Get().is(NextChar(text, behind), kSpace)) break;
    at = behind;
  }
  return at;
}

bool StartsWithSpace(std::string_view text) { return SkipSpace(text, 0) > 0; }

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens)
    : tokens_(std::move(tokens)), table_(tokens_.size()) {}

StatusOr<AddedTokens> AddedTokens::Create(std::vector<AddedToken> tokens) {
  AddedTokens added(std::move(tokens));
  const AddedToken* strips = nullptr;
  const AddedToken* spaced = nullptr;
  for (size_t i = 0; i < added.tokens_.size(); ++i) {
    const AddedToken& token = added.tokens_[i];
    LARDER_RETURN_IF_ERROR(
        added.table_.Add(token.content, /*continues=*/false, static_cast<int32_t>(i)));
    added.starts_[static_cast<uint8_t>(token.content[0])] = true;
    if (token.right_strip) strips = &token;
    if (StartsWithSpace(token.content)) spaced = &token;
  }
  if (strips != nullptr && spaced != nullptr) {
    return Unimplemented("'", strips->content, "' with rstrip beside '", spaced->content,
                         "', which starts with white space");
  }
  return added;
}

size_t AddedTokens::Next(std::string_view text, size_t at, PieceTable::Match& match) const {
  for (; at < text.size(); ++at) {
    if (!starts_[static_cast<uint8_t>(text[at])]) continue;
    match = table_.Longest(text.substr(at), /*continues=*/false);
    if (match.id >= 0) return at;
  }
  return at;
}

void AddedTokens::Split(std::string_view text, std::vector<Segment>& segments) const {
  segments.clear();
  size_t done = 0;  // what the segments cover
  PieceTable::Match match;
  for (size_t at = 0; (at = Next(text, at, match)) < text.size();) {
    const AddedToken& token = tokens_[static_cast<size_t>(match.id)];
    size_t begin = at;
    size_t end = at + match.size;
    at = end;
    if (token.single_word && (IsWordBefore(text, begin) || IsWordAt(text, end))) continue;
    if (token.left_strip) begin = SkipSpaceBack(text, begin, done);
    if (token.right_strip) end = SkipSpace(text, end);
    if (done < begin) segments.push_back({-1, done, begin});
    segments.push_back({token.id, begin, end});
    done = end;
  }
  if (done < text.size()) segments.push_back({-1, done, text.size()});
}

}  // namespace larder::text::internal
