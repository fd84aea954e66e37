// SPDX-License-Identifier: Apache-2.0
#include "ann/distance.h"

#include <vector>

#include "ann/internal/kernels.h"

namespace larder::ann {
namespace {

#define LARDER_ANN_KERNEL(set) \
  DistanceKernel { #set, &set::Dot, &set::DotRows, &set::DotGather, &set::Fine, &set::SumBits }

std::vector<DistanceKernel> Detect() {
  std::vector<DistanceKernel> kernels = {LARDER_ANN_KERNEL(scalar)};
#ifdef LARDER_ANN_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2")) kernels.push_back(LARDER_ANN_KERNEL(avx2));
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vnni")) {
    kernels.push_back(LARDER_ANN_KERNEL(avx512vnni));
  }
#endif
  return kernels;
}

#undef LARDER_ANN_KERNEL

}  // namespace

std::span<const DistanceKernel> AvailableKernels() {
  static const std::vector<DistanceKernel>& kernels = *new std::vector<DistanceKernel>(Detect());
  return kernels;
}

const DistanceKernel& BestKernel() {
  static const DistanceKernel& best = AvailableKernels().back();
  return best;
}

}  // namespace larder::ann
