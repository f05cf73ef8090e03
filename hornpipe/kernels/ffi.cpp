// The way from XLA into the kernels: threads, checks of every shape, choice of the variant. Compiled for any processor.
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "kernels.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace {

using hornpipe::Conv;
using hornpipe::Index;
using hornpipe::Pool;
using hornpipe::Variant;

// HORNPIPE_KERNELS=avx2 asks for the narrower instructions on processors that have both.
const Variant* find_variant() {
#if defined(__x86_64__) && !defined(HORNPIPE_PORTABLE)
  const char* wish = std::getenv("HORNPIPE_KERNELS");
  const bool narrow = wish != nullptr && std::strcmp(wish, "avx2") == 0;
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  if (avx2 && !narrow && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return &hornpipe::variant_avx512;
  return avx2 ? &hornpipe::variant_avx2 : nullptr;
#else
  return &hornpipe::variant_portable;
#endif
}

const Variant* const variant = find_variant();

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

void run_on_pool(const Pool& pool, Index count, void (*body)(void*, Index, Index), void* state) {
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

void run_on_threads(const Pool& pool, Index count, void (*body)(void*, Index, Index), void* state) {
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

// ---- checks

using Floats = ffi::Buffer<ffi::F32, 4>;
using Numbers = ffi::Span<const int64_t>;

constexpr Index LARGEST = Index(1) << 40;

bool fits(const Conv& c) {
  if (c.batch < 0 || c.batch > LARGEST) return false;
  for (Index size : {c.height, c.width, c.channels, c.window_h, c.window_w, c.filters, c.out_h, c.out_w,
                     c.stride_h, c.stride_w, c.step_h, c.step_w, c.groups})
    if (size < 1 || size > LARGEST) return false;
  for (Index before : {c.before_h, c.before_w})
    if (before < -LARGEST || before > LARGEST) return false;
  return c.channels % c.groups == 0 && c.filters % c.groups == 0;
}

ffi::Error read(const ffi::Span<const int64_t>& image, const ffi::Span<const int64_t>& kernel,
                const ffi::Span<const int64_t>& out, const Numbers& numbers, Conv* c) {
  if (numbers.size() != 7) return ffi::Error::InvalidArgument("hornpipe conv: seven numbers must come with the arrays");
  *c = {image[0], image[1], image[2], image[3], kernel[0], kernel[1], kernel[3], out[1], out[2],
        numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6]};
  if (!fits(*c) || out[0] != c->batch || out[3] != c->filters || kernel[2] * c->groups != c->channels)
    return ffi::Error::InvalidArgument("hornpipe conv: the shapes do not fit together");
  return ffi::Error::Success();
}

using Function = bool (*)(const Pool&, const Conv&, const float*, const float*, float*);

constexpr Index SMALL = 1 << 20;  // multiply-adds; waking a thread takes longer than these

Index threads_worth(const Conv& c, Index threads) {
  const Index work = c.batch * c.out_h * c.out_w * c.filters * c.window_h * c.window_w * (c.channels / c.groups);
  return work < SMALL || threads < 1 ? 1 : threads;
}

// Ask for large pages behind a large result. Fresh memory otherwise costs a page fault for each 4 kB, which takes longer than many a
// convolution; memory that was written before is not changed by this.
void advise_large_pages(float* data, size_t bytes) {
#if defined(__linux__)
  constexpr uintptr_t PAGE = uintptr_t(2) << 20;
  const uintptr_t address = reinterpret_cast<uintptr_t>(data);
  const uintptr_t first = (address + PAGE - 1) / PAGE * PAGE, last = (address + bytes) / PAGE * PAGE;
  if (bytes >= 2 * PAGE && first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#else
  (void)data, (void)bytes;
#endif
}

ffi::Error call(ffi::ThreadPool& threads, Function Variant::*function, const Conv& c, const float* first,
                const float* second, Floats& out) {
  if (variant == nullptr) return ffi::Error::Internal("hornpipe: this processor lacks the instructions of the compiled kernels");
  const Pool pool{&threads, threads_worth(c, static_cast<Index>(threads.num_threads())), run_on_pool};
  float* result = out.typed_data();
  advise_large_pages(result, out.size_bytes());
  if (!(variant->*function)(pool, c, first, second, result))
    return ffi::Error(ffi::ErrorCode::kResourceExhausted, "hornpipe conv: no memory for scratch space");
  return ffi::Error::Success();
}

ffi::Error forward(ffi::ThreadPool threads, Floats x, Floats kernel, ffi::Result<Floats> y, Numbers numbers) {
  Conv c;
  if (auto error = read(x.dimensions(), kernel.dimensions(), y->dimensions(), numbers, &c); error.failure()) return error;
  return call(threads, &Variant::forward, c, x.typed_data(), kernel.typed_data(), *y);
}

ffi::Error input_gradient(ffi::ThreadPool threads, Floats dy, Floats kernel, ffi::Result<Floats> dx, Numbers numbers) {
  Conv c;
  if (auto error = read(dx->dimensions(), kernel.dimensions(), dy.dimensions(), numbers, &c); error.failure()) return error;
  return call(threads, &Variant::input_gradient, c, dy.typed_data(), kernel.typed_data(), *dx);
}

ffi::Error kernel_gradient(ffi::ThreadPool threads, Floats x, Floats dy, ffi::Result<Floats> dkernel, Numbers numbers) {
  Conv c;
  if (auto error = read(x.dimensions(), dkernel->dimensions(), dy.dimensions(), numbers, &c); error.failure()) return error;
  return call(threads, &Variant::kernel_gradient, c, x.typed_data(), dy.typed_data(), *dkernel);
}

}  // namespace

#define HORNPIPE_EXPORT extern "C" __attribute__((visibility("default")))

HORNPIPE_EXPORT const char* hornpipe_variant() { return variant == nullptr ? "" : variant->name; }

// The same functions on plain memory with threads of their own, for checks without XLA: 0 is the convolution, 1 the image's gradient, 2
// the kernel's. Returns whether it was done.
HORNPIPE_EXPORT int hornpipe_run(int which, const int64_t* sizes, const float* first, const float* second, float* result,
                                 int threads) {
  Conv c;
  static_assert(sizeof(Conv) == 16 * sizeof(int64_t), "`sizes` are the fields of Conv, in order");
  std::memcpy(&c, sizes, sizeof(Conv));
  if (variant == nullptr || !fits(c) || which < 0 || which > 2 || threads < 1) return 0;
  const Function Variant::*functions[] = {&Variant::forward, &Variant::input_gradient, &Variant::kernel_gradient};
  return (variant->*functions[which])({nullptr, threads, run_on_threads}, c, first, second, result);
}

#define HORNPIPE_HANDLER(name, function)                          \
  HORNPIPE_EXPORT XLA_FFI_Error* name(XLA_FFI_CallFrame* frame) { \
    static auto* handler = ffi::Ffi::Bind()                       \
                               .Ctx<ffi::ThreadPool>()            \
                               .Arg<Floats>()                     \
                               .Arg<Floats>()                     \
                               .Ret<Floats>()                     \
                               .Attr<Numbers>("numbers")          \
                               .To(function)                      \
                               .release();                        \
    return handler->Call(frame);                                  \
  }

HORNPIPE_HANDLER(hornpipe_conv, forward)
HORNPIPE_HANDLER(hornpipe_conv_dx, input_gradient)
HORNPIPE_HANDLER(hornpipe_conv_dw, kernel_gradient)
