// LSTM and GRU over whole sequences: checks of every shape, and the handlers that XLA calls.
#include <algorithm>
#include <initializer_list>

#include "ffi.h"

namespace {

using hornpipe::Recurrent;
using hornpipe::RecurrentGradients;
using hornpipe::RecurrentInputs;
using hornpipe::RecurrentKernels;
using hornpipe::RecurrentOutputs;
using hornpipe::RecurrentUpstream;

const RecurrentKernels* const table = HORNPIPE_TABLE(recurrent);

// ---- checks

using Vector = ffi::Buffer<ffi::F32, 1>;
using Matrix = ffi::Buffer<ffi::F32, 2>;
using Cube = ffi::Buffer<ffi::F32, 3>;
using Mask = ffi::Buffer<ffi::PRED, 2>;
using Numbers = ffi::Span<const int64_t>;

constexpr Index LARGEST = Index(1) << 40;
constexpr Index LSTM_GATES = 4, GRU_GATES = 3;

bool fits(const Recurrent& r, Index gates) {
  if (r.batch < 0 || r.batch > LARGEST || (gates != LSTM_GATES && gates != GRU_GATES)) return false;
  for (Index size : {r.steps, r.features, r.units})
    if (size < 1 || size > LARGEST) return false;
  return true;
}

// Reads arrays and notes whether one has another shape than it should have. What a call has not got is an array without elements.
struct Reader {
  Recurrent r{};
  Index gates = 0;
  bool good = false;

  Reader(Cube& x, Matrix& recurrent, const Numbers& numbers) {
    if (numbers.size() != 2) return;
    const auto shape = x.dimensions();
    r = {shape[0], shape[1], shape[2], recurrent.dimensions()[0], numbers[1]};
    gates = numbers[0];
    good = fits(r, gates);
  }
  template <class Array>
  auto needed(Array& array, std::initializer_list<Index> shape) -> decltype(array.typed_data()) {
    const auto own = array.dimensions();
    good = good && std::equal(own.begin(), own.end(), shape.begin(), shape.end());
    return array.typed_data();
  }
  template <class Array>
  auto optional(Array& array, std::initializer_list<Index> shape) -> decltype(array.typed_data()) {
    return array.element_count() ? needed(array, shape) : nullptr;
  }

  bool is_lstm() const { return gates == LSTM_GATES; }
  Index width() const { return gates * r.units; }
  Index kept() const { return hornpipe::recurrent_kept(r.units, gates); }
  Index cells() const { return is_lstm() ? r.batch : 0; }  // rows and columns of what the GRU has not got
  Index cell_units() const { return is_lstm() ? r.units : 0; }
  Index bias_units() const { return is_lstm() ? 0 : width(); }
  Index multiply_adds() const { return r.batch * r.steps * width() * (r.features + r.units); }

  RecurrentInputs inputs(Cube& x, Matrix& kernel, Matrix& recurrent, Vector& bias, Vector& recurrent_bias, Matrix& h, Matrix& c, Mask& valid) {
    return {x.typed_data(),
            needed(kernel, {r.features, width()}),
            needed(recurrent, {r.units, width()}),
            needed(bias, {width()}),
            needed(recurrent_bias, {bias_units()}),
            needed(h, {r.batch, r.units}),
            needed(c, {cells(), cell_units()}),
            optional(valid, {r.batch, r.steps})};
  }
};

ffi::Error refused() { return ffi::Error::InvalidArgument("hornpipe recurrent: the shapes do not fit together"); }

ffi::Error forward(ffi::ThreadPool threads, Cube x, Matrix kernel, Matrix recurrent, Vector bias, Vector recurrent_bias, Matrix h, Matrix c,
                   Mask valid, ffi::Result<Cube> outputs, ffi::Result<Matrix> last_h, ffi::Result<Matrix> last_c, ffi::Result<Cube> kept,
                   Numbers numbers) {
  Reader read(x, recurrent, numbers);
  const Recurrent& r = read.r;
  const RecurrentInputs inputs = read.inputs(x, kernel, recurrent, bias, recurrent_bias, h, c, valid);
  const RecurrentOutputs results{read.optional(*outputs, {r.batch, r.steps, r.units}), read.needed(*last_h, {r.batch, r.units}),
                                 read.needed(*last_c, {read.cells(), read.cell_units()}),
                                 read.optional(*kept, {r.batch, r.steps, read.kept()})};
  if (!read.good) return refused();
  if (table == nullptr) return no_variant();
  const auto run = read.is_lstm() ? table->lstm : table->gru;
  return run(pool_for(threads, read.multiply_adds()), r, inputs, results) ? ffi::Error::Success() : no_memory();
}

ffi::Error backward(ffi::ThreadPool threads, Cube x, Matrix kernel, Matrix recurrent, Vector bias, Vector recurrent_bias, Matrix h, Matrix c,
                    Mask valid, Cube d_outputs, Matrix d_h, Matrix d_c, Cube kept, ffi::Result<Cube> d_x, ffi::Result<Matrix> d_kernel,
                    ffi::Result<Matrix> d_recurrent, ffi::Result<Vector> d_bias, ffi::Result<Vector> d_recurrent_bias,
                    ffi::Result<Matrix> d_first_h, ffi::Result<Matrix> d_first_c, Numbers numbers) {
  Reader read(x, recurrent, numbers);
  const Recurrent& r = read.r;
  const RecurrentInputs inputs = read.inputs(x, kernel, recurrent, bias, recurrent_bias, h, c, valid);
  const RecurrentUpstream upstream{read.optional(d_outputs, {r.batch, r.steps, r.units}), read.needed(d_h, {r.batch, r.units}),
                                   read.needed(d_c, {read.cells(), read.cell_units()}),
                                   read.needed(kept, {r.batch, r.steps, read.kept()})};
  const RecurrentGradients gradients{read.needed(*d_x, {r.batch, r.steps, r.features}),
                                     read.needed(*d_kernel, {r.features, read.width()}),
                                     read.needed(*d_recurrent, {r.units, read.width()}),
                                     read.needed(*d_bias, {read.width()}),
                                     read.needed(*d_recurrent_bias, {read.bias_units()}),
                                     read.needed(*d_first_h, {r.batch, r.units}),
                                     read.needed(*d_first_c, {read.cells(), read.cell_units()})};
  if (!read.good) return refused();
  if (table == nullptr) return no_variant();
  const auto run = read.is_lstm() ? table->lstm_gradient : table->gru_gradient;
  return run(pool_for(threads, 2 * read.multiply_adds()), r, inputs, upstream, gradients) ? ffi::Error::Success() : no_memory();
}

}  // namespace

