// SPDX-License-Identifier: Apache-2.0
#include "text/transformer/internal/kernels.h"


#define LARDER_SET scalar

#include "text/transformer/internal/lanes_scalar.h"
// Only now: what follows is compiled for the instruction set of the lanes.
#include "text/transformer/internal/math_body.h"
#include "text/transformer/internal/rows_body.h"
#include "text/transformer/internal/int8_body.h"
#include "text/transformer/internal/attention_body.h"
#include "text/transformer/internal/float_body.h"

namespace larder::text::internal::scalar {

const TransformerKernel kKernel = {
    .name = "scalar",
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

}  // namespace larder::text::internal::scalar

