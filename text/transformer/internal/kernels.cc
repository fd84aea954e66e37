// SPDX-License-Identifier: Apache-2.0
#include "text/transformer/internal/kernels.h"

namespace larder::text::internal {
namespace {

std::vector<TransformerKernel> Detect() {
  std::vector<TransformerKernel> kernels = {scalar::kKernel};
#ifdef LARDER_TEXT_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    kernels.push_back(avx2::kKernel);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vnni")) {
      kernels.push_back(avx512vnni::kKernel);
    }
  }
#endif
  return kernels;
}

}  // namespace

std::span<const TransformerKernel> AvailableTransformerKernels() {
  static const auto& kernels = *new std::vector<TransformerKernel>(Detect());
  return kernels;
}

const TransformerKernel& BestTransformerKernel() {
  static const TransformerKernel& best = AvailableTransformerKernels().back();
  return best;
}

}  // namespace larder::text::internal
