// Convolutions with thin groups, at most a vector of channels or filters each: also several filters to each channel.
//
// A vector holds whole groups, of `size` lanes each. What a group's channels give to its filters is a sum over `swaps` exchanges of lanes
// within the group: lane i meets lane i ^ 0, i ^ 1, ... with weights of its own. So nothing of one group meets another, and each exchange
// is a depthwise convolution that shares its sums, in registers, with the others. Each task copies its inputs, padded, into a band of one
// vector to a pixel.
#pragma once

#include "bands.h"
#include "lanes.h"

namespace {

typedef int32_t Lanes __attribute__((vector_size(4 * LANES)));

// Lane i of the result is lane from[i] of `value`, or 0 where that is negative.
inline Vec arrange(Vec value, Lanes from) {
#if defined(__clang__)
  Vec result = {};
  for (int i = 0; i < LANES; ++i) result[i] = from[i] < 0 ? 0 : value[from[i]];
  return result;
#else
  return from < 0 ? Vec{} : __builtin_shuffle(value, from);
#endif
}

// Lane i of the result is lane i ^ DISTANCE of `v`.
template <int DISTANCE>
inline __attribute__((always_inline)) Vec swap_lanes(Vec v) {
  constexpr int D = DISTANCE % LANES;
  if constexpr (D == 0) return v;
#if defined(__clang__)
#define HORNPIPE_ORDER(...) __builtin_shufflevector(v, v, __VA_ARGS__)
#else
#define HORNPIPE_ORDER(...) __builtin_shuffle(v, Lanes{__VA_ARGS__})
#endif
#if defined(__AVX512F__)
  return HORNPIPE_ORDER(0 ^ D, 1 ^ D, 2 ^ D, 3 ^ D, 4 ^ D, 5 ^ D, 6 ^ D, 7 ^ D, 8 ^ D, 9 ^ D, 10 ^ D, 11 ^ D, 12 ^ D, 13 ^ D, 14 ^ D,
                        15 ^ D);
#elif defined(__AVX2__)
  return HORNPIPE_ORDER(0 ^ D, 1 ^ D, 2 ^ D, 3 ^ D, 4 ^ D, 5 ^ D, 6 ^ D, 7 ^ D);
#else
  return HORNPIPE_ORDER(0 ^ D, 1 ^ D, 2 ^ D, 3 ^ D);
#endif
#undef HORNPIPE_ORDER
}

inline Index power_of_two(Index least_value) {
  Index power = 1;
  while (power < least_value) power *= 2;
  return power;
}

inline bool has_thin_groups(const Conv& c) {
  return c.groups > 1 && !is_depthwise(c) && power_of_two(most(c.channels, c.filters) / c.groups) <= LANES;
}

// How the channels of one tensor lie in the lanes: those of a group are repeated until its `size` lanes are full.
struct Side {
  Index groups, own, span, size;  // `own` channels of each group take `span` lanes, a power of two

