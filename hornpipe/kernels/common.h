// Vectors, scratch memory and the geometry of windows, for the source files of one variant. Everything is in the unnamed namespace:
// see kernels.h.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels.h"
#include "large_pages.h"

namespace {

using hornpipe::Conv;
using hornpipe::Index;
using hornpipe::Pool;

// HORNPIPE_VARIANT(conv) is the name of this variant's table of functions.
#if defined(__AVX512F__)
#define HORNPIPE_VARIANT(family) family##_avx512
constexpr int LANES = 16, TILE_ROWS = 12;
#elif defined(__AVX2__)
#define HORNPIPE_VARIANT(family) family##_avx2
constexpr int LANES = 8, TILE_ROWS = 6;
#else
#define HORNPIPE_VARIANT(family) family##_portable
constexpr int LANES = 4, TILE_ROWS = 8;
#endif
constexpr int PANEL = 2 * LANES;  // columns of a full register tile

typedef float Vec __attribute__((vector_size(4 * LANES)));
typedef float LooseVec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

inline Vec load(const float* p) { return *reinterpret_cast<const LooseVec*>(p); }
inline void store(float* p, Vec v) { *reinterpret_cast<LooseVec*>(p) = v; }
inline Index least(Index a, Index b) { return a < b ? a : b; }
inline Index most(Index a, Index b) { return a > b ? a : b; }
inline Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }
inline Index round_up(Index a, Index b) { return ceil_div(a, b) * b; }

// ---- results that go past the caches

// A plain store first reads the line of memory that it changes. Where results are more than the caches keep until somebody reads them,
// whole lines are written instead.
constexpr Index PAST_FLOATS = 1 << 20;

// Whether results of so many floats go there: a vector has to be a line, and each pixel's first one to begin with one.
inline bool go_past(const float* to, Index floats, Index pixel_pitch) {
  return sizeof(Vec) == 64 && floats >= PAST_FLOATS && pixel_pitch % LANES == 0 && reinterpret_cast<uintptr_t>(to) % sizeof(Vec) == 0;
}
inline void store(float* p, Vec v, bool past) {
#if defined(__AVX512F__)
  if (past) return _mm512_stream_ps(p, v);
#endif
  store(p, v);
}

// ---- parts of vectors: their first `count` elements; zeros are read for the rest

#if defined(__AVX512F__)
inline __mmask16 first_lanes(Index count) { return count >= LANES ? 0xffff : __mmask16((1u << count) - 1); }
inline Vec load_part(const float* from, Index count) { return _mm512_maskz_loadu_ps(first_lanes(count), from); }
inline void store_part(float* to, Vec v, Index count, bool past) {
  if (count >= LANES) return store(to, v, past);
  _mm512_mask_storeu_ps(to, first_lanes(count), v);
}
#else
inline Vec load_part(const float* from, Index count) {
  if (count >= LANES) return load(from);
  float part[LANES] = {};
  for (Index c = 0; c < count; ++c) part[c] = from[c];
  return load(part);
}
inline void store_part(float* to, Vec v, Index count, bool past) {
  if (count >= LANES) return store(to, v, past);
  float part[LANES];
  store(part, v);
  for (Index c = 0; c < count; ++c) to[c] = part[c];
}
#endif

template <class Body>
void parallel_for(const Pool& pool, Index count, Body& body) {
  pool.run(
      pool, count,
      [](void* state, Index item, Index worker) {
        (*static_cast<Body*>(state))(item, worker);
#if defined(__x86_64__)
        _mm_sfence();  // what went past the caches is seen by whoever waits for the task
#endif
      },
      &body);
}

// While one lives, its thread takes numbers below the least normal one (1.2e-38) for zero, and makes none. Gradients that fade over many
// steps reach them, and a processor computes with them a hundred times as slowly.
class FlushDenormals {
 public:
#if defined(__x86_64__)
  FlushDenormals() : before_(__builtin_ia32_stmxcsr()) { __builtin_ia32_ldmxcsr(before_ | 0x8040); }
  ~FlushDenormals() { __builtin_ia32_ldmxcsr(before_); }

 private:
  unsigned before_;
#elif defined(__aarch64__)
  FlushDenormals() {
    asm volatile("mrs %0, fpcr" : "=r"(before_));
    asm volatile("msr fpcr, %0" : : "r"(before_ | (uint64_t(1) << 24)));
  }
  ~FlushDenormals() { asm volatile("msr fpcr, %0" : : "r"(before_)); }

 private:
  uint64_t before_;
#else
  FlushDenormals() {}
#endif
};

// ---- scratch: one block of memory a call, kept by the calling thread for the next one

struct Block {
  char* data = nullptr;
  size_t size = 0;
  ~Block() { std::free(data); }
};
thread_local Block kept;
constexpr size_t KEEP_AT_MOST = size_t(64) << 20;

