// LSTM and GRU over whole sequences, forward and backward. A chunk of some rows of the batch is taken through all steps by one thread,
// so nothing waits for others between steps. What does not depend on the state before is computed for a block of steps at a time:
// the inputs' product in advance, the gradients of the inputs and of the weights afterwards, from what the cache still holds.
//
// Compiled once for each kind of processor; all of it is internal to this file (see kernels.h).
#include "tiles.h"
#include "vector_math.h"

namespace {

using hornpipe::Recurrent;
using hornpipe::RecurrentGradients;
using hornpipe::RecurrentInputs;
using hornpipe::RecurrentOutputs;
using hornpipe::RecurrentUpstream;

// ---- products of rows that lie anywhere with packed weights

// Sums that fit into the registers beside one row of weights.
template <int VECS>
constexpr int rows_of() {
  return LANES == 8 ? (VECS == 4 ? 2 : VECS == 3 ? 3 : 4) : (VECS == 1 ? 8 : VECS == 2 ? 8 : 4);
}

constexpr Index DEPTH = 128;         // rows of a panel of weights that are used at a time: they stay in the first cache
constexpr Index LARGE = 256 * 1024;  // floats: more of them do not stay in the second cache

struct Range {
  Index begin, end;
};

// outputs[first .. first + columns) (+)= start + rows x panel, for `count` <= ROWS rows.
template <int ROWS, int VECS>
void tile(const float* const* from, Index depth, const float* panel, const float* start, bool add, float* const* to, Index count,
          Index columns, Ahead& ahead) {
  Vec sums[ROWS][VECS];
  const float* rows[ROWS];
#pragma GCC unroll 8
  for (int i = 0; i < ROWS; ++i) {
    rows[i] = from[i];
#pragma GCC unroll 4
    for (int j = 0; j < VECS; ++j) sums[i][j] = start ? load(start + j * LANES) : Vec{};
  }
  multiply_add<VECS>(sums, rows, 0, depth, 1, panel, VECS * LANES, ahead);
  if (columns >= VECS * LANES) {
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; ++i) {
      if (i >= count) return;
#pragma GCC unroll 4
      for (int j = 0; j < VECS; ++j) {
        float* out = to[i] + j * LANES;
        store(out, add ? sums[i][j] + load(out) : sums[i][j]);
      }
    }
    return;
  }
  float row[VECS * LANES];
#pragma GCC unroll 8
  for (int i = 0; i < ROWS; ++i) {
    if (i >= count) return;
#pragma GCC unroll 4
    for (int j = 0; j < VECS; ++j) store(row + j * LANES, sums[i][j]);
    for (Index c = 0; c < columns; ++c) to[i][c] = add ? to[i][c] + row[c] : row[c];
  }
}

// One panel of weights times all rows. from(n) and to(n) are the pointers of row n. Of large weights the rows that come next are asked for.
template <int VECS, class From, class To>
void panel_product(Index count, Index depth, const float* panel, const float* start, bool add, From from, To to, Index columns, bool large) {
  constexpr int ROWS = rows_of<VECS>();
  for (Index k = 0; k < depth; k += DEPTH) {
    const Index length = least(DEPTH, depth - k);
    Ahead ahead;
    if (large) {
      const float* next = panel + (k + length) * VECS * LANES;
      const Index portions = ceil_div(count, ROWS) * ceil_div(length, Ahead::EVERY);
      ahead = {{{next, next + length * VECS * LANES}, {}}, ceil_div(length * VECS * LANES, Ahead::FLOATS * portions)};
    }
    for (Index n = 0; n < count; n += ROWS) {
      if (n == count - 1) {
        const float* row = from(n) + k;
        float* output = to(n);
        tile<1, VECS>(&row, length, panel + k * VECS * LANES, k ? nullptr : start, add || k, &output, 1, columns, ahead);
        break;
      }
      const float* rows[ROWS];
      float* outputs[ROWS];
      for (int i = 0; i < ROWS; ++i) rows[i] = from(least(n + i, count - 1)) + k, outputs[i] = to(least(n + i, count - 1));
      tile<ROWS, VECS>(rows, length, panel + k * VECS * LANES, k ? nullptr : start, add || k, outputs, least(ROWS, count - n), columns,
                       ahead);
    }
  }
}

