// Depthwise convolution: each channel with a filter of its own. The memory is what takes time, so nothing is copied.
#pragma once

#include "common.h"
#include "lanes.h"

namespace {

// The outputs along one axis whose place `offset` lies inside an axis of `size` elements.
inline Index first_inside(Index offset, Index stride) { return offset < 0 ? ceil_div(-offset, stride) : 0; }
inline Index end_inside(Index offset, Index stride, Index size, Index outs) {
  return offset < size ? least(outs, ceil_div(size - offset, stride)) : 0;
}

constexpr Index DEPTHWISE_FLOATS = 64 * 1024;  // of output, in one task

struct Depthwise {
  Reading r;
  Output out;
  const float* weights;
  Index window_w;

  void run(const Pool& pool) const {
    const Index total = r.batch * r.out_h;
    const Index rows = most(1, least(total, DEPTHWISE_FLOATS / (r.out_w * r.channels)));
    auto task = [&](Index item, Index) {
      for (Index row = item * rows; row < least(total, (item + 1) * rows); ++row) one_row(row / r.out_h, row % r.out_h);
    };
    parallel_for(pool, ceil_div(total, rows), task);
  }

 private:
  void one_row(Index n, Index y) const {
    constexpr int BLOCK = 6;
    const Index top = y * r.stride_h + r.rows.first;
    const Index row_begin = first_inside(top, r.rows.spacing);
    const Index row_end = end_inside(top, r.rows.spacing, r.height, r.rows.count);
    const Index left = least(r.out_w, first_inside(r.columns.first, r.stride_w));
    const Index right =
        most(left, end_inside(r.columns.offset(r.columns.count - 1), r.stride_w, r.width, r.out_w));
    const Index origin = (n * r.height + top) * r.width;
    float* to = out.data + n * out.image_pitch + y * out.row_pitch;
    for (Index x = 0; x < r.out_w;) {
      const Index at = x * r.stride_w + r.columns.first;
      if (x >= left && x + BLOCK <= right) {
        block<BLOCK>(origin + at, row_begin, row_end, 0, r.columns.count, to + x * out.pixel_pitch);
        x += BLOCK;
        continue;
      }
      block<1>(origin + at, row_begin, row_end, first_inside(at, r.columns.spacing),
               end_inside(at, r.columns.spacing, r.width, r.columns.count), to + x * out.pixel_pitch);
      ++x;
    }
  }

  template <int BLOCK>
  void block(Index place, Index row_begin, Index row_end, Index column_begin, Index column_end, float* to) const {
    const Index step = r.stride_w * r.channels, pitch = out.pixel_pitch;
    const bool past = out.past(r.batch);
    each_vector(r.channels, [&](auto zero, Index c) {
      using T = decltype(zero);
      T sums[BLOCK] = {};
      for (Index i = row_begin; i < row_end; ++i)
        for (Index j = column_begin; j < column_end; ++j) {
          const T weight = read<T>(weights + (r.rows.element(i) * window_w + r.columns.element(j)) * r.channels + c);
          const float* from =
              r.input + (place + i * r.rows.spacing * r.width + j * r.columns.spacing) * r.channels + c;
#pragma GCC unroll 8
          for (int p = 0; p < BLOCK; ++p) sums[p] += read<T>(from + p * step) * weight;
        }
#pragma GCC unroll 8
      for (int p = 0; p < BLOCK; ++p) write(to + p * pitch + c, sums[p], past);
    });
  }
};

struct DepthwiseGradient {
  Reading r;
  const float* dy;
  Index shares, places;
  size_t sums_at;

  DepthwiseGradient(const Reading& reading, const float* gradient, Arena& arena) : r(reading), dy(gradient) {
    places = r.rows.count * r.columns.count;
    shares = most(1, least(least(SHARES, r.batch * r.out_h), SHARE_FLOATS / (places * r.channels)));
    sums_at = arena.reserve<float>(shares * places * r.channels);
  }

