// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_SENTENCEPIECE_SEGMENTER_H_
#define LARDER_TEXT_SENTENCEPIECE_SEGMENTER_H_

#include <cmath>
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

// The same in whole numbers, rounded so that it promises less.
struct RoundedTrust {
  static constexpr uint32_t kMaxLimit = 63;

  RoundedTrust() = default;
  RoundedTrust(uint32_t quarters, uint32_t exponent) : cost(quarters), limit(exponent) {}
  explicit RoundedTrust(const WordTrust& trust) : cost(1), limit(0) {
    constexpr float kEndOfCosts = 1u << 28;
    constexpr float kLeastLimit = 0.5f;
    constexpr float kNoLimit = 0x1p61f;
    if (!(trust.cost >= 0 && trust.cost < kEndOfCosts && trust.limit >= kLeastLimit)) return;
    cost = static_cast<uint32_t>(std::ceil(trust.cost * 4));
    limit = trust.limit < kNoLimit ? static_cast<uint32_t>(std::ilogb(trust.limit * 4)) : kMaxLimit;
  }

  uint32_t cost = 0;           // in quarters; not 0 where limit is
  uint32_t limit = kMaxLimit;  // of 2^limit quarters; kMaxLimit: none; 0: the pieces hold nowhere
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
