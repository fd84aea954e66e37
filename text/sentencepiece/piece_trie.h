// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_SENTENCEPIECE_PIECE_TRIE_H_
#define LARDER_TEXT_SENTENCEPIECE_PIECE_TRIE_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace larder::text::internal {

// The pieces of a vocabulary as a tree of bytes, for finding those that a text begins with: a
// double array, in which the child of a node is one addition and one comparison away.
//
// Thread-safety: thread-safe.
// Source: Aoe 1989, "An efficient digital search algorithm by using a double-array structure".
class PieceTrie {
 public:
  using Node = uint32_t;
  static constexpr Node kRoot = 0;
  static constexpr Node kNone = UINT32_MAX;

  struct Entry {
    std::string_view text;  // not empty, no two the same
    int32_t id = 0;
    float score = 0;
  };

  // Errors: kDataLoss naming `name` for pieces that would need more than eight units per node,
  //         which those of no real vocabulary do.
  // Cost: O(bytes of all pieces); 16 bytes of memory per unit, about one unit per node.
  static StatusOr<PieceTrie> Build(std::vector<Entry> entries, std::string_view name);

  // Without pieces.
  PieceTrie() : links_(256), values_(256) {}

  // The node that `c` leads to; kNone if no piece goes on so.
  Node Child(Node node, unsigned char c) const {
    const uint32_t child = (links_[node].base & ~kIsPiece) + c;
    return links_[child].parent == node ? child : kNone;
  }
  // As Child, of all bytes; kNone stays kNone.
  Node Walk(Node node, std::string_view bytes) const {
    for (size_t i = 0; i < bytes.size() && node != kNone; ++i) {
      node = Child(node, static_cast<unsigned char>(bytes[i]));
    }
    return node;
  }
  // True if a piece ends at a node; then it has an id and a score.
  bool is_piece(Node node) const { return (links_[node].base & kIsPiece) != 0; }
  int32_t id(Node node) const { return values_[node].id; }
  float score(Node node) const { return values_[node].score; }

  // Bytes of the longest piece that `text` begins with; 0 if there is none.
  size_t LongestPrefix(std::string_view text) const {
    size_t longest = 0;
    Node node = kRoot;
    for (size_t i = 0; i < text.size(); ++i) {
      node = Child(node, static_cast<unsigned char>(text[i]));
      if (node == kNone) break;
      if (is_piece(node)) longest = i + 1;
    }
    return longest;
  }

 private:
  friend class PieceTrieBuilder;

  static constexpr uint32_t kIsPiece = 1u << 31;

  // What steps need is apart from what only pieces have: it is a walk's memory that counts.
  struct Link {
    uint32_t base = 0;  // the child of byte c is at base + c, which is always inside the array
    uint32_t parent = kNone;
  };
  struct Value {
    int32_t id = -1;
    float score = 0;
  };
  std::vector<Link> links_;
  std::vector<Value> values_;
};

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_SENTENCEPIECE_PIECE_TRIE_H_
