// Products of matrices in float32, either of which may be transposed.
//
// A task makes a block of the result, or of one of the partial sums where the result is small and the sum long. It takes DEPTH terms of
// the sum at a time: what it needs of b for them lies in panels that stay in the caches while all rows of a meet them, a tile of rows
// times a panel in registers.
//
// Compiled once for each kind of processor; all of it is internal to this file (see kernels.h).
#include "packing.h"
#include "tiles.h"

namespace {

using hornpipe::Product;

constexpr Index DEPTH = 288;         // terms at a time
constexpr Index ROWS = 384;          // of a block, at most
constexpr Index COLUMNS = 4 * WIDE;  // of a block, at most
constexpr Index FEW_ROWS = 48;       // of a block, for which packing b does not pay
constexpr Index TASKS = 8;           // at least so many, where there is enough to do

// The blocks: by shape alone.
struct Blocks {
  Index rows, columns, shares, terms;  // `terms` of the sum in each share

  explicit Blocks(const Product& p)
      : rows(round_up(ceil_div(p.rows, ceil_div(p.rows, ROWS)), 12)), columns(least(COLUMNS, padded(p.columns))), shares(1) {
    // Sums in parts are worth while where they are far less than what is read.
    const Index most_shares = p.depth * (p.rows + p.columns) / (8 * p.rows * p.columns);
    if (across(p) * down(p) < TASKS && most_shares > 1)
      shares = most(1, least(least(most_shares, ceil_div(TASKS, across(p) * down(p))), p.depth / DEPTH));
    while (across(p) * down(p) * shares < TASKS && (columns > WIDE || rows > 48)) {
      if (columns > WIDE) columns = round_up(columns / 2, WIDE);
      else rows = most(48, round_up(rows / 2, 12));
    }
    terms = round_up(ceil_div(p.depth, shares), DEPTH);
    shares = most(1, ceil_div(p.depth, terms));
  }
  Index down(const Product& p) const { return ceil_div(p.rows, rows); }
  Index across(const Product& p) const { return ceil_div(p.columns, columns); }
};

struct Multiplication {
  const Product& p;
  const float *a, *b;
  float* out;
  Blocks blocks;
  Index a_floats, b_floats;
  size_t a_at, b_at, sums_at;

  Multiplication(const Product& product, const float* left, const float* right, float* to, const Pool& pool, Arena& arena)
      : p(product), a(left), b(right), out(to), blocks(product) {
    a_floats = p.a_turned ? DEPTH * blocks.rows : 0;
    b_floats = DEPTH * blocks.columns;
    a_at = arena.reserve<float>(pool.workers * a_floats);
    b_at = arena.reserve<float>(pool.workers * b_floats);
    sums_at = arena.reserve<float>(blocks.shares > 1 ? blocks.shares * p.rows * p.columns : 0);
  }

  void run(const Pool& pool, const Arena& arena) const {
    const Index across = blocks.across(p), down = blocks.down(p);
    auto task = [&](Index item, Index worker) {
      const Index share = item / (across * down), row = item / across % down * blocks.rows, column = item % across * blocks.columns;
      float* to = blocks.shares > 1 ? arena.at<float>(sums_at) + share * p.rows * p.columns : out;
      for (Index k = share * blocks.terms, end = least(p.depth, k + blocks.terms), first = k; k < end; k += DEPTH)
        add_block(arena, worker, row, least(blocks.rows, p.rows - row), column, least(blocks.columns, p.columns - column), k,
                  least(DEPTH, end - k), k == first, to);
    };
    parallel_for(pool, across * down * blocks.shares, task);
    if (blocks.shares == 1) return;
    constexpr Index CHUNK = 4096;
    const Index floats = p.rows * p.columns;
    const float* sums = arena.at<float>(sums_at);
    auto add_up = [&](Index item, Index) {
      for (Index i = item * CHUNK, end = least(floats, i + CHUNK); i < end; i += LANES) {
        Vec sum = load_part(sums + i, end - i);
        for (Index s = 1; s < blocks.shares; ++s) sum += load_part(sums + s * floats + i, end - i);
        store_part(out + i, sum, end - i, false);
      }
    };
    parallel_for(pool, ceil_div(floats, CHUNK), add_up);
  }

