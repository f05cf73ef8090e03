// Multiply-adds of vectors that stay in registers: what the processor reaches at best.
#include <cstdint>

#if defined(__AVX512F__)
constexpr int LANES = 16, SUMS = 24;
#elif defined(__AVX__)
constexpr int LANES = 8, SUMS = 12;
#else
constexpr int LANES = 4, SUMS = 24;
#endif
typedef float Vec __attribute__((vector_size(4 * LANES)));

// Returns how many floating-point operations it did; what they gave goes to `result`, so that none of them is left out.
extern "C" int64_t multiply_adds(int64_t rounds, float* result) {
  Vec sums[SUMS], factor = Vec{} + result[0], other = Vec{} + result[1];
  for (int k = 0; k < SUMS; ++k) sums[k] = Vec{} + result[0] * static_cast<float>(k);  // all different, or one would be enough
  for (int64_t i = 0; i < rounds; ++i)
#pragma GCC unroll 24
    for (int k = 0; k < SUMS; ++k) sums[k] = sums[k] * factor + other;
  float total = 0;
  for (int k = 0; k < SUMS; ++k)
    for (int lane = 0; lane < LANES; ++lane) total += sums[k][lane];
  result[0] = total;
  return 2 * rounds * SUMS * LANES;
}
