// Attention in float32: softmax(scale * query key^T) value, head by head, and its gradients; arrays are (batch, steps, heads, size).
//
// The scores are never stored: a block of ROWS queries meets a block of KEYS keys at a time, its scores stay in the cache, and what a
// new block adds to a row is put on a common scale by the row's greatest score so far. The gradients compute the weights again from the
// logarithms of the sums of exponentials, one for each row. A head's keys and values are first packed, for all of its queries.
//
// Compiled once for each kind of processor; all of it is internal to this file (see kernels.h).
#include "common.h"
#include "vector_math.h"

namespace {

using hornpipe::Attention;

constexpr Index ROWS = 48;          // queries of a block: a multiple of TILE_ROWS
constexpr Index KEYS = 288;         // keys of a block: a multiple of TILE_ROWS and of PANEL
constexpr Index PITCH = KEYS + 16;  // floats between rows of scores
static_assert(ROWS % TILE_ROWS == 0 && KEYS % TILE_ROWS == 0 && KEYS % PANEL == 0, "blocks hold whole tiles");

constexpr float MASKED = -1e30f;  // the score of what a mask hides: weight 0, unless everything is hidden
const float INFINITE = __builtin_inff();

// ---- packing

// to[i] = from[i] * factor
inline void copy(const float* from, Index size, float factor, float* to) {
  Index k = 0;
  for (; k + LANES <= size; k += LANES) store(to + k, load(from + k) * factor);
  for (; k < size; ++k) to[k] = from[k] * factor;
}

// A matrix in panels: PANEL columns of all its rows, then the next PANEL columns ...; the last panel has LANES where that is enough.
inline Index panel_columns(Index left) { return left > LANES ? PANEL : LANES; }
inline Index padded(Index size) { return round_up(size, LANES); }

// Rows of `size` floats, `from_pitch` apart, times a factor, as the first ones of a matrix of `all` rows in panels.
void pack_rows(const float* from, Index from_pitch, Index count, Index size, float factor, float* to, Index all) {
  for (Index i = 0; i < count; ++i, from += from_pitch)
    for (Index c = 0; c < size; c += PANEL) {
      const Index width = panel_columns(size - c), own = least(width, size - c);
      float* row = to + c * all + i * width;
      copy(from + c, own, factor, row);
      for (Index k = own; k < width; ++k) row[k] = 0;
    }
}

// One row of such a matrix, times a factor.
inline void unpack_row(const float* from, Index all, Index row, Index size, float factor, float* to) {
  for (Index c = 0; c < size; c += PANEL) {
    const Index width = panel_columns(size - c);
    copy(from + c * all + row * width, least(width, size - c), factor, to + c);
  }
}

inline Vec load_some(const float* from, Index count) {
  if (count == LANES) return load(from);
  float some[LANES] = {};
  for (Index k = 0; k < count; ++k) some[k] = from[k];
  return load(some);
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
// Whole vectors are stored, so that up to LANES floats behind the last group are written too.
template <int WIDTH>
void pack_columns(const float* from, Index from_pitch, Index count, Index size, float factor, float* to) {
  for (Index first = 0; first < count; first += WIDTH, from += WIDTH * from_pitch, to += WIDTH * size)
    for (Index i = 0; i < WIDTH; i += LANES) {
      const Index rows = most(0, least(least(WIDTH, count - first) - i, LANES));
      for (Index k = 0; k < size; k += LANES) {
        const Index columns = least(LANES, size - k);
        Vec block[LANES];
        for (Index r = 0; r < LANES; ++r)
          block[r] = r < rows ? load_some(from + (i + r) * from_pitch + k, columns) * factor : Vec{};
        transpose(block);
        for (Index c = 0; c < columns; ++c) store(to + (k + c) * WIDTH + i, block[c]);
      }
    }
}

// ---- register tiles

// For a tile of TILE_ROWS rows and VECS vectors of columns, finish(row, vector, sum) of the sums over k < depth of
// left[row * ROW_STEP + k * STEP] * right[k * pitch + column].
template <int VECS, Index ROW_STEP, Index STEP, class Finish>
inline __attribute__((always_inline)) void tile(const float* left, const float* right, Index pitch, Index depth, Finish finish) {
  Vec sums[TILE_ROWS][VECS];
#pragma GCC unroll 16
  for (int i = 0; i < TILE_ROWS; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < VECS; ++j) sums[i][j] = Vec{};
#pragma GCC unroll 2
  for (Index k = 0; k < depth; ++k, left += STEP, right += pitch) {
    Vec columns[VECS];
#pragma GCC unroll 4
    for (int j = 0; j < VECS; ++j) columns[j] = load(right + j * LANES);
#pragma GCC unroll 16
    for (int i = 0; i < TILE_ROWS; ++i) {
      const float element = left[i * ROW_STEP];
#pragma GCC unroll 4
      for (int j = 0; j < VECS; ++j) sums[i][j] += columns[j] * element;
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < TILE_ROWS; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < VECS; ++j) finish(i, j, sums[i][j]);
}

// products[row][key] = finish(what was there, sum) of rows (packed columns of TILE_ROWS) times keys (packed columns of PANEL).
template <int VECS, class Finish>
void score_tile(const float* rows, const float* keys, Index size, float* scores, Finish finish) {
  tile<VECS, 1, TILE_ROWS>(rows, keys, PANEL, size, [&](int i, int j, Vec sum) __attribute__((always_inline)) {
    float* at = scores + i * PITCH + j * LANES;
    store(at, finish(i, at, sum));
  });
}

template <class Finish>
void multiply_keys(const float* rows, Index count, const float* keys, Index number, Index size, float* scores, Finish finish) {
  for (Index column = 0; column < number; column += PANEL)
    for (Index row = 0; row < count; row += TILE_ROWS) {
      const auto own = [&](int i, float* at, Vec sum) __attribute__((always_inline)) { return finish(row + i, at, sum); };
      float* to = scores + row * PITCH + column;
      (number - column > LANES ? score_tile<2, decltype(own)> : score_tile<1, decltype(own)>)(
          rows + row * size, keys + column * size, size, to, own);
    }
}

// to[row][column] = to[row][column] * factors[row] + sum over k < depth of left[row][k] * right[k][column] for one panel.
template <int VECS, Index ROW_STEP, Index STEP>
void add_tile(const float* left, const float* right, Index depth, const float* factors, float* to) {
  constexpr int WIDTH = VECS * LANES;
  for (int i = 0; i < TILE_ROWS * WIDTH; i += 16) __builtin_prefetch(to + i, 1);
  tile<VECS, ROW_STEP, STEP>(left, right, WIDTH, depth, [&](int i, int j, Vec sum) __attribute__((always_inline)) {
    float* at = to + i * WIDTH + j * LANES;
    store(at, factors ? load(at) * factors[i] + sum : load(at) + sum);
  });
}

// A matrix in panels, from one of its rows on.
template <class Float>
struct Matrix {
  Float* data;
  Index all, first;

  Float* panel(Index column, Index width) const { return data + column * all + first * width; }
};

template <Index ROW_STEP, Index STEP>
void add_product(const float* left, Index rows, Matrix<const float> right, Index columns, Index depth, const float* factors,
                 Matrix<float> to) {
  for (Index c = 0; c < columns; c += PANEL) {
    const Index width = panel_columns(columns - c);
    const auto one = width == PANEL ? add_tile<2, ROW_STEP, STEP> : add_tile<1, ROW_STEP, STEP>;
    const float* panel = right.panel(c, width);
    float* sums = to.panel(c, width);
    for (Index row = 0; row < rows; row += TILE_ROWS)
      one(left + row * ROW_STEP, panel, depth, factors ? factors + row : nullptr, sums + row * width);
  }
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
  Index sum(Index row) const { return (sample * a.heads + head) * a.targets + row; }

  // Hide from the scores of one row, which begin at key `first`, what the mask and causality hide.
  void hide(const uint8_t* mask, Index row, Index first, Index count, float* scores) const {
    if (mask != nullptr) {
      const uint8_t* own = mask + sample * a.mask_steps[0] + head * a.mask_steps[1] + row * a.mask_steps[2];
      if (a.mask_steps[3])
        for (Index j = 0; j < count; ++j) scores[j] = own[first + j] ? scores[j] : MASKED;
      else if (!*own)
        for (Index j = 0; j < count; ++j) scores[j] = MASKED;
    }
    if (a.causal)
      for (Index j = most(0, row + 1 - first); j < count; ++j) scores[j] = MASKED;
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

// ---- forward

struct Forward {
  const Attention& a;
  const float *q, *k, *v;
  const uint8_t* mask;
  float *out, *sums;
  Index parts, pitch, floats;
  size_t memory_at;

  Index keys_floats() const { return round_up(a.sources, PANEL) * a.size; }
  Index values_floats() const { return a.sources * pitch; }

  void reserve(const Pool& pool, Arena& arena) {
    pitch = padded(a.value_size);
    parts = cut_rows(a.targets, a.batch * a.heads, a.targets);
    floats = round_up(keys_floats() + values_floats() + ROWS * (a.size + pitch + PITCH + 3) + 2 * LANES, 16);
    memory_at = arena.reserve<float>(pool.workers * floats);
  }

  void run(const Pool& pool, const Arena& arena) const {
    auto part = [&](Index item, Index worker) {
      const Index each = item / parts, blocks = ceil_div(a.targets, ROWS);
      const Head head{a, each / a.heads, each % a.heads};
      rows(head, blocks * (item % parts) / parts * ROWS, least(a.targets, blocks * (item % parts + 1) / parts * ROWS),
           arena.at<float>(memory_at) + worker * floats);
    };
    parallel_for(pool, a.batch * a.heads * parts, part);
  }

 private:
  struct Scratch {
    float *keys, *values, *queries, *results, *scores, *greatest, *totals, *factors;
  };

  void rows(const Head& head, Index begin, Index end, float* memory) const {
    Scratch s;
    s.scores = memory;
    s.results = s.scores + ROWS * PITCH;
    s.values = s.results + ROWS * pitch;
    s.keys = s.values + values_floats();
    s.greatest = s.keys + keys_floats();
    s.totals = s.greatest + ROWS;
    s.factors = s.totals + ROWS;
    s.queries = s.factors + ROWS;
    pack_columns<PANEL>(k + head.key(), head.key_pitch(), head.seen(end), a.size, 1, s.keys);
    pack_rows(v + head.value(), head.value_pitch(), head.seen(end), a.value_size, 1, s.values, a.sources);
    for (Index row = begin; row < end; row += ROWS) {
      const Index count = least(ROWS, end - row);
      pack_columns<TILE_ROWS>(q + head.query(row), head.query_pitch(), count, a.size, a.scale, s.queries);
      block(head, row, count, head.seen(row + count), s);
      finish(head, row, count, s);
    }
  }

  void block(const Head& head, Index row, Index count, Index seen, const Scratch& s) const {
    const Index whole = round_up(count, TILE_ROWS);
    std::memset(s.results, 0, size_t(ROWS * pitch) * 4);
    for (Index i = 0; i < ROWS; ++i) s.greatest[i] = -INFINITE, s.totals[i] = 0;
    for (Index first = 0; first < seen; first += KEYS) {
      const Index number = least(KEYS, seen - first);
      multiply_keys(s.queries, whole, s.keys + first * a.size, number, a.size, s.scores,
                    [](Index, float*, Vec sum) __attribute__((always_inline)) { return sum; });
      for (Index i = 0; i < count; ++i) head.hide(mask, row + i, first, number, s.scores + i * PITCH);
      weigh(s, whole, number);
      add_product<PITCH, 1>(s.scores, whole, {s.values, a.sources, first}, pitch, number, s.factors, {s.results, ROWS, 0});
    }
  }

  // Make weights of scores: exponentials relative to the greatest score of the row so far. One loop after the other over the rows, so
  // that the processor works at several rows at a time.
  static void weigh(const Scratch& s, Index rows, Index number) {
    const Index whole = round_up(number, LANES);
    for (Index i = 0; i < rows; ++i) {
      float* scores = s.scores + i * PITCH;
      for (Index j = number; j < whole; ++j) scores[j] = -INFINITE;
      Vec highest = load(scores);
      for (Index j = LANES; j < whole; j += LANES) {
        const Vec other = load(scores + j);
        highest = other > highest ? other : highest;
      }
      const float most = greatest_of(highest), before = s.greatest[i];
      s.greatest[i] = before > most ? before : most;
      s.factors[i] = before - s.greatest[i];
    }
    for (Index i = 0; i < ROWS; i += LANES) store(s.factors + i, vector_exp<false>(load(s.factors + i)));
    for (Index i = 0; i < rows; ++i) {
      float* scores = s.scores + i * PITCH;
      Vec sum{};
      for (Index j = 0; j < whole; j += LANES) {
        const Vec weights = vector_exp<false>(load(scores + j) - s.greatest[i]);
        store(scores + j, weights);
        sum += weights;
      }
      s.totals[i] = s.totals[i] * s.factors[i] + sum_of(sum);
    }
  }

  void finish(const Head& head, Index row, Index count, const Scratch& s) const {
    for (Index i = 0; i < count; ++i) {
      float* to = out + head.out(row + i);
      const bool hidden = mask != nullptr && s.greatest[i] == MASKED;
      if (hidden) mean(head, to);
      else unpack_row(s.results, ROWS, i, a.value_size, 1 / s.totals[i], to);
      // Infinity says that everything was hidden.
      sums[head.sum(row + i)] = hidden ? INFINITE : s.greatest[i] + __builtin_logf(s.totals[i]);
    }
  }

  // Where a row sees nothing, all its scores are equal.
  void mean(const Head& head, float* to) const {
    for (Index c = 0; c < a.value_size; ++c) to[c] = 0;
    const float* from = v + head.value();
    for (Index j = 0; j < a.sources; ++j, from += head.value_pitch())
      for (Index c = 0; c < a.value_size; ++c) to[c] += from[c];
    for (Index c = 0; c < a.value_size; ++c) to[c] /= float(a.sources);
  }
};

bool forward(const Pool& pool, const Attention& a, const float* q, const float* k, const float* v, const uint8_t* mask, float* out,
             float* sums) {
  Arena arena;
  Forward work{a, q, k, v, mask, out, sums, 0, 0, 0, 0};
  work.reserve(pool, arena);
  if (!arena.allocate()) return false;
  work.run(pool, arena);
  return true;
}

// ---- backward

// A task has some of the queries that one head of keys meets, and sums of its own for the gradients of these keys and values.
struct Backward {
  const Attention& a;
  const float *q, *k, *v;
  const uint8_t* mask;
  const float *out, *sums, *dout;
  float *dq, *dk, *dv;
  Index shares, pitch, value_pitch, keys, floats;
  size_t memory_at, partial_at;

  Index group() const { return a.heads / a.key_heads; }
  Index key_floats() const { return a.batch * a.sources * a.key_heads * a.size; }
  Index value_floats() const { return a.batch * a.sources * a.key_heads * a.value_size; }

  void reserve(const Pool& pool, Arena& arena) {
    pitch = padded(a.size), value_pitch = padded(a.value_size);
    keys = round_up(a.sources, PANEL) + TILE_ROWS;
    shares = cut_rows(a.targets * group(), a.batch * a.key_heads, SHARES);
    const Index row = a.size + a.value_size + 2 * pitch + value_pitch + PITCH + 2;
    floats = round_up(keys * (a.size + a.value_size + 2 * pitch + value_pitch) + ROWS * row + value_pitch + 3 * LANES, 16);
    memory_at = arena.reserve<float>(pool.workers * floats);
    partial_at = arena.reserve<float>((shares - 1) * (key_floats() + value_floats()));
  }

  void run(const Pool& pool, const Arena& arena) const {
    float* partial = arena.at<float>(partial_at);
    auto share = [&](Index item, Index worker) {
      const Index each = item / shares, number = item % shares;
      float* own = partial + (number - 1) * (key_floats() + value_floats());
      one(each / a.key_heads, each % a.key_heads, number, arena.at<float>(memory_at) + worker * floats,
          number ? own : dk, number ? own + key_floats() : dv);
    };
    parallel_for(pool, a.batch * a.key_heads * shares, share);
    if (shares == 1) return;
    auto add = [&](Index item, Index) {
      for (Index s = 1; s < shares; ++s) {
        const float* own = partial + (s - 1) * (key_floats() + value_floats());
        add_up(own, item, key_floats(), dk);
        add_up(own + key_floats(), item, value_floats(), dv);
      }
    };
    parallel_for(pool, TASKS, add);
  }

 private:
  static void add_up(const float* from, Index item, Index all, float* to) {
    for (Index i = all * item / TASKS; i < all * (item + 1) / TASKS; ++i) to[i] += from[i];
  }

  struct Scratch {
    // All keys: columns of keys and values, rows of keys, gradients.
    float *keys, *values, *key_rows, *dkeys, *dvalues;
    // A block of queries: columns of queries and of gradients, rows of both, gradients of queries, weights.
    float *queries, *gradients, *query_rows, *gradient_rows, *dqueries, *weights, *logs, *deltas;
    float* hidden;
  };

  Scratch divide(float* memory) const {
    Scratch s;
    auto take = [&](Index count) {
      float* at = memory;
      memory += count;
      return at;
    };
    s.weights = take(ROWS * PITCH);
    s.key_rows = take(keys * pitch);
    s.dkeys = take(keys * pitch);
    s.query_rows = take(ROWS * pitch);
    s.dqueries = take(ROWS * pitch);
    s.dvalues = take(keys * value_pitch);
    s.gradient_rows = take(ROWS * value_pitch);
    s.hidden = take(value_pitch);
    s.logs = take(ROWS);
    s.deltas = take(ROWS);
    s.keys = take(keys * a.size);
    s.values = take(keys * a.value_size);
    s.queries = take(ROWS * a.size + LANES);
    s.gradients = take(ROWS * a.value_size + LANES);
    return s;
  }

  void one(Index sample, Index key_head, Index number, float* memory, float* to_dk, float* to_dv) const {
    const Scratch s = divide(memory);
    const Head first{a, sample, key_head * group()};
    pack_columns<PANEL>(k + first.key(), first.key_pitch(), a.sources, a.size, 1, s.keys);
    pack_columns<PANEL>(v + first.value(), first.value_pitch(), a.sources, a.value_size, 1, s.values);
    pack_rows(k + first.key(), first.key_pitch(), a.sources, a.size, 1, s.key_rows, keys);
    std::memset(s.dkeys, 0, size_t(keys * pitch) * 4);
    std::memset(s.dvalues, 0, size_t(keys * value_pitch) * 4);
    std::memset(s.hidden, 0, size_t(value_pitch) * 4);
    const Index blocks = ceil_div(a.targets, ROWS), all = blocks * group();
    for (Index each = all * number / shares; each < all * (number + 1) / shares; ++each)
      block(Head{a, sample, key_head * group() + each / blocks}, each % blocks * ROWS, s);
    float *key = to_dk + first.key(), *value = to_dv + first.value();
    for (Index j = 0; j < a.sources; ++j, key += first.key_pitch(), value += first.value_pitch()) {
      unpack_row(s.dkeys, keys, j, a.size, 1, key);
      unpack_row(s.dvalues, keys, j, a.value_size, 1, value);
      for (Index c = 0; c < a.value_size; ++c) value[c] += s.hidden[c];
    }
  }

  void block(const Head& head, Index row, const Scratch& s) const {
    const Index count = least(ROWS, a.targets - row), whole = round_up(count, TILE_ROWS), seen = head.seen(row + count);
    pack_columns<TILE_ROWS>(q + head.query(row), head.query_pitch(), count, a.size, a.scale, s.queries);
    pack_rows(q + head.query(row), head.query_pitch(), count, a.size, a.scale, s.query_rows, ROWS);
    pack_columns<TILE_ROWS>(dout + head.out(row), head.out_pitch(), count, a.value_size, 1, s.gradients);
    pack_rows(dout + head.out(row), head.out_pitch(), count, a.value_size, 1, s.gradient_rows, ROWS);
    prepare(head, row, count, whole, s);
    std::memset(s.dqueries, 0, size_t(ROWS * pitch) * 4);
    for (Index first = 0; first < seen; first += KEYS) {
      const Index number = least(KEYS, seen - first);
      multiply_keys(s.queries, whole, s.keys + first * a.size, number, a.size, s.weights,
                    [](Index, float*, Vec sum) __attribute__((always_inline)) { return sum; });
      for (Index i = 0; i < count; ++i) head.hide(mask, row + i, first, number, s.weights + i * PITCH);
      for (Index i = 0; i < whole; ++i) weigh(s.weights + i * PITCH, number, s.logs[i]);
      const Matrix<const float> gradients{s.gradient_rows, ROWS, 0}, queries{s.query_rows, ROWS, 0}, own{s.key_rows, keys, first};
      add_product<1, PITCH>(s.weights, number, gradients, value_pitch, count, nullptr, {s.dvalues, keys, first});
      // weights * (gradients of weights - their mean): the gradients of the scores.
      multiply_keys(s.gradients, whole, s.values + first * a.value_size, number, a.value_size, s.weights,
                    [&](Index i, float* at, Vec sum) __attribute__((always_inline)) { return load(at) * (sum - s.deltas[i]); });
      add_product<1, PITCH>(s.weights, number, queries, pitch, count, nullptr, {s.dkeys, keys, first});
      add_product<PITCH, 1>(s.weights, whole, own, pitch, number, nullptr, {s.dqueries, ROWS, 0});
    }
    for (Index i = 0; i < count; ++i) unpack_row(s.dqueries, ROWS, i, a.size, a.scale, dq + head.query(row + i));
  }

  // The logarithms of sums, the mean gradient of the weights, and what rows that see nothing give to all values alike.
  void prepare(const Head& head, Index row, Index count, Index whole, const Scratch& s) const {
    for (Index i = 0; i < whole; ++i) {
      s.logs[i] = i < count ? sums[head.sum(row + i)] : INFINITE;
      s.deltas[i] = 0;
      if (i >= count) continue;
      const float *result = out + head.out(row + i), *gradient = dout + head.out(row + i);
      Index c = 0;
      Vec products{};
      for (; c + LANES <= a.value_size; c += LANES) products += load(result + c) * load(gradient + c);
      s.deltas[i] = sum_of(products);
      for (; c < a.value_size; ++c) s.deltas[i] += result[c] * gradient[c];
      if (s.logs[i] == INFINITE)
        for (c = 0; c < a.value_size; ++c) s.hidden[c] += gradient[c] / float(a.sources);
    }
  }

  static void weigh(float* scores, Index number, float log) {
    for (Index j = 0; j < number; j += LANES) store(scores + j, vector_exp<false>(load(scores + j) - log));
    for (Index j = number; j < PITCH && j < number + PANEL; ++j) scores[j] = 0;
  }
};

bool backward(const Pool& pool, const Attention& a, const float* q, const float* k, const float* v, const uint8_t* mask,
              const float* out, const float* sums, const float* dout, float* dq, float* dk, float* dv) {
  Arena arena;
  Backward work{a, q, k, v, mask, out, sums, dout, dq, dk, dv, 0, 0, 0, 0, 0, 0, 0};
  work.reserve(pool, arena);
  if (!arena.allocate()) return false;
  work.run(pool, arena);
  return true;
}

}  // namespace

namespace hornpipe {
const AttentionKernels HORNPIPE_VARIANT(attention) = {forward, backward};
}
