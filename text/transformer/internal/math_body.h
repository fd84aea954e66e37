// SPDX-License-Identifier: Apache-2.0
// Part of kernel_*.cc: functions of one instruction set, over the lanes that it included before.
#ifndef LARDER_TEXT_TRANSFORMER_INTERNAL_MATH_BODY_H_
#define LARDER_TEXT_TRANSFORMER_INTERNAL_MATH_BODY_H_

#include <cstddef>

#include "text/transformer/internal/kernels.h"

namespace larder::text::internal::LARDER_SET {

// GELU for int8: max(x, 0) - a·P(a), a = min(|x|, 4). Absolute error 2.0e-4, far below a step of
// the codes that it becomes.
LARDER_LANES F RoughGelu(F x) {
  const F a = Min(Abs(x), Set(4.0f));
  F p = Set(-0x1.5107bep-11f);
  p = Fma(p, a, Set(0x1.451848p-7f));
  p = Fma(p, a, Set(-0x1.d78eaap-5f));
  p = Fma(p, a, Set(0x1.1ea3e2p-3f));
  p = Fma(p, a, Set(-0x1.5e91bcp-5f));
  p = Fma(p, a, Set(-0x1.90354p-2f));
  p = Fma(p, a, Set(0x1.0040bap-1f));
  return Sub(Max(x, Set(0.0f)), Mul(a, p));
}

// 255 · 2^t for t in [-32, 0], relative error 1e-4.
LARDER_LANES F RoughExp255(F t) {
  const F n = Round(t);
  const F f = Sub(t, n);
  F p = Set(255.0f * 0x1.c2a168p-5f);
  p = Fma(p, f, Set(255.0f * 0x1.f00c54p-3f));
  p = Fma(p, f, Set(255.0f * 0x1.62f5fcp-1f));
  p = Fma(p, f, Set(255.0f));
  return Scale2(p, n);
}

// e^x to some 2 units in the last place; x is taken as at least -87 and at most 88. The Taylor
// series to the seventh power on [-ln 2 / 2, ln 2 / 2].
LARDER_LANES F Exp(F x) {
  x = Min(Max(x, Set(-87.0f)), Set(88.0f));
  const F n = Round(Mul(x, Set(0x1.715476p+0f)));
  F r = Fma(n, Set(-0x1.62e400p-1f), x);  // ln 2 in two parts
  r = Fma(n, Set(-0x1.7f7d1cp-20f), r);
  F p = Set(1.0f / 5040.0f);
  p = Fma(p, r, Set(1.0f / 720.0f));
  p = Fma(p, r, Set(1.0f / 120.0f));
  p = Fma(p, r, Set(1.0f / 24.0f));
  p = Fma(p, r, Set(1.0f / 6.0f));
  p = Fma(p, r, Set(0.5f));
  p = Fma(p, r, Set(1.0f));
  p = Fma(p, r, Set(1.0f));
  return Scale2(p, n);
}

// erf to some 2 units in the last place: a polynomial near 0, one in the exponent beyond 0.93.
LARDER_LANES F Erf(F x) {
  const F t = Abs(x);
  const F s = Mul(x, x);
  F far = Fma(Set(-1.72853470e-5f), t, Set(3.83197126e-4f));
  far = Fma(far, s, Fma(Set(-3.88396438e-3f), t, Set(2.42546219e-2f)));
  far = Fma(far, t, Set(-1.06777877e-1f));
  far = Fma(far, t, Set(-6.34846687e-1f));
  far = Fma(far, t, Set(-1.28717512e-1f));
  far = Fma(far, t, Sub(Set(0.0f), t));
  // Beyond 4 the polynomial leaves its range; erf is 1 there.
  far = IfLess(t, Set(4.0f), Sub(Set(1.0f), Exp(far)), Set(1.0f));
  F near = Set(-5.96761703e-4f);
  near = Fma(near, s, Set(4.99119423e-3f));
  near = Fma(near, s, Set(-2.67681349e-2f));
  near = Fma(near, s, Set(1.12819925e-1f));
  near = Fma(near, s, Set(-3.76125336e-1f));
  near = Fma(near, s, Set(1.28379166e-1f));
  near = Fma(near, x, x);
  return IfLess(t, Set(0.927734375f), near, WithSign(far, x));
}

LARDER_LANES F Gelu(F x) {
  const F half = Mul(x, Set(0.5f));
  return Fma(half, Erf(Mul(x, Set(0x1.6a09e6p-1f))), half);
}

// 0.5·x·(1 + tanh(u)) = x / (1 + e^-2u), u = sqrt(2 / pi)·(x + 0.044715·x³).
LARDER_LANES F GeluTanh(F x) {
  const F u = Mul(x, Fma(Mul(x, x), Set(0.044715f * 1.59576912f), Set(1.59576912f)));
  return Div(x, Add(Set(1.0f), Exp(Sub(Set(0.0f), u))));
}

LARDER_LANES F Activate(Activation activation, F x) {
  switch (activation) {
    case Activation::kGelu: return Gelu(x);
    case Activation::kGeluTanh: return GeluTanh(x);
    case Activation::kRelu: break;
  }
  return Max(x, Set(0.0f));
}

}  // namespace larder::text::internal::LARDER_SET

#endif  // LARDER_TEXT_TRANSFORMER_INTERNAL_MATH_BODY_H_
