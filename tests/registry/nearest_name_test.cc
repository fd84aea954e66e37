// SPDX-License-Identifier: Apache-2.0
#include "registry/nearest_name.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace larder::registry {
namespace {

// The same by the whole table, without a band.
size_t SlowDistance(const std::string& a, const std::string& b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1,
                          d[i - 1][j - 1] + (a[i - 1] != b[j - 1] ? 1 : 0)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

std::string SlowNearest(const std::string& name, const std::vector<std::string>& known) {
  std::string best;
  size_t best_distance = std::max<size_t>(1, name.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const size_t distance = SlowDistance(name, candidate);
    if (distance < best_distance ||
        (distance == best_distance && !best.empty() && candidate < best)) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

TEST(NearestName, FindsSlipsOnly) {
  const std::string_view known[] = {"clicks", "views", "dwell"};
  EXPECT_EQ(NearestName("clikcs", known), "clicks");
  EXPECT_EQ(NearestName("vews", known), "views");
  EXPECT_EQ(NearestName("price", known), "");
  EXPECT_EQ(NearestName(std::string(65, 'a'), known), "");
  EXPECT_EQ(NearestName("", known), "");
}

TEST(NearestName, AgreesWithTheWholeTable) {
  constexpr uint64_t kSeed = 20240601;
  SCOPED_TRACE(kSeed);
  std::mt19937_64 random(kSeed);
  const auto word = [&] {
    std::string text(random() % 13, ' ');
    for (char& c : text) c = static_cast<char>('a' + random() % 3);
    return text;
  };
  for (int round = 0; round < 3'000; ++round) {
    std::vector<std::string> known(1 + random() % 8);
    std::generate(known.begin(), known.end(), word);
    const std::string name = word();
    EXPECT_EQ(NearestName(name, std::vector<std::string_view>(known.begin(), known.end())),
              SlowNearest(name, known))
        << name;
  }
}

}  // namespace
}  // namespace larder::registry
