// Convolutions with windows of 3 x 3 and strides of 1 by the minimal filtering of Winograd, F(2 x 4, 3 x 3): eight neighbouring outputs take
// 24 products for each channel and filter instead of 72. Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks"
// (2015), section 4. For 4 x 6 inputs d and weights g the outputs are
//
//   A' [(G g H') (B' d C)] E    with  B' = 1  0 -1  0    G = 1    0   0     A' = 1  1  1  0
//                                          0  1  1  0        1/2  1/2 1/2        0  1 -1 -1
//                                          0 -1  1  0        1/2 -1/2 1/2
//                                          0  1  0 -1        0    0   1
//
//   C' = q   0    -s   0   1  0    H = 1/q   0      0       E' = 1  1   1   1   1   0    a = 5/8, b = 3/2
//        0 -a b^2 -b^2  a  1  0         u    u a   u a^2         0  a  -a   b  -b   0    s = a^2 + b^2, q = a^2 b^2
//        0  a b^2 -b^2 -a  1  0         u   -u a   u a^2         0 a^2 a^2 b^2 b^2  0    u = 1 / (2 a^2 (a^2 - b^2))
//        0 -b a^2 -a^2  b  1  0         v    v b   v b^2         0 a^3 -a^3 b^3 -b^3 1   v = 1 / (2 b^2 (b^2 - a^2))
//        0  b a^2 -a^2 -b  1  0         v   -v b   v b^2
//        0   q     0   -s  0  1         0     0      1
//
// where the product in the middle is element by element, and a product of matrices over channels and filters for each of the 24 spots.
// Across, polynomials of degree 5 are evaluated at 0, a, -a, b, -b and infinity (Toom and Cook): of the small fractions of powers of two
// those with the smallest errors. The gradient by g is the transposed form, G' [(A dy E') (B' d C)] H.
//
// An infinite or NaN element would reach outputs whose windows do not cover it, so results that are not finite are not used: `run` says
// so, and the convolution is done directly.
#pragma once

#include "common.h"
#include "lanes.h"
#include "tiles.h"

namespace {

constexpr int DOWN = 4, ACROSS = 6, SPOTS = DOWN * ACROSS;
constexpr int TILE_H = 2, TILE_W = 4;  // outputs

// Images, and outputs each of which reads 3 x 3 of their pixels from `before` above and to the left of its own place on. A tile is the
// rectangle of 2 x 4 outputs, at the lower and right edges perhaps a part of it.
struct Field {
  const float* images;
  Index batch, height, width, channels;
  Index out_h, out_w, before_h, before_w;

  Index tiles_h() const { return ceil_div(out_h, TILE_H); }
  Index tiles_w() const { return ceil_div(out_w, TILE_W); }
  Index tiles() const { return batch * tiles_h() * tiles_w(); }

  // Call body(t, image, row, column, count) for the tiles first + t to first + t + count - 1, which lie beside each other.
  template <class Body>
  void each_run(Index first, Index count, const Body& body) const {
    for (Index t = 0, length; t < count; t += length) {
      const Index row = (first + t) / tiles_w(), column = (first + t) % tiles_w();
      length = least(count - t, tiles_w() - column);
      body(t, row / tiles_h(), row % tiles_h(), column, length);
    }
  }
};

// Whether fewer products make up for the transforms, which take memory as well.
inline bool suits_tiles(const Conv& c, const Field& f, Index filters) {
  return c.groups == 1 && c.window_h == 3 && c.window_w == 3 && c.stride_h == 1 && c.stride_w == 1 && c.step_h == 1 && c.step_w == 1 &&
         least(f.channels, filters) >= 16 && f.channels * filters <= Index(1) << 20 && f.tiles() >= 32 &&
         3 * SPOTS * f.tiles_h() * f.tiles_w() <= 2 * 9 * f.out_h * f.out_w;
}

// Where the elements of one spot of some tiles lie: blocks of `width` channels, in each of them tile after tile.
struct Slab {
  Index tiles, channels, width, pitch;  // floats from spot to spot

