// The way from XLA into the kernels: threads, choice of the variant. For the <family>_ffi.cpp files, which check every shape and are
// compiled for any processor.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "kernels.h"
#include "large_pages.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace {

using hornpipe::Index;
using hornpipe::Pool;

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

// ---- the pool that XLA hands over

// The caller takes part and waits only for items that some thread has begun: it ends even if the pool never runs a helper, and no
// thread is added to the machine's. A helper that comes late finds no item and touches nothing but this.
struct Work {
  std::atomic<Index> next{0}, done{0};
  Index count;
  void (*body)(void*, Index, Index);
  void* state;
  std::mutex mutex;
  std::condition_variable finished;

  void take(Index worker) {
    for (Index item; (item = next.fetch_add(1)) < count;) {
      body(state, item, worker);
      if (done.fetch_add(1) + 1 == count) {
        const std::lock_guard<std::mutex> lock(mutex);
        finished.notify_all();
      }
    }
  }
};

inline void run_on_pool(const Pool& pool, Index count, void (*body)(void*, Index, Index), void* state) {
  const Index workers = pool.workers < count ? pool.workers : count;
  if (workers <= 1) {
    for (Index item = 0; item < count; ++item) body(state, item, 0);
    return;
  }
  auto work = std::make_shared<Work>();
  work->count = count;
  work->body = body;
  work->state = state;
  for (Index worker = 1; worker < workers; ++worker)
    static_cast<ffi::ThreadPool*>(pool.owner)->Schedule([work, worker] { work->take(worker); });
  work->take(0);
  std::unique_lock<std::mutex> lock(work->mutex);
  work->finished.wait(lock, [&] { return work->done.load() == count; });
}

inline void run_on_threads(const Pool& pool, Index count, void (*body)(void*, Index, Index), void* state) {
  Work work;
  work.count = count;
  work.body = body;
  work.state = state;
  std::vector<std::thread> threads;
  for (Index worker = 1; worker < pool.workers && worker < count; ++worker)
    threads.emplace_back([&work, worker] { work.take(worker); });
  work.take(0);
  for (std::thread& thread : threads) thread.join();
}

// A pool of XLA's threads, or of the caller alone where waking others takes longer than the work.
inline Pool pool_for(ffi::ThreadPool& threads, Index multiply_adds) {
  constexpr Index SMALL = 1 << 20;
  const Index workers = static_cast<Index>(threads.num_threads());
  return {&threads, multiply_adds < SMALL || workers < 1 ? 1 : workers, run_on_pool};
}

}  // namespace

#define HORNPIPE_EXPORT extern "C" __attribute__((visibility("default")))
