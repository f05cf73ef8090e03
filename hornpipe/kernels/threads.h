// Threads for the kernels: those of the pool that XLA hands over, or of their own.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>
#if defined(__linux__)
#include <sched.h>
#endif

#include "kernels.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace {

using hornpipe::Index;
using hornpipe::Pool;

// ---- each thread a processor of its own

// Linux starts a thread that it wakes on the processor of the one that wakes it if it believes that no other is idle. In a virtual machine
// it believes that whenever the others have slept for a while, and with two processors most of the time: then one of them does all the
// work. So whoever has called helpers lets those that wait for its processor begin, and they leave it at once.
#if defined(__linux__)
inline int processor() { return sched_getcpu(); }
inline void let_others_begin() { sched_yield(); }

// Move the calling thread to another processor, where it may run on one; it may come back later.
inline void leave(int crowded) {
  cpu_set_t allowed;
  if (crowded < 0 || sched_getcpu() != crowded || sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
  cpu_set_t others = allowed;
  CPU_CLR(crowded, &others);
  if (CPU_COUNT(&others) != 0 && sched_setaffinity(0, sizeof(others), &others) == 0) sched_setaffinity(0, sizeof(allowed), &allowed);
}
#else
inline int processor() { return -1; }
inline void let_others_begin() {}
inline void leave(int) {}
#endif

// ---- the pool that XLA hands over

// To sleep and be woken takes longer than many a helper's last item, so a caller that has done its part first looks on for a while.
constexpr std::chrono::microseconds LOOK_ON{100};

// The caller takes part and waits only for items that some thread has begun: it ends even if the pool never runs a helper, and no
// thread is added to the machine's. A helper that comes late finds no item and touches nothing but this.
struct Work {
  std::atomic<Index> next{0}, done{0};
  Index count;
  void (*body)(void*, Index, Index);
  void* state;
  int callers_processor = -1;
  std::mutex mutex;
  std::condition_variable finished;

  void help(Index worker) {
    if (next.load() >= count) return;
    leave(callers_processor);
    take(worker);
  }

  void take(Index worker) {
    for (Index item; (item = next.fetch_add(1)) < count;) {
      body(state, item, worker);
      if (done.fetch_add(1) + 1 == count) {
        const std::lock_guard<std::mutex> lock(mutex);
        finished.notify_all();
      }
    }
  }

  void wait() {
    const auto end = std::chrono::steady_clock::now() + LOOK_ON;
    while (done.load() != count && std::chrono::steady_clock::now() < end) let_others_begin();
    std::unique_lock<std::mutex> lock(mutex);
    finished.wait(lock, [&] { return done.load() == count; });
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
  work->callers_processor = processor();
  for (Index worker = 1; worker < workers; ++worker)
    static_cast<ffi::ThreadPool*>(pool.owner)->Schedule([work, worker] { work->help(worker); });
  let_others_begin();
  work->take(0);
  work->wait();
}

// A pool of XLA's threads, or of the caller alone where waking others takes longer than the work.
inline Pool pool_for(ffi::ThreadPool& threads, Index multiply_adds) {
  constexpr Index SMALL = 1 << 20;
  const Index workers = static_cast<Index>(threads.num_threads());
  return {&threads, multiply_adds < SMALL || workers < 1 ? 1 : workers, run_on_pool};
}

// ---- threads of their own, for checks without XLA

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

}  // namespace
