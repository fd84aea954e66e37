// SPDX-License-Identifier: Apache-2.0
#include "ann/codes.h"

#include <algorithm>

namespace larder::ann {

bool VectorView::operator==(const VectorView& other) const {
  return std::equal(high.begin(), high.end(), other.high.begin(), other.high.end()) &&
         std::equal(low.begin(), low.end(), other.low.begin(), other.low.end());
}

std::vector<int8_t> VectorView::Codes() const {
  std::vector<int8_t> codes;
  AppendTo(codes);
  return codes;
}

void VectorView::AppendTo(std::vector<int8_t>& codes) const {
  codes.insert(codes.end(), high.begin(), high.end());
  codes.insert(codes.end(), low.begin(), low.end());
}

bool IsZero(std::span<const int8_t> codes) {
  return std::all_of(codes.begin(), codes.end(), [](int8_t x) { return x == 0; });
}

int64_t Dot(const VectorView& a, const VectorView& b) {
  const DistanceKernel& kernel = BestKernel();
  const size_t dim = a.high.size();
  const int64_t high = kernel.dot(a.high.data(), b.high.data(), dim);
  if (a.low.empty()) return high;
  const int64_t mixed = int64_t{kernel.dot(a.high.data(), b.low.data(), dim)} +
                        kernel.dot(a.low.data(), b.high.data(), dim);
  return 65536 * high + 256 * mixed + kernel.dot(a.low.data(), b.low.data(), dim);
}

HighNorm NormOf(const VectorView& v) {
  const double norm = std::sqrt(static_cast<double>(SquaredNorm(v)));
  if (v.low.empty()) return {.inverse = static_cast<float>(1 / norm), .slack = 0};
  const double low = std::sqrt(
      static_cast<double>(BestKernel().dot(v.low.data(), v.low.data(), v.low.size())));
  return {.inverse = static_cast<float>(256 / norm), .slack = static_cast<float>(low / norm)};
}

}  // namespace larder::ann