  Side(Index number, Index channels, Index lanes) : groups(number), own(channels / number), span(power_of_two(own)), size(lanes) {}
  Index per_block() const { return LANES / size; }  // groups in a vector
  Index blocks() const { return ceil_div(groups, per_block()); }
  Index first(Index block) const { return block * per_block() * own; }
  Index count(Index block) const { return least(per_block(), groups - block * per_block()) * own; }
  bool is_plain(Index block) const { return count(block) == LANES; }
  Index group(Index block, Index lane) const { return block * per_block() + lane / size; }
  Index element(Index lane) const { return lane % size % span; }
  bool holds(Index block, Index lane) const { return group(block, lane) < groups && element(lane) < own; }
  // Where each lane's channel lies behind the block's first one; -1 for none.
  Lanes order(Index block) const {
    Lanes from;
    for (int i = 0; i < LANES; ++i) from[i] = holds(block, i) ? int32_t(i / size * own + element(i)) : -1;
    return from;
  }
  // The lane in which each of the block's channels lies first; -1 where there are no more.
  Lanes places(Index block) const {
    Lanes from;
    for (int i = 0; i < LANES; ++i) from[i] = i < count(block) ? int32_t(i / own * size + i % own) : -1;
    return from;
  }
};

// Copy blocks of `pixels` pixels into vectors, those of each block `block_pitch` after the last one's; nothing from `end` on is read.
inline void copy_blocks(const Side& side, Index first, Index last, const float* from, Index pixels, Index pitch, const float* end,
                        float* to, Index block_pitch) {
  const Index plain = side.is_plain(last - 1) ? last : last - 1;
  from += side.first(first);
  if (side.is_plain(first))
    for (Index i = 0; i < pixels; ++i)
      for (Index b = 0; b < plain - first; ++b) store(to + b * block_pitch + i * LANES, load(from + i * pitch + b * LANES));
  for (Index block = side.is_plain(first) ? plain : first; block < last; ++block) {
    const Lanes order = side.order(block);
    const size_t bytes = size_t(side.count(block)) * 4;
    const float* own = from + side.first(block) - side.first(first);
    float* row = to + (block - first) * block_pitch;
    for (Index i = 0; i < pixels; ++i, own += pitch, row += LANES) {
      Vec value = {};
      if (end - own >= LANES)
        value = load(own);
      else
        __builtin_memcpy(&value, own, bytes);
      store(row, arrange(value, order));
    }
  }
}

// Blocks that are copied together: so many neighbouring bytes of each pixel keep the memory busy.
constexpr Index TOGETHER = 128 / LANES;

// What a task reads of some blocks, padded: each has rows of its own, a vector to each pixel.
struct BlockBand {
  const Reading& r;
  const Side& side;
  Index pitch, size;  // in floats: of a row, of a block

  BlockBand(const Reading& reading, const Side& channels, const Cut& cut)
      : r(reading), side(channels), pitch(((cut.columns - 1) * r.stride_w + r.columns.span()) * LANES),
        size(cut.band_rows(r) * pitch) {}