  Slab(Index most_tiles, Index all, Index in_block)
      : tiles(most_tiles), channels(all), width(in_block), pitch(round_up(most_tiles * all, LANES) + LANES) {}
  Index block(Index c) const { return c / width * width * tiles; }
  Index step(Index c) const { return least(width, channels - c / width * width); }  // from tile to tile
  Index floats(Index spots) const { return spots * pitch; }
};

// ---- transforms, a row of the four at a time

constexpr float A = 0.625f, B = 1.5f, A2 = A * A, B2 = B * B, S = A2 + B2, Q = A2 * B2;
constexpr float U = float(1 / (2.0 * A2 * (A2 - B2))), V = float(1 / (2.0 * B2 * (B2 - A2)));

struct Rows2 {
  int first, second;
  float sign;
};
constexpr Rows2 IMAGE_ROWS[DOWN] = {{0, 2, -1}, {1, 2, 1}, {2, 1, -1}, {1, 3, -1}};

// Row i of B' d C for the tiles from `first` on, into the slab's next six spots. `zeros` are a row of an image.
inline void transform_images(const Field& f, Index first, Index count, int i, const float* zeros, const Slab& slab, float* to) {
  const Rows2 rows = IMAGE_ROWS[i];
  f.each_run(first, count, [&](Index t, Index n, Index tile_y, Index tile_x, Index length) {
    const Index top = TILE_H * tile_y - f.before_h, left = TILE_W * tile_x - f.before_w;
    auto row = [&](Index y) { return y < 0 || y >= f.height ? zeros : f.images + (n * f.height + y) * f.width * f.channels; };
    const float *above = row(top + rows.first), *below = row(top + rows.second);
    const float sign = rows.sign;
    each_vector(f.channels, [&](auto zero, Index c) {
      using T = decltype(zero);
      auto at = [&](Index x) {
        const Index place = x * f.channels + c;
        return x < 0 || x >= f.width ? T{} : read<T>(above + place) + sign * read<T>(below + place);
      };
      const Index step = slab.step(c), pitch = slab.pitch;
      float* spot = to + slab.block(c) + t * step + c % slab.width;
      T zeroth = at(left), one = at(left + 1);
      for (Index x = left + 2; x < left + 2 + TILE_W * length; x += TILE_W, spot += step) {
        const T two = at(x), three = at(x + 1), four = at(x + 2), five = at(x + 3);
        const T near = four - B2 * two, near_odd = three - B2 * one, far = four - A2 * two, far_odd = three - A2 * one;
        write(spot, four - S * two + Q * zeroth);
        write(spot + pitch, near + A * near_odd);
        write(spot + 2 * pitch, near - A * near_odd);
        write(spot + 3 * pitch, far + B * far_odd);
        write(spot + 4 * pitch, far - B * far_odd);
        write(spot + 5 * pitch, five - S * three + Q * one);
        zeroth = four, one = five;
      }
    });
  });
}

// Row i of A dy E' for the tiles from `first` on, into panels; dy are f's outputs, with `filters` channels.
inline void transform_gradients(const Field& f, const float* dy, Index filters, Index first, Index count, int i, const float* zeros,
                                const Slab& slab, float* to) {
  const float upper = i == 3 ? 0.0f : 1.0f, lower = i == 0 ? 0.0f : i == 1 ? 1.0f : -1.0f;
  f.each_run(first, count, [&](Index t, Index n, Index tile_y, Index tile_x, Index length) {
    auto row = [&](Index y) { return y >= f.out_h ? zeros : dy + (n * f.out_h + y) * f.out_w * filters; };
    const float *above = row(TILE_H * tile_y), *below = row(TILE_H * tile_y + 1);
    each_vector(filters, [&](auto zero, Index c) {
      using T = decltype(zero);
      auto at = [&](Index x) {
        const Index place = x * filters + c;
        return x >= f.out_w ? T{} : upper * read<T>(above + place) + lower * read<T>(below + place);
      };
      const Index step = slab.step(c), pitch = slab.pitch;
      float* spot = to + slab.block(c) + t * step + c % slab.width;
      for (Index x = TILE_W * tile_x; x < TILE_W * (tile_x + length); x += TILE_W, spot += step) {
        const T zeroth = at(x), one = at(x + 1), two = at(x + 2), three = at(x + 3);
        const T near = zeroth + A2 * two, near_odd = one + A2 * three, far = zeroth + B2 * two, far_odd = one + B2 * three;
        write(spot, zeroth);
        write(spot + pitch, near + A * near_odd);
        write(spot + 2 * pitch, near - A * near_odd);
        write(spot + 3 * pitch, far + B * far_odd);
        write(spot + 4 * pitch, far - B * far_odd);
        write(spot + 5 * pitch, three);
      }
    });
  });
}

// G g for one column of g.
inline void transform_weights(const Vec (&g)[3], Vec (&to)[DOWN]) {
  const Vec ends = g[0] + g[2];
  to[0] = g[0];
  to[1] = (ends + g[1]) * 0.5f;
  to[2] = (ends - g[1]) * 0.5f;
  to[3] = g[2];
}

// H g for one row of g.
inline void transform_weights(const Vec (&g)[3], Vec (&to)[ACROSS]) {
  const Vec near = g[0] + A2 * g[2], far = g[0] + B2 * g[2];
  to[0] = g[0] * (1 / Q);
  to[1] = (near + A * g[1]) * U;
  to[2] = (near - A * g[1]) * U;
  to[3] = (far + B * g[1]) * V;
  to[4] = (far - B * g[1]) * V;
  to[5] = g[2];
}

// A' m for one column of m.
inline void transform_products(const Vec (&m)[DOWN], Vec (&to)[TILE_H]) {
  to[0] = m[0] + m[1] + m[2];
  to[1] = m[1] - m[2] - m[3];
}

// E' m for one row of m.
inline void transform_products(const Vec (&m)[ACROSS], Vec (&to)[TILE_W]) {
  const Vec near = m[1] + m[2], near_odd = A * (m[1] - m[2]), far = m[3] + m[4], far_odd = B * (m[3] - m[4]);
  to[0] = m[0] + near + far;
  to[1] = near_odd + far_odd;
  to[2] = A2 * near + B2 * far;
  to[3] = A2 * near_odd + B2 * far_odd + m[5];
}

// G' s for one column of s.
inline void transform_sums(const Vec (&s)[DOWN], Vec (&to)[3]) {
  to[0] = s[0] + (s[1] + s[2]) * 0.5f;
  to[1] = (s[1] - s[2]) * 0.5f;
  to[2] = s[3] + (s[1] + s[2]) * 0.5f;
}

// H' s for one row of s.
inline void transform_sums(const Vec (&s)[ACROSS], Vec (&to)[3]) {
  const Vec near = U * (s[1] + s[2]), far = V * (s[3] + s[4]);
  to[0] = s[0] * (1 / Q) + near + far;
  to[1] = (U * A) * (s[1] - s[2]) + (V * B) * (s[3] - s[4]);
  to[2] = A2 * near + B2 * far + s[5];
}

// Notes whether all of the results were finite.
class Finite {
 public:
  void see(Vec v) { not_finite_ += v * 0.0f; }
  void tell(int* infinite) const {
    for (int c = 0; c < LANES; ++c)
      if (not_finite_[c] != 0) __atomic_store_n(infinite, 1, __ATOMIC_RELAXED);
  }

