// Convolution in float32, channels last, in one dimension (height 1) or two.
//
// Everything is one product of matrices whose left one is never built: a tile of TILE_ROWS output pixels times two vectors of
// filters stays in registers, while pointers to the pixels' windows walk over the input. Rows that touch padding are first
// copied, padded, into a band of a few rows that stays in the cache.
//
// Compiled once for each kind of processor; all of it is internal to this file (see kernels.h).
#include <type_traits>

#include "bands.h"
#include "common.h"
#include "depthwise.h"
#include "depthwise3x3.h"
#include "grouped.h"
#include "tiles.h"
#include "winograd.h"

namespace {

struct Span {
  Index begin, end;
};

struct Segment {
  Index offset, length;  // floats from a pixel's pointer; how many follow each other
};

// What becomes of a tile's sums: those of its first `columns` columns are stored, after what was stored there is added, if it is
// a part of the sum, and after the ending, if they are the last part.
struct Finish {
  Index columns;
  bool add, last, past;
  Ending ending;
  Index first;  // column
  bool pointwise;  // the pixels lie one after the other in the image, and those of the next tile are asked for
};

// The sums of a whole tile: what is the same for all of its vectors is decided once.
template <int VECS, int ROWS>
inline __attribute__((always_inline)) void store_whole(Vec (&sums)[ROWS][VECS], float* const* outputs, const Finish& finish) {
  auto each = [&](auto body) __attribute__((always_inline)) {
#pragma GCC unroll 16
    for (int i = 0; i < ROWS; ++i)
#pragma GCC unroll 4
      for (int j = 0; j < VECS; ++j) body(sums[i][j], outputs[i] + finish.first + j * LANES, j);
  };
  if (finish.add) each([](Vec& sum, float* out, int) { sum += load(out); });
  if (finish.last && (finish.ending.bias != nullptr || finish.ending.relu)) {
    Vec biases[VECS];
#pragma GCC unroll 4
    for (int j = 0; j < VECS; ++j) biases[j] = finish.ending.biases(finish.first + j * LANES, finish.first + finish.columns);
    each([&](Vec& sum, float*, int j) { sum = finish.ending(sum, biases[j]); });
  }
  if (finish.past)
    each([](Vec& sum, float* out, int) { store(out, sum, true); });
  else
    each([](Vec& sum, float* out, int) { store(out, sum); });
}

// Of any other tile: `count` rows, and the last vector may be a part of one.
template <int VECS, int ROWS>
inline __attribute__((always_inline)) void store_part_of(Vec (&sums)[ROWS][VECS], float* const* outputs, Index count, const Finish& finish) {
  const Ending ending = finish.last ? finish.ending : Ending{nullptr, false};
  Vec biases[VECS];
#pragma GCC unroll 4
  for (int j = 0; j < VECS; ++j) biases[j] = ending.biases(finish.first + j * LANES, finish.first + finish.columns);
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; ++i) {
    if (i >= count) return;
#pragma GCC unroll 4
    for (int j = 0; j < VECS; ++j) {
      const Index columns = finish.columns - j * LANES;
      if (columns <= 0) break;
      float* out = outputs[i] + finish.first + j * LANES;
      const Vec sum = finish.add ? sums[i][j] + load_part(out, columns) : sums[i][j];
      store_part(out, ending(sum, biases[j]), columns, finish.past);
    }
  }
}

// One tile of pixels times one panel. `count` rows are stored.
template <int VECS, int ROWS = TILE_ROWS>
void pixel_tile(const float* const* pixels, const Segment* segments, Index number, const float* panel,
                float* const* outputs, Index count, const Finish& finish) {
  Vec sums[ROWS][VECS];
  clear<VECS>(sums);
  const float* rows[ROWS];
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; ++i) rows[i] = pixels[i];
  Ahead ahead;
  if (finish.pointwise && count > ROWS) ahead = {{{pixels[ROWS], pixels[2 * ROWS - 1] + segments[0].length}, {}}, ROWS};
  for (Index s = 0; s < number; ++s)
    panel = multiply_add<VECS>(sums, rows, segments[s].offset, segments[s].length, 1, panel, VECS * LANES, ahead);
  if (finish.columns == VECS * LANES && count >= ROWS)
    store_whole(sums, outputs, finish);
  else
    store_part_of(sums, outputs, count, finish);
}

