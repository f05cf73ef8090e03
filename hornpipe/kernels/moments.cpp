// Sums of each channel over many rows: mean and variance, what their gradients need, the gradient of ReLU with that of the bias before
// it. Every row is read from memory once.
#include "common.h"
#include "lanes.h"

namespace {

using hornpipe::Table;

constexpr Index BLOCK_FLOATS = 4096;  // of rows that stay in the first-level cache between two looks at them

// Shares of rows, cut by the table's shape alone.
struct Shares {
  Index rows, count;

  explicit Shares(const Table& t) : rows(t.rows), count(most(1, least(SHARES, t.rows * t.channels / (4 * BLOCK_FLOATS)))) {}
  Index begin(Index share) const { return rows * share / count; }
};

// Means and sums of squared distances from them of two sets of rows become those of all their rows (Chan, Golub and LeVeque, 1979).
template <class T>
inline void join(float count, T& mean, T& squares, float more, T other_mean, T other_squares) {
  const T distance = other_mean - mean;
  const float share = more / (count + more);
  mean += distance * share;
  squares += other_squares + distance * distance * (count * share);
}

bool moments(const Pool& pool, const Table& t, const float* x, float* mean, float* variance) {
  const Shares shares(t);
  Arena arena;
  const size_t means_at = arena.reserve<float>(shares.count * t.channels);
  const size_t squares_at = arena.reserve<float>(shares.count * t.channels);
  if (!arena.allocate()) return false;
  float* means = arena.at<float>(means_at);
  float* squares = arena.at<float>(squares_at);
  const Index block = most(1, BLOCK_FLOATS / t.channels);
  auto share = [&](Index item, Index) {
    const Index begin = shares.begin(item), end = shares.begin(item + 1);
    for (Index first = begin; first < end; first += block) {
      const Index rows = least(block, end - first);
      each_vector(t.channels, [&](auto zero, Index c) {
        using T = decltype(zero);
        const float* from = x + first * t.channels + c;
        T sum = {}, spread = {};
        for (Index row = 0; row < rows; ++row) sum += read<T>(from + row * t.channels);
        const T own = sum / static_cast<float>(rows);
        for (Index row = 0; row < rows; ++row) {
          const T distance = read<T>(from + row * t.channels) - own;
          spread += distance * distance;
        }
        float* to = means + item * t.channels + c;
        float* to_squares = squares + item * t.channels + c;
        if (first == begin) {
          write(to, own);
          write(to_squares, spread);
          return;
        }
        T all = read<T>(to), all_squares = read<T>(to_squares);
        join(static_cast<float>(first - begin), all, all_squares, static_cast<float>(rows), own, spread);
        write(to, all);
        write(to_squares, all_squares);
      });
    }
  };
  parallel_for(pool, shares.count, share);
  each_vector(t.channels, [&](auto zero, Index c) {
    using T = decltype(zero);
    T all = read<T>(means + c), all_squares = read<T>(squares + c);
    for (Index item = 1; item < shares.count; ++item)
      join(static_cast<float>(shares.begin(item)), all, all_squares,
           static_cast<float>(shares.begin(item + 1) - shares.begin(item)), read<T>(means + item * t.channels + c),
           read<T>(squares + item * t.channels + c));
    write(mean + c, all);
    write(variance + c, all_squares / static_cast<float>(t.rows));
  });
  return true;
}

// sums = sum of dy over the rows; products = sum of dy * (x - mean).
bool products(const Pool& pool, const Table& t, const float* x, const float* mean, const float* dy, float* sums, float* with_x) {
  const Shares shares(t);
  Arena arena;
  const size_t at = arena.reserve<float>(2 * shares.count * t.channels);
  if (!arena.allocate()) return false;
  float* partial = arena.at<float>(at);
  const Index block = most(1, BLOCK_FLOATS / t.channels);
  auto share = [&](Index item, Index) {
    float* own_sums = partial + 2 * item * t.channels;
    float* own_products = own_sums + t.channels;
    std::memset(own_sums, 0, size_t(2 * t.channels) * 4);
    const Index end = shares.begin(item + 1);
    for (Index first = shares.begin(item); first < end; first += block) {
      const Index rows = least(block, end - first);
      each_vector(t.channels, [&](auto zero, Index c) {
        using T = decltype(zero);
        const T center = read<T>(mean + c);
        T sum = {}, product = {};
        for (Index row = first; row < first + rows; ++row) {
          const T gradient = read<T>(dy + row * t.channels + c);
          sum += gradient;
          product += gradient * (read<T>(x + row * t.channels + c) - center);
        }
        write(own_sums + c, read<T>(own_sums + c) + sum);
        write(own_products + c, read<T>(own_products + c) + product);
      });
    }
  };
  parallel_for(pool, shares.count, share);
  each_vector(t.channels, [&](auto zero, Index c) {
    using T = decltype(zero);
    T sum = read<T>(partial + c), product = read<T>(partial + t.channels + c);
    for (Index item = 1; item < shares.count; ++item) {
      sum += read<T>(partial + 2 * item * t.channels + c);
      product += read<T>(partial + (2 * item + 1) * t.channels + c);
    }
    write(sums + c, sum);
    write(with_x + c, product);
  });
  return true;
}

// One block of rows: VECS vectors of T of each.
template <class T, int VECS>
inline void mask_rows(const float* y, const float* dy, Index rows, Index channels, float* dx, float* sums) {
  constexpr Index WIDTH = sizeof(T) / sizeof(float);
  T all[VECS] = {};
  for (Index row = 0; row < rows; ++row, y += channels, dy += channels, dx += channels)
#pragma GCC unroll 4
    for (int j = 0; j < VECS; ++j) {
      const T part = read<T>(y + j * WIDTH) <= 0.0f ? T{} : read<T>(dy + j * WIDTH);
      write(dx + j * WIDTH, part);
      all[j] += part;
    }
  for (int j = 0; j < VECS; ++j) write(sums + j * WIDTH, read<T>(sums + j * WIDTH) + all[j]);
}

bool relu_gradient(const Pool& pool, const Table& t, const float* y, const float* dy, float* dx, float* sums) {
  const Shares shares(t);
  Arena arena;
  const size_t at = arena.reserve<float>(shares.count * t.channels);
  if (!arena.allocate()) return false;
  float* partial = arena.at<float>(at);
  const Index block = most(1, BLOCK_FLOATS / t.channels);
  auto share = [&](Index item, Index) {
    float* own = partial + item * t.channels;
    std::memset(own, 0, size_t(t.channels) * 4);
    for (Index first = shares.begin(item), end = shares.begin(item + 1); first < end; first += block) {
      const Index rows = least(block, end - first), from = first * t.channels;
      Index c = 0;
      for (; c + 4 * LANES <= t.channels; c += 4 * LANES)
        mask_rows<Vec, 4>(y + from + c, dy + from + c, rows, t.channels, dx + from + c, own + c);
      each_vector(t.channels - c, [&](auto zero, Index more) {
        using T = decltype(zero);
        const Index place = from + c + more;
        mask_rows<T, 1>(y + place, dy + place, rows, t.channels, dx + place, own + c + more);
      });
    }
  };
  parallel_for(pool, shares.count, share);
  each_vector(t.channels, [&](auto zero, Index c) {
    using T = decltype(zero);
    T sum = read<T>(partial + c);
    for (Index item = 1; item < shares.count; ++item) sum += read<T>(partial + item * t.channels + c);
    write(sums + c, sum);
  });
  return true;
}

}  // namespace

namespace hornpipe {
const MomentKernels HORNPIPE_VARIANT(moments) = {moments, products, relu_gradient};
}
