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

// 2^y with y = x * factor <= 0 (or NaN, which stays), where FlushDenormals lives; 0 below the least normal number (y < -125.5).
//
// y = n + r, and 2^r is a polynomial (least largest relative error) that is taken times 2^n.
#if defined(__AVX512F__)
// y is rounded as well: the relative error is at most 1.9e-7 + 4.2e-8 |y| (a third of all floats and five factors were tried).
inline Vec vector_exp2(Vec x, float factor) {
  const Vec y = x * factor, r = _mm512_reduce_ps(y, 1);  // n is the integer below y
  Vec q = r * 0.00186713017f + 0.00901702978f;
  q = q * r + 0.0557999127f;
  q = q * r + 0.240164444f;
  q = q * r + 0.693151295f;
  q = q * r + 1.0f;
  return _mm512_scalef_ps(q, y);
}
#else
// Only r is rounded: at most 0.92 ulp off (all floats and five factors were tried). The bits of 2^n are those of a number that y was
// added to.
inline Vec vector_exp2(Vec x, float factor) {
  constexpr float SHIFT = 12582912 + 127;  // 1.5 * 2^23 and the bias of exponents
  const Vec shifted = x * factor + SHIFT;
  const Vec r = x * factor - (shifted - SHIFT);
  Vec q = r * 0.000153264613f + 0.00133908063f;
  q = q * r + 0.00961850584f;
  q = q * r + 0.0555035993f;
  q = q * r + 0.240226477f;
  q = q * r + 0.693147182f;
  q = q * r + 1.0f;
  const Vec power = (Vec)((Bits)shifted << 23);
  return shifted <= SHIFT - 126 ? Vec{} : q * power;
}
#endif

// 1 / (1 + e^-x).
inline Vec vector_sigmoid(Vec x) { return 1.0f / (1.0f + vector_exp(-x)); }

// tanh x = m / (m + 2) with m = e^2x - 1, which is computed without cancellation around 0.
inline Vec vector_tanh(Vec x) {
  constexpr float SHIFT = 12582912, LIMIT = 9.1f;  // beyond which it is 1
  const Vec below = x > LIMIT ? fill(LIMIT) : x;
  const Vec y = 2 * (below < -LIMIT ? fill(-LIMIT) : below);
  const Vec shifted = y * 1.44269504f + SHIFT;
  const Vec n = shifted - SHIFT;
  const Vec r = (y - n * 0.693145752f) - n * 1.42860677e-6f;
  Vec q = r * 0.000198412698f + 0.00138888889f;
  q = q * r + 0.00833333333f;
  q = q * r + 0.0416666667f;
  q = q * r + 0.166666667f;
  q = q * r + 0.5f;
  const Vec power = (Vec)((Bits)fill(1) + ((Bits)shifted << 23));
  const Vec m = ((q * r) * r + r) * power + (power - 1.0f);
  return m / (m + 2.0f);
}

// Lanes j of the result are lanes `from(j)` of a and b, counted through both; `from` captures nothing.
template <class From>
struct Order {
  uint32_t lanes[LANES];

  constexpr explicit Order(From from) : lanes{} {
    for (int j = 0; j < LANES; ++j) lanes[j] = uint32_t(from(j));
  }
};
template <class From>
inline __attribute__((always_inline)) Vec shuffle(Vec a, Vec b, From from) {
#ifdef __clang__  // which sees that this is one instruction
  Vec result{};
  for (int j = 0; j < LANES; ++j) result[j] = from(j) < LANES ? a[from(j)] : b[from(j) - LANES];
  return result;
#else  // a constant: the order would otherwise be put together lane by lane, each time
  static constexpr Order<From> order(from);
  Bits lanes;
  std::memcpy(&lanes, order.lanes, sizeof(lanes));
  return __builtin_shuffle(a, b, lanes);
#endif
}

// a[FIRST], b[FIRST], a[FIRST + 1], b[FIRST + 1], ...
template <int FIRST>
inline __attribute__((always_inline)) Vec interleave(Vec a, Vec b) {
  return shuffle(a, b, [](int j) { return FIRST + j / 2 + j % 2 * LANES; });
}

// Halves are put together until one number is left, always in the same order.
template <int HALF = LANES / 2, class Together>
inline __attribute__((always_inline)) float reduce(Vec x, Together together) {
  if constexpr (HALF == 0) return x[0];
  else return reduce<HALF / 2>(together(x, shuffle(x, x, [](int j) { return j ^ HALF; })), together);
}

// Lane i of the result is what is left of rows[i] when its lanes are put together: of all rows at a time, with a fifth of the steps.
template <class Together>
inline __attribute__((always_inline)) Vec reduce_each(Vec (&rows)[LANES], Together together) {
#pragma GCC unroll 4
  for (int half = LANES / 2; half > 0; half /= 2)
#pragma GCC unroll 8
    for (int i = 0; i < half; ++i)
      rows[i] = together(interleave<0>(rows[i], rows[i + half]), interleave<LANES / 2>(rows[i], rows[i + half]));
  return rows[0];
}

inline float sum_of(Vec x) {
  return reduce(x, [](Vec a, Vec b) __attribute__((always_inline)) { return a + b; });
}
inline Vec greater(Vec a, Vec b) { return a > b ? a : b; }

}  // namespace