// ---- forward and input gradient: output pixels as rows, windows as the sum

constexpr Index PIXELS = 32 * TILE_ROWS;   // a piece has about as many
constexpr Index PANEL_FLOATS = 64 * 1024;  // rows of a panel that are used at a time

// The gradient by images of few channels, which alone would leave most of a vector empty: a result is that of a square of input pixels,
// one multiple of the strides high and wide.
struct Squares {
  float* images = nullptr;
  Index high, wide, height, width, channels;

  Index columns() const { return high * wide * channels; }
  void write(const float* from, Index n, Index y, Index x) const {
    const Index rows = least(high, height - y * high), length = least(wide, width - x * wide) * channels;
    float* to = images + ((n * height + y * high) * width + x * wide) * channels;
    for (Index a = 0; a < rows; ++a, to += width * channels, from += wide * channels)
      std::memcpy(to, from, size_t(length) * 4);
  }
};

// A walk of windows over images: output = windows x packed weights.
struct Correlation {
  Reading r;
  Output out;
  Ending ending{nullptr, false};
  Squares squares;
  Index unit;  // columns of a panel
  Cut cut;
  Index depth, per_row, slots, band_floats;
  size_t packed_at, segments_at, bands_at, offsets_at, pixels_at, outputs_at, spans_at, squares_at;

  Correlation(const Reading& reading, const Output& output, const Pool& pool, Arena& arena, const Squares& into = {})
      : r(reading), out(output), squares(into), unit(choose_panel(output.columns)),
        cut(reading, PIXELS, ceil_div(output.columns, unit)) {
    depth = r.rows.count * r.columns.count * r.channels;
    per_row = r.columns.span() == r.columns.count ? 1 : r.columns.count;
    slots = round_up(cut.pixels(), TILE_ROWS);
    band_floats = round_up(cut.band_floats(r), 16);
    packed_at = arena.reserve<float>(depth * all_panels(out.columns));
    segments_at = arena.reserve<Segment>(pool.workers * r.rows.count * per_row);
    bands_at = arena.reserve<float>(pool.workers * band_floats);
    offsets_at = arena.reserve<Index>(pool.workers * cut.rows);
    pixels_at = arena.reserve<const float*>(pool.workers * slots);
    outputs_at = arena.reserve<float*>(pool.workers * slots);
    spans_at = arena.reserve<Span>(pool.workers * slots / TILE_ROWS);
    squares_at = arena.reserve<float>(squares.images == nullptr ? 0 : pool.workers * slots * out.columns);
  }

  // fill(to, row, column, channel, first, count): weights of `count` filters from `first` on, for one place of the sum.
  template <class Fill>
  void pack(const Pool& pool, const Arena& arena, Fill fill) const {
    float* packed = arena.at<float>(packed_at);
    auto task = [&](Index item, Index) {
      const Index p = item / r.rows.count, row = item % r.rows.count;
      const Index first = p * unit, count = least(unit, out.columns - first), width = width_of(out.columns, first);
      float* to = packed + first * depth + row * r.columns.count * r.channels * width;
      for (Index column = 0; column < r.columns.count; ++column)
        for (Index channel = 0; channel < r.channels; ++channel, to += width) {
          fill(to, row, column, channel, first, count);
          for (Index j = count; j < width; ++j) to[j] = 0;
        }
    };
    parallel_for(pool, ceil_div(out.columns, unit) * r.rows.count, task);
  }

  void run(const Pool& pool, const Arena& arena) const {
    const Index panels = ceil_div(out.columns, unit);
    auto task = [&](Index item, Index worker) {
      const Index share = item % cut.shares;
      piece(arena, item / cut.shares, worker, panels * share / cut.shares * unit,
            least(out.columns, panels * (share + 1) / cut.shares * unit));
    };
    parallel_for(pool, cut.count() * cut.shares, task);
  }

