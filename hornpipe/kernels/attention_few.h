// Attention of few queries over many keys, and its gradients: keys and values are read where they lie, once, for all rows that share
// them; packing them would take longer than the products. Included by attention.cpp alone.
#pragma once

#include "attention_parts.h"

namespace {

// LANES vectors as one that holds their sums.
inline __attribute__((always_inline)) Vec sums_of(Vec (&x)[LANES]) {
#pragma GCC unroll 4
  for (int left = LANES / 2; left > 0; left /= 2)
#pragma GCC unroll 16
    for (int i = 0; i < left; ++i) x[i] = interleave<0>(x[i], x[i + left]) + interleave<LANES / 2>(x[i], x[i + left]);
  return x[0];
}

// run(Number<N>, row) with N of 4, 2 and 1 rows at a time, so that no row is computed that is not there.
template <class Run>
inline __attribute__((always_inline)) void each_rows(Index rows, Run run) {
  Index row = 0;
  for (; row + 4 <= rows; row += 4) run(Number<4>{}, row);
  if (row + 2 <= rows) run(Number<2>{}, row), row += 2;
  if (row < rows) run(Number<1>{}, row);
}

// scores[row][key] = finish(what was there, product) of LANES keys or fewer, `pitch` apart, with some rows of `size` floats. All keys
// but `count` are the last one once more.
template <int N, class Finish>
inline __attribute__((always_inline)) void dot_rows(const float* rows, const float* keys, Index pitch, Index count, Index size,
                                                    float* scores, Finish finish) {
  constexpr int TOGETHER = LANES / N;  // keys
#pragma GCC unroll 1
  for (Index first = 0; first < LANES; first += TOGETHER) {
    const float* from[TOGETHER];
#pragma GCC unroll 16
    for (int j = 0; j < TOGETHER; ++j) from[j] = keys + least(first + j, count - 1) * pitch;
    Vec sums[LANES];
#pragma GCC unroll 16
    for (int i = 0; i < LANES; ++i) sums[i] = Vec{};
    for (Index k = 0; k < size; k += LANES) {
      Vec own[N];
#pragma GCC unroll 4
      for (int i = 0; i < N; ++i) own[i] = load(rows + i * size + k);
#pragma GCC unroll 16
      for (int j = 0; j < TOGETHER; ++j) {
        const Vec key = load(from[j] + k);
#pragma GCC unroll 4
        for (int i = 0; i < N; ++i) sums[i * TOGETHER + j] += own[i] * key;
      }
    }
    float products[LANES];
    store(products, sums_of(sums));
    for (int i = 0; i < N; ++i)
      for (int j = 0; j < TOGETHER; ++j) {
        float* at = scores + i * PITCH + first + j;
        *at = finish(i, *at, products[i * TOGETHER + j]);
      }
  }
}

// What both directions have in common: the rows of one head of keys, several heads' queries one after the other.
struct Few {
  const Attention& a;
  const uint8_t* mask;

  // Each product of two rows ends with a sum over lanes, which short rows do not repay.
  static bool suits(const Attention& a) {
    const Index most = least(16, least(a.size, a.value_size) / 4);
    return a.targets * (a.heads / a.key_heads) <= most && a.size % LANES == 0 && a.value_size % LANES == 0;
  }

  Index group() const { return a.heads / a.key_heads; }
  Index rows() const { return a.targets * group(); }
  Index parts() const { return most(1, least(ceil_div(a.sources, KEYS), ceil_div(TASKS, a.batch * a.key_heads))); }
  Index begin(Index part) const { return ceil_div(a.sources, KEYS) * part / parts() * KEYS; }
  Index end(Index part) const { return least(a.sources, begin(part + 1)); }
  Head head(Index each, Index row) const { return {a, each / a.key_heads, each % a.key_heads * group() + row / a.targets}; }
  Index target(Index row) const { return row % a.targets; }

  // The scores of all rows with keys from `from` on, `ahead` being asked for from memory meanwhile.
  template <class Finish>
  void multiply(const float* queries, const float* from, Index pitch, Index number, Index size, const float* ahead, Index ahead_pitch,
                Index ahead_size, float* scores, Finish finish) const {
    for (Index j = 0; j < number; j += LANES) {
      const Index count = least(LANES, number - j);
      for (Index i = 0; i < count; ++i) {
        prefetch_row(ahead + (j + i) * ahead_pitch, ahead_size);
        if (j + i + LANES < number) prefetch_row(from + (j + i + LANES) * pitch, size);
      }
      each_rows(rows(), [&](auto n, Index row) __attribute__((always_inline)) {
        dot_rows<decltype(n)::value>(queries + row * size, from + j * pitch, pitch, count, size, scores + row * PITCH + j,
                                     [&](int i, float before, float product) __attribute__((always_inline)) {
                                       return finish(row + i, before, product);
                                     });
      });
    }
  }

  void hide(Index each, Index first, Index number, float nothing, float* scores) const {
    for (Index row = 0; row < rows(); ++row) head(each, row).hide(mask, target(row), first, number, nothing, scores + row * PITCH);
  }

