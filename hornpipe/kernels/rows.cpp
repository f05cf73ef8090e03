// Rows of a table by number, and the gradient of that: rows added up at their numbers. For embeddings.
#include "common.h"

namespace {

using hornpipe::Rows;

inline Index inside(const Rows& r, int32_t number) { return most(0, least(number, r.rows - 1)); }

void gather(const Pool& pool, const Rows& r, const float* table, const int32_t* numbers, float* out) {
  constexpr Index FLOATS = 16 * 1024;  // in one task
  const Index chunk = most(1, FLOATS / r.width);
  auto task = [&](Index item, Index) {
    for (Index i = item * chunk; i < least(r.count, (item + 1) * chunk); ++i)
      std::memcpy(out + i * r.width, table + inside(r, numbers[i]) * r.width, size_t(r.width) * 4);
  };
  parallel_for(pool, ceil_div(r.count, chunk), task);
}

// Each task owns a part of the table and looks through all numbers: the order of every sum is that of the numbers.
void scatter_add(const Pool& pool, const Rows& r, const int32_t* numbers, const float* updates, float* table) {
  constexpr Index PARTS = 8;
  auto task = [&](Index item, Index) {
    const Index begin = r.rows * item / PARTS, end = r.rows * (item + 1) / PARTS;
    std::memset(table + begin * r.width, 0, size_t((end - begin) * r.width) * 4);
    for (Index i = 0; i < r.count; ++i) {
      const Index row = inside(r, numbers[i]);
      if (row < begin || row >= end) continue;
      float* to = table + row * r.width;
      const float* from = updates + i * r.width;
      Index c = 0;
      for (; c + LANES <= r.width; c += LANES) store(to + c, load(to + c) + load(from + c));
      for (; c < r.width; ++c) to[c] += from[c];
    }
  };
  parallel_for(pool, PARTS, task);
}

}  // namespace

namespace hornpipe {
const RowKernels HORNPIPE_VARIANT(rows) = {gather, scatter_add};
}
