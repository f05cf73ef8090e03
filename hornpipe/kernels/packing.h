// Matrices packed for products in registers, and the shapes of the register tiles, for attention and for products of matrices.
#pragma once

#include "common.h"
#include "vector_math.h"

namespace {

// ---- packing

struct Times {
  float factor;
  template <class T>
  T operator()(T x) const {
    return x * factor;
  }
};

struct Same {
  template <class T>
  T operator()(T x) const {
    return x;
  }
};

template <class By>
inline void copy(const float* from, Index size, By by, float* to, bool past = false) {
  Index k = 0;
  for (; k + LANES <= size; k += LANES) store(to + k, by(load(from + k)), past);
  if (k < size) store_part(to + k, by(load_part(from + k, size - k)), size - k, false);
}

// A matrix in panels: WIDE columns of all its rows, then the next WIDE columns ...; the last panel has as few vectors as are enough.
constexpr int MOST_VECS = LANES == 16 ? 4 : 2;
constexpr Index WIDE = MOST_VECS * LANES;

inline Index padded(Index size) { return round_up(size, LANES); }
inline Index panel_columns(Index left) { return least(padded(left), WIDE); }

// Rows lie far apart where there are several heads, and each is short: no processor foresees where the next one is.
inline void prefetch_row(const float* from, Index size) {
  for (Index k = 0; k < size; k += 16) __builtin_prefetch(from + k);
}
constexpr Index AHEAD = 16;  // rows

// Rows of `size` floats, `from_pitch` apart, as the first ones of a matrix of `all` rows in panels; by(i) is done to the elements of
// row i.
template <class By>
inline void pack_rows(const float* from, Index from_pitch, Index count, Index size, By by, float* to, Index all) {
  for (Index i = 0; i < count; ++i, from += from_pitch) {
    if (i + AHEAD < count) prefetch_row(from + AHEAD * from_pitch, size);
    for (Index c = 0; c < size; c += WIDE) {
      const Index width = panel_columns(size - c);
      float* row = to + c * all + i * width;
      for (Index k = 0; k < width; k += LANES) store(row + k, by(i)(load_part(from + c + k, size - c - k)));
    }
  }
}

// One row of such a matrix, times a factor; `past`: past the caches.
inline void unpack_row(const float* from, Index all, Index row, Index size, float factor, float* to, bool past) {
  for (Index c = 0; c < size; c += WIDE) {
    const Index width = panel_columns(size - c);
    copy(from + c * all + row * width, least(width, size - c), Times{factor}, to + c, past);
  }
}

// LANES rows of LANES floats as columns: each step puts between each other what lies half of all rows apart.
inline void transpose(Vec (&rows)[LANES]) {
#pragma GCC unroll 4
  for (int step = 1; step < LANES; step *= 2) {
    Vec mixed[LANES];
#pragma GCC unroll 16
    for (int i = 0; i < LANES / 2; ++i) {
      mixed[2 * i] = interleave<0>(rows[i], rows[i + LANES / 2]);
      mixed[2 * i + 1] = interleave<LANES / 2>(rows[i], rows[i + LANES / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < LANES; ++i) rows[i] = mixed[i];
  }
}

// The same rows in groups of WIDTH, in each of which their first elements come first, then the second ones ...; zeros for missing rows.
template <Index WIDTH, class By>
void pack_columns(const float* from, Index from_pitch, Index count, Index size, By by, float* to) {
  for (Index first = 0; first < count; first += WIDTH, to += WIDTH * size)
    for (Index i = first; i < first + WIDTH; i += LANES) {
      const Index rows = most(0, least(count - i, LANES));
      for (Index r = i + LANES; r < least(count, i + 2 * LANES); ++r) prefetch_row(from + r * from_pitch, size);
      for (Index k = 0; k < size; k += LANES) {
        const Index columns = least(LANES, size - k);
        Vec block[LANES];
        for (Index r = 0; r < LANES; ++r)
          block[r] = r < rows ? by(i + r)(load_part(from + (i + r) * from_pitch + k, columns)) : Vec{};
        transpose(block);
        for (Index c = 0; c < columns; ++c) store(to + (k + c) * WIDTH + i - first, block[c]);
      }
    }
}

inline Same same(Index) { return {}; }

// ---- register tiles

// How many rows of VECS vectors the registers hold, besides what is multiplied. Few wide rows read less than many narrow ones.
template <int VECS>
constexpr int TILE = LANES != 16 ? (LANES == 8 && VECS == 1 ? 12 : TILE_ROWS) : VECS == 4 ? 6 : VECS == 3 ? 8 : 12;

template <int N>
struct Number {
  static constexpr int value = N;
};

// run(Number<VECS>) for the vectors that hold so many columns, at most WIDE.
template <class Run>
inline __attribute__((always_inline)) void with_vectors(Index columns, Run run) {
  if constexpr (MOST_VECS == 4) {
    if (columns > 3 * LANES) return run(Number<4>{});
    if (columns > 2 * LANES) return run(Number<3>{});
  }
  if (columns > LANES) return run(Number<2>{});
  run(Number<1>{});
}

}  // namespace
