// SPDX-License-Identifier: Apache-2.0
#include "text/wordpiece/wordpiece_tokenizer.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "text/wordpiece/added_tokens.h"
#include "text/wordpiece/bert_normalizer.h"
#include "text/wordpiece/piece_table.h"
#include "text/wordpiece/tokenizer_json.h"
#include "text/wordpiece/unicode.h"

namespace larder::text {
namespace {

using internal::AddedToken;
using internal::AddedTokens;
using internal::NormalizedChar;
using internal::BertNormalizer;
using internal::PieceTable;
using internal::Unicode;
using internal::WordPieceModel;

// What the fast way does at a byte.
enum class ByteKind : uint8_t { kLetter, kSpace, kPunctuation, kSlow };

// Where tokens go: ids alone, or with their places.
struct IdSink {
  std::vector<int32_t>& out;
  void Add(int32_t id, size_t, size_t) { out.push_back(id); }
  size_t size() const { return out.size(); }
  void Truncate(size_t size) { out.resize(size); }
};
struct TokenSink {
  std::vector<Token>& out;
  void Add(int32_t id, size_t begin, size_t end) {
    out.push_back({id, static_cast<uint32_t>(begin), static_cast<uint32_t>(end)});
  }
  size_t size() const { return out.size(); }
  void Truncate(size_t size) { out.resize(size); }
};

// A text that is UTF-8, and where its characters were in one that is not.
struct Repaired {
  std::string text;
  std::vector<uint32_t> place;  // of each byte of text, and of its end
};

Repaired Repair(std::string_view text) {
  Repaired repaired;
  for (size_t at = 0; at < text.size();) {
    const size_t length = internal::Utf8Length(text.substr(at));
    const size_t before = repaired.text.size();
    if (length > 0) {
      repaired.text += text.substr(at, length);
    } else {
      internal::AppendUtf8(internal::kReplacement, repaired.text);
    }
    repaired.place.resize(repaired.place.size() + repaired.text.size() - before,
                          static_cast<uint32_t>(at));
    at += std::max<size_t>(length, 1);
  }
  repaired.place.push_back(static_cast<uint32_t>(text.size()));
  return repaired;
}

// What one call needs besides the tokenizer.
struct Scratch {
  explicit Scratch(std::span<const internal::NormalizerStep> steps) : normalizer(steps) {}
  BertNormalizer normalizer;
  std::string word;
  std::vector<uint32_t> char_of;  // the character that each byte of `word` belongs to
  std::vector<AddedTokens::Segment> segments;
};

class WordPieceTokenizer final : public Tokenizer {
 public:
  // `raw` are looked for in the text as it is, `normalized` in what the normaliser made of it.
  WordPieceTokenizer(WordPieceModel model, int32_t unknown_id, PieceTable table, AddedTokens raw,
                     AddedTokens normalized)
      : Tokenizer(model.vocab_size, unknown_id, model.before, model.after),
        model_(std::move(model)),
        table_(std::move(table)),
        raw_(std::move(raw)),
        normalized_(std::move(normalized)),
        texts_(static_cast<size_t>(vocab_size())),
        control_(static_cast<size_t>(vocab_size())) {
    for (const auto& [piece, id] : model_.pieces) texts_[static_cast<size_t>(id)] = piece;
    for (const AddedToken& token : model_.added) {
      texts_[static_cast<size_t>(token.id)] = token.content;
      control_[static_cast<size_t>(token.id)] = token.special && token.id != unknown_id;
    }
    FillByteKinds();
  }

  bool is_control(int32_t id) const override {
    return id >= 0 && id < vocab_size() && control_[static_cast<size_t>(id)];
  }
  std::string_view piece(int32_t id) const override {
    if (id < 0 || id >= vocab_size()) return {};
    return texts_[static_cast<size_t>(id)];
  }
  std::string_view engine() const override { return "own wordpiece"; }

