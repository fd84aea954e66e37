// SPDX-License-Identifier: Apache-2.0
#include "ann/distance.h"

#include <vector>

#include "ann/internal/kernels.h"

namespace larder::ann {
namespace {

std::vector<DistanceKernel> Detect() {
  std::vector<DistanceKernel> kernels = {
      {"scalar", &scalar::Dot, &scalar::DotRows, &scalar::DotGather}};
#ifdef LARDER_ANN_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2")) {
    kernels.push_back({"avx2", &avx2::Dot, &avx2::DotRows, &avx2::DotGather});
  }
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vnni")) {
    kernels.push_back(
        {"avx512vnni", &avx512vnni::Dot, &avx512vnni::DotRows, &avx512vnni::DotGather});
  }
#endif
  return kernels;
}

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
