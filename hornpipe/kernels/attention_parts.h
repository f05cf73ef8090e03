// What attention's kernels are made of: exponentials, products of blocks, masks. Included by attention.cpp alone.
#pragma once

#include "common.h"
#include "packing.h"
#include "vector_math.h"

namespace {

using hornpipe::Attention;

constexpr Index ROWS = 48;          // queries of a block
constexpr Index KEYS = 192;         // keys of a block
constexpr Index PITCH = KEYS + 16;  // floats between rows of scores

static_assert(KEYS % WIDE == 0 && ROWS % LANES == 0, "blocks hold whole panels");
static_assert(ROWS % 24 == 0 && KEYS % 24 == 0, "blocks hold whole tiles");

const float INFINITE = __builtin_inff();

const float LEAST = -3.4028234e38f;  // of all finite floats

// Scores are left as the products of queries and keys. Weights are powers of two of a score's distance from the greatest one of its row,
// which is never positive, however large both are, times `factor`; that is not negative: where `scale` is, queries change their sign.
struct Scale {
  float sign, factor;

  explicit Scale(double scale) {
    const double size = (scale < 0 ? -scale : scale) * 1.4426950408889634;
    sign = scale < 0 ? -1.0f : scale == 0 ? 0.0f : 1.0f;
    factor = scale == 0 ? 1.0f : float(size);
  }
};

// For a tile of ROWS_OF_TILE rows and VECS vectors of columns, finish(row, vector, sum) of the sums over k < depth of
// left[row * ROW_STEP + k * STEP] * right[k * pitch + column].
template <int ROWS_OF_TILE, int VECS, Index ROW_STEP, Index STEP, class Finish>
inline __attribute__((always_inline)) void tile(const float* left, const float* right, Index pitch, Index depth, Finish finish) {
  Vec sums[ROWS_OF_TILE][VECS];
#pragma GCC unroll 16
  for (int i = 0; i < ROWS_OF_TILE; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < VECS; ++j) sums[i][j] = Vec{};
#pragma GCC unroll 2
  for (Index k = 0; k < depth; ++k, left += STEP, right += pitch) {
    Vec columns[VECS];
#pragma GCC unroll 4
    for (int j = 0; j < VECS; ++j) columns[j] = load(right + j * LANES);
#pragma GCC unroll 16
    for (int i = 0; i < ROWS_OF_TILE; ++i) {
      const float element = left[i * ROW_STEP];
#pragma GCC unroll 4
      for (int j = 0; j < VECS; ++j) sums[i][j] += columns[j] * element;
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < ROWS_OF_TILE; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < VECS; ++j) finish(i, j, sums[i][j]);
}

// scores[row][key] = finish(row, what was there, sum) of rows (packed columns of ROWS) times keys (packed columns of WIDE).
template <class Finish>
inline void multiply_keys(const float* rows, Index count, const float* keys, Index number, Index size, float* scores, Finish finish) {
  for (Index column = 0; column < number; column += WIDE)
    with_vectors(number - column, [&](auto vectors) __attribute__((always_inline)) {
      constexpr int VECS = decltype(vectors)::value;
      for (Index row = 0; row < count; row += TILE<VECS>) {
        float* to = scores + row * PITCH + column;
        tile<TILE<VECS>, VECS, 1, ROWS>(rows + row, keys + column * size, WIDE, size,
                                        [&](int i, int j, Vec sum) __attribute__((always_inline)) {
                                          float* at = to + i * PITCH + j * LANES;
                                          store(at, finish(row + i, at, sum));
                                        });
      }
    });
}

// A matrix in panels, from one of its rows on.
template <class Float>
struct Matrix {
  Float* data;
  Index all, first;

  Float* panel(Index column, Index width) const { return data + column * all + first * width; }
};

// to[row][column] = to[row][column] * factors[row] + sum over k < depth of left[row][k] * right[k][column]. So much of a panel is taken
// at a time that it stays in the first-level cache for all rows. Short sums, added up, are more exact than a long one, but longer ones
// read and write the results less often, which full panels repay.
template <int VECS>
constexpr Index DEPTH = VECS == 4 ? 96 : 64;
template <Index ROW_STEP, Index STEP>
void add_product(const float* left, Index rows, Matrix<const float> right, Index columns, Index depth, const float* factors,
                 Matrix<float> to) {
  for (Index c = 0; c < columns; c += WIDE)
    with_vectors(columns - c, [&](auto vectors) __attribute__((always_inline)) {
      constexpr int VECS = decltype(vectors)::value;
      constexpr Index WIDTH = VECS * LANES, HEIGHT = TILE<VECS>;
      for (Index k = 0; k < depth; k += DEPTH<VECS>) {
        const float* panel = right.panel(c, WIDTH) + k * WIDTH;
        float* sums = to.panel(c, WIDTH);
        const bool scaled = factors != nullptr && k == 0;
        for (Index row = 0; row < rows; row += HEIGHT, sums += HEIGHT * WIDTH)
          tile<HEIGHT, VECS, ROW_STEP, STEP>(left + row * ROW_STEP + k * STEP, panel, WIDTH, least(DEPTH<VECS>, depth - k),
                                             [&](int i, int j, Vec sum) __attribute__((always_inline)) {
                                               float* at = sums + i * WIDTH + j * LANES;
                                               store(at, scaled ? load(at) * factors[row + i] + sum : load(at) + sum);
                                             });
      }
    });
}

// ---- geometry

// One head of one sample.
struct Head {
  const Attention& a;
  Index sample, head;

  Index query_pitch() const { return a.heads * a.size; }
  Index key_pitch() const { return a.key_heads * a.size; }
  Index value_pitch() const { return a.key_heads * a.value_size; }
  Index out_pitch() const { return a.heads * a.value_size; }
  Index key_head() const { return head / (a.heads / a.key_heads); }
  Index query(Index row) const { return ((sample * a.targets + row) * a.heads + head) * a.size; }
  Index out(Index row) const { return ((sample * a.targets + row) * a.heads + head) * a.value_size; }
  Index key() const { return (sample * a.sources * a.key_heads + key_head()) * a.size; }
  Index value() const { return (sample * a.sources * a.key_heads + key_head()) * a.value_size; }
  Index sum(Index row) const { return ((sample * a.heads + head) * a.targets + row) * 2; }

  const uint8_t* mask_row(const uint8_t* mask, Index row) const {
    return mask + sample * a.mask_steps[0] + head * a.mask_steps[1] + row * a.mask_steps[2];
  }

  // Some keys from `first` on: how many are left without the last ones that a mask hides from all rows alike, and whether it hides any
  // of these.
  struct Visible {
    Index count;
    bool masked;
  };
  Visible visible(const uint8_t* mask, Index first, Index count) const {
    if (mask == nullptr) return {count, false};
    if (a.mask_steps[2] || !a.mask_steps[3]) return {count, true};
    const uint8_t* own = mask_row(mask, 0) + first;
    while (count > 0 && !own[count - 1]) --count;
    return {count, std::memchr(own, 0, size_t(count)) != nullptr};
  }

  // Put `nothing` for the scores of one row, or their weights, which begin at key `first`, that the mask (if not null) and causality
  // hide.
  void hide(const uint8_t* mask, Index row, Index first, Index count, float nothing, float* scores) const {
    if (mask != nullptr) {
      const uint8_t* own = mask_row(mask, row);
      if (a.mask_steps[3])
        for (Index j = 0; j < count; ++j) scores[j] = own[first + j] ? scores[j] : nothing;
      else if (!*own)
        for (Index j = 0; j < count; ++j) scores[j] = nothing;
    }
    if (a.causal)
      for (Index j = most(0, row + 1 - first); j < count; ++j) scores[j] = nothing;
  }

  // How many keys the rows before `end` see at most.
  Index seen(Index end) const { return a.causal ? least(a.sources, end) : a.sources; }
};

// Work is cut by shape alone: at least so many tasks, where there is enough of it.
constexpr Index TASKS = 24;

inline Index cut_rows(Index rows, Index heads, Index at_most) {
  const Index blocks = ceil_div(rows, ROWS);
  return most(1, least(least(at_most, blocks), ceil_div(TASKS, heads)));
}

// ---- rows of scores

// Make weights of scores: exponentials relative to the greatest score of the row so far, which may grow, with the factor for what was
// summed up before. `totals` has a vector for each row, whose lanes are the sums of every LANES-th weight.
inline void weigh(float* all, Index rows, Index number, float factor, float* greatest, float* totals, float* factors) {
  for (Index i = 0; i < rows; i += LANES) {
    const Index some = least(LANES, rows - i);
    Vec highest[LANES];
    for (Index r = 0; r < LANES; ++r) {
      highest[r] = fill(LEAST);
      if (r >= some) continue;
      float* scores = all + (i + r) * PITCH;
      store(scores + number, fill(-INFINITE));  // to the end of a vector
      for (Index j = 0; j < number; j += LANES) highest[r] = greater(load(scores + j), highest[r]);
    }
    const Vec before = load_part(greatest + i, some), now = greater(before, reduce_each(highest, greater));
    const Vec smaller = vector_exp2(before - now, factor);
    for (Index r = 0; r < some; ++r) greatest[i + r] = now[r], factors[i + r] = smaller[r];
  }
  for (Index i = 0; i < rows; ++i) {
    float* scores = all + i * PITCH;
    const Vec own = fill(greatest[i]);
    Vec sum{};
    for (Index j = 0; j < number; j += LANES) {
      const Vec weights = vector_exp2(load(scores + j) - own, factor);
      store(scores + j, weights);
      sum += weights;
    }
    store(totals + i * LANES, load(totals + i * LANES) * factors[i] + sum);
  }
}

// Where a row sees nothing, all its scores are equal.
inline void mean_value(const Head& head, const float* values, float* to) {
  const Index size = head.a.value_size;
  for (Index c = 0; c < size; ++c) to[c] = 0;
  const float* from = values + head.value();
  for (Index j = 0; j < head.a.sources; ++j, from += head.value_pitch())
    for (Index c = 0; c < size; ++c) to[c] += from[c];
  for (Index c = 0; c < size; ++c) to[c] /= float(head.a.sources);
}

// A finished row: write(factor, to) writes its results times a factor. Infinity says that everything was hidden.
template <class Write>
inline void finish_row(const Head& head, Index row, const float* values, const uint8_t* mask, float greatest, float total, float* out,
                       float* sums, Write write) {
  float *to = out + head.out(row), *own = sums + head.sum(row);
  const bool hidden = mask != nullptr && total == 0;
  if (hidden) mean_value(head, values, to);
  else write(1 / total, to);
  own[0] = hidden ? INFINITE : greatest;
  own[1] = hidden ? 1 : total;
}

// What the gradients need of a row: what its weights are relative to, their sum inverted, and their mean gradient times that. A row that
// sees nothing gives to all values alike, which is added to `hidden`.
struct Row {
  float greatest, inverse, delta;
};
inline Row read_row(const Head& head, Index row, const float* out, const float* sums, const float* gradient, float* hidden) {
  const Index size = head.a.value_size;
  const float *result = out + head.out(row), *own = sums + head.sum(row);
  Index c = 0;
  Vec products{};
  for (; c + LANES <= size; c += LANES) products += load(result + c) * load(gradient + c);
  float delta = sum_of(products);
  for (; c < size; ++c) delta += result[c] * gradient[c];
  if (own[0] == INFINITE)
    for (c = 0; c < size; ++c) hidden[c] += gradient[c] / float(head.a.sources);
  return {own[0], 1 / own[1], delta / own[1]};
}

}  // namespace
