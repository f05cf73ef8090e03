// Products of matrices: checks of every shape, and the handler that XLA calls.
#include "ffi.h"

namespace {

using hornpipe::MatmulKernels;
using hornpipe::Product;

const MatmulKernels* const functions = HORNPIPE_TABLE(matmul);

using Matrix = ffi::Buffer<ffi::F32, 2>;

ffi::Error multiply(ffi::ThreadPool threads, Matrix a, Matrix b, ffi::Result<Matrix> out, bool a_turned, bool b_turned) {
  const auto left = a.dimensions(), right = b.dimensions(), result = out->dimensions();
  const Product p{left[a_turned], right[!b_turned], left[!a_turned], a_turned, b_turned};
  if (p.rows < 1 || p.columns < 1 || p.depth < 1 || right[b_turned] != p.depth || result[0] != p.rows || result[1] != p.columns)
    return ffi::Error::InvalidArgument("hornpipe matmul: the shapes do not fit together");
  if (functions == nullptr) return no_variant();
  const Pool pool = pool_for(threads, p.rows * p.columns * p.depth);
  return functions->multiply(pool, p, a.typed_data(), b.typed_data(), out->typed_data()) ? ffi::Error::Success() : no_memory();
}

}  // namespace

// The same function on plain memory with threads of its own, for checks without XLA. Returns whether it was done.
HORNPIPE_EXPORT int hornpipe_run_matmul(const int64_t* sizes, const float* a, const float* b, float* out, int threads) {
  Product p;
  static_assert(sizeof(Product) == 5 * sizeof(int64_t), "`sizes` are the fields of Product, in order");
  std::memcpy(&p, sizes, sizeof(Product));
  if (functions == nullptr || p.rows < 1 || p.columns < 1 || p.depth < 1 || threads < 1) return 0;
  const Pool pool{nullptr, threads, run_on_threads};
  return functions->multiply(pool, p, a, b, out);
}

HORNPIPE_EXPORT XLA_FFI_Error* hornpipe_matmul(XLA_FFI_CallFrame* frame) {
  static auto* handler = ffi::Ffi::Bind()
                             .Ctx<ffi::ThreadPool>()
                             .Arg<Matrix>()
                             .Arg<Matrix>()
                             .Ret<Matrix>()
                             .Attr<bool>("a_turned")
                             .Attr<bool>("b_turned")
                             .To(multiply)
                             .release();
  return handle(*handler, frame);
}
