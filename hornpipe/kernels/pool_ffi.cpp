// Pooling: checks of every shape, and the handlers that XLA calls.
#include "ffi.h"

namespace {

using hornpipe::Pooling;
using hornpipe::PoolKernels;

const PoolKernels* const table = HORNPIPE_TABLE(pool);

using Floats = ffi::Buffer<ffi::F32, 4>;
using Numbers = ffi::Span<const int64_t>;

constexpr Index LARGEST = Index(1) << 40;

bool fits(const Pooling& p) {
  if (p.batch < 0 || p.batch > LARGEST) return false;
  for (Index size : {p.height, p.width, p.channels, p.out_h, p.out_w, p.window_h, p.window_w, p.stride_h, p.stride_w})
    if (size < 1 || size > LARGEST) return false;
  // Places in a window are counted in float32.
  if (p.window_h > 4096 || p.window_w > 4096 || p.before_h < 0 || p.before_w < 0) return false;
  // Every window holds an element of the image.
  return p.before_h < p.window_h && p.before_w < p.window_w && (p.out_h - 1) * p.stride_h - p.before_h < p.height &&
         (p.out_w - 1) * p.stride_w - p.before_w < p.width;
}

ffi::Error read(const ffi::Span<const int64_t>& image, const ffi::Span<const int64_t>& result, const Numbers& numbers, Pooling* p) {
  if (numbers.size() != 6) return ffi::Error::InvalidArgument("hornpipe pool: six numbers must come with the arrays");
  *p = {image[0], image[1], image[2], image[3], result[1], result[2],
        numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]};
  if (!fits(*p) || result[0] != p->batch || result[3] != p->channels)
    return ffi::Error::InvalidArgument("hornpipe pool: the shapes do not fit together");
  return ffi::Error::Success();
}

bool same(const ffi::Span<const int64_t>& a, const ffi::Span<const int64_t>& b) {
  for (int axis = 0; axis < 4; ++axis)
    if (a[axis] != b[axis]) return false;
  return true;
}

// Reading an element takes about as long as eight multiply-adds.
Pool pool_of(ffi::ThreadPool& threads, const Pooling& p) {
  return pool_for(threads, 8 * p.batch * p.height * p.width * p.channels);
}

ffi::Error max_pool(ffi::ThreadPool threads, Floats x, ffi::Result<Floats> y, Numbers numbers) {
  Pooling p;
  if (auto error = read(x.dimensions(), y->dimensions(), numbers, &p); error.failure()) return error;
  if (table == nullptr) return no_variant();
  table->pick(pool_of(threads, p), p, x.typed_data(), x.typed_data(), y->typed_data());
  return ffi::Error::Success();
}

ffi::Error pick(ffi::ThreadPool threads, Floats x, Floats values, ffi::Result<Floats> y, Numbers numbers) {
  Pooling p;
  if (auto error = read(x.dimensions(), y->dimensions(), numbers, &p); error.failure()) return error;
  if (!same(x.dimensions(), values.dimensions())) return ffi::Error::InvalidArgument("hornpipe pool: the two images differ in shape");
  if (table == nullptr) return no_variant();
  table->pick(pool_of(threads, p), p, x.typed_data(), values.typed_data(), y->typed_data());
  return ffi::Error::Success();
}

ffi::Error spread(ffi::ThreadPool threads, Floats x, Floats dy, ffi::Result<Floats> dx, Numbers numbers) {
  Pooling p;
  if (auto error = read(x.dimensions(), dy.dimensions(), numbers, &p); error.failure()) return error;
  if (!same(x.dimensions(), dx->dimensions())) return ffi::Error::InvalidArgument("hornpipe pool: the two images differ in shape");
  if (table == nullptr) return no_variant();
  table->spread(pool_of(threads, p), p, x.typed_data(), dy.typed_data(), dx->typed_data());
  return ffi::Error::Success();
}

ffi::Error mean(ffi::ThreadPool threads, Floats x, ffi::Result<Floats> y, Numbers numbers) {
  Pooling p;
  if (auto error = read(x.dimensions(), y->dimensions(), numbers, &p); error.failure()) return error;
  if (table == nullptr) return no_variant();
  table->mean(pool_of(threads, p), p, x.typed_data(), y->typed_data());
  return ffi::Error::Success();
}

ffi::Error mean_gradient(ffi::ThreadPool threads, Floats dy, ffi::Result<Floats> dx, Numbers numbers) {
  Pooling p;
  if (auto error = read(dx->dimensions(), dy.dimensions(), numbers, &p); error.failure()) return error;
  if (table == nullptr) return no_variant();
  table->mean_gradient(pool_of(threads, p), p, dy.typed_data(), dx->typed_data());
  return ffi::Error::Success();
}

}  // namespace

// The same functions on plain memory with threads of their own, for checks without XLA: 0 is the largest, 1 picks, 2 spreads, 3 is the
// mean, 4 its gradient. Returns whether it was done.
HORNPIPE_EXPORT int hornpipe_run_pool(int which, const int64_t* sizes, const float* first, const float* second, float* result,
                                      int threads) {
  Pooling p;
  static_assert(sizeof(Pooling) == 12 * sizeof(int64_t), "`sizes` are the fields of Pooling, in order");
  std::memcpy(&p, sizes, sizeof(Pooling));
  if (table == nullptr || !fits(p) || which < 0 || which > 4 || threads < 1) return 0;
  const Pool pool{nullptr, threads, run_on_threads};
  if (which == 0) table->pick(pool, p, first, first, result);
  if (which == 1) table->pick(pool, p, first, second, result);
  if (which == 2) table->spread(pool, p, first, second, result);
  if (which == 3) table->mean(pool, p, first, result);
  if (which == 4) table->mean_gradient(pool, p, first, result);
  return 1;
}

#define HORNPIPE_HANDLER(name, function, ARGUMENTS)               \
  HORNPIPE_EXPORT XLA_FFI_Error* name(XLA_FFI_CallFrame* frame) { \
    static auto* handler = ffi::Ffi::Bind()                       \
                               .Ctx<ffi::ThreadPool>() ARGUMENTS  \
                               .Ret<Floats>()                     \
                               .Attr<Numbers>("numbers")          \
                               .To(function)                      \
                               .release();                        \
    return handle(*handler, frame);                                  \
  }
#define ONE .Arg<Floats>()
#define TWO .Arg<Floats>().Arg<Floats>()

HORNPIPE_HANDLER(hornpipe_max_pool, max_pool, ONE)
HORNPIPE_HANDLER(hornpipe_pool_pick, pick, TWO)
HORNPIPE_HANDLER(hornpipe_pool_spread, spread, TWO)
HORNPIPE_HANDLER(hornpipe_mean_pool, mean, ONE)
HORNPIPE_HANDLER(hornpipe_mean_pool_dx, mean_gradient, ONE)
