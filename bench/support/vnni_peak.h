// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_BENCH_SUPPORT_VNNI_PEAK_H_
#define LARDER_BENCH_SUPPORT_VNNI_PEAK_H_

namespace larder::bench {

// Operations per second (two per product of bytes) that this core does with 512-bit `vpdpbusd` on
// registers alone, now: what a product of int8 matrices can at most reach. The best of a few
// hundred microseconds. 0 where the processor has no AVX-512 VNNI.
double VnniPeakOperationsPerSecond();

}  // namespace larder::bench

#endif  // LARDER_BENCH_SUPPORT_VNNI_PEAK_H_
