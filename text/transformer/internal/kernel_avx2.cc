// SPDX-License-Identifier: Apache-2.0
#include "text/transformer/internal/kernels.h"

#ifdef LARDER_TEXT_X86
#define LARDER_SET avx2

#include "text/transformer/internal/lanes_avx2.h"
// Only now: what follows is compiled for the instruction set of the lanes.
#include "text/transformer/internal/kernel_body.h"

#endif  // LARDER_TEXT_X86
