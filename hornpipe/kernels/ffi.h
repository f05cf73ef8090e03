// The way from XLA into the kernels: choice of the variant, memory for results. For the <family>_ffi.cpp files, which check every shape
// and are compiled for any processor.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "kernels.h"
#include "large_pages.h"
#include "threads.h"

namespace {

// ---- variants

struct Level {
  const char* name;  // empty where the processor lacks what all variants need
  int number;
};

// HORNPIPE_KERNELS=avx2 asks for the narrower instructions on processors that have both.
inline Level find_level() {
#if defined(__x86_64__) && !defined(HORNPIPE_PORTABLE)
  const char* wish = std::getenv("HORNPIPE_KERNELS");
  const bool narrow = wish != nullptr && std::strcmp(wish, "avx2") == 0;
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  if (avx2 && !narrow && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return {"avx512", 2};
  return avx2 ? Level{"avx2", 1} : Level{"", 0};
#else
  return {"portable", 1};
#endif
}

const Level level = find_level();

// The table of functions that this processor runs, or null.
#if defined(__x86_64__) && !defined(HORNPIPE_PORTABLE)
#define HORNPIPE_TABLE(family) \
  (level.number == 2 ? &hornpipe::family##_avx512 : level.number == 1 ? &hornpipe::family##_avx2 : nullptr)
#else
#define HORNPIPE_TABLE(family) (&hornpipe::family##_portable)
#endif

inline ffi::Error no_variant() {
  return ffi::Error::Internal("hornpipe: this processor lacks the instructions of the compiled kernels");
}
inline ffi::Error no_memory() {
  return ffi::Error(ffi::ErrorCode::kResourceExhausted, "hornpipe: no memory for scratch space");
}

// ---- the way of every call

inline XLA_FFI_Error* handle(const ffi::Ffi& handler, XLA_FFI_CallFrame* frame) {
  if (frame->stage == XLA_FFI_ExecutionStage_EXECUTE)
    for (int64_t i = 0; i < frame->rets.size; ++i) {  // nothing but arrays
      const ffi::AnyBuffer result(static_cast<const XLA_FFI_Buffer*>(frame->rets.rets[i]));
      advise_large_pages(result.untyped_data(), result.size_bytes());
    }
  return handler.Call(frame);
}

}  // namespace

#define HORNPIPE_EXPORT extern "C" __attribute__((visibility("default")))