 private:
  void piece(const Arena& arena, Index item, Index worker, Index first_column, Index end_column) const {
    const Piece own = cut.piece(r, item);
    Index* offsets = arena.at<Index>(offsets_at) + worker * cut.rows;
    const float** pixels = arena.at<const float*>(pixels_at) + worker * slots;
    float** outputs = arena.at<float*>(outputs_at) + worker * slots;
    Segment* segments = arena.at<Segment>(segments_at) + worker * r.rows.count * per_row;
    const Band band = make_band(r, own, arena.at<float>(bands_at) + worker * band_floats, offsets);
    const Index number = find_segments(band.row_pitch, segments);
    float* results = squares.images == nullptr ? nullptr : arena.at<float>(squares_at) + worker * slots * out.columns;
    const Index count = find_pixels(own, band, offsets, pixels, outputs, results);
    const bool past = results == nullptr && out.past(r.batch);
    const bool pointwise = r.direct() && r.rows.count * r.columns.count * r.stride_w == 1;
    Span* spans = arena.at<Span>(spans_at) + worker * slots / TILE_ROWS;
    for (Index m = 0; m < count; m += TILE_ROWS)
      spans[m / TILE_ROWS] = met_rows(own, m, least(m + TILE_ROWS, count) - 1);
    for (Index first = first_column; first < end_column; first += unit) {
      const float* panel = arena.at<float>(packed_at) + first * depth;
      const Index columns = least(unit, out.columns - first), width = width_of(out.columns, first);
      for (Index begin = 0, end; begin < number; begin = end) {
        // As many segments at a time as keep their part of the panel in the cache.
        Index length = segments[begin].length;
        for (end = begin + 1; end < number && (length + segments[end].length) * width <= PANEL_FLOATS; ++end)
          length += segments[end].length;
        for (Index m = 0; m < count; m += TILE_ROWS) {
          const Span met = spans[m / TILE_ROWS];
          const Index from = most(begin, met.begin * per_row), until = least(end, met.end * per_row);
          if (from >= until) continue;
          const float* weights = panel + (from - begin) * segments[0].length * width;
          const bool add = from > met.begin * per_row, last = until == met.end * per_row;
          const Finish finish{columns, add, last, past && last && !add, ending, first, pointwise && first == first_column};
          if (width < BROAD_PANEL) {
            const auto tile = width == PANEL ? pixel_tile<2> : pixel_tile<1>;
            tile(pixels + m, segments + from, until - from, weights, outputs + m, count - m, finish);
            continue;
          }
          for (Index i = 0; i < least(TILE_ROWS, count - m); i += TILE_ROWS / 2)
            pixel_tile<4, TILE_ROWS / 2>(pixels + m + i, segments + from, until - from, weights, outputs + m + i, count - m - i, finish);
        }
        panel += length * width;
      }
    }
    for (Index m = 0; results != nullptr && m < count; ++m) {
      const Index row = own.first + m / own.columns;
      squares.write(outputs[m], row / r.out_h, row % r.out_h, own.left + m % own.columns);
    }
  }

  // The rows of the window that meet the image in any of the pixels `first` to `last` of a piece; at least one.
  Span met_rows(const Piece& own, Index first, Index last) const {
    if (r.direct()) return {0, r.rows.count};
    Span met{r.rows.count, 0};
    for (Index q = first / own.columns; q <= last / own.columns; ++q) {
      const Index y = (own.first + q) % r.out_h * r.stride_h + r.rows.first, spacing = r.rows.spacing;
      met.begin = least(met.begin, y < 0 ? ceil_div(-y, spacing) : 0);
      met.end = most(met.end, y < r.height ? least(r.rows.count, ceil_div(r.height - y, spacing)) : 0);
    }
    if (met.begin >= met.end) return {0, 1};
    return met;
  }

