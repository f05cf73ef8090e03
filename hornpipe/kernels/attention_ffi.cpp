// Attention: checks of every shape, and the handlers that XLA calls.
#include "ffi.h"

namespace {

using hornpipe::Attention;
using hornpipe::AttentionKernels;

const AttentionKernels* const table = HORNPIPE_TABLE(attention);

// ---- checks

using Floats = ffi::Buffer<ffi::F32, 4>;
using Sums = ffi::Buffer<ffi::F32, 4>;
using Mask = ffi::Buffer<ffi::PRED, 4>;
using Shape = ffi::Span<const int64_t>;

constexpr Index LARGEST = Index(1) << 40;

bool fits(const Attention& a) {
  for (Index size : {a.batch, a.targets, a.sources, a.heads, a.key_heads, a.size, a.value_size})
    if (size < 1 || size > LARGEST) return false;
  return a.heads % a.key_heads == 0;
}

bool equal(const Shape& shape, Index first, Index second, Index third, Index fourth) {
  return shape[0] == first && shape[1] == second && shape[2] == third && shape[3] == fourth;
}

// Steps through a mask (batch, heads, targets, sources) that has 1 for what it does not depend on; false where it does not fit.
bool find_steps(Attention* a, const int64_t* shape) {
  const Index full[4] = {a->batch, a->heads, a->targets, a->sources};
  Index step = 1;
  for (int axis = 3; axis >= 0; --axis) {
    if (shape[axis] != 1 && shape[axis] != full[axis]) return false;
    a->mask_steps[axis] = shape[axis] == 1 ? 0 : step;
    step *= shape[axis];
  }
  return true;
}

ffi::Error read(const Shape& q, const Shape& k, const Shape& v, const Shape& out, int64_t causal, double scale,
                const ffi::RemainingArgs& rest, Attention* a, const uint8_t** mask) {
  *a = {q[0], q[1], k[1], q[2], k[2], q[3], v[3], causal, {0, 0, 0, 0}, scale};
  *mask = nullptr;
  bool good = fits(*a) && equal(k, a->batch, a->sources, a->key_heads, a->size) && rest.size() < 2 &&
              equal(v, a->batch, a->sources, a->key_heads, a->value_size) && equal(out, a->batch, a->targets, a->heads, a->value_size);
  if (good && rest.size() == 1) {
    auto given = rest.get<Mask>(0);
    if (!given.has_value()) return given.error();
    good = find_steps(a, given->dimensions().begin());
    *mask = reinterpret_cast<const uint8_t*>(given->typed_data());
  }
  return good ? ffi::Error::Success() : ffi::Error::InvalidArgument("hornpipe attention: the shapes do not fit together");
}

bool fits_sums(const Shape& sums, const Attention& a) {
  return sums[0] == a.batch && sums[1] == a.heads && sums[2] == a.targets && sums[3] == 2;
}

Pool pool_of(ffi::ThreadPool& threads, const Attention& a) {
  return pool_for(threads, a.batch * a.heads * a.targets * a.sources * (a.size + a.value_size));
}

ffi::Error forward(ffi::ThreadPool threads, Floats q, Floats k, Floats v, ffi::RemainingArgs rest, ffi::Result<Floats> out,
                   ffi::Result<Sums> sums, int64_t causal, double scale) {
  Attention a;
  const uint8_t* mask;
  if (auto error = read(q.dimensions(), k.dimensions(), v.dimensions(), out->dimensions(), causal, scale, rest, &a, &mask);
      error.failure())
    return error;
  if (!fits_sums(sums->dimensions(), a)) return ffi::Error::InvalidArgument("hornpipe attention: the sums do not fit");
  if (table == nullptr) return no_variant();
  return table->forward(pool_of(threads, a), a, q.typed_data(), k.typed_data(), v.typed_data(), mask, out->typed_data(),
                        sums->typed_data())
             ? ffi::Error::Success()
             : no_memory();
}

ffi::Error backward(ffi::ThreadPool threads, Floats q, Floats k, Floats v, Floats out, Sums sums, Floats dout, ffi::RemainingArgs rest,
                    ffi::Result<Floats> dq, ffi::Result<Floats> dk, ffi::Result<Floats> dv, int64_t causal, double scale) {
  Attention a;
  const uint8_t* mask;
  if (auto error = read(q.dimensions(), k.dimensions(), v.dimensions(), out.dimensions(), causal, scale, rest, &a, &mask);
      error.failure())
    return error;
  const bool good = fits_sums(sums.dimensions(), a) && dout.dimensions() == out.dimensions() && dq->dimensions() == q.dimensions() &&
                    dk->dimensions() == k.dimensions() && dv->dimensions() == v.dimensions();
  if (!good) return ffi::Error::InvalidArgument("hornpipe attention: the gradients do not fit");
  if (table == nullptr) return no_variant();
  return table->backward(pool_of(threads, a), a, q.typed_data(), k.typed_data(), v.typed_data(), mask, out.typed_data(),
                         sums.typed_data(), dout.typed_data(), dq->typed_data(), dk->typed_data(), dv->typed_data())
             ? ffi::Error::Success()
             : no_memory();
}

}  // namespace

// Both functions on plain memory with threads of their own, for checks without XLA. `sizes` are the first eight fields of Attention;
// `mask` has `mask_shape`, or both are null; `arrays` are q, k, v, out, sums, dout, dq, dk, dv. Returns whether it was done.
HORNPIPE_EXPORT int hornpipe_run_attention(const int64_t* sizes, double scale, const uint8_t* mask, const int64_t* mask_shape,
                                           float* const* arrays, int threads) {
  Attention a{sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5], sizes[6], sizes[7], {0, 0, 0, 0}, scale};
  if (table == nullptr || !fits(a) || threads < 1 || (mask != nullptr && !find_steps(&a, mask_shape))) return 0;
  const Pool pool{nullptr, threads, run_on_threads};
  float* const* x = arrays;
  return table->forward(pool, a, x[0], x[1], x[2], mask, x[3], x[4]) &&
         table->backward(pool, a, x[0], x[1], x[2], mask, x[3], x[4], x[5], x[6], x[7], x[8]);
}

HORNPIPE_EXPORT XLA_FFI_Error* hornpipe_attention(XLA_FFI_CallFrame* frame) {
  static auto* handler = ffi::Ffi::Bind()
                             .Ctx<ffi::ThreadPool>()
                             .Arg<Floats>()
                             .Arg<Floats>()
                             .Arg<Floats>()
                             .RemainingArgs()
                             .Ret<Floats>()
                             .Ret<Sums>()
                             .Attr<int64_t>("causal")
                             .Attr<double>("scale")
                             .To(forward)
                             .release();
  return handle(*handler, frame);
}

HORNPIPE_EXPORT XLA_FFI_Error* hornpipe_attention_gradients(XLA_FFI_CallFrame* frame) {
  static auto* handler = ffi::Ffi::Bind()
                             .Ctx<ffi::ThreadPool>()
                             .Arg<Floats>()
                             .Arg<Floats>()
                             .Arg<Floats>()
                             .Arg<Floats>()
                             .Arg<Sums>()
                             .Arg<Floats>()
                             .RemainingArgs()
                             .Ret<Floats>()
                             .Ret<Floats>()
                             .Ret<Floats>()
                             .Attr<int64_t>("causal")
                             .Attr<double>("scale")
                             .To(backward)
                             .release();
  return handle(*handler, frame);
}
