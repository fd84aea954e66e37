// SPDX-License-Identifier: Apache-2.0
#include "text/transformer/internal/kernels.h"

#ifdef LARDER_TEXT_X86
#define LARDER_SET avx2

#include "text/transformer/internal/lanes_avx2.h"
// Only now: what follows is compiled for the instruction set of the lanes.
#include "text/transformer/internal/math_body.h"
#include "text/transformer/internal/rows_body.h"
#include "text/transformer/internal/int8_body.h"
#include "text/transformer/internal/attention_body.h"
#include "text/transformer/internal/float_body.h"

namespace larder::text::internal::avx2 {

const TransformerKernel kKernel = {
    .name = "avx2",
    .normalize = &Normalize,
    .quantize = &Quantize,
    .project_heads = &ProjectHeads,
    .project_add = &ProjectAdd,
    .project_activate = &ProjectActivate,
    .attend = &Attend,
    .pool = &Pool,
    .float_project = &FloatProject,
    .float_attend = &FloatAttend,
};

}  // namespace larder::text::internal::avx2

#endif  // LARDER_TEXT_X86