 private:
  Status EncodeText(std::string_view text, std::vector<int32_t>& ids) const override {
    IdSink sink{ids};
    Scratch scratch(model_.steps);
    if (IsUtf8(text)) {
      EncodeUtf8(text, scratch, sink);
    } else {
      EncodeUtf8(Repair(text).text, scratch, sink);
    }
    return OkStatus();
  }

  Status EncodeTextWithOffsets(std::string_view text, std::vector<Token>& tokens) const override {
    TokenSink sink{tokens};
    Scratch scratch(model_.steps);
    if (IsUtf8(text)) {
      EncodeUtf8(text, scratch, sink);
      return OkStatus();
    }
    const Repaired repaired = Repair(text);
    EncodeUtf8(repaired.text, scratch, sink);
    for (Token& token : tokens) {
      token.begin = repaired.place[token.begin];
      token.end = repaired.place[token.end];
    }
    return OkStatus();
  }

  // A byte's kind is what the normaliser makes of it: one way decides, however fast the other is.
  void FillByteKinds() {
    BertNormalizer normalizer(model_.steps);
    for (size_t byte = 0; byte < kinds_.size(); ++byte) {
      kinds_[byte] = ByteKind::kSlow;
      if (byte >= 0x80) continue;
      const char c = static_cast<char>(byte);
      const auto made = normalizer.Run(std::string_view(&c, 1), 0, 1);
      if (made.size() != 1 || made[0].c >= 0x80) continue;
      const uint16_t flags = Unicode::Get().flags(made[0].c);
      kinds_[byte] = (flags & internal::kSpace) != 0         ? ByteKind::kSpace
                     : (flags & internal::kPunctuation) != 0 ? ByteKind::kPunctuation
                                                             : ByteKind::kLetter;
      letters_[byte] = static_cast<char>(made[0].c);
      const int32_t id = table_.Longest(std::string_view(&letters_[byte], 1), false).id;
      alone_[byte] = id < 0 || model_.max_word_chars < 1 ? unknown_id() : id;
    }
  }

  ByteKind KindOf(char c) const { return kinds_[static_cast<uint8_t>(c)]; }

  template <typename Sink>
  void EncodeUtf8(std::string_view text, Scratch& scratch, Sink& sink) const {
    if (raw_.empty()) {
      EncodeSegment(text, 0, text.size(), scratch, sink);
      return;
    }
    std::vector<AddedTokens::Segment> segments;
    raw_.Split(text, segments);
    for (const auto& [id, begin, end] : segments) {
      if (id >= 0) {
        sink.Add(id, begin, end);
      } else {
        EncodeSegment(text, begin, end, scratch, sink);
      }
    }
  }

  // text[begin, end) without added tokens that are looked for in the text as it is.
  template <typename Sink>
  void EncodeSegment(std::string_view text, size_t begin, size_t end, Scratch& scratch,
                     Sink& sink) const {
    if (!normalized_.empty()) {
      // They may hold spaces, so that the text cannot be taken apart there.
      EncodeWhole(text, begin, end, scratch, sink);
      return;
    }
    // From one space to the next no character does anything to those outside. Such a stretch goes
    // the slow way if it holds anything but plain ASCII.
    size_t stretch = begin;
    size_t known = sink.size();
    for (size_t at = begin; at < end;) {
      at = AddAsciiWord(text, at, end, scratch, sink);
      if (at == end) break;
      switch (KindOf(text[at])) {
        case ByteKind::kLetter: break;  // the word ended for another reason: none
        case ByteKind::kPunctuation:
          sink.Add(alone_[static_cast<uint8_t>(text[at])], at, at + 1);
          ++at;
          break;
        case ByteKind::kSpace:
          stretch = ++at;
          known = sink.size();
          break;
        case ByteKind::kSlow:
          sink.Truncate(known);
          while (at < end && KindOf(text[at]) != ByteKind::kSpace) ++at;
          AddWords(scratch.normalizer.Run(text, stretch, at), scratch, sink);
          known = sink.size();
          break;
      }
    }
  }

