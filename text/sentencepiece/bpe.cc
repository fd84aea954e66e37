// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece/bpe.h"

#include <algorithm>
#include <array>
#include <limits>
#include <unordered_map>
#include <utility>

#include "text/sentencepiece/utf8.h"

namespace larder::text::internal {
namespace {

// A thread keeps the working memory of texts up to so many symbols.
constexpr size_t kKept = 1u << 16;
// Words up to so many symbols are merged by looking for the best pair each time.
constexpr size_t kShort = 32;
constexpr float kNoPiece = -std::numeric_limits<float>::infinity();

// What merging needs to know of a model.
struct Vocabulary {
  const PieceTrie& trie;
  const PieceTrie* user_symbols;
  const std::vector<bool>& unused;
  int32_t unknown_id;

  bool is_unused(PieceTrie::Node node) const { return unused[static_cast<size_t>(trie.id(node))]; }
  int32_t IdOf(PieceTrie::Node node) const {
    return node == PieceTrie::kNone || !trie.is_piece(node) ? unknown_id : trie.id(node);
  }
  // Bytes of the symbol that a text begins with.
  size_t FirstSymbol(std::string_view text, bool& user_defined) const {
    const size_t symbol = user_symbols == nullptr ? 0 : user_symbols->LongestPrefix(text);
    user_defined = symbol > 0;
    return symbol > 0 ? symbol : CharacterLength(text);
  }
};

// A few symbols in a row, each with the piece that it makes with the one after it.
class ShortWord {
 public:
  explicit ShortWord(const Vocabulary& vocabulary) : vocabulary_(vocabulary) {}

  // Appends the pieces of a word that begins at byte `at` of its text. Returns false, with nothing
  // appended, if it has too many symbols or an unused piece was considered.
  bool Run(std::string_view word, uint32_t at, std::vector<Piece>& pieces) {
    if (!Split(word)) return false;
    for (size_t i = 0; i + 1 < size_; ++i) Pair(word, i);
    while (true) {
      size_t best = 0;
      for (size_t i = 1; i + 1 < size_; ++i) {
        if (score_[i] > score_[best]) best = i;
      }
      if (size_ < 2 || score_[best] == kNoPiece) break;
      node_[best] = joined_[best];
      Erase(best + 1);
      if (best > 0) Pair(word, best - 1);
      Pair(word, best);
    }
    if (saw_unused_) return false;
    for (size_t i = 0; i < size_; ++i) {
      pieces.push_back({at + begin_[i + 1], vocabulary_.IdOf(node_[i])});
    }
    return true;
  }

 private:
  bool Split(std::string_view word) {
    size_t at = 0;
    for (size_ = 0; at < word.size(); ++size_) {
      if (size_ == kShort) return false;
      const size_t bytes = vocabulary_.FirstSymbol(word.substr(at), user_defined_[size_]);
      begin_[size_] = static_cast<uint32_t>(at);
      node_[size_] = vocabulary_.trie.Walk(PieceTrie::kRoot, word.substr(at, bytes));
      at += bytes;
    }
    begin_[size_] = static_cast<uint32_t>(at);
    return true;
  }

  // Looks up what symbols i and i + 1 make together.
  void Pair(std::string_view word, size_t i) {
    score_[i] = kNoPiece;
    if (i + 1 >= size_ || user_defined_[i] || user_defined_[i + 1]) return;
    if (node_[i] == PieceTrie::kNone) return;
    const PieceTrie::Node node = vocabulary_.trie.Walk(
        node_[i], word.substr(begin_[i + 1], begin_[i + 2] - begin_[i + 1]));
    if (node == PieceTrie::kNone || !vocabulary_.trie.is_piece(node)) return;
    score_[i] = vocabulary_.trie.score(node);
    joined_[i] = node;
    saw_unused_ |= vocabulary_.is_unused(node);
  }

  void Erase(size_t i) {
    --size_;
    for (; i < size_; ++i) {
      begin_[i] = begin_[i + 1];
      node_[i] = node_[i + 1];
      user_defined_[i] = user_defined_[i + 1];
      score_[i] = score_[i + 1];
      joined_[i] = joined_[i + 1];
    }
    begin_[size_] = begin_[size_ + 1];
  }

