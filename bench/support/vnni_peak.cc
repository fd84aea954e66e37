// SPDX-License-Identifier: Apache-2.0
#include "bench/support/vnni_peak.h"

#include <algorithm>
#include <cstdint>

#include "bench/support/timing.h"

namespace larder::bench {
namespace {

#if defined(__x86_64__)
constexpr int kRounds = 20;
constexpr int64_t kSteps = 5'000;
constexpr double kOperationsPerStep = 24 * 64 * 2;

#define LARDER_DOTS(a, b, c, d)                                                              \
  "vpdpbusd %%zmm0, %%zmm1, %%zmm" #a "\n\tvpdpbusd %%zmm0, %%zmm1, %%zmm" #b "\n\t"         \
  "vpdpbusd %%zmm0, %%zmm1, %%zmm" #c "\n\tvpdpbusd %%zmm0, %%zmm1, %%zmm" #d "\n\t"

__attribute__((target("avx512f,avx512vnni"))) void Multiply(int64_t steps) {
  asm volatile(
      "vpxord %%zmm0, %%zmm0, %%zmm0\n\t"
      "vpxord %%zmm1, %%zmm1, %%zmm1\n\t"
      "0:\n\t" LARDER_DOTS(8, 9, 10, 11) LARDER_DOTS(12, 13, 14, 15) LARDER_DOTS(16, 17, 18, 19)
          LARDER_DOTS(20, 21, 22, 23) LARDER_DOTS(24, 25, 26, 27) LARDER_DOTS(28, 29, 30, 31)
      "dec %[steps]\n\t"
      "jnz 0b\n\t"
      : [steps] "+r"(steps)
      :
      : "cc", "xmm0", "xmm1", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
        "xmm15", "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24",
        "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31");
}
#endif

}  // namespace

double VnniPeakOperationsPerSecond() {
  double best = 0;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512vnni")) return 0;
  for (int round = 0; round < kRounds; ++round) {
    const Stopwatch watch;
    Multiply(kSteps);
    best = std::max(best, kSteps * kOperationsPerStep / watch.seconds());
  }
#endif
  return best;
}

}  // namespace larder::bench
