// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_PORTABLE_MATH_H_
#define LARDER_REGISTRY_PORTABLE_MATH_H_

namespace larder::registry {

// Elementary functions with the same bits on every machine (R3): only IEEE 754 additions,
// multiplications, divisions and bit operations in a fixed order, no fused multiply-add and no
// call of libm, whose bits differ between versions and processors. Special values as in C:
// PortableLog(0) is -infinity, PortableLog(-1) is NaN.
//
// Error: below 1 ulp.
// Source: FreeBSD msun / Sun fdlibm 5.3, e_exp.c, e_log.c, s_log1p.c; same constants and steps.
double PortableExp(double x);
double PortableLog(double x);
double PortableLog1p(double x);

}  // namespace larder::registry

#endif  // LARDER_REGISTRY_PORTABLE_MATH_H_
