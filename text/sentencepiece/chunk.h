// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_SENTENCEPIECE_CHUNK_H_
#define LARDER_TEXT_SENTENCEPIECE_CHUNK_H_

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "text/sentencepiece/normalizer.h"
#include "text/sentencepiece/word_cache.h"

namespace larder::text::internal {

inline constexpr size_t kChunkPadding = 32;

// How many of kMaxWordBytes bytes are before the first that is at most a space.
inline size_t BytesBeforeLowOneByOne(const char* bytes) {
  size_t i = 0;
  while (i < WordCache::kMaxWordBytes && static_cast<unsigned char>(bytes[i]) > ' ') ++i;
  return i;
}

// The same; may read kChunkPadding bytes. Free of jumps: how long a word is cannot be foreseen.
inline size_t BytesBeforeLow(const char* bytes) {
#ifdef __SSE2__
  const auto low_of = [](const char* sixteen) {
    const __m128i part = _mm_loadu_si128(reinterpret_cast<const __m128i*>(sixteen));
    const __m128i least = _mm_min_epu8(part, _mm_set1_epi8(' '));
    return static_cast<uint64_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(part, least)));
  };
  constexpr uint64_t kEnd = uint64_t{1} << WordCache::kMaxWordBytes;
  const uint64_t low = low_of(bytes) | low_of(bytes + 16) << 16;
  return static_cast<size_t>(std::countr_zero(low | kEnd));
#else
  return BytesBeforeLowOneByOne(bytes);
#endif
}

// Reads the part of a text from `begin` to the next separator or the end of the text.
// Returns its end; `word` is its bytes, or has the size 0 if it is longer than a cached word.
// kChunkPadding zeros are behind the text.
inline size_t ReadChunk(std::string_view text, size_t begin, const Normalizer& normalizer,
                        WordCache::Word& word) {
  size_t size = BytesBeforeLow(text.data() + begin);
  const auto is_end = [&](size_t at) {
    return at == text.size() || normalizer.IsSeparator(static_cast<unsigned char>(text[at]));
  };
  // A long word, or a control character in it.
  while (!is_end(begin + size)) [[unlikely]] ++size;
  word.size = size <= WordCache::kMaxWordBytes ? static_cast<uint32_t>(size) : 0;
  const std::array<uint64_t, 3>& mask = WordCache::Mask(word.size);
  for (size_t i = 0; i < mask.size(); ++i) {
    uint64_t part;
    std::memcpy(&part, text.data() + begin + i * sizeof part, sizeof part);
    word.bytes[i] = part & mask[i];
  }
  return begin + size;
}

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_SENTENCEPIECE_CHUNK_H_
