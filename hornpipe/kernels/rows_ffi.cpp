// Rows of tables: checks of every shape, and the handlers that XLA calls.
#include "ffi.h"

namespace {

using hornpipe::RowKernels;
using hornpipe::Rows;

const RowKernels* const table_of_functions = HORNPIPE_TABLE(rows);

using Table = ffi::Buffer<ffi::F32, 2>;
using Numbers = ffi::Buffer<ffi::S32, 1>;

// Sizes of arrays that exist, but for an empty table, of which no row can be taken.
ffi::Error read(const Table& table, const Numbers& numbers, const Table& picked, Rows* r) {
  *r = {table.dimensions()[0], table.dimensions()[1], numbers.dimensions()[0]};
  if (picked.dimensions()[0] != r->count || picked.dimensions()[1] != r->width || r->rows < 1 || r->width < 1)
    return ffi::Error::InvalidArgument("hornpipe rows: the shapes do not fit together");
  if (table_of_functions == nullptr) return no_variant();
  return ffi::Error::Success();
}

// Moving a number takes about as long as four multiply-adds.
Pool pool_of(ffi::ThreadPool& threads, const Rows& r, Index moved) { return pool_for(threads, 4 * moved * r.width); }

ffi::Error gather(ffi::ThreadPool threads, Table table, Numbers numbers, ffi::Result<Table> picked) {
  Rows r;
  if (auto error = read(table, numbers, *picked, &r); error.failure()) return error;
  table_of_functions->gather(pool_of(threads, r, r.count), r, table.typed_data(), numbers.typed_data(), picked->typed_data());
  return ffi::Error::Success();
}

ffi::Error scatter_add(ffi::ThreadPool threads, Numbers numbers, Table updates, ffi::Result<Table> table) {
  Rows r;
  if (auto error = read(*table, numbers, updates, &r); error.failure()) return error;
  table_of_functions->scatter_add(pool_of(threads, r, r.count + r.rows), r, numbers.typed_data(), updates.typed_data(),
                                  table->typed_data());
  return ffi::Error::Success();
}

}  // namespace

// The same functions on plain memory with threads of their own, for checks without XLA: 0 gathers from `from`, 1 adds `from` up. Returns
// whether it was done.
HORNPIPE_EXPORT int hornpipe_run_rows(int which, const int64_t* sizes, const int32_t* numbers, const float* from, float* result,
                                      int threads) {
  Rows r;
  static_assert(sizeof(Rows) == 3 * sizeof(int64_t), "`sizes` are the fields of Rows, in order");
  std::memcpy(&r, sizes, sizeof(Rows));
  if (table_of_functions == nullptr || r.rows < 1 || r.width < 1 || r.count < 0 || which < 0 || which > 1 || threads < 1) return 0;
  const Pool pool{nullptr, threads, run_on_threads};
  if (which == 0) table_of_functions->gather(pool, r, from, numbers, result);
  if (which == 1) table_of_functions->scatter_add(pool, r, numbers, from, result);
  return 1;
}

HORNPIPE_EXPORT XLA_FFI_Error* hornpipe_gather_rows(XLA_FFI_CallFrame* frame) {
  static auto* handler = ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<Table>().Arg<Numbers>().Ret<Table>().To(gather).release();
  return handle(*handler, frame);
}

HORNPIPE_EXPORT XLA_FFI_Error* hornpipe_add_rows(XLA_FFI_CallFrame* frame) {
  static auto* handler = ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<Numbers>().Arg<Table>().Ret<Table>().To(scatter_add).release();
  return handle(*handler, frame);
}