  // Note for each output row of the piece where its leftmost window begins, in floats.
  void fill(const Piece& p, Index first, Index last, float* memory, Index* starts) const {
    const Index pixels = (p.columns - 1) * r.stride_w + r.columns.span();
    const Index x = p.left * r.stride_w + r.columns.first;
    const Index left = least(pixels, most(0, -x)), right = most(left, least(pixels, r.width - x));
    Index used = 0;
    for (Index q = 0; q < p.rows;) {
      const Index n = (p.first + q) / r.out_h, y = (p.first + q) % r.out_h;
      const Index count = least(r.out_h - y, p.rows - q), height = (count - 1) * r.stride_h + r.rows.span();
      for (Index i = 0; i < count; ++i) starts[q + i] = (used + i * r.stride_h) * pitch;
      for (Index i = 0; i < height; ++i, ++used) {
        const Index at = y * r.stride_h + r.rows.first + i;
        const bool inside = at >= 0 && at < r.height;
        for (Index block = first; block < last; ++block) {
          float* row = memory + (block - first) * size + used * pitch;
          std::memset(row, 0, size_t((inside ? left : pixels) * LANES) * 4);
          if (!inside) continue;
          std::memset(row + right * LANES, 0, size_t((pixels - right) * LANES) * 4);
        }
        if (inside && right > left)
          copy_blocks(side, first, last, r.input + ((n * r.height + at) * r.width + x + left) * r.pitch, right - left, r.pitch,
                      r.input + r.batch * r.height * r.width * r.pitch, memory + used * pitch + left * LANES, size);
      }
      q += count;
    }
  }
};

// Where, in a block's weights, the vector of one tap and exchange lies: taps that are added together lie together.
inline Index packed_place(const Reading& r, bool threes, Index swaps, Index row, Index column, Index swap) {
  const bool three = threes && column < r.columns.count / 3 * 3;
  const Index first = three ? column / 3 * 3 : column, taps = three ? 3 : 1;
  return ((row * r.columns.count + first) * swaps + swap * taps + column - first) * LANES;
}

// ---- forward and input gradient

// sums[p] += TAPS neighbouring vectors of pixel p's row, with lanes exchanged in SWAPS ways, times weights [swap][tap].
template <int SWAPS, int TAPS, int STRIDE, int PIXELS_OF_TILE, int SWAP = 0>
inline __attribute__((always_inline)) void add_taps(Vec (&sums)[PIXELS_OF_TILE], const float* from, Index step, const float* weights) {
  Vec weight[TAPS];
#pragma GCC unroll 4
  for (int t = 0; t < TAPS; ++t) weight[t] = load(weights + t * LANES);
#pragma GCC unroll 32
  for (int q = 0; q < (PIXELS_OF_TILE - 1) * STRIDE + TAPS; ++q) {
    const Vec value = swap_lanes<SWAP>(load(from + (TAPS == 1 ? q * step : q * LANES)));
#pragma GCC unroll 4
    for (int t = 0; t < TAPS; ++t)
      if (q >= t && (q - t) % STRIDE == 0 && (q - t) / STRIDE < PIXELS_OF_TILE) sums[(q - t) / STRIDE] += value * weight[t];
  }
  if constexpr (SWAP + 1 < SWAPS) {
    if (LANES < 16 || PIXELS_OF_TILE > 7) asm("" : "+r"(from));  // the pixels are loaded again: too few registers to keep them
    add_taps<SWAPS, TAPS, STRIDE, PIXELS_OF_TILE, SWAP + 1>(sums, from, step, weights + TAPS * LANES);
  }
}

struct GroupedTile {
  const float* weights;  // [row][columns, in threes where `threes`][swap][tap]
  Index rows, row_step;  // of the window
  Index columns, column_step, pixel_step;
  Vec bias;
  bool relu;
};

// One tile of neighbouring pixels, whose first window begins at `row`; with three taps at a time if STRIDE > 0.
template <int SWAPS, int STRIDE, int PIXELS_OF_TILE>
inline void grouped_tile(const GroupedTile& tile, const float* row, Vec (&sums)[PIXELS_OF_TILE]) {
#pragma GCC unroll 16
  for (int p = 0; p < PIXELS_OF_TILE; ++p) sums[p] = Vec{};
  const float* weights = tile.weights;
  for (Index i = 0; i < tile.rows; ++i, row += tile.row_step) {
    Index k = 0;
    if constexpr (STRIDE > 0)
      for (; k + 3 <= tile.columns; k += 3, weights += 3 * SWAPS * LANES)
        add_taps<SWAPS, 3, STRIDE>(sums, row + k * tile.column_step, 0, weights);
    for (; k < tile.columns; ++k, weights += SWAPS * LANES)
      add_taps<SWAPS, 1, 1>(sums, row + k * tile.column_step, tile.pixel_step, weights);
  }
}

// The walk of windows over images: `in` are the channels that are read, `out` those that are made.
struct GroupedCorrelation {
  Reading r;
  Output to;
  Side in, out;
  Cut cut;
  Index swaps, places;
  bool threes;
  size_t packed_at, bias_at, bands_at, starts_at;

  GroupedCorrelation(const Reading& reading, const Output& output, const Side& from, const Side& into, const Pool& pool, Arena& arena)
      : r(reading), to(output), in(from), out(into), cut(reading, 384, into.blocks()) {
    swaps = least(in.span, out.span);
    places = r.rows.count * r.columns.count;
    threes = r.columns.spacing == 1 && r.stride_w <= 2 && r.columns.count >= 3;
    packed_at = arena.reserve<float>(out.blocks() * places * swaps * LANES);
    bias_at = arena.reserve<float>(out.blocks() * LANES);
    bands_at = arena.reserve<float>(pool.workers * TOGETHER * BlockBand(r, in, cut).size);
    starts_at = arena.reserve<Index>(pool.workers * cut.rows);
  }

  // The weight of one place of the window is at place(row, column) + offset(group, input, output) of `kernel`; `bias` may be null.
  template <class Place, class Offset>
  void pack(const Pool& pool, const Arena& arena, const float* kernel, const float* bias, Place place, Offset offset) const {
    auto task = [&](Index block, Index) {
      float* packed = arena.at<float>(packed_at) + block * places * swaps * LANES;
      float* biases = arena.at<float>(bias_at) + block * LANES;
      for (Index i = 0; i < LANES; ++i)
        biases[i] = bias != nullptr && out.holds(block, i) ? bias[out.group(block, i) * out.own + out.element(i)] : 0;
      for (Index swap = 0; swap < swaps; ++swap) {
        Index offsets[LANES];
        for (Index i = 0; i < LANES; ++i)
          offsets[i] = in.holds(block, i ^ swap) && out.holds(block, i) ? offset(out.group(block, i), in.element(i ^ swap), out.element(i)) : -1;
        for (Index row = 0; row < r.rows.count; ++row)
          for (Index column = 0; column < r.columns.count; ++column) {
            const float* from = kernel + place(row, column);
            float* lanes = packed + packed_place(r, threes, swaps, row, column, swap);
            for (Index i = 0; i < LANES; ++i) lanes[i] = offsets[i] < 0 ? 0 : from[offsets[i]];
          }
      }
    };
    parallel_for(pool, out.blocks(), task);
  }

