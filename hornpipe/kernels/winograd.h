// Convolutions with windows of 3 x 3 and strides of 1 by the minimal filtering of Winograd, F(2 x 2, 3 x 3): four neighbouring outputs take
// 16 products for each channel and filter instead of 36. Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks"
// (2015), section 4.1. For a square d of 4 x 4 inputs and weights g the outputs are
//
//   A' [(G g G') (B' d B)] A    with  B' = 1  0 -1  0    G = 1    0   0     A' = 1  1  1  0
//                                          0  1  1  0        1/2  1/2 1/2        0  1 -1 -1
//                                          0 -1  1  0        1/2 -1/2 1/2
//                                          0  1  0 -1        0    0   1
//
// where the product in the middle is element by element, and a product of matrices over channels and filters for each of the 16 spots.
// The gradient by g is the transposed form, G' [(A dy A') (B' d B)] G.
//
// An infinite or NaN element would reach outputs whose windows do not cover it, so results that are not finite are not used: `run` says
// so, and the convolution is done directly.
#pragma once

#include "common.h"
#include "lanes.h"
#include "tiles.h"

namespace {

constexpr int SQUARE = 4, SPOTS = SQUARE * SQUARE;

// Images, and outputs each of which reads 3 x 3 of their pixels from `before` above and to the left of its own place on. A tile is the
// square of 2 x 2 outputs, at the lower and right edges perhaps a part of it.
struct Field {
  const float* images;
  Index batch, height, width, channels;
  Index out_h, out_w, before_h, before_w;

  Index tiles_h() const { return ceil_div(out_h, 2); }
  Index tiles_w() const { return ceil_div(out_w, 2); }
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
         least(f.channels, filters) >= 16 && f.channels * filters <= Index(1) << 20 && f.tiles() >= 64 &&
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

struct Rows2 {
  int first, second;
  float sign;
};
constexpr Rows2 IMAGE_ROWS[SQUARE] = {{0, 2, -1}, {1, 2, 1}, {2, 1, -1}, {1, 3, -1}};

// Row i of B' d B for the tiles from `first` on, into the slab's next four spots. `zeros` are a row of an image.
inline void transform_images(const Field& f, Index first, Index count, int i, const float* zeros, const Slab& slab, float* to) {
  const Rows2 rows = IMAGE_ROWS[i];
  f.each_run(first, count, [&](Index t, Index n, Index tile_y, Index tile_x, Index length) {
    const Index top = 2 * tile_y - f.before_h, left = 2 * tile_x - f.before_w;
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
      T one = at(left), two = at(left + 1);
      for (Index x = left + 2; x < left + 2 + 2 * length; x += 2, spot += step) {
        const T three = at(x), four = at(x + 1);
        write(spot, one - three);
        write(spot + pitch, two + three);
        write(spot + 2 * pitch, three - two);
        write(spot + 3 * pitch, two - four);
        one = three, two = four;
      }
    });
  });
}

// Row i of A dy A' for the tiles from `first` on, into panels; dy are f's outputs, with `filters` channels.
inline void transform_gradients(const Field& f, const float* dy, Index filters, Index first, Index count, int i, const float* zeros,
                                const Slab& slab, float* to) {
  const float upper = i == 3 ? 0.0f : 1.0f, lower = i == 0 ? 0.0f : i == 1 ? 1.0f : -1.0f;
  f.each_run(first, count, [&](Index t, Index n, Index tile_y, Index tile_x, Index length) {
    auto row = [&](Index y) { return y >= f.out_h ? zeros : dy + (n * f.out_h + y) * f.out_w * filters; };
    const float *above = row(2 * tile_y), *below = row(2 * tile_y + 1);
    each_vector(filters, [&](auto zero, Index c) {
      using T = decltype(zero);
      auto at = [&](Index x) {
        const Index place = x * filters + c;
        return x >= f.out_w ? T{} : upper * read<T>(above + place) + lower * read<T>(below + place);
      };
      const Index step = slab.step(c), pitch = slab.pitch;
      float* spot = to + slab.block(c) + t * step + c % slab.width;
      for (Index x = 2 * tile_x; x < 2 * (tile_x + length); x += 2, spot += step) {
        const T one = at(x), two = at(x + 1);
        write(spot, one);
        write(spot + pitch, one + two);
        write(spot + 2 * pitch, one - two);
        write(spot + 3 * pitch, -two);
      }
    });
  });
}

