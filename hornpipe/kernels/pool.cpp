// Pooling in float32, channels last: the largest element or the mean of each window, and their gradients.
//
// Memory is what takes time: each image is read and written once, while it lies in the cache.
#include "common.h"
#include "lanes.h"

namespace {

using hornpipe::Pooling;

struct Range {
  Index begin, end;
};

// The elements of an axis that a window covers, without padding.
inline Range covered(Index out, Index stride, Index before, Index window, Index size) {
  const Index first = out * stride - before;
  return {most(0, first), least(size, first + window)};
}

// Call body(image, first channel, channels) for pieces that no two tasks share: whole images, or parts of their channels where there
// are few images.
template <class Body>
void each_piece(const Pool& pool, const Pooling& p, const Body& body) {
  const Index parts = p.batch >= 16 ? 1 : least(ceil_div(p.channels, LANES), 16);
  const Index channels = round_up(ceil_div(p.channels, parts), LANES);
  const Index used = ceil_div(p.channels, channels);
  auto task = [&](Index item, Index) {
    const Index first = item % used * channels;
    body(item / used, first, least(channels, p.channels - first));
  };
  parallel_for(pool, p.batch * used, task);
}

// Call body(output's number in the image, rows, columns) for every window.
template <class Body>
inline void each_window(const Pooling& p, const Body& body) {
  for (Index oy = 0; oy < p.out_h; ++oy) {
    const Range rows = covered(oy, p.stride_h, p.before_h, p.window_h, p.height);
    for (Index ox = 0; ox < p.out_w; ++ox)
      body(oy * p.out_w + ox, rows, covered(ox, p.stride_w, p.before_w, p.window_w, p.width));
  }
}

// Whether no two windows share an element: then each element's gradient is written once, and neither cleared nor read before.
inline bool apart(const Pooling& p) { return p.stride_h >= p.window_h && p.stride_w >= p.window_w; }

// Set the elements of an image's gradient to zero: all, or if windows are apart, those that no window covers.
inline void clear_gradient(const Pooling& p, float* to, Index channels) {
  auto clear = [&](Index first, Index pixels) {
    if (pixels > 0) clear_channels(to + first * p.channels, pixels, channels, p.channels);
  };
  if (!apart(p)) return clear(0, p.height * p.width);
  Index row = 0;
  for (Index oy = 0; oy < p.out_h; ++oy) {
    const Range rows = covered(oy, p.stride_h, p.before_h, p.window_h, p.height);
    clear(row * p.width, (rows.begin - row) * p.width);
    for (row = rows.begin; row < rows.end; ++row) {
      Index column = 0;
      for (Index ox = 0; ox < p.out_w; ++ox) {
        const Range columns = covered(ox, p.stride_w, p.before_w, p.window_w, p.width);
        clear(row * p.width + column, columns.begin - column);
        column = columns.end;
      }
      clear(row * p.width + column, p.width - column);
    }
  }
  clear(row * p.width, (p.height - row) * p.width);
}

// The first of the largest elements of a window in each channel, row by row; a NaN is larger than all, and the last one wins.
// body(k, offset) is called for the elements in order; `winner` becomes the number of the one that won.
template <class T>
inline T largest(const float* image, const Range& rows, const Range& columns, Index width, Index channels, T* winner) {
  T best = T{} - __builtin_inff(), place = T{} - 1.0f;
  float k = 0;
  for (Index y = rows.begin; y < rows.end; ++y)
    for (Index x = columns.begin; x < columns.end; ++x, ++k) {
      const T candidate = read<T>(image + (y * width + x) * channels);
      const auto better = (candidate > best) | (candidate != candidate) | (place < 0.0f);
      best = better ? candidate : best;
      place = better ? T{} + k : place;
    }
  *winner = place;
  return best;
}

// Of each window, the element of `values` where `x` is largest. Values may be x itself.
void pick(const Pool& pool, const Pooling& p, const float* x, const float* values, float* y) {
  each_piece(pool, p, [&](Index image, Index first, Index channels) {
    const Index at = image * p.height * p.width * p.channels + first;
    float* to = y + image * p.out_h * p.out_w * p.channels + first;
    each_window(p, [&](Index out, const Range& rows, const Range& columns) {
      each_vector(channels, [&](auto zero, Index c) {
        using T = decltype(zero);
        T winner, picked = {};
        const T best = largest<T>(x + at + c, rows, columns, p.width, p.channels, &winner);
        if (values == x) {
          write(to + out * p.channels + c, best);
          return;
        }
        float k = 0;
        for (Index row = rows.begin; row < rows.end; ++row)
          for (Index column = columns.begin; column < columns.end; ++column, ++k) {
            const T value = read<T>(values + at + (row * p.width + column) * p.channels + c);
            picked = winner == k ? value : picked;
          }
        write(to + out * p.channels + c, picked);
      });
    });
  });
}

// The gradient by x: dy goes to the element of each window that won.
void spread(const Pool& pool, const Pooling& p, const float* x, const float* dy, float* dx) {
  const bool once = apart(p);
  each_piece(pool, p, [&](Index image, Index first, Index channels) {
    const Index at = image * p.height * p.width * p.channels + first;
    const float* from = dy + image * p.out_h * p.out_w * p.channels + first;
    clear_gradient(p, dx + at, channels);
    each_window(p, [&](Index out, const Range& rows, const Range& columns) {
      each_vector(channels, [&](auto zero, Index c) {
        using T = decltype(zero);
        T winner;
        largest<T>(x + at + c, rows, columns, p.width, p.channels, &winner);
        const T gradient = read<T>(from + out * p.channels + c), nothing = {};
        float k = 0;
        for (Index row = rows.begin; row < rows.end; ++row)
          for (Index column = columns.begin; column < columns.end; ++column, ++k) {
            float* to = dx + at + (row * p.width + column) * p.channels + c;
            const T part = winner == k ? gradient : nothing;
            write(to, once ? part : read<T>(to) + part);
          }
      });
    });
  });
}

void mean(const Pool& pool, const Pooling& p, const float* x, float* y) {
  each_piece(pool, p, [&](Index image, Index first, Index channels) {
    const float* from = x + image * p.height * p.width * p.channels + first;
    float* to = y + image * p.out_h * p.out_w * p.channels + first;
    each_window(p, [&](Index out, const Range& rows, const Range& columns) {
      const float number = static_cast<float>((rows.end - rows.begin) * (columns.end - columns.begin));
      each_vector(channels, [&](auto zero, Index c) {
        decltype(zero) sum = {};
        for (Index row = rows.begin; row < rows.end; ++row)
          for (Index column = columns.begin; column < columns.end; ++column)
            sum += read<decltype(zero)>(from + (row * p.width + column) * p.channels + c);
        write(to + out * p.channels + c, sum / number);
      });
    });
  });
}

void mean_gradient(const Pool& pool, const Pooling& p, const float* dy, float* dx) {
  each_piece(pool, p, [&](Index image, Index first, Index channels) {
    const float* from = dy + image * p.out_h * p.out_w * p.channels + first;
    float* to = dx + image * p.height * p.width * p.channels + first;
    clear_channels(to, p.height * p.width, channels, p.channels);
    each_window(p, [&](Index out, const Range& rows, const Range& columns) {
      const float number = static_cast<float>((rows.end - rows.begin) * (columns.end - columns.begin));
      each_vector(channels, [&](auto zero, Index c) {
        using T = decltype(zero);
        const T part = read<T>(from + out * p.channels + c) / number;
        for (Index row = rows.begin; row < rows.end; ++row)
          for (Index column = columns.begin; column < columns.end; ++column) {
            float* place = to + (row * p.width + column) * p.channels + c;
            write(place, read<T>(place) + part);
          }
      });
    });
  });
}

}  // namespace

namespace hornpipe {
const PoolKernels HORNPIPE_VARIANT(pool) = {pick, spread, mean, mean_gradient};
}
