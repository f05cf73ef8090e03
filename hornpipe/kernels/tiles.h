// Products of matrices in registers: TILE_ROWS rows that lie anywhere times a panel of columns.
#pragma once

#include "common.h"

namespace {

// sums[ROWS][VECS] += rows' elements, from `at` on and `step` apart, times `length` rows of a panel of VECS vectors. The rows'
// pointers stay as they are from call to call, for there are hardly enough registers for them.
template <int VECS, int ROWS>
inline __attribute__((always_inline)) const float* multiply_add(Vec (&sums)[ROWS][VECS],
                                                                const float* const (&rows)[ROWS],
                                                                Index at, Index length, Index step,
                                                                const float* panel) {
  const Index end = at + length * step;
#pragma GCC unroll 2
  for (; at != end; at += step, panel += VECS * LANES) {
    Vec columns[VECS];
#pragma GCC unroll 4
    for (int j = 0; j < VECS; ++j) columns[j] = load(panel + j * LANES);
#pragma GCC unroll 16
    for (int i = 0; i < ROWS; ++i) {
      const float element = rows[i][at];
#pragma GCC unroll 4
      for (int j = 0; j < VECS; ++j) sums[i][j] += columns[j] * element;
    }
  }
  return panel;
}

template <int VECS, int ROWS>
inline __attribute__((always_inline)) void clear(Vec (&sums)[ROWS][VECS]) {
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < VECS; ++j) sums[i][j] = Vec{};
}

// Weights in panels: for each panel, for each ty, tx and channel, PANEL columns (LANES in a last panel of at most as many).
inline Index panel_width(Index columns) { return columns > LANES ? PANEL : LANES; }

// Where they fill them, filters are taken in panels of four vectors, with half as many rows in a tile: fewer loads for the same products.
constexpr Index BROAD_PANEL = 4 * LANES;
inline Index choose_panel(Index filters) { return (filters - 1) % BROAD_PANEL >= 3 * LANES ? BROAD_PANEL : PANEL; }
inline Index width_of(Index filters, Index first) {  // of the panel whose first filter it is
  return choose_panel(filters) == BROAD_PANEL ? BROAD_PANEL : panel_width(filters - first);
}
inline Index all_panels(Index filters) {  // columns of all of them together
  const Index panel = choose_panel(filters), tail = filters % panel;
  return filters - tail + (tail ? width_of(filters, filters - tail) : 0);
}

// sums[ROWS][VECS] of window elements times output gradients, over rows of `columns` pixels each.
template <int VECS, int ROWS = TILE_ROWS>
void weight_tile(const float* band, const Index* row_offsets, Index rows, Index columns, Index step,
                 const Index* elements, const float* panel, float* sums_memory) {
  Vec sums[ROWS][VECS];
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < VECS; ++j) sums[i][j] = load(sums_memory + (i * VECS + j) * LANES);
  const float* starts[ROWS];
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; ++i) starts[i] = band + elements[i];
  for (Index q = 0; q < rows; ++q) panel = multiply_add<VECS>(sums, starts, row_offsets[q], columns, step, panel);
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < VECS; ++j) store(sums_memory + (i * VECS + j) * LANES, sums[i][j]);
}

// What is done to finished results while they lie in the cache: bias (or null) is added, then what is not above 0 becomes 0.
struct Ending {
  const float* bias;
  bool relu;

  bool any() const { return bias != nullptr || relu; }
  void apply(float* out, Index c, Index columns) const {  // to columns c and on
    for (; c + LANES <= columns; c += LANES) store(out + c, end(load(out + c), bias == nullptr ? Vec{} : load(bias + c)));
    for (; c < columns; ++c) out[c] = end(out[c], bias == nullptr ? 0 : bias[c]);
  }

 private:
  template <class T>
  T end(T value, T own) const {
    value += own;
    return relu ? (value <= 0.0f ? T{} : value) : value;  // NaN stays
  }
};

}  // namespace