// G g for one column of g.
inline void transform_weights(const Vec (&g)[3], Vec (&to)[SQUARE]) {
  const Vec ends = g[0] + g[2];
  to[0] = g[0];
  to[1] = (ends + g[1]) * 0.5f;
  to[2] = (ends - g[1]) * 0.5f;
  to[3] = g[2];
}

// A' m for one column of m.
inline void transform_products(const Vec (&m)[SQUARE], Vec (&to)[2]) {
  to[0] = m[0] + m[1] + m[2];
  to[1] = m[1] - m[2] - m[3];
}

// G' s for one column of s.
inline void transform_sums(const Vec (&s)[SQUARE], Vec (&to)[3]) {
  to[0] = s[0] + (s[1] + s[2]) * 0.5f;
  to[1] = (s[1] - s[2]) * 0.5f;
  to[2] = s[3] + (s[1] + s[2]) * 0.5f;
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

// ROWS rows, `step` apart and as many as `count`, times a panel.
template <int ROWS, int VECS>
void product_tile(const float* from, Index step, Index count, Index depth, const float* panel, float* to) {
  Vec sums[ROWS][VECS];
  clear<VECS>(sums);
  const float* rows[ROWS];
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; ++i) rows[i] = from + least(i, count - 1) * step;
  multiply_add<VECS>(sums, rows, 0, depth, 1, panel);
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < VECS; ++j) store(to + (i * VECS + j) * LANES, sums[i][j]);
}

