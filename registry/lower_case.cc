// SPDX-License-Identifier: Apache-2.0
#include "registry/internal/lower_case.h"

namespace larder::registry::internal {
namespace {

char32_t LowerLatin(char32_t c) {
  if (c <= 0x7F) return c >= 'A' && c <= 'Z' ? c + 32 : c;
  if (c <= 0xFF) return c >= 0xC0 && c <= 0xDE && c != 0xD7 ? c + 32 : c;
  if (c == 0x130) return 'i';
  if (c == 0x178) return 0xFF;
  const bool capital_is_odd = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E);
  const bool capital_is_even =
      c <= 0x12F || (c >= 0x132 && c <= 0x137) || (c >= 0x14A && c <= 0x177);
  if (capital_is_odd) return c % 2 == 1 ? c + 1 : c;
  if (capital_is_even) return c % 2 == 0 ? c + 1 : c;
  return c;
}

char32_t LowerGreek(char32_t c) {
  if (c == 0x386) return 0x3AC;
  if (c >= 0x388 && c <= 0x38A) return c + 37;
  if (c == 0x38C) return 0x3CC;
  if (c == 0x38E || c == 0x38F) return c + 63;
  if (c >= 0x391 && c <= 0x3AB && c != 0x3A2) return c + 32;
  return c;
}

char32_t LowerCyrillic(char32_t c) {
  if (c <= 0x40F) return c + 80;
  if (c <= 0x42F) return c + 32;
  if (c == 0x4C0) return 0x4CF;
  if (c >= 0x4C1 && c <= 0x4CE) return c % 2 == 1 ? c + 1 : c;
  const bool pairs = (c >= 0x460 && c <= 0x481) || (c >= 0x48A && c <= 0x4BF) || c >= 0x4D0;
  return pairs && c % 2 == 0 ? c + 1 : c;
}

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

char32_t LowerCodePoint(char32_t c) {
  if (c <= 0x17F) return LowerLatin(c);
  if (c >= 0x386 && c <= 0x3AB) return LowerGreek(c);
  if (c >= 0x400 && c <= 0x52F) return LowerCyrillic(c);
  return c;
}

void AppendLower(std::string_view text, std::string& out) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // All the letters that change have one or two bytes.
    const bool two = (byte & 0xE0) == 0xC0 && i + 1 < text.size() && IsContinuation(text[i + 1]);
    if (!two) {
      out.push_back(byte <= 0x7F ? static_cast<char>(LowerCodePoint(byte)) : text[i]);
      continue;
    }
    const auto next = static_cast<unsigned char>(text[++i]);
    const char32_t lower =
        LowerCodePoint((static_cast<char32_t>(byte & 0x1F) << 6) | (next & 0x3F));
    if (lower <= 0x7F) {
      out.push_back(static_cast<char>(lower));
    } else {
      out.push_back(static_cast<char>(0xC0 | (lower >> 6)));
      out.push_back(static_cast<char>(0x80 | (lower & 0x3F)));
    }
  }
}

size_t CountCodePoints(std::string_view text) {
  size_t count = 0;
  for (const char c : text) count += IsContinuation(c) ? 0 : 1;
  return count;
}

}  // namespace larder::registry::internal
