// SPDX-License-Identifier: Apache-2.0
#include "cli/format.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace larder::cli {
namespace {

std::string Printed(const char* format, double value) {
  std::array<char, 48> buffer;
  const int size = std::snprintf(buffer.data(), buffer.size(), format, value);
  return std::string(buffer.data(), static_cast<size_t>(std::max(size, 0)));
}

// One decimal below ten, none above: "3.4", "34".
std::string TwoDigits(double value) { return Printed(value < 9.95 ? "%.1f" : "%.0f", value); }

struct CodePoint {
  uint32_t value = 0;
  size_t bytes = 1;
};

// The code point at the start of `text`, which is not empty. A wrong byte stands for itself.
CodePoint Decode(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  const size_t bytes = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 1;
  if (bytes == 1 || bytes > text.size()) return {lead, 1};
  uint32_t value = lead & (0xFFu >> (bytes + 1));
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {lead, 1};
    value = (value << 6) | (byte(i) & 0x3Fu);
  }
  return {value, bytes};
}

template <size_t N>
bool In(const std::array<std::pair<uint32_t, uint32_t>, N>& ranges, uint32_t value) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const auto& range) {
    return value >= range.first && value <= range.second;
  });
}

// Source: Unicode 15 EastAsianWidth.txt (W and F) and DerivedGeneralCategory.txt (Mn, Me, Cf),
// coarsened to the blocks that names and titles use.
constexpr std::array<std::pair<uint32_t, uint32_t>, 10> kWide{{{0x1100, 0x115F},
                                                               {0x2E80, 0x303E},
                                                               {0x3041, 0xA4CF},
                                                               {0xA960, 0xA97C},
                                                               {0xAC00, 0xD7A3},
                                                               {0xF900, 0xFAFF},
                                                               {0xFE30, 0xFE6F},
                                                               {0xFF00, 0xFF60},
                                                               {0x1F300, 0x1F9FF},
                                                               {0x20000, 0x3FFFD}}};
constexpr std::array<std::pair<uint32_t, uint32_t>, 8> kZero{{{0x0300, 0x036F},
                                                              {0x0483, 0x0489},
                                                              {0x0591, 0x05BD},
                                                              {0x064B, 0x065F},
                                                              {0x200B, 0x200F},
                                                              {0x20D0, 0x20FF},
                                                              {0xFE00, 0xFE0F},
                                                              {0xFEFF, 0xFEFF}}};

size_t Width(uint32_t value) {
  if (value < 0x300) return 1;
  if (In(kZero, value)) return 0;
  return In(kWide, value) ? 2 : 1;
}

}  // namespace

std::string FormatNumber(double value) { return Printed("%.5g", value); }

std::string FormatCount(uint64_t value) {
  std::string digits = std::to_string(value);
  for (size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, 1, ',');
  return digits;
}

std::string FormatBytes(uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return (unit == 0 ? std::to_string(bytes) : TwoDigits(value)) + " " + kUnits[unit];
}

std::string FormatSpan(DurationUs span) {
  const double value = static_cast<double>(std::max<DurationUs>(span, 0));
  if (value < 1e3) return Printed("%.0f", value) + " us";
  if (value < 1e6) return TwoDigits(value / 1e3) + " ms";
  if (value < 120e6) return TwoDigits(value / 1e6) + " s";
  if (value < 2.0 * kHourUs) return TwoDigits(value / kMinuteUs) + " min";
  if (value < 2.0 * kDayUs) return TwoDigits(value / kHourUs) + " h";
  return TwoDigits(value / kDayUs) + " d";
}

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    const CodePoint point = Decode(text);
    width += Width(point.value);
    text.remove_prefix(point.bytes);
  }
  return width;
}

std::string Shorten(std::string_view text, size_t width) {
  const bool fits = DisplayWidth(text) <= width;
  const size_t room = fits || width == 0 ? width : width - 1;
  std::string out;
  size_t used = 0;
  while (!text.empty()) {
    const CodePoint point = Decode(text);
    const size_t columns = Width(point.value);
    if (used + columns > room) break;
    if (point.value < 0x20 || point.value == 0x7F) {
      out += ' ';
    } else {
      out.append(text.substr(0, point.bytes));
    }
    used += columns;
    text.remove_prefix(point.bytes);
  }
  if (!fits && width > 0) out += "…";
  return out;
}

std::string_view StatusCodeName(StatusCode code) {
  constexpr std::array<std::string_view, 17> kNames{"OK",
                                                    "CANCELLED",
                                                    "UNKNOWN",
                                                    "INVALID_ARGUMENT",
                                                    "DEADLINE_EXCEEDED",
                                                    "NOT_FOUND",
                                                    "ALREADY_EXISTS",
                                                    "PERMISSION_DENIED",
                                                    "RESOURCE_EXHAUSTED",
                                                    "FAILED_PRECONDITION",
                                                    "ABORTED",
                                                    "OUT_OF_RANGE",
                                                    "UNIMPLEMENTED",
                                                    "INTERNAL",
                                                    "UNAVAILABLE",
                                                    "DATA_LOSS",
                                                    "UNAUTHENTICATED"};
  const auto index = static_cast<size_t>(code);
  return index < kNames.size() ? kNames[index] : kNames[2];
}

}  // namespace larder::cli
