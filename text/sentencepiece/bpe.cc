// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece/bpe.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "text/sentencepiece/utf8.h"

namespace larder::text::internal {
namespace {

// A thread keeps the working memory of texts up to so many symbols.
constexpr size_t kKept = 1u << 16;

// A part of the text that has been put together so far.
struct Symbol {
  uint32_t begin;
  uint32_t end;  // begin: it has become a part of another one
  int32_t previous;
  int32_t next;
  PieceTrie::Node node;  // of its text; kNone: no piece begins so
  bool user_defined;

  uint32_t size() const { return end - begin; }
};

// Two neighbours that are a piece together.
struct Pair {
  float score;
  int32_t left;
  int32_t right;
  uint32_t size;
  PieceTrie::Node node;

  // Of heaps: the one to be merged first is the largest.
  bool operator<(const Pair& other) const {
    if (score != other.score) return score < other.score;
    return left > other.left;
  }
};

}  // namespace

struct Bpe::Work {
  std::vector<Symbol> symbols;
  std::vector<Pair> heap;
  // Of unused pieces, by node: bytes of the left part when it was last considered.
  std::unordered_map<PieceTrie::Node, uint32_t> left_sizes;
};

StatusOr<Bpe> Bpe::Create(const Model& model, const PieceTrie* user_symbols,
                          std::string_view name) {
  Bpe bpe(user_symbols);
  std::vector<PieceTrie::Entry> entries;
  for (size_t i = 0; i < model.pieces.size(); ++i) {
    const Model::Piece& piece = model.pieces[i];
    bpe.unused_.push_back(piece.type == PieceType::kUnused);
    if (!IsTextPiece(piece.type)) continue;
    entries.push_back({piece.text, static_cast<int32_t>(i), piece.score});
  }
  bpe.unknown_id_ = model.unknown_id;
  LARDER_ASSIGN_OR_RETURN(bpe.trie_, PieceTrie::Build(std::move(entries), name));
  return bpe;
}

Bpe::Work& Bpe::ThreadWork() {
  thread_local Work work;
  return work;
}

void Bpe::Split(std::string_view text, Work& work) const {
  work.symbols.clear();
  for (size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const size_t user_defined = user_symbols_ == nullptr ? 0 : user_symbols_->LongestPrefix(rest);
    const size_t size = user_defined > 0 ? user_defined : CharacterLength(rest);
    const auto index = static_cast<int32_t>(work.symbols.size());
    work.symbols.push_back({static_cast<uint32_t>(at), static_cast<uint32_t>(at + size), index - 1,
                            at + size == text.size() ? -1 : index + 1,
                            trie_.Walk(PieceTrie::kRoot, rest.substr(0, size)), user_defined > 0});
    at += size;
  }
}

void Bpe::Consider(std::string_view text, int32_t left, int32_t right, Work& work) const {
  if (left < 0 || right < 0) return;
  const Symbol& a = work.symbols[static_cast<size_t>(left)];
  const Symbol& b = work.symbols[static_cast<size_t>(right)];
  if (a.user_defined || b.user_defined || a.node == PieceTrie::kNone) return;
  const PieceTrie::Node node = trie_.Walk(a.node, text.substr(b.begin, b.size()));
  if (node == PieceTrie::kNone || trie_.id(node) < 0) return;
  work.heap.push_back({trie_.score(node), left, right, a.size() + b.size(), node});
  std::push_heap(work.heap.begin(), work.heap.end());
  if (unused_[static_cast<size_t>(trie_.id(node))]) work.left_sizes[node] = a.size();
}

void Bpe::Merge(std::string_view text, Work& work) const {
  while (!work.heap.empty()) {
    const Pair pair = work.heap.front();
    std::pop_heap(work.heap.begin(), work.heap.end());
    work.heap.pop_back();
    Symbol& left = work.symbols[static_cast<size_t>(pair.left)];
    Symbol& right = work.symbols[static_cast<size_t>(pair.right)];
    if (left.size() == 0 || right.size() == 0 || left.size() + right.size() != pair.size) continue;
    left.end = right.end;
    left.node = pair.node;
    left.next = right.next;
    if (left.next >= 0) work.symbols[static_cast<size_t>(left.next)].previous = pair.left;
    right.begin = right.end;
    Consider(text, left.previous, pair.left, work);
    Consider(text, pair.left, left.next, work);
  }
}

// Appends the piece text[begin, end), or its parts as long as they are unused pieces.
void Bpe::TakeApart(std::string_view text, uint32_t begin, uint32_t end, Work& work,
                    std::vector<Piece>& pieces) const {
  std::vector<std::pair<uint32_t, uint32_t>> open = {{begin, end}};
  while (!open.empty()) {
    std::tie(begin, end) = open.back();
    open.pop_back();
    const PieceTrie::Node node =
        trie_.Walk(PieceTrie::kRoot, text.substr(begin, end - begin));
    const int32_t id = node == PieceTrie::kNone ? -1 : trie_.id(node);
    const auto parts = id >= 0 && unused_[static_cast<size_t>(id)] ? work.left_sizes.find(node)
                                                                   : work.left_sizes.end();
    if (parts == work.left_sizes.end()) {
      pieces.push_back({end, id < 0 ? unknown_id_ : id});
      continue;
    }
    const uint32_t middle = begin + parts->second;
    open.push_back({middle, end});
    open.push_back({begin, middle});
  }
}

// Returns true if an unused piece was considered.
bool Bpe::Run(std::string_view text, std::vector<Piece>& pieces) const {
  Work& work = ThreadWork();
  Split(text, work);
  for (size_t i = 1; i < work.symbols.size(); ++i) {
    Consider(text, static_cast<int32_t>(i) - 1, static_cast<int32_t>(i), work);
  }
  Merge(text, work);
  pieces.clear();
  const bool unused = !work.left_sizes.empty();
  for (int32_t i = text.empty() ? -1 : 0; i >= 0; i = work.symbols[static_cast<size_t>(i)].next) {
    const Symbol& symbol = work.symbols[static_cast<size_t>(i)];
    if (unused) {
      TakeApart(text, symbol.begin, symbol.end, work, pieces);
      continue;
    }
    const int32_t id = symbol.node == PieceTrie::kNone ? -1 : trie_.id(symbol.node);
    pieces.push_back({symbol.end, id < 0 ? unknown_id_ : id});
  }
  if (unused) work.left_sizes.clear();
  if (work.symbols.capacity() > kKept) work = Work();
  return unused;
}

void Bpe::Segment(std::string_view text, std::vector<Piece>& pieces) const { Run(text, pieces); }

WordTrust Bpe::SegmentWord(std::string_view word, std::vector<Piece>& pieces) const {
  const bool unused = Run(word, pieces);
  return {.cost = 0, .limit = unused ? 0 : std::numeric_limits<float>::infinity()};
}

}  // namespace larder::text::internal
