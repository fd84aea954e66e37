// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece/piece_trie.h"

#include <algorithm>
#include <utility>

namespace larder::text::internal {
namespace {

constexpr uint32_t kBytes = 256;
// Units that a small tree may have beyond eight per node.
constexpr size_t kSpare = 1u << 16;
// Free places that are tried for the children of one node before they go to the end of the array.
// It bounds the time; the places that are left over serve nodes with one child.
constexpr int kMaxTries = 64;

}  // namespace

// Lays out one node after the other, depth first, so that what is walked together lies together.
class PieceTrieBuilder {
 public:
  explicit PieceTrieBuilder(std::vector<PieceTrie::Entry> entries) : entries_(std::move(entries)) {
    std::sort(entries_.begin(), entries_.end(),
              [](const auto& a, const auto& b) { return a.text < b.text; });
  }

  Status Build(std::string_view name, PieceTrie& trie) {
    Grow(2 * kBytes);
    free_[PieceTrie::kRoot] = false;
    std::vector<Range> open = {{PieceTrie::kRoot, 0, entries_.size(), 0}};
    size_t nodes = 0;
    while (!open.empty()) {
      const Range range = open.back();
      open.pop_back();
      Place(range, open);
      ++nodes;
      if (links_.size() > 8 * nodes + kSpare) {
        return DataLoss(name, ": the pieces do not fit into a table of ", links_.size(), " units");
      }
    }
    trie.links_ = std::move(links_);
    trie.values_ = std::move(values_);
    return OkStatus();
  }

 private:
  // The entries [first, last) share the first `depth` bytes, which lead to `node`.
  struct Range {
    PieceTrie::Node node;
    size_t first;
    size_t last;
    size_t depth;
  };

  void Place(const Range& range, std::vector<Range>& open) {
    size_t first = range.first;
    uint32_t is_piece = 0;
    if (first < range.last && entries_[first].text.size() == range.depth) {
      is_piece = PieceTrie::kIsPiece;
      values_[range.node] = {entries_[first].id, entries_[first].score};
      ++first;
    }
    links_[range.node].base = is_piece;
    labels_.clear();
    const size_t begin = open.size();
    for (size_t i = first; i < range.last; ++i) {
      const auto label = static_cast<unsigned char>(entries_[i].text[range.depth]);
      if (labels_.empty() || labels_.back() != label) {
        labels_.push_back(label);
        open.push_back({0, i, i, range.depth + 1});
      }
      open.back().last = i + 1;
    }
    if (labels_.empty()) return;
    const uint32_t base = FindBase();
    links_[range.node].base = base | is_piece;
    for (size_t k = 0; k < labels_.size(); ++k) {
      const uint32_t child = base + labels_[k];
      Take(child);
      links_[child].parent = range.node;
      open[begin + k].node = child;
    }
    std::reverse(open.begin() + static_cast<std::ptrdiff_t>(begin), open.end());
  }

  // A base at which the places of all labels are free; the array reaches over all bytes from there.
  uint32_t FindBase() {
    const size_t first_label = labels_[0];
    size_t base = links_.size() - first_label;
    int tries = 0;
    for (size_t at = next_[kEnds]; at != kEnds && tries < kMaxTries; at = next_[at]) {
      if (at < first_label) continue;  // at most 255 of them
      ++tries;
      if (!AllFree(at - first_label)) continue;
      base = at - first_label;
      break;
    }
    Grow(base + kBytes);
    return static_cast<uint32_t>(base);
  }

  bool AllFree(size_t base) const {
    return std::all_of(labels_.begin(), labels_.end(), [&](unsigned char label) {
      return base + label >= links_.size() || free_[base + label];
    });
  }

  void Grow(size_t size) {
    const size_t old = links_.size();
    if (size <= old) return;
    links_.resize(size);
    values_.resize(size);
    free_.resize(size, true);
    next_.resize(size);
    previous_.resize(size);
    for (size_t at = std::max<size_t>(old, 1); at < size; ++at) {
      previous_[at] = previous_[kEnds];
      next_[at] = kEnds;
      next_[previous_[at]] = static_cast<uint32_t>(at);
      previous_[kEnds] = static_cast<uint32_t>(at);
    }
  }

  void Take(size_t at) {
    free_[at] = false;
    next_[previous_[at]] = next_[at];
    previous_[next_[at]] = previous_[at];
  }

  // Place 0 is the root's, never free: it stands for both ends of the list of free places.
  static constexpr size_t kEnds = 0;

  std::vector<PieceTrie::Entry> entries_;
  std::vector<PieceTrie::Link> links_;
  std::vector<PieceTrie::Value> values_;
  std::vector<bool> free_;
  std::vector<uint32_t> next_;
  std::vector<uint32_t> previous_;
  std::vector<unsigned char> labels_;
};

StatusOr<PieceTrie> PieceTrie::Build(std::vector<Entry> entries, std::string_view name) {
  PieceTrie trie;
  LARDER_RETURN_IF_ERROR(PieceTrieBuilder(std::move(entries)).Build(name, trie));
  return trie;
}

}  // namespace larder::text::internal
