// SPDX-License-Identifier: Apache-2.0
#define LARDER_SET scalar

#include "text/transformer/internal/lanes_scalar.h"
// Only now: what follows is compiled for the instruction set of the lanes.
#include "text/transformer/internal/kernel_body.h"