  // to[row] = to[row] * factors[row] + the sum of rows `from`, which are `size` floats, times weights[row].
  void add_rows(const float* weights, const float* from, Index pitch, Index number, Index size, const float* factors, float* to) const {
    for (Index c = 0; c < size; c += WIDE)
      with_vectors(size - c, [&](auto vectors) __attribute__((always_inline)) {
        constexpr int VECS = decltype(vectors)::value;
        each_rows(rows(), [&](auto n, Index row) __attribute__((always_inline)) {
          tile<decltype(n)::value, VECS, PITCH, 1>(weights + row * PITCH, from + c, pitch, number,
                                                   [&](int i, int j, Vec sum) __attribute__((always_inline)) {
                                                     float* at = to + (row + i) * size + c + j * LANES;
                                                     store(at, factors ? load(at) * factors[row + i] + sum : load(at) + sum);
                                                   });
        });
      });
  }

  // to[key] = start + the sum of all rows of `from` times weights[row][key].
  void spread(const float* weights, const float* from, Index number, Index size, const float* start, float* to, Index pitch) const {
    for (Index c = 0; c < size; c += WIDE)
      with_vectors(size - c, [&](auto vectors) __attribute__((always_inline)) {
        constexpr int VECS = decltype(vectors)::value;
        const auto some = [&](auto n, Index key) __attribute__((always_inline)) {
          tile<decltype(n)::value, VECS, 1, PITCH>(weights + key, from + c, size, rows(),
                                                   [&](int i, int j, Vec sum) __attribute__((always_inline)) {
                                                     const Vec first = start ? load(start + c + j * LANES) : Vec{};
                                                     store(to + (key + i) * pitch + c + j * LANES, first + sum);
                                                   });
        };
        each_rows(number, some);
      });
  }
};

// Sums relative to a row's greatest score so far, of one part of the keys.
struct FewForward : Few {
  const float *q, *k, *v;
  float *out, *sums;
  size_t memory_at, partial_at;

  Index scratch_floats() const { return round_up(rows() * (PITCH + a.size + LANES + 1), 16); }
  Index partial_floats() const { return round_up(rows() * (a.value_size + 2), 16); }

  void reserve(const Pool& pool, Arena& arena) {
    memory_at = arena.reserve<float>(pool.workers * scratch_floats());
    partial_at = arena.reserve<float>(a.batch * a.key_heads * parts() * partial_floats());
  }

  void run(const Pool& pool, const Arena& arena) const {
    float* partial = arena.at<float>(partial_at);
    auto part = [&](Index item, Index worker) {
      const FlushDenormals flush;
      one(item / parts(), item % parts(), arena.at<float>(memory_at) + worker * scratch_floats(), partial + item * partial_floats());
    };
    parallel_for(pool, a.batch * a.key_heads * parts(), part);
    for (Index each = 0; each < a.batch * a.key_heads; ++each) finish(each, partial + each * parts() * partial_floats());
  }

 private:
  void one(Index each, Index part, float* memory, float* partial) const {
    float *queries = memory, *scores = queries + rows() * a.size, *totals = scores + rows() * PITCH, *factors = totals + rows() * LANES;
    float *results = partial, *greatest = results + rows() * a.value_size;
    const Scale scale(a.scale);
    const Head first_head = head(each, 0);
    for (Index row = 0; row < rows(); ++row) {
      copy(q + head(each, row).query(target(row)), a.size, Times{scale.sign}, queries + row * a.size);
      greatest[row] = LEAST;
    }
    std::memset(totals, 0, size_t(rows() * LANES) * 4);
    std::memset(results, 0, size_t(rows() * a.value_size) * 4);
    const Index last = least(end(part), first_head.seen(a.targets));
    for (Index first = begin(part); first < last; first += KEYS) {
      Index number = least(KEYS, last - first);
      if (group() == 1 || (mask != nullptr && a.mask_steps[1] == 0)) number = first_head.visible(mask, first, number).count;
      if (number == 0) continue;
      const float* value = v + first_head.value() + first * first_head.value_pitch();
      multiply(queries, k + first_head.key() + first * first_head.key_pitch(), first_head.key_pitch(), number, a.size, value,
               first_head.value_pitch(), a.value_size, scores, [](Index, float, float product) { return product; });
      hide(each, first, number, -INFINITE, scores);
      weigh(scores, rows(), number, scale.factor, greatest, totals, factors);
      add_rows(scores, value, first_head.value_pitch(), number, a.value_size, factors, results);
    }
    for (Index row = 0; row < rows(); ++row) greatest[rows() + row] = sum_of(load(totals + row * LANES));
  }

