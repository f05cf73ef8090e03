// Depthwise convolutions with windows of 3 x 3 and strides of 1 or 2: tiles of several rows, with the channels innermost. What takes time
// is reading from beyond the first-level cache, and a tile reads along few rows at a time, each pixel of them for all of its windows.
#pragma once

#include "depthwise.h"

namespace {

constexpr int SIDE = 3, WINDOW = SIDE * SIDE;
constexpr int DEEP = 4, BROAD = 2;  // output rows and columns of a tile

inline bool is_three_by_three(const Conv& c) {
  return is_depthwise(c) && c.window_h == SIDE && c.window_w == SIDE && c.step_h == 1 && c.step_w == 1 &&
         c.stride_h == c.stride_w && c.stride_h <= 2;
}

// ---- the pixels that a tile meets; those outside the image are zeros

struct Images {
  const float* data;
  Index height, width, channels;
  const float* zeros;  // one row of them
};

template <int HIGH>
struct Inside {  // no column is outside
  const float* rows[HIGH];
  Index step;

  // From column `left` of row `top` of image n on.
  Inside(const Images& in, Index n, Index top, Index left) : step(in.channels) {
    for (int i = 0; i < HIGH; ++i) {
      const Index y = top + i;
      rows[i] = (y >= 0 && y < in.height ? in.data + (n * in.height + y) * in.width * step : in.zeros) + left * step;
    }
  }
  const float* at(int i, Index j) const { return rows[i] + j * step; }
  void move(Index columns) {
#pragma GCC unroll 16
    for (int i = 0; i < HIGH; ++i) rows[i] += columns * step;
  }
};
template <int WIDE>
struct Edge {
  const float* const (*pixels)[WIDE];
  const float* at(int i, Index j) const { return pixels[i][j]; }
};

// Call body with the HIGH x WIDE pixels whose first is (top, left) of image n.
template <int HIGH, int WIDE, class Body>
inline void with_pixels(const Images& in, Index n, Index top, Index left, Body body) {
  if (left >= 0 && left + WIDE <= in.width) return body(Inside<HIGH>(in, n, top, left));
  const Inside<HIGH> rows(in, n, top, 0);
  const float* pixels[HIGH][WIDE];
  for (int i = 0; i < HIGH; ++i)
    for (int j = 0; j < WIDE; ++j)
      pixels[i][j] = left + j >= 0 && left + j < in.width ? rows.at(i, left + j) : in.zeros;
  body(Edge<WIDE>{pixels});
}

// Call body(pixels, output column) for tiles side by side of which none meets a column outside; return the column behind the last one.
// Nothing is looked up again from tile to tile, which otherwise takes longer than the sums.
template <int STRIDE, class Body>
inline Index for_tiles_inside(const Images& in, Index n, Index top, Index before_w, Index x, Index out_w, Body body) {
  constexpr int HIGH = (DEEP - 1) * STRIDE + SIDE;
  const Index left = x * STRIDE - before_w, room = in.width - left - SIDE;
  if (left < 0 || room < 0) return x;
  const Index end = x + least(out_w - x, room / STRIDE + 1) / BROAD * BROAD;
  for (Inside<HIGH> pixels(in, n, top, left); x < end; x += BROAD, pixels.move(BROAD * STRIDE)) body(pixels, x);
  return x;
}

// ---- kernels by vectors of channels: element k of the channels from c on is at 9 * c + k * (size of the vector)

template <class T>
inline T weight(const float* packed, Index c, int k) {
  return read<T>(packed + WINDOW * c + k * Index(sizeof(T) / 4));
}

// Scratch memory of the walks below: a row of zeros, a packed kernel.
struct Scratch {
  size_t zeros_at, packed_at;
  Index zeros;

