// Channels in vectors, with shorter ones for what is left: for kernels in which every channel is on its own.
#pragma once

#include "common.h"

namespace {

// A vector of `T` is a full one, four floats, or one float, for the channels that are left.
typedef float Four __attribute__((vector_size(16)));

template <class T>
inline T read(const float* p) {
  T value;
  __builtin_memcpy(&value, p, sizeof(T));
  return value;
}
template <class T>
inline void write(float* p, T value) {
  __builtin_memcpy(p, &value, sizeof(T));
}

template <class T>
inline void write(float* p, T value, bool past) {
  if constexpr (sizeof(T) == sizeof(Vec))
    store(p, value, past);
  else
    write(p, value);
}

// Call body(T(), channel) for vectors of channels from first to last.
template <class Body>
inline void each_vector(Index channels, Body body) {
  Index c = 0;
  for (; c + LANES <= channels; c += LANES) body(Vec{}, c);
  for (; c + 4 <= channels; c += 4) body(Four{}, c);
  for (; c < channels; ++c) body(float{}, c);
}

// Set `channels` of the `pitch` floats of each pixel to zero.
inline void clear_channels(float* to, Index pixels, Index channels, Index pitch) {
  if (channels == pitch) {
    std::memset(to, 0, size_t(pixels * pitch) * 4);
    return;
  }
  for (Index i = 0; i < pixels; ++i) std::memset(to + i * pitch, 0, size_t(channels) * 4);
}

}  // namespace