  void run(const Pool& pool, const Arena& arena, bool relu) const {
    auto task = [&](Index item, Index worker) {
      const Index share = item % cut.shares, end = out.blocks() * (share + 1) / cut.shares;
      for (Index block = out.blocks() * share / cut.shares; block < end; block += TOGETHER)
        some_blocks(arena, cut.piece(r, item / cut.shares), block, least(end, block + TOGETHER), worker, relu);
    };
    parallel_for(pool, cut.count() * cut.shares, task);
  }

 private:
  void some_blocks(const Arena& arena, const Piece& own, Index first, Index last, Index worker, bool relu) const {
    const BlockBand layout(r, in, cut);
    float* band = arena.at<float>(bands_at) + worker * TOGETHER * layout.size;
    Index* starts = arena.at<Index>(starts_at) + worker * cut.rows;
    layout.fill(own, first, last, band, starts);
    GroupedTile tile;
    tile.columns = r.columns.count, tile.column_step = r.columns.spacing * LANES;
    tile.row_step = r.rows.spacing * layout.pitch, tile.pixel_step = r.stride_w * LANES, tile.relu = relu;
    // A block's weights are read once for some rows, which are few enough to be written while their neighbours' are still in the cache.
    const Index some = ceil_div(96, own.columns);
    for (Index rows = 0; rows < own.rows; rows += some)
      for (Index block = first; block < last; ++block)
        for (Index q = rows; q < least(own.rows, rows + some); ++q) {
          const Index n = (own.first + q) / r.out_h, y = (own.first + q) % r.out_h, top = y * r.stride_h + r.rows.first;
          // Rows of the window that lie outside the image are skipped.
          const Index begin = top < 0 ? least(r.rows.count, ceil_div(-top, r.rows.spacing)) : 0;
          const Index end = top < r.height ? least(r.rows.count, ceil_div(r.height - top, r.rows.spacing)) : 0;
          tile.rows = most(0, end - begin);
          tile.weights = arena.at<float>(packed_at) + (block * places + begin * r.columns.count) * swaps * LANES;
          const float* from = band + (block - first) * layout.size + starts[q] + begin * tile.row_step;
          float* result = to.data + n * to.image_pitch + y * to.row_pitch + own.left * to.pixel_pitch;
          tile.bias = load(arena.at<float>(bias_at) + block * LANES);
          row(tile, from, own.columns, block, result);
        }
  }

  void row(const GroupedTile& tile, const float* from, Index pixels, Index block, float* result) const {
    switch (swaps) {
      case 1: return row_of<1>(tile, from, pixels, block, result);
      case 2: return row_of<2>(tile, from, pixels, block, result);
      case 4: return row_of<4>(tile, from, pixels, block, result);
      case 8: return row_of<8 <= LANES ? 8 : 1>(tile, from, pixels, block, result);
      default: return row_of<16 <= LANES ? 16 : 1>(tile, from, pixels, block, result);
    }
  }

  template <int SWAPS>
  void row_of(const GroupedTile& tile, const float* from, Index pixels, Index block, float* result) const {
    if (threes && r.stride_w == 1)
      tiles<SWAPS, 1>(tile, from, pixels, block, result);
    else if (threes)
      tiles<SWAPS, 2>(tile, from, pixels, block, result);
    else
      tiles<SWAPS, 0>(tile, from, pixels, block, result);
  }