 private:
  Vec not_finite_ = {};  // NaN is not 0
};

// ---- the convolution, and by turned weights its gradient by images

// So many channels are summed up at a time: short sums, added up, are more exact than a long one.
constexpr Index CHANNELS_AT_ONCE = 128;

// ROWS rows, `step` apart and as many as `count`, times a panel; added to what is there, or not.
template <int ROWS, int VECS>
void product_tile(const float* from, Index step, Index count, Index depth, const float* panel, bool add, float* to) {
  Vec sums[ROWS][VECS];
  clear<VECS>(sums);
  const float* rows[ROWS];
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; ++i) rows[i] = from + least(i, count - 1) * step;
  multiply_add<VECS>(sums, rows, 0, depth, 1, panel);
  if (add)
#pragma GCC unroll 16
    for (int i = 0; i < ROWS; ++i)
#pragma GCC unroll 4
      for (int j = 0; j < VECS; ++j) sums[i][j] += load(to + (i * VECS + j) * LANES);
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < VECS; ++j) store(to + (i * VECS + j) * LANES, sums[i][j]);
}

template <int ROWS, int VECS>
void product(const float* from, Index step, Index count, const float* panel, float* to) {
  for (Index k = 0; k < step; k += CHANNELS_AT_ONCE, panel += CHANNELS_AT_ONCE * VECS * LANES)
    for (Index m = 0; m < count; m += ROWS)
      product_tile<ROWS, VECS>(from + m * step + k, step, count - m, least(CHANNELS_AT_ONCE, step - k), panel, k > 0, to + m * VECS * LANES);
}

