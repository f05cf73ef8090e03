// Products of matrices in registers: TILE_ROWS rows that lie anywhere times a panel of columns.
#pragma once

#include "common.h"

namespace {

// sums[ROWS][VECS] += rows' elements, from `at` on and `step` apart, times `length` rows, `pitch` apart, of VECS vectors. The rows'
// pointers stay as they are from call to call, for there are hardly enough registers for them.
template <int VECS, int ROWS>
inline __attribute__((always_inline)) const float* multiply_add(Vec (&sums)[ROWS][VECS],
                                                                const float* const (&rows)[ROWS],
                                                                Index at, Index length, Index step,
                                                                const float* panel, Index pitch = VECS * LANES) {
  const Index end = at + length * step;
#pragma GCC unroll 2
  for (; at != end; at += step, panel += pitch) {
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

// Memory that is read soon: asked for little by little between products, which need the memory less.
struct Ahead {
  struct Range {
    const float *next, *end;
  };
  Range ranges[2] = {};
  Index lines = 0;  // of each at a time

  void fetch() {
    for (Range& range : ranges)
      for (Index i = 0; i < lines && range.next < range.end; ++i, range.next += FLOATS)
        __builtin_prefetch(range.next, 0, 2);  // into the second-level cache
  }
  static constexpr Index FLOATS = 16;  // of a line
  static constexpr Index EVERY = 16;   // so many steps of a product
};

template <int VECS, int ROWS>
inline __attribute__((always_inline)) const float* multiply_add(Vec (&sums)[ROWS][VECS],
                                                                const float* const (&rows)[ROWS],
                                                                Index at, Index length, Index step,
                                                                const float* panel, Index pitch, Ahead& ahead) {
  if (ahead.lines == 0) return multiply_add<VECS>(sums, rows, at, length, step, panel, pitch);
  for (Index some; length > 0; length -= some, at += some * step) {
    some = least(length, Ahead::EVERY);
    ahead.fetch();
    panel = multiply_add<VECS>(sums, rows, at, some, step, panel, pitch);
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

// sums[ROWS][VECS] of window elements times output gradients, `pitch` apart, over rows of `columns` pixels each. What `sums_memory` holds
// is added, but for the first ones.
template <int VECS, int ROWS = TILE_ROWS>
void weight_tile(const float* band, const Index* row_offsets, Index rows, Index columns, Index step, const Index* elements,
                 const float* panel, Index pitch, bool first, float* sums_memory, Ahead& ahead) {
  Vec sums[ROWS][VECS];
  clear<VECS>(sums);
  const float* starts[ROWS];
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; ++i) starts[i] = band + elements[i];
  for (Index q = 0; q < rows; ++q) panel = multiply_add<VECS>(sums, starts, row_offsets[q], columns, step, panel, pitch, ahead);
  if (!first)
#pragma GCC unroll 16
    for (int i = 0; i < ROWS; ++i)
#pragma GCC unroll 4
      for (int j = 0; j < VECS; ++j) sums[i][j] += load(sums_memory + (i * VECS + j) * LANES);
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < VECS; ++j) store(sums_memory + (i * VECS + j) * LANES, sums[i][j]);
}

// What is done to finished results: bias (or null) is added, then what is not above 0 becomes 0.
struct Ending {
  const float* bias;
  bool relu;

  Vec biases(Index column, Index columns) const {  // of the vector whose first column it is, of so many
    return bias == nullptr || column >= columns ? Vec{} : load_part(bias + column, columns - column);
  }
  Vec operator()(Vec value, Vec own) const {
    value += own;
    return relu ? (value <= 0.0f ? Vec{} : value) : value;  // NaN stays
  }
};

}  // namespace