template <int ROWS, int VECS>
void product(const float* from, Index step, Index count, Index depth, const float* panel, float* to) {
  for (Index m = 0; m < count; m += ROWS) product_tile<ROWS, VECS>(from + m * step, step, count - m, depth, panel, to + m * VECS * LANES);
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

  TileConvolution(const Field& field, float* to, Index made, const Ending& end, const Pool& pool, Arena& arena)
      : f(field), out(to), filters(made), ending(end), blocks(ceil_div(field.tiles(), BLOCK)),
        panel(choose_panel(made)), panels(ceil_div(made, panel)), shares(most(1, least(panels, 16 / blocks))),
        together(most(1, least(16, field.channels / panel))), images(BLOCK, field.channels, field.channels),
        products(BLOCK, together * panel, panel) {
    weights_at = arena.reserve<float>(SPOTS * f.channels * all_panels(filters));
    zeros_at = arena.reserve<float>(f.width * f.channels);
    images_at = arena.reserve<float>(pool.workers * images.floats(SPOTS));
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
        Vec half[3][SQUARE];
        for (int x = 0; x < 3; ++x) transform_weights({load(g[x] + v), load(g[3 + x] + v), load(g[6 + x] + v)}, half[x]);
        for (int i = 0; i < SQUARE; ++i) {
          Vec whole[SQUARE];
          transform_weights({half[0][i], half[1][i], half[2][i]}, whole);
          for (int j = 0; j < SQUARE; ++j) store(to + (i * SQUARE + j) * f.channels * width + v, whole[j]);
        }
      }
    }
  }

  void convolve(const Arena& arena, Index worker, Index first, Index count, Index first_panel, Index end_panel) const {
    float* in = arena.at<float>(images_at) + worker * images.floats(SPOTS);
    float* sums = arena.at<float>(products_at) + worker * products.floats(SPOTS);
    for (int i = 0; i < SQUARE; ++i)
      transform_images(f, first, count, i, arena.at<float>(zeros_at), images, in + i * SQUARE * images.pitch);
    Finite finite;
    for (Index p = first_panel, end; p < end_panel; p = end) {
      end = least(p + together, end_panel);
      for (int spot = 0; spot < SPOTS; ++spot)
        for (Index q = p; q < end; ++q) {
          const Index width = width_of(filters, q * panel);
          const auto multiply =
              width == BROAD_PANEL ? product<TILE_ROWS / 2, 4> : width == PANEL ? product<TILE_ROWS, 2> : product<TILE_ROWS, 1>;
          multiply(in + spot * images.pitch, f.channels, count, f.channels,
                   arena.at<float>(weights_at) + f.channels * (SPOTS * q * panel + spot * width),
                   sums + spot * products.pitch + products.block((q - p) * panel));
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
      const Index y = 2 * tile_y;
      for (Index k = 0, x = 2 * tile_x; k < length; ++k, x += 2) {
        float* to = out + ((n * f.out_h + y) * f.out_w + x) * filters + filter;
        for (Index v = 0; v < width; v += LANES) {
          const Vec biases = ending.biases(filter + v, filters);
          const float* from = sums + (t + k) * width + v;
          Vec half[SQUARE][2], result[2][2];
          for (int i = 0; i < SQUARE; ++i, from += SQUARE * products.pitch)
            transform_products({load(from), load(from + products.pitch), load(from + 2 * products.pitch), load(from + 3 * products.pitch)},
                               half[i]);
          for (int b = 0; b < 2; ++b) {
            Vec column[2];
            transform_products({half[0][b], half[1][b], half[2][b], half[3][b]}, column);
            result[0][b] = column[0], result[1][b] = column[1];
          }
          for (int a = 0; a < 2; ++a)
            for (int b = 0; b < 2; ++b) {
              finite.see(result[a][b]);
              if (y + a < f.out_h && x + b < f.out_w)
                store_part(to + (a * f.out_w + b) * filters + v, ending(result[a][b], biases), filters - filter - v, past);
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
    parts = 2 * shares >= SHARES ? 1 : SQUARE;
    sums_at = arena.reserve<float>(shares * SPOTS * sums);
    zeros_at = arena.reserve<float>(most(f.width * f.channels, f.out_w * filters));
    images_at = arena.reserve<float>(pool.workers * images.floats(SQUARE));
    gradients_at = arena.reserve<float>(pool.workers * gradients.floats(SQUARE));
    infinite_at = arena.reserve<int>(1);
  }

  bool run(const Pool& pool, const Arena& arena, float* dkernel) const {
    std::memset(arena.at<float>(zeros_at), 0, size_t(most(f.width * f.channels, f.out_w * filters)) * 4);
    std::memset(arena.at<float>(gradients_at), 0, size_t(pool.workers * gradients.floats(SQUARE)) * 4);
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
    float* in = arena.at<float>(images_at) + worker * images.floats(SQUARE);
    float* up = arena.at<float>(gradients_at) + worker * gradients.floats(SQUARE);
    const float* zeros = arena.at<float>(zeros_at);
    float* total = arena.at<float>(sums_at) + share * SPOTS * sums;
    const Index begin = SQUARE * part / parts, end = SQUARE * (part + 1) / parts;
    std::memset(total + begin * SQUARE * sums, 0, size_t((end - begin) * SQUARE * sums) * 4);
    for (Index b = blocks * share / shares; b < blocks * (share + 1) / shares; ++b) {
      const Index first = b * BLOCK, count = least(BLOCK, f.tiles() - first);
      for (Index i = begin; i < end; ++i) {
        transform_images(f, first, count, int(i), zeros, images, in);
        transform_gradients(f, dy, filters, first, count, int(i), zeros, gradients, up);
        for (int j = 0; j < SQUARE; ++j)
          add_products(in + j * images.pitch, up + j * gradients.pitch, count, total + (i * SQUARE + j) * sums);
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
        Vec half[SQUARE][3];
        for (int j = 0; j < SQUARE; ++j) transform_sums({total(j), total(4 + j), total(8 + j), total(12 + j)}, half[j]);
        for (int y = 0; y < 3; ++y) {
          Vec row[3];
          transform_sums({half[0][y], half[1][y], half[2][y], half[3][y]}, row);
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