  template <int SWAPS, int STRIDE>
  void tiles(const GroupedTile& tile, const float* from, Index pixels, Index block, float* result) const {
    if (pixels >= 7 && round_up(pixels, 7) <= round_up(pixels, 8))
      tiles_of<SWAPS, STRIDE, 7>(tile, from, pixels, block, result);
    else if (pixels >= 8)
      tiles_of<SWAPS, STRIDE, 8>(tile, from, pixels, block, result);
    else if (pixels >= 4)
      tiles_of<SWAPS, STRIDE, 4>(tile, from, pixels, block, result);
    else
      tiles_of<SWAPS, STRIDE, 1>(tile, from, pixels, block, result);
  }

  template <int SWAPS, int STRIDE, int WIDE>
  void tiles_of(const GroupedTile& tile, const float* from, Index pixels, Index block, float* result) const {
    result += out.first(block);
    const bool plain = out.is_plain(block);
    const Lanes order = plain ? Lanes{} : out.places(block);
    const Index count = out.count(block);
    const bool past = to.past(r.batch);
    for (Index next = 0; next < pixels; next += WIDE) {
      const Index x = least(next, pixels - WIDE);  // the last tile overlaps the one before
      Vec sums[WIDE];
      grouped_tile<SWAPS, STRIDE>(tile, from + x * tile.pixel_step, sums);
      float* at = result + x * to.pixel_pitch;
#pragma GCC unroll 16
      for (int p = 0; p < WIDE; ++p, at += to.pixel_pitch) {
        const Vec value = finish(tile, sums[p]);
        if (plain)
          store(at, value, past);
        else
          store_some(value, order, count, at);
      }
    }
  }

  Vec finish(const GroupedTile& tile, Vec value) const {
    if (out.span < out.size) {  // each lane has the sum over a part of the inputs
      if (out.span <= 1 && out.size > 1) value += swap_lanes<1>(value);
      if (out.span <= 2 && out.size > 2) value += swap_lanes<2>(value);
      if (out.span <= 4 && out.size > 4) value += swap_lanes<4>(value);
      if (out.span <= 8 && out.size > 8) value += swap_lanes<8>(value);
    }
    value += tile.bias;
    return tile.relu ? (value <= 0.0f ? Vec{} : value) : value;  // NaN stays
  }

