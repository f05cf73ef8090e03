// Elementary functions of vectors, for the source files of one variant: vector types only, so that one source serves all processors.
#pragma once

#include "common.h"

namespace {

typedef uint32_t Bits __attribute__((vector_size(4 * LANES)));

inline Vec fill(float x) { return Vec{} + x; }

// e^x, at most 1.02 ulp off (all floats were tried). Above the largest float it is infinity, below the least normal one (x < -87.33655) it is 0; NaN stays.
//
// x = n ln 2 + r with |r| <= ln 2 / 2. e^r is 1 + r + r^2 times a polynomial of degree 4 (least largest relative error, found by
// reweighted least squares), and n is added to its exponent bits: together they are in range wherever the result is.
inline Vec vector_exp(Vec x) {
  constexpr float SHIFT = 12582912;  // 1.5 * 2^23: what is added to it is rounded to an integer, which its low bits hold
  const Vec shifted = x * 1.44269504f + SHIFT;
  const Vec n = shifted - SHIFT;
  const Vec r = (x - n * 0.693145752f) - n * 1.42860677e-6f;
  Vec q = r * 0.00138145406f + 0.00836874545f;
  q = q * r + 0.041668389f;
  q = q * r + 0.166665211f;
  q = q * r + 0.49999994f;
  const Vec p = (q * r) * r + r + 1.0f;
  const Vec scaled = (Vec)((Bits)p + ((Bits)shifted << 23));
  const Vec above = x > 88.7228317f ? fill(__builtin_inff()) : scaled;
  const Vec inside = x < -87.3365479f ? Vec{} : above;
  return x == x ? inside : x;
}

}  // namespace