// The same functions on plain memory with threads of their own, for checks without XLA. `arrays` are the fields of RecurrentInputs, then
// of RecurrentOutputs, or of RecurrentUpstream and RecurrentGradients. Returns whether it was done.
HORNPIPE_EXPORT int hornpipe_run_recurrent(int gates, int gradient, const int64_t* sizes, void* const* arrays, int threads) {
  Recurrent r;
  RecurrentInputs inputs;
  static_assert(sizeof(Recurrent) == 5 * sizeof(int64_t), "`sizes` are the fields of Recurrent, in order");
  std::memcpy(&r, sizes, sizeof(Recurrent));
  if (table == nullptr || !fits(r, gates) || threads < 1) return 0;
  const Pool pool{nullptr, threads, run_on_threads};
  std::memcpy(&inputs, arrays, sizeof(inputs));
  arrays += sizeof(inputs) / sizeof(void*);
  if (!gradient) {
    RecurrentOutputs outputs;
    std::memcpy(&outputs, arrays, sizeof(outputs));
    return (gates == LSTM_GATES ? table->lstm : table->gru)(pool, r, inputs, outputs);
  }
  RecurrentUpstream upstream;
  RecurrentGradients gradients;
  std::memcpy(&upstream, arrays, sizeof(upstream));
  std::memcpy(&gradients, arrays + sizeof(upstream) / sizeof(void*), sizeof(gradients));
  return (gates == LSTM_GATES ? table->lstm_gradient : table->gru_gradient)(pool, r, inputs, upstream, gradients);
}

#define HORNPIPE_INPUTS         \
  ffi::Ffi::Bind()              \
      .Ctx<ffi::ThreadPool>()   \
      .Arg<Cube>()              \
      .Arg<Matrix>()            \
      .Arg<Matrix>()            \
      .Arg<Vector>()            \
      .Arg<Vector>()            \
      .Arg<Matrix>()            \
      .Arg<Matrix>()            \
      .Arg<Mask>()

HORNPIPE_EXPORT XLA_FFI_Error* hornpipe_recurrent(XLA_FFI_CallFrame* frame) {
  static auto* handler =
      HORNPIPE_INPUTS.Ret<Cube>().Ret<Matrix>().Ret<Matrix>().Ret<Cube>().Attr<Numbers>("numbers").To(forward).release();
  return handle(*handler, frame);
}

HORNPIPE_EXPORT XLA_FFI_Error* hornpipe_recurrent_gradient(XLA_FFI_CallFrame* frame) {
  static auto* handler = HORNPIPE_INPUTS.Arg<Cube>()
                             .Arg<Matrix>()
                             .Arg<Matrix>()
                             .Arg<Cube>()
                             .Ret<Cube>()
                             .Ret<Matrix>()
                             .Ret<Matrix>()
                             .Ret<Vector>()
                             .Ret<Vector>()
                             .Ret<Matrix>()
                             .Ret<Matrix>()
                             .Attr<Numbers>("numbers")
                             .To(backward)
                             .release();
  return handle(*handler, frame);
}