  // The first `count` of the lanes that `order` picks.
  static void store_some(Vec value, Lanes order, Index count, float* at) {
    float lanes[LANES];
    store(lanes, arrange(value, order));
    Index i = 0;
    for (; i + 4 <= count; i += 4) write(at + i, read<Four>(lanes + i));
    for (; i < count; ++i) at[i] = lanes[i];
  }
};

inline bool grouped_forward(const Pool& pool, const Conv& c, const float* x, const float* kernel, float* y, const float* bias, bool relu) {
  const Index own = c.channels / c.groups, made = c.filters / c.groups, size = power_of_two(most(own, made));
  Arena arena;
  const Output to{y, c.filters, c.out_h * c.out_w * c.filters, c.out_w * c.filters, c.filters};
  const GroupedCorrelation correlation(whole_reading(c, x), to, Side(c.groups, c.channels, size), Side(c.groups, c.filters, size), pool,
                                       arena);
  if (!arena.allocate()) return false;
  correlation.pack(
      pool, arena, kernel, bias, [&](Index row, Index column) { return (row * c.window_w + column) * own * c.filters; },
      [&](Index group, Index channel, Index filter) { return channel * c.filters + group * made + filter; });
  correlation.run(pool, arena, relu);
  return true;
}

// `reading` is that of dy for the inputs of one residue of the strides, which lie at `to`.
inline bool grouped_input_gradient(const Pool& pool, const Conv& c, const Reading& reading, const Output& to, const float* kernel) {
  const Index own = c.channels / c.groups, made = c.filters / c.groups, size = power_of_two(most(own, made));
  Arena arena;
  const GroupedCorrelation correlation(reading, to, Side(c.groups, c.filters, size), Side(c.groups, c.channels, size), pool, arena);
  if (!arena.allocate()) return false;
  correlation.pack(
      pool, arena, kernel, nullptr,
      [&](Index row, Index column) {
        return (reading.rows.element(row) * c.window_w + reading.columns.element(column)) * own * c.filters;
      },
      [&](Index group, Index filter, Index channel) { return channel * c.filters + group * made + filter; });
  correlation.run(pool, arena, false);
  return true;
}

// ---- kernel gradient

struct Runs {  // rows of pixels that are walked together
  const float* band;
  const Index* starts;
  const float* gradient;
  Index rows, columns, pixel_step;
};

// sums[swap][tap] += the pixels' vectors times their gradients with lanes exchanged, in SWAPS ways from FIRST on.
template <int SWAPS, int TAPS, int FIRST, int SWAP>
inline __attribute__((always_inline)) void add_products_of(Vec (&sums)[SWAPS][TAPS], const Vec (&values)[TAPS], Vec gradient) {
  const Vec swapped = swap_lanes<FIRST + SWAP>(gradient);
#pragma GCC unroll 4
  for (int t = 0; t < TAPS; ++t) sums[SWAP][t] += values[t] * swapped;
  if constexpr (SWAP + 1 < SWAPS) add_products_of<SWAPS, TAPS, FIRST, SWAP + 1>(sums, values, gradient);
}
template <int SWAPS, int TAPS, int FIRST>
void add_gradients(const Runs& runs, float* memory) {
  Vec sums[SWAPS][TAPS];
#pragma GCC unroll 16
  for (int j = 0; j < SWAPS; ++j)
#pragma GCC unroll 4
    for (int t = 0; t < TAPS; ++t) sums[j][t] = load(memory + (j * TAPS + t) * LANES);
  const float* dy = runs.gradient;
  for (Index q = 0; q < runs.rows; ++q) {
    const float* x = runs.band + runs.starts[q];
    for (Index i = 0; i < runs.columns; ++i, x += runs.pixel_step, dy += LANES) {
      Vec values[TAPS];
#pragma GCC unroll 4
      for (int t = 0; t < TAPS; ++t) values[t] = load(x + t * LANES);
      add_products_of<SWAPS, TAPS, FIRST, 0>(sums, values, load(dy));
    }
  }
#pragma GCC unroll 16
  for (int j = 0; j < SWAPS; ++j)
#pragma GCC unroll 4
    for (int t = 0; t < TAPS; ++t) store(memory + (j * TAPS + t) * LANES, sums[j][t]);
}

struct GroupedGradient {
  Reading r;
  const float* dy;
  Index dy_pitch;
  Side in, out;
  Cut cut;
  Index swaps, places, shares, parts, sums, dy_floats;
  bool threes;
  size_t sums_at, bands_at, dy_at, starts_at;

  GroupedGradient(const Reading& reading, const float* gradient, Index pitch, const Side& from, const Side& into, const Pool& pool,
                  Arena& arena)
      : r(reading), dy(gradient), dy_pitch(pitch), in(from), out(into), cut(reading, 192, 1) {
    swaps = least(in.span, out.span);
    places = r.rows.count * r.columns.count;
    threes = r.columns.spacing == 1 && r.columns.count >= 3;
    sums = out.blocks() * places * swaps * LANES;
    shares = most(1, least(least(SHARES, cut.count()), SHARE_FLOATS / sums));
    parts = 2 * shares > SHARES ? 1 : least(out.blocks(), SHARES / shares);
    dy_floats = cut.pixels() * LANES;
    sums_at = arena.reserve<float>(shares * sums);
    bands_at = arena.reserve<float>(pool.workers * TOGETHER * BlockBand(r, in, cut).size);
    dy_at = arena.reserve<float>(pool.workers * TOGETHER * dy_floats);
    starts_at = arena.reserve<Index>(pool.workers * cut.rows);
  }

