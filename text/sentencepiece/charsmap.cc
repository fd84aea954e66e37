// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece/charsmap.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"

namespace larder::text::internal {
namespace {

constexpr size_t kMaxArrayBytes = 4u << 20;
constexpr size_t kMaxRuleBytes = 4'096;
// The library's array of rules that begin one another; it reads past its end when there are more.
constexpr uint32_t kMaxNestedRules = 32;
// The steepest rule of NFKC makes 13 times as many bytes (U+FDFA).
constexpr size_t kMaxGrowth = 32;

}  // namespace

// Walks every way through the double array once. Ways may join (the library's builder shares equal
// endings), so what is known about a unit is kept.
class CharsMapCheck {
 public:
  CharsMapCheck(CharsMap& map, std::string_view name, std::string_view what)
      : map_(map), name_(name), what_(what) {}

  Status Run() {
    const std::vector<uint32_t>& units = map_.units_;
    for (size_t i = 0; i < units.size(); ++i) {
      if (units[i] >> 31) continue;  // a value: never walked from
      if ((i ^ CharsMap::Offset(units[i])) >= units.size()) {
        return DataLoss(name_, ": unit ", i, " of the ", what_,
                        "'s double array points outside it");
      }
    }
    state_.assign(units.size(), {});
    LARDER_RETURN_IF_ERROR(Walk());
    return CheckReplacements();
  }

 private:
  // What is known about a unit: of the ways through it, counted from the root and to the end.
  struct State {
    uint32_t shortest = UINT32_MAX;  // bytes from the root, at least
    uint32_t rules_below = 0;        // most rules on one way from here on
    uint32_t bytes_below = 0;        // most bytes on one way from here on
    bool entered = false;
    bool left = false;
  };
  struct Step {
    uint32_t unit;
    uint32_t next_label;
  };

  // Depth first, with a stack of its own: a forged way may be as long as the array.
  Status Walk() {
    std::vector<Step> stack = {{0, 0}};
    state_[0].entered = true;
    while (!stack.empty()) {
      Step& top = stack.back();
      const uint32_t unit = top.unit;
      const uint32_t base = unit ^ CharsMap::Offset(map_.units_[unit]);
      uint32_t c = top.next_label;
      while (c < 256 && !CharsMap::HasLabel(map_.units_[base ^ c], static_cast<unsigned char>(c))) {
        ++c;
      }
      if (c == 256) {
        LARDER_RETURN_IF_ERROR(Leave(unit, base));
        stack.pop_back();
        continue;
      }
      top.next_label = c + 1;
      const uint32_t child = base ^ c;
      if (unit != 0) map_.in_longer_rule_[c] = true;
      if (state_[child].entered && !state_[child].left) {
        return DataLoss(name_, ": the ", what_, "'s double array goes round in a circle at unit ",
                        child);
      }
      if (state_[child].left) continue;
      state_[child].entered = true;
      stack.push_back({child, 0});
    }
    return OkStatus();
  }

  Status Leave(uint32_t unit, uint32_t base) {
    State& state = state_[unit];
    for (uint32_t c = 0; c < 256; ++c) {
      if (!CharsMap::HasLabel(map_.units_[base ^ c], static_cast<unsigned char>(c))) continue;
      const State& child = state_[base ^ c];
      const bool rule = CharsMap::HasRule(map_.units_[base ^ c]);
      state.rules_below = std::max(state.rules_below, child.rules_below + (rule ? 1 : 0));
      state.bytes_below = std::max(state.bytes_below, child.bytes_below + 1);
    }
    if (state.rules_below > kMaxNestedRules) {
      return DataLoss(name_, ": more than ", kMaxNestedRules, " rules of the ", what_,
                      " begin one another");
    }
    if (state.bytes_below > kMaxRuleBytes) {
      return DataLoss(name_, ": the ", what_, " has a rule of more than ", kMaxRuleBytes, " bytes");
    }
    state.left = true;
    order_.push_back(unit);
    return OkStatus();
  }

  // From the root on: order_ has every unit before those that lead to it.
  Status CheckReplacements() {
    state_[0].shortest = 0;
    std::vector<bool> known(map_.replacements_.size());
    for (auto it = order_.rbegin(); it != order_.rend(); ++it) {
      const uint32_t unit = *it;
      const uint32_t shortest = state_[unit].shortest;
      const uint32_t base = unit ^ CharsMap::Offset(map_.units_[unit]);
      if (CharsMap::HasRule(map_.units_[unit]) && unit != 0) {
        LARDER_RETURN_IF_ERROR(
            CheckReplacement(unit, CharsMap::Value(map_.units_[base]), shortest, known));
      }
      for (uint32_t c = 0; c < 256; ++c) {
        if (!CharsMap::HasLabel(map_.units_[base ^ c], static_cast<unsigned char>(c))) continue;
        uint32_t& child = state_[base ^ c].shortest;
        child = std::min(child, shortest + 1);
      }
    }
    return OkStatus();
  }

