// SPDX-License-Identifier: Apache-2.0
#include "text/wordpiece/bert_normalizer.h"

#include <algorithm>

#include "text/wordpiece/unicode.h"

namespace larder::text::internal {

std::span<const NormalizedChar> BertNormalizer::Run(std::string_view text, size_t begin,
                                                    size_t end) {
  chars_.clear();
  for (size_t at = begin; at < end;) {
    const auto start = static_cast<uint32_t>(at);
    const char32_t c = NextChar(text, at);
    chars_.push_back({c, start, static_cast<uint32_t>(at)});
  }
  for (const NormalizerStep step : steps_) Apply(step);
  return chars_;
}

template <typename Keep>
void BertNormalizer::Filter(Keep keep) {
  std::erase_if(chars_, [&keep](const NormalizedChar& one) { return !keep(one.c); });
}

void BertNormalizer::Apply(NormalizerStep step) {
  const Unicode& unicode = Unicode::Get();
  switch (step) {
    case NormalizerStep::kClean:
      Filter([&](char32_t c) { return !unicode.is(c, kOther); });
      for (NormalizedChar& one : chars_) {
        if (unicode.is(one.c, kSpace)) one.c = ' ';
      }
      break;
    case NormalizerStep::kSpaceChinese:
      if (std::none_of(chars_.begin(), chars_.end(), [&](const NormalizedChar& one) {
            return unicode.is(one.c, kChinese);
          })) {
        break;
      }
      next_.clear();
      for (const NormalizedChar& one : chars_) {
        const bool spaced = unicode.is(one.c, kChinese);
        if (spaced) next_.push_back({' ', one.begin, one.end});
        next_.push_back(one);
        if (spaced) next_.push_back({' ', one.begin, one.end});
      }
      chars_.swap(next_);
      break;
    case NormalizerStep::kDecompose: Decompose(); break;
    case NormalizerStep::kStripNonspacing:
      Filter([&](char32_t c) { return !unicode.is(c, kNonspacing); });
      break;
    case NormalizerStep::kStripMarks:
      Filter([&](char32_t c) { return !unicode.is(c, kMark); });
      break;
    case NormalizerStep::kLowercase:
      next_.clear();
      for (const NormalizedChar& one : chars_) {
        if (!unicode.is(one.c, kLowers)) {
          next_.push_back(one);
          continue;
        }
        for (const char32_t c : LowercaseOf(one.c).to) {
          if (c != 0) next_.push_back({c, one.begin, one.end});
        }
      }
      chars_.swap(next_);
      break;
  }
}

void BertNormalizer::Decompose() {
  const Unicode& unicode = Unicode::Get();
  const auto stays = [&](const NormalizedChar& one) {
    return !unicode.is(one.c, kDecomposes | kReorders);
  };
  if (std::all_of(chars_.begin(), chars_.end(), stays)) return;
  parts_.clear();
  const auto add = [&](std::span<const char32_t> to) {
    for (size_t i = 0; i < to.size() && to[i] != 0; ++i) {
      const uint8_t number = unicode.is(to[i], kReorders) ? CombiningClassOf(to[i]) : uint8_t{0};
      parts_.push_back({to[i], number, i == 0});
    }
  };
  for (const NormalizedChar& one : chars_) {
    if (IsHangulSyllable(one.c)) {
      add(HangulParts(one.c));
    } else if (unicode.is(one.c, kDecomposes)) {
      add(DecompositionOf(one.c).to);
    } else if (one.c == 0) {
      parts_.push_back({0, 0, true});  // for `add` it would be padding
    } else {
      add(std::span(&one.c, 1));
    }
  }
  for (auto run = parts_.begin(); run != parts_.end();) {
    if (run->combining_class == 0) {
      ++run;
      continue;
    }
    const auto end = std::find_if(run, parts_.end(),
                                  [](const Part& part) { return part.combining_class == 0; });
    std::stable_sort(run, end, [](const Part& a, const Part& b) {
      return a.combining_class < b.combining_class;
    });
    run = end;
  }
  // A first part stands where the next character stood, another where the one before it did.
  next_.clear();
  size_t used = 0;
  for (const Part& part : parts_) {
    if (part.first) ++used;
    next_.push_back({part.c, chars_[used - 1].begin, chars_[used - 1].end});
  }
  chars_.swap(next_);
}

}  // namespace larder::text::internal
