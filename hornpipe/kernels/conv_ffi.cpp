// Convolutions: checks of every shape, and the handlers that XLA calls.
#include "ffi.h"

namespace {

using hornpipe::Conv;
using hornpipe::ConvKernels;

const ConvKernels* const table = HORNPIPE_TABLE(conv);

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

Index multiply_adds(const Conv& c) {
  return c.batch * c.out_h * c.out_w * c.filters * c.window_h * c.window_w * (c.channels / c.groups);
}

ffi::Error call(ffi::ThreadPool& threads, Function function, const Conv& c, const float* first,
                const float* second, Floats& out) {
  if (table == nullptr) return no_variant();
  return function(pool_for(threads, multiply_adds(c)), c, first, second, out.typed_data()) ? ffi::Error::Success() : no_memory();
}

bool convolve(const Pool& pool, const Conv& c, const float* x, const float* kernel, float* y) {
  return table->forward(pool, c, x, kernel, y, nullptr, false);
}

ffi::Error forward(ffi::ThreadPool threads, Floats x, Floats kernel, ffi::Result<Floats> y, Numbers numbers) {
  Conv c;
  if (auto error = read(x.dimensions(), kernel.dimensions(), y->dimensions(), numbers, &c); error.failure()) return error;
  return call(threads, convolve, c, x.typed_data(), kernel.typed_data(), *y);
}

ffi::Error forward_with_bias(ffi::ThreadPool threads, Floats x, Floats kernel, ffi::Buffer<ffi::F32, 1> bias,
                             ffi::Result<Floats> y, Numbers numbers, bool relu) {
  Conv c;
  if (auto error = read(x.dimensions(), kernel.dimensions(), y->dimensions(), numbers, &c); error.failure()) return error;
  if (bias.dimensions()[0] != c.filters || (c.groups > 1 && c.groups == c.channels && c.groups == c.filters))
    return ffi::Error::InvalidArgument("hornpipe conv: the bias does not fit");
  if (table == nullptr) return no_variant();
  const Pool pool = pool_for(threads, multiply_adds(c));
  const bool done = table->forward(pool, c, x.typed_data(), kernel.typed_data(), y->typed_data(), bias.typed_data(), relu);
  return done ? ffi::Error::Success() : no_memory();
}

ffi::Error input_gradient(ffi::ThreadPool threads, Floats dy, Floats kernel, ffi::Result<Floats> dx, Numbers numbers) {
  Conv c;
  if (auto error = read(dx->dimensions(), kernel.dimensions(), dy.dimensions(), numbers, &c); error.failure()) return error;
  return call(threads, table ? table->input_gradient : nullptr, c, dy.typed_data(), kernel.typed_data(), *dx);
}

ffi::Error kernel_gradient(ffi::ThreadPool threads, Floats x, Floats dy, ffi::Result<Floats> dkernel, Numbers numbers) {
  Conv c;
  if (auto error = read(x.dimensions(), dkernel->dimensions(), dy.dimensions(), numbers, &c); error.failure()) return error;
  return call(threads, table ? table->kernel_gradient : nullptr, c, x.typed_data(), dy.typed_data(), *dkernel);
}

ffi::Error gradients(ffi::ThreadPool threads, Floats x, Floats dy, Floats kernel, ffi::Result<Floats> dx, ffi::Result<Floats> dkernel,
                     Numbers numbers) {
  Conv c, results;
  if (auto error = read(x.dimensions(), kernel.dimensions(), dy.dimensions(), numbers, &c); error.failure()) return error;
  if (auto error = read(dx->dimensions(), dkernel->dimensions(), dy.dimensions(), numbers, &results); error.failure()) return error;
  if (std::memcmp(&c, &results, sizeof(Conv)) != 0)
    return ffi::Error::InvalidArgument("hornpipe conv: the gradients do not have the shapes of image and kernel");
  if (table == nullptr) return no_variant();
  const bool done = table->gradients(pool_for(threads, multiply_adds(c)), c, x.typed_data(), dy.typed_data(), kernel.typed_data(),
                                     dx->typed_data(), dkernel->typed_data());
  return done ? ffi::Error::Success() : no_memory();
}

}  // namespace

HORNPIPE_EXPORT const char* hornpipe_variant() { return level.name; }

// The same functions on plain memory with threads of their own, for checks without XLA: 0 is the convolution, 1 the image's gradient, 2
// the kernel's, 3 the convolution with a bias, which lies behind the kernel, and ReLU, 4 both gradients, the kernel behind dy and its
// gradient behind the image's. Returns whether it was done.
HORNPIPE_EXPORT int hornpipe_run(int which, const int64_t* sizes, const float* first, const float* second, float* result,
                                 int threads) {
  Conv c;
  static_assert(sizeof(Conv) == 16 * sizeof(int64_t), "`sizes` are the fields of Conv, in order");
  std::memcpy(&c, sizes, sizeof(Conv));
  if (table == nullptr || !fits(c) || which < 0 || which > 4 || threads < 1) return 0;
  const Pool pool{nullptr, threads, run_on_threads};
  if (which == 1) return table->input_gradient(pool, c, first, second, result);
  if (which == 2) return table->kernel_gradient(pool, c, first, second, result);
  if (which == 4)
    return table->gradients(pool, c, first, second, second + c.batch * c.out_h * c.out_w * c.filters, result,
                            result + c.batch * c.height * c.width * c.channels);
  const float* bias = second + c.window_h * c.window_w * (c.channels / c.groups) * c.filters;
  return table->forward(pool, c, first, second, result, which == 3 ? bias : nullptr, which == 3);
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
    return handle(*handler, frame);                                  \
  }

HORNPIPE_HANDLER(hornpipe_conv, forward)
HORNPIPE_HANDLER(hornpipe_conv_dx, input_gradient)
HORNPIPE_HANDLER(hornpipe_conv_dw, kernel_gradient)

HORNPIPE_EXPORT XLA_FFI_Error* hornpipe_conv_bias(XLA_FFI_CallFrame* frame) {
  static auto* handler = ffi::Ffi::Bind()
                             .Ctx<ffi::ThreadPool>()
                             .Arg<Floats>()
                             .Arg<Floats>()
                             .Arg<ffi::Buffer<ffi::F32, 1>>()
                             .Ret<Floats>()
                             .Attr<Numbers>("numbers")
                             .Attr<bool>("relu")
                             .To(forward_with_bias)
                             .release();
  return handle(*handler, frame);
}

HORNPIPE_EXPORT XLA_FFI_Error* hornpipe_conv_gradients(XLA_FFI_CallFrame* frame) {
  static auto* handler = ffi::Ffi::Bind()
                             .Ctx<ffi::ThreadPool>()
                             .Arg<Floats>()
                             .Arg<Floats>()
                             .Arg<Floats>()
                             .Ret<Floats>()
                             .Ret<Floats>()
                             .Attr<Numbers>("numbers")
                             .To(gradients)
                             .release();
  return handle(*handler, frame);
}