// Pieces of the block are first reserved, then the block is allocated, then `at` gives their memory.
class Arena {
 public:
  ~Arena() {
    if (kept.size <= KEEP_AT_MOST) return;
    std::free(kept.data);
    kept.data = nullptr;
    kept.size = 0;
  }
  template <class T>
  size_t reserve(Index count) {
    const size_t at = total_;
    total_ += (size_t(count) * sizeof(T) + 127) / 64 * 64;
    return at;
  }
  bool allocate() {
    if (kept.size < total_) {
      std::free(kept.data);
      const size_t page = total_ < LARGE_PAGE ? 4096 : LARGE_PAGE;
      const size_t size = (total_ + total_ / 8 + page - 1) / page * page;
      kept.data = static_cast<char*>(std::aligned_alloc(page, size));
      kept.size = kept.data ? size : 0;
      if (kept.data) advise_large_pages(kept.data, size);
    }
    base_ = kept.data;  // `kept` is another one in the pool's threads
    return base_ != nullptr;
  }
  template <class T>
  T* at(size_t offset) const {
    return reinterpret_cast<T*>(base_ + offset);
  }

 private:
  size_t total_ = 0;
  char* base_ = nullptr;
};

// Gradients of kernels are sums over all pixels, added up in shares of their own and then in a fixed order.
constexpr Index SHARES = 16;                     // at most so many partial sums, whatever the number of threads
constexpr Index SHARE_FLOATS = 2 * 1024 * 1024;  // of all partial sums together, at most

// ---- windows

// The places of the window along one axis that an output meets, in ascending order of the input: place i is window element
// `window` + i * `window_step` and lies at offset `first` + i * `spacing` of the output's own place in the input.
struct Places {
  Index count, first, spacing, window, window_step;

  Index offset(Index i) const { return first + i * spacing; }
  Index element(Index i) const { return window + i * window_step; }
  Index span() const { return (count - 1) * spacing + 1; }

  static Places forward(Index size, Index step, Index before) { return {size, -before, step, 0, 1}; }

  // For the gradient at input elements `residue`, `residue` + stride, ...: input i meets outputs (i + before - k * step) / stride.
  static Places backward(Index size, Index step, Index before, Index stride, Index residue) {
    Places places{0, 0, 1, 0, -1};
    for (Index k = size - 1; k >= 0; --k) {
      const Index distance = residue + before - k * step;
      if (distance % stride) continue;
      if (places.count == 0) places.first = distance / stride, places.window = k;
      if (places.count == 1)
        places.spacing = distance / stride - places.first, places.window_step = k - places.window;
      ++places.count;
    }
    return places;
  }

  // For the gradient at all of `size_of_square` inputs from a multiple of it on: the outputs that any of them meets.
  static Places square(Index size, Index step, Index before, Index stride, Index size_of_square) {
    Index first = 1, last = 0;
    for (Index a = 0; a < size_of_square; ++a)
      for (Index k = 0; k < size; ++k) {
        const Index distance = a + before - k * step, place = distance / stride;
        if (distance % stride) continue;
        if (last < first) first = last = place;
        first = least(first, place), last = most(last, place);
      }
    return {last - first + 1, first, 1, 0, 1};
  }
};

// What the windows of all outputs read: output (oy, ox) meets input (oy * stride_h + rows.offset(i), ox * stride_w + ...).
// `channels` of the `pitch` floats of each input pixel belong to it.
struct Reading {
  const float* input;
  Index batch, height, width, pitch, channels;
  Index out_h, out_w, stride_h, stride_w;
  Places rows, columns;

  bool direct() const {  // nothing outside the image, no other channels in between
    return pitch == channels && rows.first >= 0 && columns.first >= 0 &&
           rows.first + (out_h - 1) * stride_h + rows.span() <= height &&
           columns.first + (out_w - 1) * stride_w + columns.span() <= width;
  }
};

// Where results go, in floats between neighbours.
struct Output {
  float* data;
  Index columns;  // filters of this group
  Index image_pitch, row_pitch, pixel_pitch;

  bool past(Index batch) const { return go_past(data, batch * image_pitch, pixel_pitch); }
};

inline bool is_depthwise(const Conv& c) { return c.groups > 1 && c.groups == c.channels && c.groups == c.filters; }

inline Reading forward_reading(const Conv& c, const float* x, Index group) {
  return {x + group * (c.channels / c.groups), c.batch, c.height, c.width, c.channels, c.channels / c.groups,
          c.out_h, c.out_w, c.stride_h, c.stride_w,
          Places::forward(c.window_h, c.step_h, c.before_h), Places::forward(c.window_w, c.step_w, c.before_w)};
}

inline Reading whole_reading(const Conv& c, const float* x) {
  Reading reading = forward_reading(c, x, 0);
  reading.channels = c.channels;
  return reading;
}

}  // namespace
