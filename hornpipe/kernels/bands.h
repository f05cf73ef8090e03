// Bands: the input rows that a task reads, and how an output is cut into such tasks, by its shape alone.
#pragma once

#include "common.h"

namespace {

// A piece of the output: rows [first, first + rows) of all images' rows, columns [left, left + columns).
struct Piece {
  Index first, rows, left, columns;
};

constexpr Index PIECES = 24;              // so many at least, where there is enough work
constexpr Index BAND_FLOATS = 96 * 1024;  // a band of short rows has at most about as many

// How the output is cut into pieces, by its shape alone.
struct Cut {
  Index rows, columns, row_blocks, column_blocks;
  Index shares;  // the panels of filters of a piece are divided into as many

  Cut(const Reading& r, Index pixels, Index panels) {
    const Index total = r.batch * r.out_h;
    columns = r.out_w;
    if (r.out_w > 2 * pixels) columns = ceil_div(r.out_w, ceil_div(r.out_w, pixels));
    // Few large pieces leave threads without work at the end; very small ones use the packed weights too seldom.
    shares = most(1, least(panels, PIECES * pixels / most(1, total * columns)));
    const Index fair = most(ceil_div(8 * TILE_ROWS, columns), ceil_div(total * shares, PIECES));
    rows = most(1, least(least(total, fair), pixels / columns));
    const Index width = band_width(r);
    if (!r.direct() && r.rows.count > 1)  // neighbouring bands share rows: longer ones copy less
      while (2 * rows * PIECES <= total && rows < 4 * r.rows.span() &&
             (2 * rows * r.stride_h + r.rows.span()) * width < BAND_FLOATS)
        rows *= 2;
    row_blocks = ceil_div(total, rows);
    rows = ceil_div(total, row_blocks);
    row_blocks = ceil_div(total, rows);
    column_blocks = ceil_div(r.out_w, columns);
  }
  Index count() const { return row_blocks * column_blocks; }
  Index pixels() const { return rows * columns; }
  Index band_width(const Reading& r) const {
    return ((columns - 1) * r.stride_w + r.columns.span()) * r.channels;
  }
  Index band_rows(const Reading& r) const {
    // Each image begun in a piece brings a halo of its own, which is negative where strides skip rows.
    const Index images = least(rows, ceil_div(rows, r.out_h) + 1), halo = r.rows.span() - r.stride_h;
    return rows * r.stride_h + halo * (halo > 0 ? images : 1);
  }
  Index band_floats(const Reading& r) const { return r.direct() ? 0 : band_rows(r) * band_width(r); }
  Piece piece(const Reading& r, Index item) const {
    const Index row = item / column_blocks * rows, column = item % column_blocks * columns;
    return {row, least(rows, r.batch * r.out_h - row), column, least(columns, r.out_w - column)};
  }
};

struct Band {
  const float* data;
  Index row_pitch;  // floats between rows of the image
};

void copy_row(const Reading& r, const float* image, Index y, Index x, Index pixels, float* to) {
  const Index channels = r.channels;
  if (y < 0 || y >= r.height) {
    std::memset(to, 0, size_t(pixels * channels) * 4);
    return;
  }
  const Index begin = least(pixels, most(0, -x)), end = most(begin, least(pixels, r.width - x));
  std::memset(to, 0, size_t(begin * channels) * 4);
  if (end > begin) {
    const float* from = image + (y * r.width + x + begin) * r.pitch;
    if (r.pitch == channels)
      std::memcpy(to + begin * channels, from, size_t((end - begin) * channels) * 4);
    else
      for (Index i = begin; i < end; ++i, from += r.pitch)
        std::memcpy(to + i * channels, from, size_t(channels) * 4);
  }
  std::memset(to + end * channels, 0, size_t((pixels - end) * channels) * 4);
}

// Make the band of a piece and note for each of its output rows where, in floats, its leftmost window begins.
Band make_band(const Reading& r, const Piece& p, float* memory, Index* row_offsets) {
  if (r.direct()) {
    for (Index q = 0; q < p.rows; ++q) {
      const Index n = (p.first + q) / r.out_h, y = (p.first + q) % r.out_h;
      row_offsets[q] = ((n * r.height + y * r.stride_h + r.rows.first) * r.width +
                        p.left * r.stride_w + r.columns.first) * r.channels;
    }
    return {r.input, r.width * r.channels};
  }
  const Index pixels = (p.columns - 1) * r.stride_w + r.columns.span(), pitch = pixels * r.channels;
  const Index x = p.left * r.stride_w + r.columns.first;
  Index used = 0;
  for (Index q = 0; q < p.rows;) {
    const Index n = (p.first + q) / r.out_h, y = (p.first + q) % r.out_h;
    const Index count = least(r.out_h - y, p.rows - q);
    const float* image = r.input + n * r.height * r.width * r.pitch;
    for (Index i = 0; i < count; ++i) row_offsets[q + i] = (used + i * r.stride_h) * pitch;
    const Index height = (count - 1) * r.stride_h + r.rows.span();
    for (Index i = 0; i < height; ++i)
      copy_row(r, image, y * r.stride_h + r.rows.first + i, x, pixels, memory + (used + i) * pitch);
    used += height;
    q += count;
  }
  return {memory, pitch};
}

}  // namespace