  Index find_segments(Index row_pitch, Segment* segments) const {
    for (Index i = 0; i < r.rows.count; ++i)
      for (Index j = 0; j < per_row; ++j)
        *segments++ = {i * r.rows.spacing * row_pitch + j * r.columns.spacing * r.channels,
                       r.columns.count / per_row * r.channels};
    return r.rows.count * per_row;
  }

  Index find_pixels(const Piece& own, const Band& band, const Index* offsets, const float** pixels,
                    float** outputs, float* results) const {
    Index m = 0;
    for (Index q = 0; q < own.rows; ++q) {
      const Index n = (own.first + q) / r.out_h, y = (own.first + q) % r.out_h;
      const float* from = band.data + offsets[q];
      float* to = out.data + n * out.image_pitch + y * out.row_pitch + own.left * out.pixel_pitch;
      for (Index x = 0; x < own.columns; ++x, ++m) {
        pixels[m] = from + x * r.stride_w * r.channels;
        outputs[m] = results == nullptr ? to + x * out.pixel_pitch : results + m * out.columns;
      }
    }
    for (Index i = m; i < round_up(m, TILE_ROWS); ++i) pixels[i] = pixels[m - 1], outputs[i] = outputs[m - 1];
    return m;
  }
};

// ---- the three functions

// The outputs as each pass by tiles of them sees them.
Field forward_field(const Conv& c, const float* x) {
  return {x, c.batch, c.height, c.width, c.channels, c.out_h, c.out_w, c.before_h, c.before_w};
}
Field backward_field(const Conv& c, const float* dy) {
  return {dy, c.batch, c.out_h, c.out_w, c.filters, c.height, c.width, 2 - c.before_h, 2 - c.before_w};
}

bool forward(const Pool& pool, const Conv& c, const float* x, const float* kernel, float* y, const float* bias, bool relu) {
  if (c.batch == 0) return true;
  if (is_depthwise(c)) {
    if (bias != nullptr || relu) return false;
    if (is_three_by_three(c) && c.out_w >= BROAD) return convolve_3x3(pool, c, x, kernel, y);
    const Output out{y, c.filters, c.out_h * c.out_w * c.filters, c.out_w * c.filters, c.filters};
    Depthwise{whole_reading(c, x), out, kernel, c.window_w}.run(pool);
    return true;
  }
  if (has_thin_groups(c)) return grouped_forward(pool, c, x, kernel, y, bias, relu);
  if (const Field field = forward_field(c, x); suits_tiles(c, field, c.filters)) {
    Arena arena;
    const TileConvolution tiles(field, y, c.filters, {bias, relu}, pool, arena);
    if (!arena.allocate()) return false;
    if (tiles.run(pool, arena, [&](float* to, Index row, Index column, Index channel, Index first, Index count) {
          std::memcpy(to, kernel + ((row * 3 + column) * c.channels + channel) * c.filters + first, size_t(count) * 4);
        }))
      return true;
  }
  const Index own = c.channels / c.groups, made = c.filters / c.groups;
  for (Index group = 0; group < c.groups; ++group) {
    const Reading reading = forward_reading(c, x, group);
    const Output out{y + group * made, made, c.out_h * c.out_w * c.filters, c.out_w * c.filters, c.filters};
    Arena arena;
    Correlation correlation(reading, out, pool, arena);
    correlation.ending = {bias == nullptr ? nullptr : bias + group * made, relu};
    if (!arena.allocate()) return false;
    const float* weights = kernel + group * made;
    correlation.pack(pool, arena, [&](float* to, Index row, Index column, Index channel, Index first, Index count) {
      std::memcpy(to, weights + ((row * c.window_w + column) * own + channel) * c.filters + first, size_t(count) * 4);
    });
    correlation.run(pool, arena);
  }
  return true;
}

// Zero the input gradients of one residue of the strides, which no window meets.
void clear_residue(const Conv& c, float* dx, Index residue_h, Index residue_w, Index own) {
  for (Index n = 0; n < c.batch; ++n)
    for (Index y = residue_h; y < c.height; y += c.stride_h)
      for (Index x = residue_w; x < c.width; x += c.stride_w)
        std::memset(dx + ((n * c.height + y) * c.width + x) * c.channels, 0, size_t(own) * 4);
}