  // Write the weight of each place, group, channel and filter to (place * own + channel) * filters + group * made + filter.
  void run(const Pool& pool, const Arena& arena, float* dkernel) const {
    auto share = [&](Index item, Index worker) { add_share(arena, item / parts, item % parts, worker); };
    parallel_for(pool, shares * parts, share);
    const Index filters = out.groups * out.own;
    auto add_up = [&](Index block, Index) {
      for (Index swap = 0; swap < swaps; ++swap) {
        Index offsets[LANES];
        for (Index i = 0; i < LANES; ++i)
          offsets[i] = in.holds(block, i) && out.holds(block, i ^ swap)
                           ? in.element(i) * filters + out.group(block, i) * out.own + out.element(i ^ swap)
                           : -1;
        for (Index row = 0; row < r.rows.count; ++row)
          for (Index column = 0; column < r.columns.count; ++column) {
            const float* from = arena.at<float>(sums_at) + block * places * swaps * LANES +
                                packed_place(r, threes, swaps, row, column, swap);
            Vec total = load(from);
            for (Index s = 1; s < shares; ++s) total += load(from + s * sums);
            float* to = dkernel + (row * r.columns.count + column) * in.own * filters;
            for (Index i = 0; i < LANES; ++i)
              if (offsets[i] >= 0) to[offsets[i]] = total[i];
          }
      }
    };
    parallel_for(pool, out.blocks(), add_up);
  }

 private:
  void add_share(const Arena& arena, Index share, Index part, Index worker) const {
    float* total = arena.at<float>(sums_at) + share * sums;
    const Index block_floats = places * swaps * LANES;
    const Index begin = out.blocks() * part / parts, end = out.blocks() * (part + 1) / parts;
    std::memset(total + begin * block_floats, 0, size_t((end - begin) * block_floats) * 4);
    for (Index item = cut.count() * share / shares; item < cut.count() * (share + 1) / shares; ++item)
      for (Index block = begin; block < end; block += TOGETHER)
        some_blocks(arena, cut.piece(r, item), block, least(end, block + TOGETHER), worker, total);
  }

  void some_blocks(const Arena& arena, const Piece& own, Index first, Index last, Index worker, float* total) const {
    const BlockBand layout(r, in, cut);
    float* band = arena.at<float>(bands_at) + worker * TOGETHER * layout.size;
    float* gradients = arena.at<float>(dy_at) + worker * TOGETHER * dy_floats;
    Index* starts = arena.at<Index>(starts_at) + worker * cut.rows;
    layout.fill(own, first, last, band, starts);
    for (Index q = 0; q < own.rows; ++q)
      copy_blocks(out, first, last, dy + ((own.first + q) * r.out_w + own.left) * dy_pitch, own.columns, dy_pitch,
                  dy + r.batch * r.out_h * r.out_w * dy_pitch, gradients + q * own.columns * LANES, dy_floats);
    for (Index block = first; block < last; ++block) {
      const Runs runs{band + (block - first) * layout.size, starts, gradients + (block - first) * dy_floats, own.rows, own.columns,
                      r.stride_w * LANES};
      window(runs, layout.pitch, total + block * places * swaps * LANES);
    }
  }

  void window(const Runs& runs, Index pitch, float* total) const {
    for (Index i = 0; i < r.rows.count; ++i)
      for (Index k = 0; k < r.columns.count;) {
        const Index taps = threes && k + 3 <= r.columns.count ? 3 : 1;
        Runs own = runs;
        own.band += i * r.rows.spacing * pitch + k * r.columns.spacing * LANES;
        taps == 3 ? taps_of<3>(own, total) : taps_of<1>(own, total);
        total += taps * swaps * LANES, k += taps;
      }
  }

  template <int TAPS>
  void taps_of(const Runs& runs, float* total) const {
    constexpr int MOST = LANES < 16 ? 4 : 8;  // so many exchanges have room in the registers
    if (swaps == 1) return add_gradients<1, TAPS, 0>(runs, total);
    if (swaps == 2) return add_gradients<2, TAPS, 0>(runs, total);
    if (swaps == 4) return add_gradients<4, TAPS, 0>(runs, total);
    add_gradients<MOST, TAPS, 0>(runs, total);
    if (swaps > MOST) add_gradients<MOST, TAPS, MOST>(runs, total + MOST * TAPS * LANES);
  }
};

inline bool grouped_kernel_gradient(const Pool& pool, const Conv& c, const float* x, const float* dy, float* dkernel) {
  const Index size = power_of_two(most(c.channels, c.filters) / c.groups);
  Arena arena;
  const GroupedGradient gradient(whole_reading(c, x), dy, c.filters, Side(c.groups, c.channels, size), Side(c.groups, c.filters, size),
                                 pool, arena);
  if (!arena.allocate()) return false;
  gradient.run(pool, arena, dkernel);
  return true;
}

}  // namespace