 private:
  // to += a b for `rows`, `columns` and `depth` terms from `row`, `column` and `k` on, or to = a b.
  void add_block(const Arena& arena, Index worker, Index row, Index rows, Index column, Index columns, Index k, Index depth, bool first,
                 float* to) const {
    const float* left = a + row * p.depth + k;
    Index row_step = p.depth, step = 1;
    if (p.a_turned) {
      float* packed = arena.at<float>(a_at) + worker * a_floats;
      for (Index t = 0; t < depth; ++t) std::memcpy(packed + t * blocks.rows, a + (k + t) * p.rows + row, size_t(rows) * 4);
      left = packed, row_step = 1, step = blocks.rows;
    }
    // Full panels, which all rows meet one tile at a time; then what is left.
    const Index full = columns / WIDE * WIDE;
    for (Index c = 0; c < columns; c += most(WIDE, full)) {
      const Index some = c < full ? full : columns - c;
      const Panels panels = find_panels(arena, worker, column + c, some, k, depth, rows);
      with_vectors(least(some, WIDE), [&](auto vectors) {
        constexpr int VECS = decltype(vectors)::value;
        for (Index i = 0; i < rows; i += TILE<VECS>)
          for (Index j = 0; j < some; j += WIDE)
            multiply_tile<VECS, TILE<VECS>>(left + i * row_step, row_step, step, rows - i, depth, panels.data + j * panels.apart,
                                            panels.pitch, least(some, WIDE), first, to + (row + i) * p.columns + column + c + j);
      });
    }
  }

  // `depth` rows of b, from `k` on, in panels; where few rows of a meet them, they are read where they lie.
  struct Panels {
    const float* data;
    Index apart, pitch;  // floats for each column of those before; of a row
  };
  Panels find_panels(const Arena& arena, Index worker, Index column, Index columns, Index k, Index depth, Index rows) const {
    const float* from = p.b_turned ? b + column * p.depth + k : b + k * p.columns + column;
    if (!p.b_turned && columns % LANES == 0 && rows <= FEW_ROWS) return {from, 1, p.columns};
    float* packed = arena.at<float>(b_at) + worker * b_floats;
    const Index width = panel_columns(columns);
    if (!p.b_turned)
      pack_rows(from, p.columns, depth, columns, same, packed, depth);
    else
      with_vectors(width, [&](auto vectors) {
        pack_columns<decltype(vectors)::value * LANES>(from, p.depth, columns, depth, same, packed);
      });
    return {packed, depth, width};
  }

  // Not inlined: the loop needs all registers.
  template <int VECS, int HEIGHT>
  __attribute__((noinline)) void multiply_tile(const float* left, Index row_step, Index step, Index count, Index depth,
                                               const float* panel, Index pitch, Index columns, bool first, float* to) const {
    Vec sums[HEIGHT][VECS];
    clear<VECS>(sums);
    const float* rows[HEIGHT];
#pragma GCC unroll 16
    for (int i = 0; i < HEIGHT; ++i) rows[i] = left + least(i, count - 1) * row_step;
    multiply_add<VECS>(sums, rows, 0, depth, step, panel, pitch);
    if (count >= HEIGHT && columns == VECS * LANES) {
#pragma GCC unroll 16
      for (int i = 0; i < HEIGHT; ++i)
#pragma GCC unroll 4
        for (int j = 0; j < VECS; ++j) {
          float* at = to + i * p.columns + j * LANES;
          store(at, first ? sums[i][j] : load(at) + sums[i][j]);
        }
      return;
    }
#pragma GCC unroll 16
    for (int i = 0; i < HEIGHT; ++i) {
      if (i >= count) return;
#pragma GCC unroll 4
      for (int j = 0; j < VECS; ++j) {
        const Index some = columns - j * LANES;
        if (some <= 0) break;
        float* at = to + i * p.columns + j * LANES;
        store_part(at, first ? sums[i][j] : load_part(at, some) + sums[i][j], some, false);
      }
    }
  }
};

bool multiply(const Pool& pool, const Product& p, const float* a, const float* b, float* out) {
  Arena arena;
  const Multiplication work(p, a, b, out, pool, arena);
  if (!arena.allocate()) return false;
  work.run(pool, arena);
  return true;
}

}  // namespace

namespace hornpipe {
const MatmulKernels HORNPIPE_VARIANT(matmul) = {multiply};
}