  // Adds the pieces of the letters from `at` on, unless something slow follows them, and returns
  // where they end.
  template <typename Sink>
  size_t AddAsciiWord(std::string_view text, size_t at, size_t end, Scratch& scratch,
                      Sink& sink) const {
    std::string& word = scratch.word;
    const size_t begin = at;
    const size_t room = std::min<uint64_t>(model_.max_word_chars, end - begin);
    if (word.size() < room) word.resize(room);
    while (at < begin + room && KindOf(text[at]) == ByteKind::kLetter) {
      word[at - begin] = letters_[static_cast<uint8_t>(text[at])];
      ++at;
    }
    const size_t size = at - begin;
    while (at < end && KindOf(text[at]) == ByteKind::kLetter) ++at;
    if (at == begin || (at < end && KindOf(text[at]) == ByteKind::kSlow)) return at;
    if (at - begin > size) {
      sink.Add(unknown_id(), begin, at);
      return at;
    }
    AddPieces(std::string_view(word).substr(0, size), sink,
              [begin](size_t from, size_t to) { return std::pair(begin + from, begin + to); });
    return at;
  }

  template <typename Sink>
  void EncodeWhole(std::string_view text, size_t begin, size_t end, Scratch& scratch,
                   Sink& sink) const {
    const std::span<const NormalizedChar> chars = scratch.normalizer.Run(text, begin, end);
    std::string bytes;
    std::vector<size_t> char_of;  // the character that begins at or holds each byte
    for (size_t i = 0; i < chars.size(); ++i) {
      char_of.resize(char_of.size() + internal::AppendUtf8(chars[i].c, bytes), i);
    }
    char_of.push_back(chars.size());
    normalized_.Split(bytes, scratch.segments);
    for (const auto& [id, from, to] : scratch.segments) {
      const auto part = chars.subspan(char_of[from], char_of[to] - char_of[from]);
      if (id < 0) {
        AddWords(part, scratch, sink);
      } else if (!part.empty()) {
        sink.Add(id, part.front().begin, part.back().end);
      }
    }
  }

  // Splits normalised text at white space and around each punctuation mark.
  template <typename Sink>
  void AddWords(std::span<const NormalizedChar> chars, Scratch& scratch, Sink& sink) const {
    const Unicode& unicode = Unicode::Get();
    size_t begin = 0;
    for (size_t i = 0; i < chars.size(); ++i) {
      const uint16_t flags = unicode.flags(chars[i].c);
      if ((flags & (internal::kSpace | internal::kPunctuation)) == 0) continue;
      AddWord(chars.subspan(begin, i - begin), scratch, sink);
      if ((flags & internal::kSpace) == 0) AddWord(chars.subspan(i, 1), scratch, sink);
      begin = i + 1;
    }
    AddWord(chars.subspan(begin), scratch, sink);
  }

  template <typename Sink>
  void AddWord(std::span<const NormalizedChar> chars, Scratch& scratch, Sink& sink) const {
    if (chars.empty()) return;
    if (chars.size() > model_.max_word_chars) {
      sink.Add(unknown_id(), chars.front().begin, chars.back().end);
      return;
    }
    scratch.word.clear();
    scratch.char_of.clear();
    for (size_t i = 0; i < chars.size(); ++i) {
      const size_t bytes = internal::AppendUtf8(chars[i].c, scratch.word);
      scratch.char_of.resize(scratch.char_of.size() + bytes, static_cast<uint32_t>(i));
    }
    AddPieces(scratch.word, sink, [&](size_t from, size_t to) {
      return std::pair<size_t, size_t>(chars[scratch.char_of[from]].begin,
                                       chars[scratch.char_of[to - 1]].end);
    });
  }