struct TileConvolution {
  Field f;
  float* out;
  Index filters;
  Ending ending;
  Index blocks, panel, panels, shares, together;
  Slab images, products;
  size_t weights_at, zeros_at, images_at, products_at, infinite_at;

  static constexpr Index BLOCK = 4 * TILE_ROWS;  // tiles
  static constexpr Index TOGETHER = 256;         // filters whose products wait in the cache for all spots

  TileConvolution(const Field& field, float* to, Index made, const Ending& end, const Pool& pool, Arena& arena)
      : f(field), out(to), filters(made), ending(end), blocks(ceil_div(field.tiles(), BLOCK)),
        panel(choose_panel(made)), panels(ceil_div(made, panel)), shares(most(1, least(panels, 16 / blocks))),
        together(least(panels, most(1, TOGETHER / panel))), images(BLOCK, field.channels, field.channels),
        products(BLOCK, together * panel, panel) {
    weights_at = arena.reserve<float>(SPOTS * f.channels * all_panels(filters));
    zeros_at = arena.reserve<float>(f.width * f.channels);
    images_at = arena.reserve<float>(pool.workers * images.floats(ACROSS));
    products_at = arena.reserve<float>(pool.workers * products.floats(SPOTS));
    infinite_at = arena.reserve<int>(1);
  }

  // fill(to, row, column, channel, first, count): weights of `count` filters from `first` on, for one place of the window.
  template <class Fill>
  bool run(const Pool& pool, const Arena& arena, Fill fill) const {
    std::memset(arena.at<float>(zeros_at), 0, size_t(f.width * f.channels) * 4);
    *arena.at<int>(infinite_at) = 0;
    const Index part = 16, parts = ceil_div(f.channels, part);
    auto pack = [&](Index item, Index) {
      const Index begin = item % parts * part;
      pack_weights(arena, item / parts * panel, begin, least(begin + part, f.channels), fill);
    };
    parallel_for(pool, panels * parts, pack);
    auto task = [&](Index item, Index worker) {
      const Index share = item % shares, first = item / shares * BLOCK;
      convolve(arena, worker, first, least(BLOCK, f.tiles() - first), panels * share / shares, panels * (share + 1) / shares);
    };
    parallel_for(pool, blocks * shares, task);
    return *arena.at<int>(infinite_at) == 0;
  }

 private:
  template <class Fill>
  void pack_weights(const Arena& arena, Index first, Index begin, Index end, const Fill& fill) const {
    const Index count = least(panel, filters - first), width = width_of(filters, first);
    float g[9][BROAD_PANEL];
    for (int k = 0; k < 9; ++k)
      for (Index j = count; j < width; ++j) g[k][j] = 0;
    for (Index channel = begin; channel < end; ++channel) {
      for (int k = 0; k < 9; ++k) fill(g[k], k / 3, k % 3, channel, first, count);
      float* to = arena.at<float>(weights_at) + SPOTS * f.channels * first + channel * width;
      for (Index v = 0; v < width; v += LANES) {
        Vec half[3][DOWN];
        for (int x = 0; x < 3; ++x) transform_weights({load(g[x] + v), load(g[3 + x] + v), load(g[6 + x] + v)}, half[x]);
        for (int i = 0; i < DOWN; ++i) {
          Vec whole[ACROSS];
          transform_weights({half[0][i], half[1][i], half[2][i]}, whole);
          for (int j = 0; j < ACROSS; ++j) store(to + (i * ACROSS + j) * f.channels * width + v, whole[j]);
        }
      }
    }
  }

