// Moments of channels: checks of every shape, and the handlers that XLA calls.
#include <algorithm>

#include "ffi.h"

namespace {

using hornpipe::MomentKernels;
using hornpipe::Table;

const MomentKernels* const functions = HORNPIPE_TABLE(moments);

using Floats = ffi::Buffer<ffi::F32, 2>;
using Vector = ffi::Buffer<ffi::F32, 1>;

ffi::Error read(const Floats& x, const Vector& first, const Vector& second, Table* t) {
  *t = {x.dimensions()[0], x.dimensions()[1]};
  if (t->rows < 1 || t->channels < 1 || first.dimensions()[0] != t->channels || second.dimensions()[0] != t->channels)
    return ffi::Error::InvalidArgument("hornpipe moments: the shapes do not fit together");
  return functions == nullptr ? no_variant() : ffi::Error::Success();
}

// Reading a number takes about as long as four multiply-adds.
Pool pool_of(ffi::ThreadPool& threads, const Table& t) { return pool_for(threads, 4 * t.rows * t.channels); }

ffi::Error moments(ffi::ThreadPool threads, Floats x, ffi::Result<Vector> mean, ffi::Result<Vector> variance) {
  Table t;
  if (auto error = read(x, *mean, *variance, &t); error.failure()) return error;
  const bool done =
      functions->moments(pool_of(threads, t), t, x.typed_data(), mean->typed_data(), variance->typed_data());
  return done ? ffi::Error::Success() : no_memory();
}

ffi::Error products(ffi::ThreadPool threads, Floats x, Vector mean, Floats dy, ffi::Result<Vector> sums,
                    ffi::Result<Vector> with_x) {
  Table t;
  if (auto error = read(x, *sums, *with_x, &t); error.failure()) return error;
  if (mean.dimensions()[0] != t.channels || dy.dimensions()[0] != t.rows || dy.dimensions()[1] != t.channels)
    return ffi::Error::InvalidArgument("hornpipe moments: the shapes do not fit together");
  const bool done = functions->products(pool_of(threads, t), t, x.typed_data(), mean.typed_data(), dy.typed_data(),
                                        sums->typed_data(), with_x->typed_data());
  return done ? ffi::Error::Success() : no_memory();
}

// Arrays of any rank: in a table of two axes XLA would copy what it lets the result take the place of.
ffi::Error relu_gradient(ffi::ThreadPool threads, ffi::AnyBuffer y, ffi::AnyBuffer dy, ffi::Result<ffi::AnyBuffer> dx,
                         ffi::Result<Vector> sums) {
  Table t{1, 0};
  bool same = y.dimensions().size() > 0;
  for (const ffi::AnyBuffer& each : {y, dy, *dx}) {
    const auto sizes = each.dimensions(), own = y.dimensions();
    same = same && each.element_type() == ffi::F32 && sizes.size() == own.size() && std::equal(sizes.begin(), sizes.end(), own.begin());
  }
  if (same) t.channels = y.dimensions().back(), t.rows = Index(y.element_count()) / (t.channels < 1 ? 1 : t.channels);
  if (!same || t.channels < 1 || sums->dimensions()[0] != t.channels)
    return ffi::Error::InvalidArgument("hornpipe moments: the shapes do not fit together");
  if (functions == nullptr) return no_variant();
  const bool done = functions->relu_gradient(pool_of(threads, t), t, y.typed_data<float>(), dy.typed_data<float>(),
                                             dx->typed_data<float>(), sums->typed_data());
  return done ? ffi::Error::Success() : no_memory();
}

}  // namespace

// The same functions on plain memory with threads of their own, for checks without XLA: moments where dy is null, ReLU's gradient where
// mean is null, whose sums lie behind it, else products; two vectors of results. Returns whether it was done.
HORNPIPE_EXPORT int hornpipe_run_moments(const int64_t* sizes, const float* x, const float* mean, const float* dy, float* result,
                                         int threads) {
  const Table t{sizes[0], sizes[1]};
  if (functions == nullptr || t.rows < 1 || t.channels < 1 || threads < 1) return 0;
  const Pool pool{nullptr, threads, run_on_threads};
  if (dy == nullptr) return functions->moments(pool, t, x, result, result + t.channels);
  if (mean == nullptr) return functions->relu_gradient(pool, t, x, dy, result, result + t.rows * t.channels);
  return functions->products(pool, t, x, mean, dy, result, result + t.channels);
}

HORNPIPE_EXPORT XLA_FFI_Error* hornpipe_moments(XLA_FFI_CallFrame* frame) {
  static auto* handler =
      ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<Floats>().Ret<Vector>().Ret<Vector>().To(moments).release();
  return handle(*handler, frame);
}

HORNPIPE_EXPORT XLA_FFI_Error* hornpipe_products(XLA_FFI_CallFrame* frame) {
  static auto* handler = ffi::Ffi::Bind()
                             .Ctx<ffi::ThreadPool>()
                             .Arg<Floats>()
                             .Arg<Vector>()
                             .Arg<Floats>()
                             .Ret<Vector>()
                             .Ret<Vector>()
                             .To(products)
                             .release();
  return handle(*handler, frame);
}

HORNPIPE_EXPORT XLA_FFI_Error* hornpipe_relu_gradient(XLA_FFI_CallFrame* frame) {
  static auto* handler = ffi::Ffi::Bind()
                             .Ctx<ffi::ThreadPool>()
                             .Arg<ffi::AnyBuffer>()
                             .Arg<ffi::AnyBuffer>()
                             .Ret<ffi::AnyBuffer>()
                             .Ret<Vector>()
                             .To(relu_gradient)
                             .release();
  return handle(*handler, frame);
}