// The size of squares with the least work, or one without images where single pixels are as well.
Squares choose_squares(const Conv& c, float* dx) {
  Squares best{};
  const Index vectors = ceil_div(least(c.channels, PANEL), LANES);
  // Work for each pixel, in vectors by outputs. What is gained must outweigh that the squares are copied.
  double least_work = 0.75 * double(c.window_h * c.window_w * vectors) / double(c.stride_h * c.stride_w);
  for (Index high = c.stride_h; high <= 4 * c.stride_h; high += c.stride_h)
    for (Index wide = c.stride_w; high * wide * c.channels <= PANEL && wide <= 8 * c.stride_w; wide += c.stride_w) {
      const Squares squares{dx, high, wide, c.height, c.width, c.channels};
      const Index rows = Places::square(c.window_h, c.step_h, c.before_h, c.stride_h, high).count;
      const Index columns = Places::square(c.window_w, c.step_w, c.before_w, c.stride_w, wide).count;
      const double work = double(rows * columns * ceil_div(squares.columns(), LANES)) / double(high * wide);
      if (work < least_work && rows > 0 && columns > 0) best = squares, least_work = work;
    }
  return best;
}

bool square_gradient(const Pool& pool, const Conv& c, const float* dy, const float* kernel, const Squares& squares) {
  const Reading reading{dy, c.batch, c.out_h, c.out_w, c.filters, c.filters,
                        ceil_div(c.height, squares.high), ceil_div(c.width, squares.wide),
                        squares.high / c.stride_h, squares.wide / c.stride_w,
                        Places::square(c.window_h, c.step_h, c.before_h, c.stride_h, squares.high),
                        Places::square(c.window_w, c.step_w, c.before_w, c.stride_w, squares.wide)};
  Arena arena;
  const Correlation correlation(reading, {nullptr, squares.columns(), 0, 0, 0}, pool, arena, squares);
  if (!arena.allocate()) return false;
  correlation.pack(pool, arena, [&](float* to, Index row, Index column, Index filter, Index first, Index count) {
    for (Index j = 0; j < count; ++j) {
      const Index pixel = (first + j) / c.channels, channel = (first + j) % c.channels;
      const Index y = pixel / squares.wide + c.before_h - c.stride_h * reading.rows.offset(row);
      const Index x = pixel % squares.wide + c.before_w - c.stride_w * reading.columns.offset(column);
      const bool met = y >= 0 && x >= 0 && y % c.step_h == 0 && x % c.step_w == 0 && y / c.step_h < c.window_h &&
                       x / c.step_w < c.window_w;
      to[j] = met ? kernel[((y / c.step_h * c.window_w + x / c.step_w) * c.channels + channel) * c.filters + filter] : 0;
    }
  });
  correlation.run(pool, arena);
  return true;
}