  Status CheckReplacement(uint32_t unit, uint32_t value, size_t rule_bytes,
                          std::vector<bool>& known_utf8) {
    if (value >= map_.replacements_.size()) {
      return DataLoss(name_, ": unit ", unit, " of the ", what_,
                      "'s double array names replacement ", value, " of ",
                      map_.replacements_.size(), " bytes");
    }
    const char* text = map_.replacements_.data() + value;
    const size_t limit = kMaxGrowth * rule_bytes;
    const size_t size = strnlen(text, limit + 1);
    const auto spaces = static_cast<size_t>(std::count(text, text + size, ' '));
    if (size + 2 * spaces > limit) {
      return DataLoss(name_, ": a rule of the ", what_, " makes more than ", kMaxGrowth,
                      " times as many bytes");
    }
    if (!known_utf8[value] && !IsUtf8({text, size})) {
      return DataLoss(name_, ": replacement ", value, " of the ", what_, " is not UTF-8");
    }
    known_utf8[value] = true;
    return OkStatus();
  }

  CharsMap& map_;
  const std::string_view name_;
  const std::string_view what_;
  std::vector<State> state_;
  std::vector<uint32_t> order_;  // units as they were left
};

StatusOr<CharsMap> CharsMap::Open(std::string_view bytes, std::string_view name,
                                  std::string_view what) {
  CharsMap map;
  if (bytes.empty()) return map;
  ByteReader reader(bytes);
  const uint32_t array_bytes = reader.Fixed<uint32_t>();
  const std::string_view units = reader.Raw(array_bytes);
  if (array_bytes > kMaxArrayBytes) {
    return DataLoss(name, ": the ", what, "'s table has a double array of ", array_bytes,
                    " bytes, the limit is ", kMaxArrayBytes);
  }
  // Blocks of 256 units: with them, one check covers every label of a unit.
  if (!reader.ok() || units.empty() || units.size() % (256 * sizeof(uint32_t)) != 0) {
    return DataLoss(name, ": the ", what, "'s table has a double array of ", array_bytes,
                    " bytes in ", bytes.size());
  }
  map.units_.resize(units.size() / sizeof(uint32_t));
  std::memcpy(map.units_.data(), units.data(), units.size());
  map.replacements_ = bytes.substr(sizeof(uint32_t) + units.size());
  if (map.replacements_.empty() || map.replacements_.back() != '\0') {
    return DataLoss(name, ": the ", what, "'s replacements do not end with a NUL");
  }
  LARDER_RETURN_IF_ERROR(CharsMapCheck(map, name, what).Run());
  map.DescribeAscii();
  return map;
}

std::array<std::string, 128> CharsMap::Identity() {
  std::array<std::string, 128> identity;
  for (size_t c = 0; c < identity.size(); ++c) identity[c] = std::string(1, static_cast<char>(c));
  return identity;
}

void CharsMap::DescribeAscii() {
  const uint32_t root = Offset(units_[0]);
  for (uint32_t c = 0; c < 128; ++c) {
    const uint32_t child = root ^ c;
    if (!HasLabel(units_[child], static_cast<unsigned char>(c))) continue;
    const uint32_t base = child ^ Offset(units_[child]);
    if (HasRule(units_[child])) ascii_[c] = replacements_.data() + Value(units_[base]);
    for (uint32_t next = 0; next < 256; ++next) {
      if (!HasLabel(units_[base ^ next], static_cast<unsigned char>(next))) continue;
      in_longer_rule_[c] = true;
      if (next < 128) goes_on_in_ascii_[c] = true;
    }
  }
}

CharsMap::Match CharsMap::Find(std::string_view text) const {
  Match match;
  if (units_.empty()) return match;
  uint32_t place = Offset(units_[0]);
  uint32_t value = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    place ^= c;
    const uint32_t unit = units_[place];
    if (!HasLabel(unit, c)) break;
    place ^= Offset(unit);
    if (!HasRule(unit)) continue;
    match.length = i + 1;
    value = Value(units_[place]);
  }
  if (match.length > 0) match.replacement = replacements_.data() + value;
  return match;
}

void CharsMap::ForEach(
    const std::function<void(std::string_view, std::string_view)>& visit) const {
  std::string path;
  if (!units_.empty()) ForEachBelow(0, path, visit);
}

// As deep as the longest rule, which has kMaxRuleBytes at most.
void CharsMap::ForEachBelow(
    uint32_t unit, std::string& path,
    const std::function<void(std::string_view, std::string_view)>& visit) const {
  const uint32_t base = unit ^ Offset(units_[unit]);
  if (!path.empty() && HasRule(units_[unit])) {
    visit(path, replacements_.data() + Value(units_[base]));
  }
  for (uint32_t c = 0; c < 256; ++c) {
    if (!HasLabel(units_[base ^ c], static_cast<unsigned char>(c))) continue;
    path.push_back(static_cast<char>(c));
    ForEachBelow(base ^ c, path, visit);
    path.pop_back();
  }
}

}  // namespace larder::text::internal
