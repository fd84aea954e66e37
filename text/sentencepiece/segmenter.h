// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_SENTENCEPIECE_SEGMENTER_H_
#define LARDER_TEXT_SENTENCEPIECE_SEGMENTER_H_

#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace larder::text::internal {

// A piece of a normalised text: it ends before byte `end`, and begins where the one before it ends.
struct Piece {
  uint32_t end = 0;
  int32_t id = 0;
};

// What is known of a word that was split on its own: where in a text its pieces are the same.
struct WordTrust {
  // How much the word lowers a text's score.
  float cost = 0;
  // The pieces hold where the text's score up to the end of the word is above -limit. 0: nowhere.
  float limit = std::numeric_limits<float>::infinity();
};

// Splits normalised texts into pieces.
// Thread-safety: thread-safe.
class Segmenter {
 public:
  virtual ~Segmenter() = default;

  // Replaces `pieces` by those of a normalised text.
  virtual void Segment(std::string_view text, std::vector<Piece>& pieces) const = 0;
  // The same of a word, which is a part of a text that no piece crosses the ends of.
  virtual WordTrust SegmentWord(std::string_view word, std::vector<Piece>& pieces) const = 0;
};

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_SENTENCEPIECE_SEGMENTER_H_