// Inputs whose places differ by whole strides meet the same window elements: for each residue it is a convolution of dy.
bool input_gradient(const Pool& pool, const Conv& c, const float* dy, const float* kernel, float* dx) {
  if (c.batch == 0) return true;
  if (is_three_by_three(c) && (c.width >= BROAD || c.stride_h == 2)) return input_gradient_3x3(pool, c, dy, kernel, dx);
  if (const Field field = backward_field(c, dy); suits_tiles(c, field, c.channels)) {
    Arena arena;
    const TileConvolution tiles(field, dx, c.channels, {nullptr, false}, pool, arena);
    if (!arena.allocate()) return false;
    if (tiles.run(pool, arena, [&](float* to, Index row, Index column, Index filter, Index first, Index count) {
          const float* from = kernel + (((2 - row) * 3 + 2 - column) * c.channels + first) * c.filters + filter;
          for (Index j = 0; j < count; ++j) to[j] = from[j * c.filters];
        }))
      return true;
  }
  if (c.groups == 1)
    if (const Squares squares = choose_squares(c, dx); squares.images != nullptr)
      return square_gradient(pool, c, dy, kernel, squares);
  const bool thin = has_thin_groups(c);
  const Index groups = thin || is_depthwise(c) ? 1 : c.groups, own = c.channels / groups, made = c.filters / groups;
  for (Index group = 0; group < groups; ++group)
    for (Index a = 0; a < least(c.stride_h, c.height); ++a)
      for (Index b = 0; b < least(c.stride_w, c.width); ++b) {
        const Reading reading{dy + group * made, c.batch, c.out_h, c.out_w, c.filters, made,
                              ceil_div(c.height - a, c.stride_h), ceil_div(c.width - b, c.stride_w), 1, 1,
                              Places::backward(c.window_h, c.step_h, c.before_h, c.stride_h, a),
                              Places::backward(c.window_w, c.step_w, c.before_w, c.stride_w, b)};
        if (reading.rows.count == 0 || reading.columns.count == 0) {
          clear_residue(c, dx + group * own, a, b, own);
          continue;
        }
        const Output out{dx + (a * c.width + b) * c.channels + group * own, own, c.height * c.width * c.channels,
                         c.stride_h * c.width * c.channels, c.stride_w * c.channels};
        if (is_depthwise(c)) {
          Depthwise{reading, out, kernel, c.window_w}.run(pool);
          continue;
        }
        if (thin) {
          if (!grouped_input_gradient(pool, c, reading, out, kernel)) return false;
          continue;
        }
        Arena arena;
        const Correlation correlation(reading, out, pool, arena);
        if (!arena.allocate()) return false;
        correlation.pack(pool, arena, [&](float* to, Index row, Index column, Index channel, Index first, Index count) {
          const Index place = reading.rows.element(row) * c.window_w + reading.columns.element(column);
          const float* from = kernel + (place * own + first) * c.filters + group * made + channel;
          for (Index j = 0; j < count; ++j) to[j] = from[j * c.filters];
        });
        correlation.run(pool, arena);
      }
  return true;
}

// `count` window elements, ROWS at a time; for the last of them a third or two of ROWS may be enough.
template <int VECS, int ROWS>
void weight_tiles(const float* band, const Index* row_offsets, Index rows, Index columns, Index step, const Index* elements, Index count,
                  const float* panel, Index pitch, bool first, float* sums, Ahead& ahead) {
  auto tile = [&](auto size, Index i) {
    weight_tile<VECS, size>(band, row_offsets, rows, columns, step, elements + i, panel, pitch, first, sums + i * VECS * LANES, ahead);
  };
  Index i = 0;
  for (; count - i > 2 * ROWS / 3; i += ROWS) tile(std::integral_constant<int, ROWS>(), i);
  if (count - i > ROWS / 3)
    tile(std::integral_constant<int, 2 * ROWS / 3>(), i);
  else if (count > i)
    tile(std::integral_constant<int, ROWS / 3>(), i);
}

constexpr Index GRADIENT_PIXELS = 96;  // a panel of so many stays in the first-level cache
constexpr Index NEAR_FLOATS = 128;     // pixels that lie so near to each other share few of that cache's sets, and need no packing

// dkernel = windows^T x dy. The pixels are divided into shares with sums of their own, which are added up in a fixed order;
// where the sums are large, the window elements are divided among tasks as well. All of that follows from the shapes alone.
struct KernelGradient {
  Reading r;
  const float* dy;
  Index dy_pitch, filters;
  Cut cut;
  Index depth, tiles, unit, sums, shares, parts, band_floats, dy_floats;
  size_t sums_at, bands_at, dy_at, offsets_at, elements_at;