  const Vocabulary& vocabulary_;
  size_t size_ = 0;
  bool saw_unused_ = false;
  std::array<uint32_t, kShort + 1> begin_;
  std::array<PieceTrie::Node, kShort> node_;  // kNone: no piece begins with the symbol
  std::array<bool, kShort> user_defined_;
  std::array<float, kShort> score_;  // of the symbol with the one after it; kNoPiece
  std::array<PieceTrie::Node, kShort> joined_;
};

// Any number of symbols: the pairs wait in a heap.
class LongText {
 public:
  // Appends the pieces of a text that begins at byte `at` of another. Returns true if an unused
  // piece was considered.
  bool Run(const Vocabulary& vocabulary, std::string_view text, uint32_t at,
           std::vector<Piece>& pieces) {
    vocabulary_ = &vocabulary;
    text_ = text;
    left_sizes_.clear();
    Split();
    for (size_t i = 1; i < symbols_.size(); ++i) {
      Consider(static_cast<int32_t>(i) - 1, static_cast<int32_t>(i));
    }
    Merge();
    for (int32_t i = symbols_.empty() ? -1 : 0; i >= 0; i = At(i).next) {
      TakeApart(At(i).begin, At(i).end, at, pieces);
    }
    return !left_sizes_.empty();
  }
  size_t capacity() const { return symbols_.capacity(); }

 private:
  struct Symbol {
    uint32_t begin;
    uint32_t end;  // begin: it has become a part of another one
    int32_t previous;
    int32_t next;
    PieceTrie::Node node;  // kNone: no piece begins so
    bool user_defined;

    uint32_t size() const { return end - begin; }
  };
  struct Pair {
    float score;
    int32_t left;
    int32_t right;
    uint32_t size;
    PieceTrie::Node node;

    // Of heaps: the one to be merged first is the largest.
    bool operator<(const Pair& other) const {
      return score != other.score ? score < other.score : left > other.left;
    }
  };

  Symbol& At(int32_t i) { return symbols_[static_cast<size_t>(i)]; }

  void Split() {
    symbols_.clear();
    for (size_t at = 0; at < text_.size();) {
      Symbol symbol{};
      const size_t size = vocabulary_->FirstSymbol(text_.substr(at), symbol.user_defined);
      const auto index = static_cast<int32_t>(symbols_.size());
      symbol.begin = static_cast<uint32_t>(at);
      symbol.end = static_cast<uint32_t>(at + size);
      symbol.previous = index - 1;
      symbol.next = at + size == text_.size() ? -1 : index + 1;
      symbol.node = vocabulary_->trie.Walk(PieceTrie::kRoot, text_.substr(at, size));
      symbols_.push_back(symbol);
      at += size;
    }
  }

  void Consider(int32_t left, int32_t right) {
    if (left < 0 || right < 0) return;
    const Symbol& a = At(left);
    const Symbol& b = At(right);
    if (a.user_defined || b.user_defined || a.node == PieceTrie::kNone) return;
    const PieceTrie& trie = vocabulary_->trie;
    const PieceTrie::Node node = trie.Walk(a.node, text_.substr(b.begin, b.size()));
    if (node == PieceTrie::kNone || !trie.is_piece(node)) return;
    heap_.push_back({trie.score(node), left, right, a.size() + b.size(), node});
    std::push_heap(heap_.begin(), heap_.end());
    if (vocabulary_->is_unused(node)) left_sizes_[node] = a.size();
  }

  void Merge() {
    while (!heap_.empty()) {
      const Pair pair = heap_.front();
      std::pop_heap(heap_.begin(), heap_.end());
      heap_.pop_back();
      Symbol& left = At(pair.left);
      Symbol& right = At(pair.right);
      if (left.size() == 0 || right.size() == 0 || left.size() + right.size() != pair.size) {
        continue;
      }
      left.end = right.end;
      left.node = pair.node;
      left.next = right.next;
      if (left.next >= 0) At(left.next).previous = pair.left;
      right.begin = right.end;
      Consider(left.previous, pair.left);
      Consider(pair.left, left.next);
    }
  }