// Weights in panels of VECS vectors of columns; what is left of at most LANES columns stands in a panel of one.
template <int VECS, class From, class To>
void product(Index count, Index depth, const float* packed, const float* start, bool add, Index columns, From from, To to) {
  const bool large = depth * columns > LARGE;
  for (Index first = 0; first < columns; first += VECS * LANES) {
    const Index left = columns - first;
    const float* own = start ? start + first : nullptr;
    auto out = [&](Index n) { return to(n) + first; };
    if (left > LANES)
      panel_product<VECS>(count, depth, packed + first * depth, own, add, from, out, left, large);
    else
      panel_product<1>(count, depth, packed + first * depth, own, add, from, out, left, large);
  }
}

// sums[depth][VECS] += (rows' elements)^T x (rows of `right`, `pitch` apart).
template <int ROWS, int VECS>
inline void gradient_tile(Index count, const float* const* left, Index at, const float* right, Index pitch, float* memory) {
  Vec sums[ROWS][VECS] = {};
#pragma GCC unroll 2
  for (Index n = 0; n < count; ++n, right += pitch) {
    const float* elements = left[n] + at;
    Vec columns[VECS];
#pragma GCC unroll 4
    for (int j = 0; j < VECS; ++j) columns[j] = load(right + j * LANES);
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; ++i)
#pragma GCC unroll 4
      for (int j = 0; j < VECS; ++j) sums[i][j] += columns[j] * elements[i];
  }
#pragma GCC unroll 8
  for (int i = 0; i < ROWS; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < VECS; ++j) {
      float* out = memory + (i * VECS + j) * LANES;
      store(out, load(out) + sums[i][j]);
    }
}

template <int VECS>
void add_weights(Index count, const float* const* left, Index depth, const float* right, Index pitch, Index panels, float* sums) {
  constexpr int ROWS = rows_of<VECS>();
  for (Index p = 0; p < panels; ++p, right += VECS * LANES, sums += depth * VECS * LANES) {
    Index k = 0;
    for (; k + ROWS <= depth; k += ROWS) gradient_tile<ROWS, VECS>(count, left, k, right, pitch, sums + k * VECS * LANES);
    for (; k < depth; ++k) gradient_tile<1, VECS>(count, left, k, right, pitch, sums + k * VECS * LANES);
  }
}

void add_rows(Index count, const float* from, Index pitch, Index width, float* sums) {
  for (Index j = 0; j < width; j += LANES) {
    Vec sum{};
    for (Index n = 0; n < count; ++n) sum += load(from + n * pitch + j);
    store(sums + j, load(sums + j) + sum);
  }
}

// ---- cells: what happens to the gates of one row and LANES units

// Where the values of one row begin; `valid` is false where the states stay.
struct Row {
  const float *x, *inner;  // products, with the biases
  float *h, *c;
  float* kept;
};
struct GradientRow {
  const float* kept;
  const float* h;  // before the step
  float *d_h, *d_c;
  float *d_x, *d_inner;
};

struct Lstm {
  static constexpr int GATES = 4, KEPT = GATES + 1;
  static constexpr bool SEPARATE = false;  // whether the inner product is kept apart from the inputs'

  static inline void forward(const Row& row, bool valid) {
    const Vec i = vector_sigmoid(load(row.x)), f = vector_sigmoid(load(row.x + LANES));
    const Vec g = vector_tanh(load(row.x + 2 * LANES)), o = vector_sigmoid(load(row.x + 3 * LANES));
    const Vec c = load(row.c), next = f * c + i * g;
    if (row.kept) {
      store(row.kept, i);
      store(row.kept + LANES, f);
      store(row.kept + 2 * LANES, g);
      store(row.kept + 3 * LANES, o);
      store(row.kept + 4 * LANES, c);
    }
    if (!valid) return;
    store(row.c, next);
    store(row.h, o * vector_tanh(next));
  }