  KernelGradient(const Reading& reading, const float* gradient, Index pitch, Index made, const Pool& pool, Arena& arena)
      : r(reading), dy(gradient), dy_pitch(pitch), filters(made), cut(reading, GRADIENT_PIXELS, 1) {
    depth = r.rows.count * r.columns.count * r.channels;
    tiles = ceil_div(depth, TILE_ROWS);
    unit = choose_panel(filters);
    sums = tiles * TILE_ROWS * all_panels(filters);
    shares = most(1, least(least(SHARES, cut.count()), SHARE_FLOATS / sums));
    parts = 2 * shares > SHARES ? 1 : least(tiles, SHARES / shares);
    band_floats = round_up(cut.band_floats(r), 16);
    dy_floats = cut.pixels() * all_panels(filters);
    sums_at = arena.reserve<float>(shares * sums);
    bands_at = arena.reserve<float>(pool.workers * band_floats);
    dy_at = arena.reserve<float>(pool.workers * dy_floats);
    offsets_at = arena.reserve<Index>(pool.workers * cut.rows);
    elements_at = arena.reserve<Index>(pool.workers * tiles * TILE_ROWS);
  }

  void run(const Pool& pool, const Arena& arena, float* to, Index to_pitch) const {
    auto share = [&](Index item, Index worker) { add_share(arena, item / parts, item % parts, worker); };
    parallel_for(pool, shares * parts, share);
    auto row = [&](Index k, Index) {
      const float* all = arena.at<float>(sums_at);
      for (Index first = 0; first < filters; first += unit) {
        const Index count = least(unit, filters - first), width = width_of(filters, first);
        const float* from = all + first * tiles * TILE_ROWS + k * width;
        for (Index v = 0; v < count; v += LANES) {
          Vec total = load(from + v);
          for (Index s = 1; s < shares; ++s) total += load(from + s * sums + v);
          store_part(to + k * to_pitch + first + v, total, count - v, false);
        }
      }
    };
    parallel_for(pool, depth, row);
  }

 private:
  void add_share(const Arena& arena, Index share, Index part, Index worker) const {
    float* total = arena.at<float>(sums_at) + share * sums;
    float* bands = arena.at<float>(bands_at) + worker * band_floats;
    float* packed = arena.at<float>(dy_at) + worker * dy_floats;
    Index* offsets = arena.at<Index>(offsets_at) + worker * cut.rows;
    Index* elements = arena.at<Index>(elements_at) + worker * tiles * TILE_ROWS;
    const Index tile_begin = tiles * part / parts, tile_end = tiles * (part + 1) / parts;
    const Index products = (tile_end - tile_begin) * ceil_div(filters, unit) * (unit == BROAD_PANEL ? 2 : 1);  // of tiles
    Index pitch = -1;
    const Index begin = cut.count() * share / shares, end = cut.count() * (share + 1) / shares;
    for (Index item = begin; item < end; ++item) {
      const Piece own = cut.piece(r, item);
      Ahead ahead;
      if (item + 1 < end) ahead = reads(cut.piece(r, item + 1), products * own.rows * ceil_div(own.columns, Ahead::EVERY));
      const Band band = make_band(r, own, bands, offsets);
      if (band.row_pitch != pitch) find_elements(pitch = band.row_pitch, elements);
      const bool packs = own.columns < r.out_w || dy_pitch > NEAR_FLOATS || all_panels(filters) > filters;
      if (packs) pack_gradient(own, packed);
      for (Index first = 0; first < filters; first += unit) {
        const Index width = width_of(filters, first);
        const float* panel = packs ? packed + first * own.rows * own.columns : dy + own.first * r.out_w * dy_pitch + first;
        const auto add = width == BROAD_PANEL ? weight_tiles<4, TILE_ROWS / 2>
                         : width == PANEL     ? weight_tiles<2, TILE_ROWS>
                                              : weight_tiles<1, TILE_ROWS>;
        for (Index t = tile_begin; t < tile_end; ++t)
          add(band.data, offsets, own.rows, own.columns, r.stride_w * r.channels, elements + t * TILE_ROWS,
              least(TILE_ROWS, depth - t * TILE_ROWS), panel, packs ? width : dy_pitch, item == begin,
              total + first * tiles * TILE_ROWS + t * TILE_ROWS * width, ahead);
      }
    }
  }

