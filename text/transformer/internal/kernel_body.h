// SPDX-License-Identifier: Apache-2.0
// The whole of kernel_*.cc: functions of one instruction set, over the lanes that it included
// before, and the table of them.
#ifndef LARDER_TEXT_TRANSFORMER_INTERNAL_KERNEL_BODY_H_
#define LARDER_TEXT_TRANSFORMER_INTERNAL_KERNEL_BODY_H_

#include "text/transformer/internal/kernels.h"
// In the order in which they build on each other.
#include "text/transformer/internal/math_body.h"
#include "text/transformer/internal/rows_body.h"
#include "text/transformer/internal/int8_body.h"
#include "text/transformer/internal/attention_body.h"
#include "text/transformer/internal/float_body.h"

#define LARDER_TEXT_OF(name) #name
#define LARDER_TEXT_OF_VALUE(name) LARDER_TEXT_OF(name)

namespace larder::text::internal::LARDER_SET {

const TransformerKernel kKernel = {
    .name = LARDER_TEXT_OF_VALUE(LARDER_SET),
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

}  // namespace larder::text::internal::LARDER_SET

#endif  // LARDER_TEXT_TRANSFORMER_INTERNAL_KERNEL_BODY_H_