  template <class Inside>
  static inline void backward(const GradientRow& row, Vec d_h, Inside inside) {
    const Vec i = load(row.kept), f = load(row.kept + LANES), g = load(row.kept + 2 * LANES), o = load(row.kept + 3 * LANES);
    const Vec c = load(row.kept + 4 * LANES), t = vector_tanh(f * c + i * g);
    const Vec d_c = load(row.d_c) + d_h * o * (1 - t * t);
    store(row.d_x, inside(d_c * g * i * (1 - i)));
    store(row.d_x + LANES, inside(d_c * c * f * (1 - f)));
    store(row.d_x + 2 * LANES, inside(d_c * i * (1 - g * g)));
    store(row.d_x + 3 * LANES, inside(d_h * t * o * (1 - o)));
    store(row.d_c, d_c * f);
    store(row.d_h, Vec{});
  }
};

struct Gru {
  static constexpr int GATES = 3, KEPT = GATES + 1;
  static constexpr bool SEPARATE = true;

  static inline void forward(const Row& row, bool valid) {
    const Vec z = vector_sigmoid(load(row.x) + load(row.inner));
    const Vec s = vector_sigmoid(load(row.x + LANES) + load(row.inner + LANES));
    const Vec r = load(row.inner + 2 * LANES), n = vector_tanh(load(row.x + 2 * LANES) + s * r);
    if (row.kept) {
      store(row.kept, z);
      store(row.kept + LANES, s);
      store(row.kept + 2 * LANES, n);
      store(row.kept + 3 * LANES, r);
    }
    if (valid) store(row.h, z * load(row.h) + (1 - z) * n);
  }

  template <class Inside>
  static inline void backward(const GradientRow& row, Vec d_h, Inside inside) {
    const Vec z = load(row.kept), s = load(row.kept + LANES), n = load(row.kept + 2 * LANES), r = load(row.kept + 3 * LANES);
    const Vec d_n = d_h * (1 - z) * (1 - n * n);
    const Vec d_z = inside(d_h * (load(row.h) - n) * z * (1 - z)), d_s = inside(d_n * r * s * (1 - s));
    store(row.d_x, d_z);
    store(row.d_x + LANES, d_s);
    store(row.d_x + 2 * LANES, inside(d_n));
    store(row.d_inner, d_z);
    store(row.d_inner + LANES, d_s);
    store(row.d_inner + 2 * LANES, inside(d_n * s));
    store(row.d_h, d_h * z);
  }
};

// ---- what both directions know

constexpr Index BLOCK_ROWS = 128;           // rows times steps of a block, about
constexpr Index BLOCK_FLOATS = 192 * 1024;  // and its gates, at most about

template <class Cell>
struct Sizes {
  static constexpr Index GROUP = Cell::GATES * LANES;
  Recurrent r;
  Index panels, width, wide, kept_h, kept;  // of the gates in packed order; of a state; of a row of what is kept
  Index chunks, rows, block, pitch;         // rows of a chunk, steps of a block, floats of a row of gates

  explicit Sizes(const Recurrent& given) : r(given) {
    panels = ceil_div(r.units, LANES);
    width = panels * LANES;
    wide = panels * GROUP;
    kept_h = round_up(r.units, 16);
    kept = hornpipe::recurrent_kept(r.units, Cell::GATES);
    // Few rows a chunk where there are few in all: work for more threads. But not where each chunk has to fetch the weights at every step.
    const bool few = r.batch < (r.units * wide > LARGE ? 32 : 64);
    chunks = most(1, ceil_div(r.batch, few ? 8 : 16));
    rows = ceil_div(r.batch, chunks);
    pitch = wide + LANES;  // not a power of two, which would meet few lines of the cache
    block = most(1, least(r.steps, least(BLOCK_ROWS, BLOCK_FLOATS / pitch) / most(1, rows)));
  }
  Range chunk(Index item) const { return {r.batch * item / chunks, r.batch * (item + 1) / chunks}; }
  Index time(Index step) const { return r.backwards ? r.steps - 1 - step : step; }
  // body(n, at) for row n of a block of steps, which begins at float `at` of the inputs.
  template <class Body>
  void each_row(Range own, Index first, Index steps, Body body) const {
    Index n = 0;
    for (Index t = 0; t < steps; ++t)
      for (Index row = own.begin; row < own.end; ++row, ++n) body(n, (row * r.steps + time(first + t)) * r.features);
  }
  Index multiplies() const { return (r.features + r.units) * wide; }