  Scratch(Index width, Index channels, Arena& arena) : zeros(width * channels) {
    zeros_at = arena.reserve<float>(zeros);
    packed_at = arena.reserve<float>(WINDOW * channels);
  }
  const float* clear(const Arena& arena) const {
    float* row = arena.at<float>(zeros_at);
    std::memset(row, 0, size_t(zeros) * 4);
    return row;
  }
  const float* pack(const Arena& arena, const float* kernel, Index channels, bool turned) const {
    float* packed = arena.at<float>(packed_at);
    each_vector(channels, [&](auto zero, Index c) {
      using T = decltype(zero);
      for (int k = 0; k < WINDOW; ++k)
        write(packed + WINDOW * c + k * Index(sizeof(T) / 4),
              read<T>(kernel + (turned ? WINDOW - 1 - k : k) * channels + c));
    });
    return packed;
  }
};

// Call body(image, first row, rows of it) for blocks of at most `deep` rows, some in one task.
template <class Body>
void for_row_blocks(const Pool& pool, Index images, Index rows, Index deep, Index row_floats, Body body) {
  const Index blocks = ceil_div(rows, deep), total = images * blocks;
  const Index some = most(1, least(total, DEPTHWISE_FLOATS / (deep * row_floats)));
  auto task = [&](Index item, Index) {
    for (Index block = item * some; block < least(total, (item + 1) * some); ++block) {
      const Index y = block % blocks * deep;
      body(block / blocks, y, least(deep, rows - y));
    }
  };
  parallel_for(pool, ceil_div(total, some), task);
}

// ---- the convolution, and for a stride of 1 its gradient by the image

template <class T, int STRIDE, class Pixels>
inline void add_windows(const Pixels& in, Index c, const float* packed, T (&sums)[DEEP][BROAD]) {
#pragma GCC unroll 16
  for (int i = 0; i < (DEEP - 1) * STRIDE + SIDE; ++i)
#pragma GCC unroll 16
    for (int j = 0; j < (BROAD - 1) * STRIDE + SIDE; ++j) {
      const T value = read<T>(in.at(i, j) + c);
#pragma GCC unroll 16
      for (int k = 0; k < WINDOW; ++k) {
        const int y = i - k / SIDE, x = j - k % SIDE;
        if (y >= 0 && x >= 0 && y % STRIDE == 0 && x % STRIDE == 0 && y / STRIDE < DEEP && x / STRIDE < BROAD)
          sums[y / STRIDE][x / STRIDE] += value * weight<T>(packed, c, k);
      }
    }
}

template <int STRIDE>
void convolve_rows(const Images& in, const float* packed, Index before_h, Index before_w, float* to, bool past, Index out_w, Index n,
                   Index y, Index rows) {
  constexpr int HIGH = (DEEP - 1) * STRIDE + SIDE, WIDE = (BROAD - 1) * STRIDE + SIDE;
  const Index pitch = out_w * in.channels, top = y * STRIDE - before_h;
  auto tile = [&](auto pixels, Index x) {
    each_vector(in.channels, [&](auto zero, Index c) {
      using T = decltype(zero);
      float* first = to + x * in.channels + c;
      T sums[DEEP][BROAD] = {};
      add_windows<T, STRIDE>(pixels, c, packed, sums);
#pragma GCC unroll 16
      for (int r = 0; r < DEEP; ++r) {
        if (r >= rows) return;
#pragma GCC unroll 16
        for (int p = 0; p < BROAD; ++p) write(first + r * pitch + p * in.channels, sums[r][p], past);
      }
    });
  };
  for (Index next = 0; next < out_w; next += BROAD) {
    next = for_tiles_inside<STRIDE>(in, n, top, before_w, next, out_w, tile);
    if (next >= out_w) return;
    const Index x = least(next, out_w - BROAD);  // an odd last one is computed together with its neighbour
    with_pixels<HIGH, WIDE>(in, n, top, x * STRIDE - before_w, [&](auto pixels) { tile(pixels, x); });
  }
}

bool convolve_3x3(const Pool& pool, const Conv& c, const float* x, const float* kernel, float* y) {
  Arena arena;
  const Scratch scratch(c.width, c.channels, arena);
  if (!arena.allocate()) return false;
  const Images in{x, c.height, c.width, c.channels, scratch.clear(arena)};
  const float* packed = scratch.pack(arena, kernel, c.channels, false);
  const Index row = c.out_w * c.channels;
  const bool past = go_past(y, c.batch * c.out_h * row, c.channels);
  for_row_blocks(pool, c.batch, c.out_h, DEEP, row, [&](Index n, Index first, Index rows) {
    (c.stride_h == 1 ? convolve_rows<1> : convolve_rows<2>)(in, packed, c.before_h, c.before_w, y + (n * c.out_h + first) * row, past,
                                                            c.out_w, n, first, rows);
  });
  return true;
}

// ---- the gradient by the image for a stride of 2: the pixels of a square of four meet one to four outputs

constexpr int PAIRS = 2;  // pairs of rows in a tile, of one pair of columns

// Input i + before = 2 * m meets outputs m - 1 and m, input 2 * m + 1 meets m.
template <class T, class Pixels>
inline void add_spread(const Pixels& in, Index c, const float* packed, T (&sums)[2 * PAIRS][2]) {
#pragma GCC unroll 16
  for (int i = 0; i < PAIRS + 1; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      const T value = read<T>(in.at(i, j) + c);
#pragma GCC unroll 16
      for (int k = 0; k < WINDOW; ++k) {
        const int y = 2 * (i - 1) + k / SIDE, x = 2 * (j - 1) + k % SIDE;
        if (y >= 0 && x >= 0 && y < 2 * PAIRS && x < 2) sums[y][x] += value * weight<T>(packed, c, k);
      }
    }
}

bool spread_3x3(const Pool& pool, const Conv& c, const float* dy, const float* kernel, float* dx) {
  Arena arena;
  const Scratch scratch(c.out_w, c.channels, arena);
  if (!arena.allocate()) return false;
  const Images in{dy, c.out_h, c.out_w, c.channels, scratch.clear(arena)};
  const float* packed = scratch.pack(arena, kernel, c.channels, false);
  const Index first_h = (c.before_h - (c.before_h & 1)) / 2, first_w = (c.before_w - (c.before_w & 1)) / 2;
  const Index pairs_h = (c.before_h & 1) + c.height, pairs_w = (c.before_w & 1) + c.width, row = c.width * c.channels;
  const bool past = go_past(dx, c.batch * c.height * row, c.channels);
  for_row_blocks(pool, c.batch, ceil_div(pairs_h, 2), PAIRS, 2 * row, [&](Index n, Index pair, Index) {
    const Index top = 2 * (first_h + pair) - c.before_h;
    for (Index m = 0; m < ceil_div(pairs_w, 2); ++m) {
      const Index left = 2 * (first_w + m) - c.before_w;
      with_pixels<PAIRS + 1, 2>(in, n, first_h + pair - 1, first_w + m - 1, [&](auto pixels) {
        each_vector(c.channels, [&](auto zero, Index channel) {
          using T = decltype(zero);
          T sums[2 * PAIRS][2] = {};
          add_spread<T>(pixels, channel, packed, sums);
          float* image = dx + n * c.height * row + channel;
#pragma GCC unroll 16
          for (int a = 0; a < 2 * PAIRS; ++a)
#pragma GCC unroll 2
            for (int b = 0; b < 2; ++b)
              if (top + a >= 0 && top + a < c.height && left + b >= 0 && left + b < c.width)
                write(image + (top + a) * row + (left + b) * c.channels, sums[a][b], past);
        });
      });
    }
  });
  return true;
}

bool input_gradient_3x3(const Pool& pool, const Conv& c, const float* dy, const float* kernel, float* dx) {
  if (c.stride_h == 2) return spread_3x3(pool, c, dy, kernel, dx);
  Arena arena;
  const Scratch scratch(c.out_w, c.channels, arena);
  if (!arena.allocate()) return false;
  const Images in{dy, c.out_h, c.out_w, c.channels, scratch.clear(arena)};
  const float* packed = scratch.pack(arena, kernel, c.channels, true);
  const Index row = c.width * c.channels;
  const bool past = go_past(dx, c.batch * c.height * row, c.channels);
  for_row_blocks(pool, c.batch, c.height, DEEP, row, [&](Index n, Index first, Index rows) {
    convolve_rows<1>(in, packed, SIDE - 1 - c.before_h, SIDE - 1 - c.before_w, dx + (n * c.height + first) * row, past, c.width, n,
                     first, rows);
  });
  return true;
}

// ---- the gradient by the kernel, in shares that are added up in a fixed order

template <int COUNT>
struct Columns {
  static constexpr int count = COUNT;
};

// `top` is the first row of `in` that meets the first one of dy.
template <class T, int STRIDE, int ROWS, int COLUMNS, class Pixels>
inline void add_products(const Pixels& in, int top, const float* dy, Index pitch, Index channels, Index c, float* sums) {
  T total[WINDOW], gradients[ROWS][COLUMNS];
#pragma GCC unroll 16
  for (int k = 0; k < WINDOW; ++k) total[k] = weight<T>(sums, c, k);
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 16
    for (int p = 0; p < COLUMNS; ++p) gradients[r][p] = read<T>(dy + r * pitch + p * channels + c);
#pragma GCC unroll 16
  for (int i = 0; i < (ROWS - 1) * STRIDE + SIDE; ++i)
#pragma GCC unroll 16
    for (int j = 0; j < (COLUMNS - 1) * STRIDE + SIDE; ++j) {
      const T value = read<T>(in.at(top + i, j) + c);
#pragma GCC unroll 16
      for (int k = 0; k < WINDOW; ++k) {
        const int y = i - k / SIDE, x = j - k % SIDE;
        if (y >= 0 && x >= 0 && y % STRIDE == 0 && x % STRIDE == 0 && y / STRIDE < ROWS && x / STRIDE < COLUMNS)
          total[k] += value * gradients[y / STRIDE][x / STRIDE];
      }
    }
#pragma GCC unroll 16
  for (int k = 0; k < WINDOW; ++k) write(sums + WINDOW * c + k * Index(sizeof(T) / 4), total[k]);
}

template <int STRIDE>
void add_row_products(const Conv& c, const Images& in, const float* dy, Index n, Index y, Index rows, float* sums) {
  constexpr int HIGH = (DEEP - 1) * STRIDE + SIDE;
  const Index pitch = c.out_w * c.channels, top = y * STRIDE - c.before_h;
  const float* from = dy + (n * c.out_h + y) * pitch;
  auto add_tile = [&](auto columns, auto pixels, Index x) {
    constexpr int COLUMNS = decltype(columns)::count;
    each_vector(c.channels, [&](auto zero, Index channel) {
      using T = decltype(zero);
      const float* gradients = from + x * c.channels;
      if (rows == DEEP) return add_products<T, STRIDE, DEEP, COLUMNS>(pixels, 0, gradients, pitch, c.channels, channel, sums);
#pragma GCC unroll 4
      for (int r = 0; r < DEEP - 1; ++r)
        if (r < rows) add_products<T, STRIDE, 1, COLUMNS>(pixels, r * STRIDE, gradients + r * pitch, pitch, c.channels, channel, sums);
    });
  };
  auto add_broad = [&](auto pixels, Index x) { add_tile(Columns<BROAD>{}, pixels, x); };
  for (Index x = 0; x < c.out_w;) {
    x = for_tiles_inside<STRIDE>(in, n, top, c.before_w, x, c.out_w, add_broad);
    const Index left = x * STRIDE - c.before_w;
    if (x + BROAD <= c.out_w) {
      with_pixels<HIGH, (BROAD - 1) * STRIDE + SIDE>(in, n, top, left, [&](auto pixels) { add_broad(pixels, x); });
      x += BROAD;
    } else if (x < c.out_w) {
      with_pixels<HIGH, SIDE>(in, n, top, left, [&](auto pixels) { add_tile(Columns<1>{}, pixels, x); });
      x += 1;
    }
  }
}

// The gradient by the kernel, and, where `dx` is not null, for a stride of 1 by the image as well: what both read of dy is then read from
// memory once.
bool gradients_3x3(const Pool& pool, const Conv& c, const float* x, const float* dy, const float* kernel, float* dx, float* dkernel) {
  Arena arena;
  const Index size = WINDOW * c.channels, in_row = c.width * c.channels;
  const Index blocks = ceil_div(c.stride_h == 1 ? most(c.out_h, c.height) : c.out_h, DEEP), total = c.batch * blocks;
  const Index wanted = 2 * SHARES * size <= SHARE_FLOATS / 8 ? 2 * SHARES : SHARES;  // many and short ones end together
  const Index shares = most(1, least(least(wanted, total), SHARE_FLOATS / size));
  const Scratch scratch(most(c.width, c.out_w), c.channels, arena);
  const size_t sums_at = arena.reserve<float>(shares * size);
  if (!arena.allocate()) return false;
  const float* zeros = scratch.clear(arena);
  const Images in{x, c.height, c.width, c.channels, zeros}, gradients{dy, c.out_h, c.out_w, c.channels, zeros};
  const float* turned = dx ? scratch.pack(arena, kernel, c.channels, true) : nullptr;
  const bool past = dx && go_past(dx, c.batch * c.height * in_row, c.channels);
  float* sums = arena.at<float>(sums_at);
  // From the end on: the last images may still lie in the caches, where the convolution itself has been before.
  auto share = [&](Index number, Index) {
    const Index item = shares - 1 - number;
    float* own = sums + item * size;
    std::memset(own, 0, size_t(size) * 4);
    for (Index block = total * item / shares; block < total * (item + 1) / shares; ++block) {
      const Index n = block / blocks, y = block % blocks * DEEP;
      if (dx && y < c.height)
        convolve_rows<1>(gradients, turned, SIDE - 1 - c.before_h, SIDE - 1 - c.before_w, dx + (n * c.height + y) * in_row, past,
                         c.width, n, y, least(DEEP, c.height - y));
      if (y < c.out_h) (c.stride_h == 1 ? add_row_products<1> : add_row_products<2>)(c, in, dy, n, y, least(DEEP, c.out_h - y), own);
    }
  };
  parallel_for(pool, shares, share);
  each_vector(c.channels, [&](auto zero, Index channel) {
    using T = decltype(zero);
    for (int k = 0; k < WINDOW; ++k) {
      T sum = weight<T>(sums, channel, k);
      for (Index s = 1; s < shares; ++s) sum += weight<T>(sums + s * size, channel, k);
      write(dkernel + k * c.channels + channel, sum);
    }
  });
  return true;
}

}  // namespace
