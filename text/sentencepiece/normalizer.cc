// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece/normalizer.h"

#include <algorithm>
#include <utility>

#include "text/sentencepiece/utf8.h"

namespace larder::text::internal {
namespace {

constexpr std::string_view kReplacementCharacter = "\xef\xbf\xbd";
// The library's array of symbols that begin one another; it reads past its end when there are more.
constexpr size_t kMaxNestedSymbols = 64;

bool IsAscii(char c) { return static_cast<unsigned char>(c) < 128; }

// Where the bytes of the output came from, or nothing.
struct NoOrigins {
  void Add(size_t, size_t) {}
  void Cut(size_t, size_t&) {}
};
struct Origins {
  std::vector<uint32_t>& places;
  void Add(size_t count, size_t place) {
    places.insert(places.end(), count, static_cast<uint32_t>(place));
  }
  // Drops what is beyond `size`; `place` becomes where the first of that came from.
  void Cut(size_t size, size_t& place) {
    place = places[size];
    places.resize(size);
  }
};

}  // namespace

StatusOr<Normalizer> Normalizer::Create(const Model& model, std::string_view name) {
  Normalizer normalizer;
  LARDER_ASSIGN_OR_RETURN(normalizer.charsmap_,
                          CharsMap::Open(model.charsmap, name, "normaliser"));
  // The library uses this one for decoding only, but it loads it.
  LARDER_RETURN_IF_ERROR(
      CharsMap::Open(model.denormalizer_charsmap, name, "denormaliser").status());
  std::array<bool, 256> in_symbols{};
  LARDER_RETURN_IF_ERROR(normalizer.TakeUserSymbols(model, name, in_symbols));
  normalizer.remove_extra_whitespaces_ = model.remove_extra_whitespaces;
  normalizer.prefix_ = model.add_dummy_prefix && !model.treat_whitespace_as_suffix;
  normalizer.suffix_ = model.add_dummy_prefix && model.treat_whitespace_as_suffix;
  normalizer.escape_ = model.escape_whitespaces;
  normalizer.space_ = model.escape_whitespaces ? kSpaceSymbol : " ";
  normalizer.DescribeAscii(in_symbols);
  return normalizer;
}

// `in_symbols` becomes the bytes that the symbols consist of.
Status Normalizer::TakeUserSymbols(const Model& model, std::string_view name,
                                   std::array<bool, 256>& in_symbols) {
  std::vector<PieceTrie::Entry> symbols;
  for (size_t i = 0; i < model.pieces.size(); ++i) {
    if (model.pieces[i].type != PieceType::kUserDefined) continue;
    symbols.push_back({model.pieces[i].text, static_cast<int32_t>(i), 0});
  }
  has_user_symbols_ = !symbols.empty();
  LARDER_ASSIGN_OR_RETURN(user_symbols_, PieceTrie::Build(symbols, name));
  for (const PieceTrie::Entry& symbol : symbols) {
    size_t nested = 0;
    PieceTrie::Node node = PieceTrie::kRoot;
    for (const char c : symbol.text) {
      in_symbols[static_cast<unsigned char>(c)] = true;
      node = user_symbols_.Child(node, static_cast<unsigned char>(c));
      nested += user_symbols_.is_piece(node);
    }
    if (nested > kMaxNestedSymbols) {
      return DataLoss(name, ": more than ", kMaxNestedSymbols,
                      " user-defined symbols begin one another");
    }
  }
  return OkStatus();
}

void Normalizer::DescribeAscii(const std::array<bool, 256>& in_symbols) {
  for (size_t c = 0; c < plain_.size(); ++c) {
    const auto byte = static_cast<unsigned char>(c);
    const std::string_view replaced = charsmap_.OfAscii(byte);
    separators_[c] = !in_symbols[c] && charsmap_.StandsAlone(byte) && replaced == " ";
    has_high_separators_ |= separators_[c] && byte > ' ';
    const bool begins_symbol = user_symbols_.Child(PieceTrie::kRoot, byte) != PieceTrie::kNone;
    if (begins_symbol || !charsmap_.AsciiIsPlain(byte)) continue;
    if (replaced.size() == 1 && IsAscii(replaced[0]) && replaced != " ") plain_[c] = replaced[0];
  }
  for (size_t c = 0; c < spaced_.size(); ++c) {
    spaced_[c] = separators_[c] ? ' ' : static_cast<char>(c);
  }
}

void Normalizer::SpaceSeparators(std::string_view text, std::string& out) const {
  out.assign(text);
  if (!has_high_separators_) return;
  for (char& c : out) c = spaced_[static_cast<unsigned char>(c)];
}

Normalizer::Prefix Normalizer::FirstOf(std::string_view text) const {
  if (has_user_symbols_) {
    const size_t length = user_symbols_.LongestPrefix(text);
    if (length > 0) return {text.substr(0, length), length};
  }
  const CharsMap::Match rule = charsmap_.Find(text);
  if (rule.length > 0) return {rule.replacement, rule.length};
  const size_t length = ValidUtf8Length(text);
  if (length == 0) return {kReplacementCharacter, 1};
  return {text.substr(0, length), length};
}

template <typename Origins>
void Normalizer::Run(std::string_view text, std::string& out, Origins& origins) const {
  size_t at = 0;  // what is before it is in `out` already
  const auto add_space = [&] {
    out.append(space_);
    origins.Add(space_.size(), at);
  };
  if (remove_extra_whitespaces_) {
    while (at < text.size()) {
      const Prefix prefix = FirstOf(text.substr(at));
      if (prefix.text != " ") break;
      at += prefix.length;
    }
  }
  if (at == text.size()) return;
  if (prefix_) add_space();

  bool after_space = remove_extra_whitespaces_;
  while (at < text.size()) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c < 128 && plain_[c] != 0 && (at + 1 == text.size() || IsAscii(text[at + 1]))) {
      out.push_back(plain_[c]);
      origins.Add(1, at++);
      after_space = false;
      continue;
    }
    const Prefix prefix = FirstOf(text.substr(at));
    std::string_view rest = prefix.text;
    if (after_space) rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    for (const char r : rest) {
      if (r == ' ') {
        add_space();
      } else {
        out.push_back(r);
        origins.Add(1, at);
      }
    }
    if (!rest.empty()) after_space = remove_extra_whitespaces_ && rest.back() == ' ';
    at += prefix.length;
  }
  if (remove_extra_whitespaces_) {
    while (out.ends_with(space_)) {
      out.resize(out.size() - space_.size());
      origins.Cut(out.size(), at);
    }
  }
  if (suffix_) add_space();
  origins.Add(1, at);
}

void Normalizer::Normalize(std::string_view text, std::string& out) const {
  out.clear();
  NoOrigins origins;
  Run(text, out, origins);
}

void Normalizer::Normalize(std::string_view text, std::string& out,
                           std::vector<uint32_t>& origin) const {
  out.clear();
  origin.clear();
  Origins origins{origin};
  Run(text, out, origins);
}

bool Normalizer::NormalizeChunk(std::string_view chunk, std::string& out) const {
  const size_t begin = out.size();
  size_t at = 0;
  while (at < chunk.size()) {
    const auto c = static_cast<unsigned char>(chunk[at]);
    if (c < 128 && plain_[c] != 0 && (at + 1 == chunk.size() || IsAscii(chunk[at + 1]))) {
      out.push_back(plain_[c]);
      ++at;
      continue;
    }
    const Prefix prefix = FirstOf(chunk.substr(at));
    out.append(prefix.text);
    at += prefix.length;
  }
  return out.find(kSpaceSymbol, begin) == std::string::npos;
}

}  // namespace larder::text::internal