  // Panel by panel, row by row of the weights: the columns of each gate, LANES of each; zeros fill the last panel.
  void pack_gates(const Pool& pool, const float* weights, Index depth, float* packed) const {
    auto task = [&](Index p, Index) {
      float* to = packed + p * depth * GROUP;
      const Index count = least(LANES, r.units - p * LANES);
      for (Index k = 0; k < depth; ++k)
        for (int gate = 0; gate < Cell::GATES; ++gate, to += LANES) {
          std::memset(to, 0, LANES * 4);
          std::memcpy(to, weights + (k * Cell::GATES + gate) * r.units + p * LANES, size_t(count) * 4);
        }
    };
    parallel_for(pool, panels, task);
  }

  // The transposed weights: gates in packed order are the rows, `columns` of the weights' rows the columns.
  void pack_transposed(const Pool& pool, const float* weights, Index columns, float* packed) const {
    auto task = [&](Index item, Index) {
      const Index first = item * 2 * LANES, count = least(2 * LANES, columns - first);
      const Index vectors = count > LANES ? 2 * LANES : LANES;
      float* to = packed + first * wide;
      for (Index g = 0; g < wide; ++g, to += vectors) {
        const Index unit = g / GROUP * LANES + g % LANES, gate = g % GROUP / LANES;
        for (Index j = 0; j < vectors; ++j)
          to[j] = unit < r.units && j < count ? weights[((first + j) * Cell::GATES + gate) * r.units + unit] : 0;
      }
    };
    parallel_for(pool, ceil_div(columns, 2 * LANES), task);
  }
};

// Rows of `units` floats into rows of `width`, the rest zeros; null is all zeros.
void widen(const float* from, Index count, Index units, Index width, float* to) {
  std::memset(to, 0, size_t(count * width) * 4);
  for (Index n = 0; from && n < count; ++n) std::memcpy(to + n * width, from + n * units, size_t(units) * 4);
}

void narrow(const float* from, Index count, Index units, Index width, float* to) {
  for (Index n = 0; to && n < count; ++n) std::memcpy(to + n * units, from + n * width, size_t(units) * 4);
}

// ---- forward

template <class Cell>
class Forward {
 public:
  Forward(const Recurrent& given, const RecurrentInputs& inputs, const RecurrentOutputs& outputs) : s(given), in(inputs), out(outputs) {}

  bool run(const Pool& pool) {
    const Recurrent& r = s.r;
    kernel_at = arena.reserve<float>(r.features * s.wide);
    recurrent_at = arena.reserve<float>(r.units * s.wide);
    bias_at = arena.reserve<float>(s.wide);
    recurrent_bias_at = arena.reserve<float>(s.wide);
    const Index count = pool.workers;
    gates_at = arena.reserve<float>(count * s.rows * s.block * s.pitch);
    inner_at = arena.reserve<float>(count * s.rows * s.pitch);
    states_at = arena.reserve<float>(count * 2 * s.rows * s.width);
    pointers_at = arena.reserve<const float*>(count * s.rows * s.block);
    if (!arena.allocate()) return false;
    s.pack_gates(pool, in.kernel, r.features, arena.at<float>(kernel_at));
    s.pack_gates(pool, in.recurrent, r.units, arena.at<float>(recurrent_at));
    s.pack_gates(pool, in.bias, 1, arena.at<float>(bias_at));
    if (Cell::SEPARATE) s.pack_gates(pool, in.recurrent_bias, 1, arena.at<float>(recurrent_bias_at));
    auto task = [&](Index item, Index worker) { chunk(s.chunk(item), worker); };
    parallel_for(pool, s.chunks, task);
    return true;
  }