  // Parts are put on a common scale and added up in their order.
  void finish(Index each, float* partial) const {
    const Scale scale(a.scale);
    for (Index row = 0; row < rows(); ++row) {
      float *results = partial + row * a.value_size, *greatest = partial + rows() * a.value_size + row, *total = greatest + rows();
      for (Index part = 1; part < parts(); ++part) {
        const Index other = part * partial_floats();
        const float before = *greatest, now = greatest[other] > before || greatest[other] != greatest[other] ? greatest[other] : before;
        // Where a part saw nothing, its sums are 0.
        const float ours = *total == 0 ? 0 : vector_exp2(fill(before - now), scale.factor)[0];
        const float theirs = total[other] == 0 ? 0 : vector_exp2(fill(greatest[other] - now), scale.factor)[0];
        for (Index c = 0; c < a.value_size; c += LANES)
          store(results + c, load(results + c) * ours + load(results + other + c) * theirs);
        *total = *total * ours + total[other] * theirs;
        *greatest = now;
      }
      finish_row(head(each, row), target(row), v, mask, *greatest, *total, out, sums,
                 [&](float factor, float* to) { copy(results, a.value_size, Times{factor}, to); });
    }
  }
};

struct FewBackward : Few {
  const float *q, *k, *v, *out, *sums, *dout;
  float *dq, *dk, *dv;
  size_t memory_at, partial_at;

  Index scratch_floats() const { return round_up(rows() * (PITCH + 2 * a.size + a.value_size + 2 + PITCH) + a.value_size, 16); }
  Index partial_floats() const { return rows() * a.size; }

  void reserve(const Pool& pool, Arena& arena) {
    memory_at = arena.reserve<float>(pool.workers * scratch_floats());
    partial_at = arena.reserve<float>(a.batch * a.key_heads * parts() * partial_floats());
  }

  void run(const Pool& pool, const Arena& arena) const {
    float* partial = arena.at<float>(partial_at);
    auto part = [&](Index item, Index worker) {
      const FlushDenormals flush;
      one(item / parts(), item % parts(), arena.at<float>(memory_at) + worker * scratch_floats(), partial + item * partial_floats());
    };
    parallel_for(pool, a.batch * a.key_heads * parts(), part);
    for (Index each = 0; each < a.batch * a.key_heads; ++each)
      for (Index row = 0; row < rows(); ++row) {
        float* own = partial + each * parts() * partial_floats() + row * a.size;
        for (Index other = 1; other < parts(); ++other)
          for (Index c = 0; c < a.size; c += LANES) store(own + c, load(own + c) + load(own + other * partial_floats() + c));
        copy(own, a.size, Times{float(a.scale)}, dq + head(each, row).query(target(row)));
      }
  }

 private:
  void one(Index each, Index part, float* memory, float* dqueries) const {
    float *queries = memory, *scaled = queries + rows() * a.size, *gradients = scaled + rows() * a.size;
    float *hidden = gradients + rows() * a.value_size, *greatest = hidden + a.value_size, *deltas = greatest + rows();
    float *weights = deltas + rows(), *dscores = weights + rows() * PITCH;
    const Scale scale(a.scale);
    const Head own = head(each, 0);
    std::memset(hidden, 0, size_t(a.value_size) * 4);
    std::memset(dqueries, 0, size_t(rows() * a.size) * 4);
    for (Index row = 0; row < rows(); ++row) {
      const Head by = head(each, row);
      const float* gradient = dout + by.out(target(row));
      const Row sum = read_row(by, target(row), out, sums, gradient, hidden);
      greatest[row] = sum.greatest, deltas[row] = sum.delta;
      copy(q + by.query(target(row)), a.size, Times{scale.sign}, queries + row * a.size);
      copy(q + by.query(target(row)), a.size, Times{float(a.scale)}, scaled + row * a.size);
      copy(gradient, a.value_size, Times{sum.inverse}, gradients + row * a.value_size);
    }
    for (Index first = begin(part); first < end(part); first += KEYS) {
      const Index number = least(KEYS, end(part) - first);
      const Index key_at = own.key() + first * own.key_pitch(), value_at = own.value() + first * own.value_pitch();
      multiply(queries, k + key_at, own.key_pitch(), number, a.size, v + value_at, own.value_pitch(), a.value_size, weights,
               [](Index, float, float product) { return product; });
      for (Index row = 0; row < rows(); ++row) {
        float* at = weights + row * PITCH;
        for (Index j = 0; j < number; j += LANES) store(at + j, vector_exp2(load(at + j) - greatest[row], scale.factor));
      }
      hide(each, first, number, 0, weights);
      spread(weights, gradients, number, a.value_size, hidden, dv + value_at, own.value_pitch());
      std::memcpy(dscores, weights, size_t(rows() * PITCH) * 4);
      multiply(gradients, v + value_at, own.value_pitch(), number, a.value_size, k + key_at, own.key_pitch(), 0, dscores,
               [&](Index row, float weight, float product) { return weight * (product - deltas[row]); });
      spread(dscores, scaled, number, a.size, nullptr, dk + key_at, own.key_pitch());
      add_rows(dscores, k + key_at, own.key_pitch(), number, a.size, nullptr, dqueries);
    }
  }
};

}  // namespace