  // Appends the piece of bytes [begin, end), or its parts as long as they are unused pieces.
  void TakeApart(uint32_t begin, uint32_t end, uint32_t at, std::vector<Piece>& pieces) {
    open_.assign(1, {begin, end});
    while (!open_.empty()) {
      const auto [first, last] = open_.back();
      open_.pop_back();
      const PieceTrie::Node node =
          vocabulary_->trie.Walk(PieceTrie::kRoot, text_.substr(first, last - first));
      const int32_t id = vocabulary_->IdOf(node);
      const auto left_size =
          vocabulary_->unused[static_cast<size_t>(id)] ? left_sizes_.find(node) : left_sizes_.end();
      if (left_size == left_sizes_.end()) {
        pieces.push_back({at + last, id});
        continue;
      }
      const uint32_t middle = first + left_size->second;
      open_.push_back({middle, last});
      open_.push_back({first, middle});
    }
  }

  const Vocabulary* vocabulary_ = nullptr;
  std::string_view text_;
  std::vector<Symbol> symbols_;
  std::vector<Pair> heap_;
  std::vector<std::pair<uint32_t, uint32_t>> open_;
  // Of unused pieces, by node: bytes of the left part when it was last considered.
  std::unordered_map<PieceTrie::Node, uint32_t> left_sizes_;
};

bool RunLongText(const Vocabulary& vocabulary, std::string_view text, uint32_t at,
                 std::vector<Piece>& pieces) {
  thread_local LongText work;
  const bool saw_unused = work.Run(vocabulary, text, at, pieces);
  if (work.capacity() > kKept) work = LongText();
  return saw_unused;
}

}  // namespace

StatusOr<Bpe> Bpe::Create(const Model& model, const PieceTrie* user_symbols,
                          std::string_view name) {
  Bpe bpe(user_symbols);
  std::vector<PieceTrie::Entry> entries;
  bool any_unused = false;
  for (size_t i = 0; i < model.pieces.size(); ++i) {
    const Model::Piece& piece = model.pieces[i];
    bpe.unused_.push_back(piece.type == PieceType::kUnused);
    any_unused |= piece.type == PieceType::kUnused;
    if (!IsTextPiece(piece.type)) continue;
    entries.push_back({piece.text, static_cast<int32_t>(i), piece.score});
  }
  bpe.unknown_id_ = model.unknown_id;
  bpe.by_words_ = PiecesKeepToWords(model) && !any_unused;
  bpe.suffix_ = model.treat_whitespace_as_suffix;
  LARDER_ASSIGN_OR_RETURN(bpe.trie_, PieceTrie::Build(std::move(entries), name));
  return bpe;
}

// The first boundary between a word and the next one behind `begin`, or the end of the text.
size_t Bpe::EndOfWord(std::string_view text, size_t begin) const {
  bool in_space = false;
  bool in_word = false;
  size_t at = begin;
  while (at < text.size()) {
    const bool space = text.substr(at).starts_with(kSpaceSymbol);
    if (space ? in_word && !suffix_ : in_space && suffix_) break;
    (space ? in_space : in_word) = true;
    at += space ? kSpaceSymbol.size() : CharacterLength(text.substr(at));
  }
  return at;
}

void Bpe::Segment(std::string_view text, std::vector<Piece>& pieces) const {
  pieces.clear();
  const Vocabulary vocabulary = {trie_, user_symbols_, unused_, unknown_id_};
  if (!by_words_) {
    RunLongText(vocabulary, text, 0, pieces);
    return;
  }
  ShortWord short_word(vocabulary);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = EndOfWord(text, begin);
    const std::string_view word = text.substr(begin, end - begin);
    const auto at = static_cast<uint32_t>(begin);
    if (!short_word.Run(word, at, pieces)) RunLongText(vocabulary, word, at, pieces);
    begin = end;
  }
}

WordTrust Bpe::SegmentWord(std::string_view word, std::vector<Piece>& pieces) const {
  pieces.clear();
  const Vocabulary vocabulary = {trie_, user_symbols_, unused_, unknown_id_};
  WordTrust trust;
  if (!ShortWord(vocabulary).Run(word, 0, pieces) &&
      RunLongText(vocabulary, word, 0, pieces)) {
    trust.limit = 0;
  }
  return trust;
}

}  // namespace larder::text::internal