 private:
  void chunk(Range own, Index worker) const {
    const FlushDenormals flush;
    const Recurrent& r = s.r;
    const Index rows = own.end - own.begin;
    float* h = arena.at<float>(states_at) + worker * 2 * s.rows * s.width;
    float* c = h + s.rows * s.width;
    float* gates = arena.at<float>(gates_at) + worker * s.rows * s.block * s.pitch;
    const float** xs = arena.at<const float*>(pointers_at) + worker * s.rows * s.block;
    widen(in.h + own.begin * r.units, rows, r.units, s.width, h);
    if (!Cell::SEPARATE) widen(in.c + own.begin * r.units, rows, r.units, s.width, c);
    for (Index first = 0; first < r.steps; first += s.block) {
      const Index steps = least(s.block, r.steps - first);
      s.each_row(own, first, steps, [&](Index n, Index at) { xs[n] = in.x + at; });
      product<Cell::GATES>(
          rows * steps, r.features, arena.at<float>(kernel_at), arena.at<float>(bias_at), false, s.wide,
          [&](Index n) { return xs[n]; }, [&](Index n) { return gates + n * s.pitch; });
      for (Index t = 0; t < steps; ++t) step(own, first + t, gates + t * rows * s.pitch, h, c, worker);
    }
    narrow(h, rows, r.units, s.width, out.h + own.begin * r.units);
    if (!Cell::SEPARATE) narrow(c, rows, r.units, s.width, out.c + own.begin * r.units);
  }

  void step(Range own, Index at, float* gates, float* h, float* c, Index worker) const {
    const Recurrent& r = s.r;
    const Index rows = own.end - own.begin;
    float* inner = Cell::SEPARATE ? arena.at<float>(inner_at) + worker * s.rows * s.pitch : gates;
    product<Cell::GATES>(
        rows, r.units, arena.at<float>(recurrent_at), Cell::SEPARATE ? arena.at<float>(recurrent_bias_at) : nullptr, !Cell::SEPARATE,
        s.wide, [&](Index n) { return h + n * s.width; }, [&](Index n) { return inner + n * s.pitch; });
    for (Index n = 0; n < rows; ++n) {
      const Index row = own.begin + n;
      const bool valid = !in.valid || in.valid[row * r.steps + s.time(at)];
      float* kept = out.kept ? out.kept + (own.begin * r.steps + at * rows + n) * s.kept : nullptr;
      float* state = h + n * s.width;
      if (kept) std::memcpy(kept, state, size_t(r.units) * 4);
      for (Index p = 0; p < s.panels; ++p)
        Cell::forward({gates + n * s.pitch + p * s.GROUP, inner + n * s.pitch + p * s.GROUP, state + p * LANES,
                       c + n * s.width + p * LANES, kept ? kept + s.kept_h + p * Cell::KEPT * LANES : nullptr},
                      valid);
      if (out.outputs) std::memcpy(out.outputs + (row * r.steps + at) * r.units, state, size_t(r.units) * 4);
    }
  }

  Sizes<Cell> s;
  RecurrentInputs in;
  RecurrentOutputs out;
  Arena arena;
  size_t kernel_at, recurrent_at, bias_at, recurrent_bias_at, gates_at, inner_at, states_at, pointers_at;
};

// ---- backward

// Gradients of weights are added up in shares of some chunks, then in a fixed order.
template <class Cell>
class Backward {
 public:
  Backward(const Recurrent& given, const RecurrentInputs& inputs, const RecurrentUpstream& upstream, const RecurrentGradients& gradients)
      : s(given), in(inputs), up(upstream), out(gradients) {}