  // What a piece reads, to be fetched in `steps` portions; nothing where its rows hold other groups' channels.
  Ahead reads(const Piece& p, Index steps) const {
    if (r.pitch != r.channels || dy_pitch != filters) return {};
    auto input_row = [&](Index q, Index place) {
      const Index y = q % r.out_h * r.stride_h + r.rows.first + place;
      return r.input + (q / r.out_h * r.height + most(0, least(r.height, y))) * r.width * r.channels;
    };
    const Index last = p.first + p.rows - 1, row = r.out_w * filters;
    const Ahead::Range image{input_row(p.first, 0), input_row(last, r.rows.span())}, gradient{dy + p.first * row, dy + (last + 1) * row};
    return {{image, gradient}, ceil_div(most(image.end - image.next, gradient.end - gradient.next), Ahead::FLOATS * steps)};
  }

  void find_elements(Index row_pitch, Index* elements) const {
    const Index per_row = r.columns.count * r.channels;
    for (Index k = 0; k < tiles * TILE_ROWS; ++k) {
      const Index at = least(k, depth - 1), column = at % per_row / r.channels;
      elements[k] = at / per_row * r.rows.spacing * row_pitch + column * r.columns.spacing * r.channels + at % r.channels;
    }
  }

  void pack_gradient(const Piece& own, float* packed) const {
    for (Index first = 0; first < filters; first += unit) {
      const Index count = least(unit, filters - first), width = width_of(filters, first);
      float* to = packed + first * own.rows * own.columns;
      for (Index q = 0; q < own.rows; ++q) {
        const float* from = dy + ((own.first + q) * r.out_w + own.left) * dy_pitch + first;
        for (Index x = 0; x < own.columns; ++x, to += width, from += dy_pitch) {
          if (count == width) {
            for (Index v = 0; v < width; v += LANES) store(to + v, load(from + v));
            continue;
          }
          for (Index j = 0; j < width; ++j) to[j] = j < count ? from[j] : 0;
        }
      }
    }
  }
};

bool kernel_gradient(const Pool& pool, const Conv& c, const float* x, const float* dy, float* dkernel) {
  if (c.batch == 0) {
    std::memset(dkernel, 0, size_t(c.window_h * c.window_w * c.channels / c.groups * c.filters) * 4);
    return true;
  }
  if (is_three_by_three(c)) return gradients_3x3(pool, c, x, dy, nullptr, nullptr, dkernel);
  if (is_depthwise(c)) {
    Arena arena;
    const DepthwiseGradient gradient(whole_reading(c, x), dy, arena);
    if (!arena.allocate()) return false;
    gradient.run(pool, arena, dkernel);
    return true;
  }
  if (has_thin_groups(c)) return grouped_kernel_gradient(pool, c, x, dy, dkernel);
  if (const Field field = forward_field(c, x); suits_tiles(c, field, c.filters)) {
    Arena arena;
    const TileGradient tiles(field, dy, c.filters, pool, arena);
    if (!arena.allocate()) return false;
    if (tiles.run(pool, arena, dkernel)) return true;
  }
  const Index made = c.filters / c.groups;
  for (Index group = 0; group < c.groups; ++group) {
    Arena arena;
    const KernelGradient gradient(forward_reading(c, x, group), dy + group * made, c.filters, made, pool, arena);
    if (!arena.allocate()) return false;
    gradient.run(pool, arena, dkernel + group * made, c.filters);
  }
  return true;
}

bool gradients(const Pool& pool, const Conv& c, const float* x, const float* dy, const float* kernel, float* dx, float* dkernel) {
  if (c.batch > 0 && is_three_by_three(c) && c.stride_h == 1 && c.width >= BROAD)
    return gradients_3x3(pool, c, x, dy, kernel, dx, dkernel);
  return input_gradient(pool, c, dy, kernel, dx) && kernel_gradient(pool, c, x, dy, dkernel);
}

}  // namespace

namespace hornpipe {
const ConvKernels HORNPIPE_VARIANT(conv) = {forward, input_gradient, kernel_gradient, gradients};
}