  void convolve(const Arena& arena, Index worker, Index first, Index count, Index first_panel, Index end_panel) const {
    float* in = arena.at<float>(images_at) + worker * images.floats(ACROSS);
    float* sums = arena.at<float>(products_at) + worker * products.floats(SPOTS);
    Finite finite;
    for (Index p = first_panel, end; p < end_panel; p = end) {
      end = least(p + together, end_panel);
      for (int i = 0; i < DOWN; ++i) {
        transform_images(f, first, count, i, arena.at<float>(zeros_at), images, in);
        for (int j = 0; j < ACROSS; ++j)
          for (Index q = p; q < end; ++q) {
            const Index width = width_of(filters, q * panel), spot = i * ACROSS + j;
            const auto multiply =
                width == BROAD_PANEL ? product<TILE_ROWS / 2, 4> : width == PANEL ? product<TILE_ROWS, 2> : product<TILE_ROWS, 1>;
            multiply(in + j * images.pitch, f.channels, count,
                     arena.at<float>(weights_at) + f.channels * (SPOTS * q * panel + spot * width),
                     sums + spot * products.pitch + products.block((q - p) * panel));
          }
      }
      for (Index q = p; q < end; ++q) finish(first, count, sums + products.block((q - p) * panel), q * panel, finite);
    }
    finite.tell(arena.at<int>(infinite_at));
  }

  // The tiles' outputs for the filters of one panel, from their products.
  void finish(Index first, Index count, const float* sums, Index filter, Finite& finite) const {
    const Index width = width_of(filters, filter);
    const bool past = go_past(out, f.batch * f.out_h * f.out_w * filters, filters);
    f.each_run(first, count, [&](Index t, Index n, Index tile_y, Index tile_x, Index length) {
      const Index y = TILE_H * tile_y;
      for (Index k = 0, x = TILE_W * tile_x; k < length; ++k, x += TILE_W) {
        float* to = out + ((n * f.out_h + y) * f.out_w + x) * filters + filter;
        for (Index v = 0; v < width; v += LANES) {
          const Vec biases = ending.biases(filter + v, filters);
          const float* from = sums + (t + k) * width + v;
          Vec half[DOWN][TILE_W];
          for (int i = 0; i < DOWN; ++i, from += ACROSS * products.pitch) {
            Vec row[ACROSS];
            for (int j = 0; j < ACROSS; ++j) row[j] = load(from + j * products.pitch);
            transform_products(row, half[i]);
          }
          for (int b = 0; b < TILE_W && x + b < f.out_w; ++b) {
            Vec column[TILE_H];
            transform_products({half[0][b], half[1][b], half[2][b], half[3][b]}, column);
            for (int a = 0; a < TILE_H && y + a < f.out_h; ++a) {
              finite.see(column[a]);
              store_part(to + (a * f.out_w + b) * filters + v, ending(column[a], biases), filters - filter - v, past);
            }
          }
        }
      }
    });
  }
};

// ---- the gradient by weights

// The sums of one panel: `count` tiles of all channels times their gradients.
template <int ROWS, int VECS>
void add_tiles(const Slab& images, Index channels, const float* in, const float* panel, Index count, float* sums) {
  const Index none = 0;
  Ahead nothing;
  for (Index c = 0; c < channels; c += ROWS) {
    Index elements[ROWS];
    for (int i = 0; i < ROWS; ++i) elements[i] = least(c + i, channels - 1) - c / images.width * images.width;
    weight_tile<VECS, ROWS>(in + images.block(c), &none, 1, count, images.step(c), elements, panel, VECS * LANES, false,
                            sums + c * VECS * LANES, nothing);
  }
}

struct TileGradient {
  static constexpr Index BLOCK = 192;    // tiles
  static constexpr Index CHANNELS = 48;  // beside each other: whole vectors and whole tiles of rows

  Field f;
  const float* dy;
  Index filters;
  Index blocks, depth, panel, sums, shares, parts;
  Slab images, gradients;
  size_t sums_at, zeros_at, images_at, gradients_at, infinite_at;

  TileGradient(const Field& field, const float* upstream, Index made, const Pool& pool, Arena& arena)
      : f(field), dy(upstream), filters(made), blocks(ceil_div(field.tiles(), BLOCK)), depth(round_up(field.channels, TILE_ROWS)),
        panel(choose_panel(made)), sums(depth * all_panels(made)), images(BLOCK, field.channels, CHANNELS),
        gradients(BLOCK, all_panels(made), panel) {
    shares = most(1, least(least(SHARES, blocks), SHARE_FLOATS / (SPOTS * sums)));
    parts = 2 * shares >= SHARES ? 1 : DOWN;
    sums_at = arena.reserve<float>(shares * SPOTS * sums);
    zeros_at = arena.reserve<float>(most(f.width * f.channels, f.out_w * filters));
    images_at = arena.reserve<float>(pool.workers * images.floats(ACROSS));
    gradients_at = arena.reserve<float>(pool.workers * gradients.floats(ACROSS));
    infinite_at = arena.reserve<int>(1);
  }