  bool run(const Pool& pool) {
    const Recurrent& r = s.r;
    sums = s.multiplies() + 2 * s.wide;
    shares = most(1, least(least(SHARES, s.chunks), most(4, SHARE_FLOATS / sums)));
    const Index count = pool.workers, block = s.rows * s.block;
    kernel_at = arena.reserve<float>(s.wide * round_up(r.features, LANES));
    recurrent_at = arena.reserve<float>(s.wide * round_up(r.units, LANES));
    sums_at = arena.reserve<float>(shares * sums);
    gates_at = arena.reserve<float>(count * block * s.pitch);
    inner_at = arena.reserve<float>(Cell::SEPARATE ? count * block * s.pitch : 0);
    states_at = arena.reserve<float>(count * 2 * s.rows * s.width);
    pointers_at = arena.reserve<const float*>(count * 3 * block);
    if (!arena.allocate()) return false;
    s.pack_transposed(pool, in.kernel, r.features, arena.at<float>(kernel_at));
    s.pack_transposed(pool, in.recurrent, r.units, arena.at<float>(recurrent_at));
    auto share = [&](Index item, Index worker) {
      std::memset(arena.at<float>(sums_at) + item * sums, 0, size_t(sums) * 4);
      for (Index i = s.chunks * item / shares; i < s.chunks * (item + 1) / shares; ++i) chunk(s.chunk(i), item, worker);
    };
    parallel_for(pool, shares, share);
    auto row = [&](Index k, Index) { add_up(k); };
    parallel_for(pool, r.features + r.units + 1 + Cell::SEPARATE, row);
    return true;
  }

 private:
  void chunk(Range own, Index share, Index worker) const {
    const FlushDenormals flush;
    const Recurrent& r = s.r;
    const Index rows = own.end - own.begin, block = s.rows * s.block;
    float* d_h = arena.at<float>(states_at) + worker * 2 * s.rows * s.width;
    float* d_c = d_h + s.rows * s.width;
    float* d_x = arena.at<float>(gates_at) + worker * block * s.pitch;
    float* d_inner = Cell::SEPARATE ? arena.at<float>(inner_at) + worker * block * s.pitch : d_x;
    const float** xs = arena.at<const float*>(pointers_at) + worker * 3 * block;
    const float** hs = xs + block;
    float** d_xs = const_cast<float**>(hs + block);
    widen(up.h + own.begin * r.units, rows, r.units, s.width, d_h);
    if (!Cell::SEPARATE) widen(up.c + own.begin * r.units, rows, r.units, s.width, d_c);
    for (Index end = r.steps; end > 0;) {
      const Index steps = least(s.block, end), first = end - steps, count = rows * steps;
      for (Index t = steps - 1; t >= 0; --t) step(own, first + t, d_x + t * rows * s.pitch, d_inner + t * rows * s.pitch, d_h, d_c);
      s.each_row(own, first, steps, [&](Index n, Index at) {
        xs[n] = in.x + at;
        hs[n] = up.kept + (own.begin * r.steps + first * rows + n) * s.kept;
        d_xs[n] = out.x + at;
      });
      product<2>(
          count, s.wide, arena.at<float>(kernel_at), nullptr, false, r.features, [&](Index n) { return d_x + n * s.pitch; },
          [&](Index n) { return d_xs[n]; });
      float* to = arena.at<float>(sums_at) + share * sums;
      add_weights<Cell::GATES>(count, xs, r.features, d_x, s.pitch, s.panels, to);
      add_weights<Cell::GATES>(count, hs, r.units, d_inner, s.pitch, s.panels, to + r.features * s.wide);
      add_rows(count, d_x, s.pitch, s.wide, to + s.multiplies());
      if (Cell::SEPARATE) add_rows(count, d_inner, s.pitch, s.wide, to + s.multiplies() + s.wide);
      end = first;
    }
    narrow(d_h, rows, r.units, s.width, out.h + own.begin * r.units);
    if (!Cell::SEPARATE) narrow(d_c, rows, r.units, s.width, out.c + own.begin * r.units);
  }