  void run(const Pool& pool, const Arena& arena, float* to) const {
    const Index size = places * r.channels, total = r.batch * r.out_h;
    float* sums = arena.at<float>(sums_at);
    auto share = [&](Index item, Index) {
      std::memset(sums + item * size, 0, size_t(size) * 4);
      for (Index row = total * item / shares; row < total * (item + 1) / shares; ++row)
        add_row(row / r.out_h, row % r.out_h, sums + item * size);
    };
    parallel_for(pool, shares, share);
    for (Index k = 0; k < size; ++k) {
      float sum = sums[k];
      for (Index s = 1; s < shares; ++s) sum += sums[s * size + k];
      to[k] = sum;
    }
  }

 private:
  void add_row(Index n, Index y, float* sums) const {
    const Index top = y * r.stride_h + r.rows.first;
    const Index begin = first_inside(top, r.rows.spacing), end = end_inside(top, r.rows.spacing, r.height, r.rows.count);
    const Index origin = (n * r.height + top) * r.width;
    const float* gradient = dy + (n * r.out_h + y) * r.out_w * r.channels;
    for (Index i = begin; i < end; i += 3)
      for (Index j = 0; j < r.columns.count; j += 3) {
        const Index rows = least(3, end - i), columns = least(3, r.columns.count - j);
        (rows == 3 ? columns_of<3>(columns) : rows == 2 ? columns_of<2>(columns) : columns_of<1>(columns))(
            *this, origin, i, j, gradient, sums);
      }
  }

  using Add = void (*)(const DepthwiseGradient&, Index, Index, Index, const float*, float*);

  template <int ROWS>
  static Add columns_of(Index columns) {
    return columns == 3 ? add<ROWS, 3> : columns == 2 ? add<ROWS, 2> : add<ROWS, 1>;
  }

  // Add one row of outputs to the sums of ROWS x COLUMNS places of the window, from (i, j) on.
  template <int ROWS, int COLUMNS>
  static void add(const DepthwiseGradient& g, Index origin, Index i, Index j, const float* gradient, float* sums) {
    const Reading& r = g.r;
    const Index begin = least(r.out_w, first_inside(r.columns.offset(j), r.stride_w));
    const Index end =
        most(begin, end_inside(r.columns.offset(j + COLUMNS - 1), r.stride_w, r.width, r.out_w));
    each_vector(r.channels, [&](auto zero, Index c) {
      using T = decltype(zero);
      T total[ROWS][COLUMNS] = {};
      const Index row_step = r.rows.spacing * r.width * r.channels, column_step = r.columns.spacing * r.channels;
      const float* image = r.input + (origin + i * r.rows.spacing * r.width + r.columns.offset(j)) * r.channels + c;
      const float* from = image + begin * r.stride_w * r.channels;
      for (Index x = begin; x < end; ++x, from += r.stride_w * r.channels) {
        const T one = read<T>(gradient + x * r.channels + c);
#pragma GCC unroll 3
        for (int a = 0; a < ROWS; ++a)
#pragma GCC unroll 3
          for (int b = 0; b < COLUMNS; ++b) total[a][b] += read<T>(from + a * row_step + b * column_step) * one;
      }
      for (int a = 0; a < ROWS; ++a)
        for (int b = 0; b < COLUMNS; ++b) {
          const Index offset = r.columns.offset(j + b);
          const Index first = first_inside(offset, r.stride_w), last = end_inside(offset, r.stride_w, r.width, r.out_w);
          for (Index x = first; x < last; ++x) {
            if (x == begin) x = end;  // the outputs that all places meet are done
            if (x >= last) break;
            total[a][b] += read<T>(image + x * r.stride_w * r.channels + a * row_step + b * column_step) *
                           read<T>(gradient + x * r.channels + c);
          }
          float* to = sums + ((i + a) * r.columns.count + j + b) * r.channels + c;
          write(to, read<T>(to) + total[a][b]);
        }
    });
  }
};

}  // namespace