  bool run(const Pool& pool, const Arena& arena, float* dkernel) const {
    std::memset(arena.at<float>(zeros_at), 0, size_t(most(f.width * f.channels, f.out_w * filters)) * 4);
    std::memset(arena.at<float>(gradients_at), 0, size_t(pool.workers * gradients.floats(ACROSS)) * 4);
    *arena.at<int>(infinite_at) = 0;
    auto share = [&](Index item, Index worker) { add_share(arena, item / parts, item % parts, worker); };
    parallel_for(pool, shares * parts, share);
    auto channel = [&](Index c, Index) { finish(arena, c, dkernel); };
    parallel_for(pool, f.channels, channel);
    return *arena.at<int>(infinite_at) == 0;
  }

 private:
  // Parts are rows of the four.
  void add_share(const Arena& arena, Index share, Index part, Index worker) const {
    float* in = arena.at<float>(images_at) + worker * images.floats(ACROSS);
    float* up = arena.at<float>(gradients_at) + worker * gradients.floats(ACROSS);
    const float* zeros = arena.at<float>(zeros_at);
    float* total = arena.at<float>(sums_at) + share * SPOTS * sums;
    const Index begin = DOWN * part / parts, end = DOWN * (part + 1) / parts;
    std::memset(total + begin * ACROSS * sums, 0, size_t((end - begin) * ACROSS * sums) * 4);
    for (Index b = blocks * share / shares; b < blocks * (share + 1) / shares; ++b) {
      const Index first = b * BLOCK, count = least(BLOCK, f.tiles() - first);
      for (Index i = begin; i < end; ++i) {
        transform_images(f, first, count, int(i), zeros, images, in);
        transform_gradients(f, dy, filters, first, count, int(i), zeros, gradients, up);
        for (int j = 0; j < ACROSS; ++j)
          add_products(in + j * images.pitch, up + j * gradients.pitch, count, total + (i * ACROSS + j) * sums);
      }
    }
  }

  void add_products(const float* in, const float* up, Index count, float* total) const {
    for (Index first = 0; first < filters; first += panel) {
      const Index width = width_of(filters, first);
      const auto multiply =
          width == BROAD_PANEL ? add_tiles<TILE_ROWS / 2, 4> : width == PANEL ? add_tiles<TILE_ROWS, 2> : add_tiles<TILE_ROWS, 1>;
      multiply(images, f.channels, in, up + gradients.block(first), count, total + first * depth);
    }
  }

  void finish(const Arena& arena, Index c, float* dkernel) const {
    Finite finite;
    for (Index first = 0; first < filters; first += panel) {
      const Index width = width_of(filters, first);
      for (Index v = 0; v < width && first + v < filters; v += LANES) {
        const float* from = arena.at<float>(sums_at) + first * depth + c * width + v;
        auto total = [&](int spot) {
          Vec sum = load(from + spot * sums);
          for (Index s = 1; s < shares; ++s) sum += load(from + (s * SPOTS + spot) * sums);
          return sum;
        };
        Vec half[ACROSS][3];
        for (int j = 0; j < ACROSS; ++j)
          transform_sums({total(j), total(ACROSS + j), total(2 * ACROSS + j), total(3 * ACROSS + j)}, half[j]);
        for (int y = 0; y < 3; ++y) {
          Vec row[3];
          transform_sums({half[0][y], half[1][y], half[2][y], half[3][y], half[4][y], half[5][y]}, row);
          for (int x = 0; x < 3; ++x) {
            finite.see(row[x]);
            store_part(dkernel + ((y * 3 + x) * f.channels + c) * filters + first + v, row[x], filters - first - v, false);
          }
        }
      }
    }
    finite.tell(arena.at<int>(infinite_at));
  }
};

}  // namespace
