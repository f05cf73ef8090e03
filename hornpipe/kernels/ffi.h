// The way from XLA into the kernels: choice of the variant, and the memory of XLA's arrays. For the <family>_ffi.cpp files, which check every shape and are compiled
// for any processor.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdio>
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

// ---- the arrays' memory

}  // namespace

#if defined(__linux__)
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

// One for all handlers.
namespace hornpipe {

// Whether the machine's owner lets programs have large pages at all.
inline bool find_large_pages() {
  char text[64] = {};
  std::FILE* file = std::fopen("/sys/kernel/mm/transparent_hugepage/enabled", "r");
  if (file == nullptr) return false;
  const bool read = std::fgets(text, sizeof(text), file) != nullptr;
  std::fclose(file);
  return read && std::strstr(text, "[never]") == nullptr;
}

inline const bool has_large_pages = find_large_pages();

// How often each large page was met: its number, then 24 bits of count. Two pages that share a place forget their counts, no more.
constexpr uint64_t PLACES = 4096;
inline std::atomic<uint64_t> places[PLACES];

inline uint64_t meet(uint64_t page) {
  std::atomic<uint64_t>& place = places[page % PLACES];
  const uint64_t known = place.load(std::memory_order_relaxed);
  const uint64_t count = known >> 24 == page ? (known & 0xffffff) + 1 : 1;
  place.store(page << 24 | (count & 0xffffff), std::memory_order_relaxed);
  return count;
}

constexpr uint64_t OFTEN = 4;

// Large pages for an array, and for what lies beside it in its first and last one. Memory that is new gets them when it is first written,
// so a result asks each time. What was written before lies in small pages and is moved when it has been met OFTEN, for moving takes as
// long as it saves in some calls. It is tried again whenever the count has doubled: memory that was freed may come back in small pages.
inline void in_large_pages(const void* data, size_t bytes, bool result) {
  if (bytes < LARGE_PAGE || !has_large_pages) return;
  const uint64_t address = reinterpret_cast<uintptr_t>(data);
  const uint64_t first = address / LARGE_PAGE, end = (address + bytes + LARGE_PAGE - 1) / LARGE_PAGE;
  bool often = false;
  for (uint64_t page = first; page < end; ++page) {
    const uint64_t count = meet(page);
    often |= count >= OFTEN && (count & (count - 1)) == 0;
  }
  void* start = reinterpret_cast<void*>(first * LARGE_PAGE);
  if (result) madvise(start, (end - first) * LARGE_PAGE, MADV_HUGEPAGE);
  if (often) madvise(start, (end - first) * LARGE_PAGE, MADV_COLLAPSE);  // systems that do not know it change nothing
}

}  // namespace hornpipe
#else
namespace hornpipe {
inline void in_large_pages(const void*, size_t, bool) {}
}  // namespace hornpipe
#endif

namespace {

// ---- the way of every call

inline XLA_FFI_Error* handle(const ffi::Ffi& handler, XLA_FFI_CallFrame* frame) {
  auto place = [](void* const* arrays, int64_t count, bool results) {  // XLA passes nothing but arrays
    for (int64_t i = 0; i < count; ++i) {
      const ffi::AnyBuffer array(static_cast<const XLA_FFI_Buffer*>(arrays[i]));
      hornpipe::in_large_pages(array.untyped_data(), array.size_bytes(), results);
    }
  };
  if (frame->stage == XLA_FFI_ExecutionStage_EXECUTE) {
    place(frame->args.args, frame->args.size, false);
    place(frame->rets.rets, frame->rets.size, true);
  }
  return handler.Call(frame);
}

}  // namespace

#define HORNPIPE_EXPORT extern "C" __attribute__((visibility("default")))