  void step(Range own, Index at, float* d_x, float* d_inner, float* d_h, float* d_c) const {
    const Recurrent& r = s.r;
    const Index rows = own.end - own.begin;
    for (Index n = 0; n < rows; ++n) {
      const Index row = own.begin + n;
      const float* kept = up.kept + (own.begin * r.steps + at * rows + n) * s.kept;
      const float* shown = up.outputs ? up.outputs + (row * r.steps + at) * r.units : nullptr;
      float* state = d_h + n * s.width;
      for (Index j = 0; shown && j < r.units; ++j) state[j] += shown[j];
      if (in.valid && !in.valid[row * r.steps + s.time(at)]) {
        std::memset(d_x + n * s.pitch, 0, size_t(s.wide) * 4);
        std::memset(d_inner + n * s.pitch, 0, size_t(s.wide) * 4);
        continue;
      }
      for (Index p = 0; p < s.panels; ++p) {
        // Units beyond the last must add nothing, not even where an infinite input made them NaN.
        const Index count = least(LANES, r.units - p * LANES);
        const GradientRow values{kept + s.kept_h + p * Cell::KEPT * LANES, kept + p * LANES, state + p * LANES,
                                 d_c + n * s.width + p * LANES, d_x + n * s.pitch + p * s.GROUP, d_inner + n * s.pitch + p * s.GROUP};
        if (count == LANES) {
          Cell::backward(values, load(values.d_h), [](Vec v) { return v; });
          continue;
        }
        Vec lane;
        for (int j = 0; j < LANES; ++j) lane[j] = j;
        Cell::backward(values, load(values.d_h), [&](Vec v) { return lane < float(count) ? v : Vec{}; });
      }
    }
    product<2>(
        rows, s.wide, arena.at<float>(recurrent_at), nullptr, true, r.units, [&](Index n) { return d_inner + n * s.pitch; },
        [&](Index n) { return d_h + n * s.width; });
  }

  // Row k of the weights, the recurrent ones after the others, then the biases.
  void add_up(Index k) const {
    const FlushDenormals flush;
    const Recurrent& r = s.r;
    const Index weights = r.features + r.units, gates = Cell::GATES * r.units;
    const bool inner = k >= r.features;
    float* to = k < r.features  ? out.kernel + k * gates
                : k < weights   ? out.recurrent + (k - r.features) * gates
                : k == weights  ? out.bias
                                : out.recurrent_bias;
    for (Index p = 0; p < s.panels; ++p)
      for (int gate = 0; gate < Cell::GATES; ++gate)
        for (Index j = 0; j < least(LANES, r.units - p * LANES); ++j) {
          const Index at = k >= weights ? s.multiplies() + (k - weights) * s.wide + p * s.GROUP
                           : inner      ? r.features * s.wide + (p * r.units + k - r.features) * s.GROUP
                                        : (p * r.features + k) * s.GROUP;
          const float* from = arena.at<float>(sums_at) + at + gate * LANES + j;
          float total = from[0];
          for (Index share = 1; share < shares; ++share) total += from[share * sums];
          to[gate * r.units + p * LANES + j] = total;
        }
  }

  Sizes<Cell> s;
  RecurrentInputs in;
  RecurrentUpstream up;
  RecurrentGradients out;
  Arena arena;
  Index sums, shares;
  size_t kernel_at, recurrent_at, sums_at, gates_at, inner_at, states_at, pointers_at;
};

template <class Cell>
bool forward(const Pool& pool, const Recurrent& r, const RecurrentInputs& inputs, const RecurrentOutputs& outputs) {
  return r.batch == 0 || Forward<Cell>(r, inputs, outputs).run(pool);
}

template <class Cell>
bool backward(const Pool& pool, const Recurrent& r, const RecurrentInputs& inputs, const RecurrentUpstream& upstream,
              const RecurrentGradients& gradients) {
  if (r.batch) return Backward<Cell>(r, inputs, upstream, gradients).run(pool);
  const size_t row = size_t(Cell::GATES * r.units) * 4;
  std::memset(gradients.kernel, 0, size_t(r.features) * row);
  std::memset(gradients.recurrent, 0, size_t(r.units) * row);
  std::memset(gradients.bias, 0, row);
  if (Cell::SEPARATE) std::memset(gradients.recurrent_bias, 0, row);
  return true;
}

}  // namespace

namespace hornpipe {
const RecurrentKernels HORNPIPE_VARIANT(recurrent) = {forward<Lstm>, backward<Lstm>, forward<Gru>, backward<Gru>};
}