  // The longest piece at the beginning, then the longest that continues, … or the unknown one for
  // all of it. `place` gives the bytes of the text that bytes of the word came from.
  template <typename Sink, typename Place>
  void AddPieces(std::string_view word, Sink& sink, Place place) const {
    const size_t known = sink.size();
    for (size_t from = 0; from < word.size();) {
      const PieceTable::Match match = table_.Longest(word.substr(from), from > 0);
      const bool found = match.id >= 0;
      if (!found) sink.Truncate(known);
      const auto [begin, end] =
          found ? place(from, from + match.size) : place(0, word.size());
      sink.Add(found ? match.id : unknown_id(), begin, end);
      if (!found) return;
      from += match.size;
    }
  }

  const WordPieceModel model_;
  const PieceTable table_;
  const AddedTokens raw_;
  const AddedTokens normalized_;
  std::vector<std::string_view> texts_;  // of pieces and added tokens, by id
  std::vector<bool> control_;
  std::array<ByteKind, 256> kinds_{};
  std::array<char, 256> letters_{};   // what a byte becomes
  std::array<int32_t, 256> alone_{};  // the id of a byte that is a word
};

// What an added token that is looked for in normalised text looks like there.
std::string NormalizedContent(const WordPieceModel& model, std::string_view content) {
  BertNormalizer normalizer(model.steps);
  std::string out;
  for (const NormalizedChar& one : normalizer.Run(content, 0, content.size())) {
    internal::AppendUtf8(one.c, out);
  }
  return out;
}

StatusOr<AddedTokens> SelectAdded(const WordPieceModel& model, bool normalized) {
  std::vector<AddedToken> tokens;
  for (AddedToken token : model.added) {
    if (token.normalized != normalized) continue;
    if (normalized) {
      const std::string content = NormalizedContent(model, token.content);
      if (content.empty()) {
        return DataLoss("'", token.content, "': the normalizer leaves nothing of it");
      }
      token.content = content;
    }
    tokens.push_back(std::move(token));
  }
  return AddedTokens::Create(std::move(tokens));
}

StatusOr<PieceTable> MakeTable(const WordPieceModel& model) {
  const auto continues = [&model](const auto& entry) {
    return entry.first.size() > model.prefix.size() && entry.first.starts_with(model.prefix);
  };
  const auto count = std::count_if(model.pieces.begin(), model.pieces.end(), continues);
  PieceTable table(model.pieces.size() + static_cast<size_t>(count));
  for (const auto& entry : model.pieces) {
    LARDER_RETURN_IF_ERROR(table.Add(entry.first, /*continues=*/false, entry.second));
    if (!continues(entry)) continue;
    LARDER_RETURN_IF_ERROR(table.Add(std::string_view(entry.first).substr(model.prefix.size()),
                                     /*continues=*/true, entry.second));
  }
  return table;
}

}  // namespace

StatusOr<std::unique_ptr<const Tokenizer>> OpenWordPiece(std::string_view bytes,
                                                         std::string_view name) {
  if (bytes.size() > kMaxTokenizerJsonBytes) {
    return DataLoss(name, ": a tokenizer of ", bytes.size(), " bytes, the limit is ",
                    kMaxTokenizerJsonBytes);
  }
  LARDER_ASSIGN_OR_RETURN(WordPieceModel model, internal::ParseTokenizerJson(bytes, name));
  auto table = MakeTable(model);
  if (!table.ok()) return Annotate(table.status(), Concat(name, ": model: vocab"));
  auto raw = SelectAdded(model, /*normalized=*/false);
  auto normalized = SelectAdded(model, /*normalized=*/true);
  for (const Status& status : {raw.status(), normalized.status()}) {
    if (!status.ok()) return Annotate(status, Concat(name, ": added_tokens"));
  }
  const auto unknown = std::find_if(
      model.pieces.begin(), model.pieces.end(),
      [&model](const auto& entry) { return entry.first == model.unknown; });
  const int32_t unknown_id = unknown->second;
  return std::unique_ptr<const Tokenizer>(
      new WordPieceTokenizer(std::move(model), unknown_id, *std::move(table), *std::move(raw),
                             *std::move(normalized)));
}

}  // namespace larder::text
