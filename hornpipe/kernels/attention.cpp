// Attention in float32: softmax(scale * query key^T) value, head by head, and its gradients; arrays are (batch, steps, heads, size).
//
// The scores are never stored: a block of ROWS queries meets a block of KEYS keys at a time, its scores stay in the cache, and what a
// new block adds to a row is put on a common scale by the row's greatest score so far. The gradients compute the weights again from the
// greatest score and the sum of exponentials of each row. A head's keys and values are first packed, for all of its queries.
//
// Compiled once for each kind of processor; all of it is internal to this file (see kernels.h).
#include "attention_few.h"

namespace {

// ---- forward

struct Forward {
  const Attention& a;
  const float *q, *k, *v;
  const uint8_t* mask;
  float *out, *sums;
  Index parts, pitch, floats;
  size_t memory_at;

  Index keys_floats() const { return round_up(a.sources, WIDE) * a.size; }
  Index values_floats() const { return a.sources * pitch; }

  void reserve(const Pool& pool, Arena& arena) {
    pitch = padded(a.value_size);
    parts = cut_rows(a.targets, a.batch * a.heads, a.targets);
    floats = round_up(keys_floats() + values_floats() + ROWS * (a.size + pitch + PITCH + LANES + 2), 16);
    memory_at = arena.reserve<float>(pool.workers * floats);
  }

  void run(const Pool& pool, const Arena& arena) const {
    auto part = [&](Index item, Index worker) {
      const FlushDenormals flush;
      const Index each = item / parts, blocks = ceil_div(a.targets, ROWS);
      const Head head{a, each / a.heads, each % a.heads};
      rows(head, blocks * (item % parts) / parts * ROWS, least(a.targets, blocks * (item % parts + 1) / parts * ROWS),
           arena.at<float>(memory_at) + worker * floats);
    };
    parallel_for(pool, a.batch * a.heads * parts, part);
  }

 private:
  struct Scratch {
    float *keys, *values, *queries, *results, *scores, *greatest, *totals, *factors;
  };

  void rows(const Head& head, Index begin, Index end, float* memory) const {
    Scratch s;
    s.scores = memory;
    s.results = s.scores + ROWS * PITCH;
    s.queries = s.results + ROWS * pitch;
    s.values = s.queries + ROWS * a.size;
    s.keys = s.values + values_floats();
    s.greatest = s.keys + keys_floats();
    s.totals = s.greatest + ROWS;
    s.factors = s.totals + ROWS * LANES;
    const Scale scale(a.scale);
    const Index all = head.visible(mask, 0, head.seen(end)).count;
    pack_columns<WIDE>(k + head.key(), head.key_pitch(), all, a.size, same, s.keys);
    pack_rows(v + head.value(), head.value_pitch(), all, a.value_size, same, s.values, a.sources);
    for (Index row = begin; row < end; row += ROWS) {
      const Index count = least(ROWS, end - row);
      pack_columns<ROWS>(q + head.query(row), head.query_pitch(), count, a.size, [&](Index) { return Times{scale.sign}; }, s.queries);
      block(head, row, count, least(all, head.seen(row + count)), scale, s);
      finish(head, row, count, s);
    }
  }

  void block(const Head& head, Index row, Index count, Index seen, const Scale& scale, const Scratch& s) const {
    std::memset(s.results, 0, size_t(ROWS * pitch) * 4);
    std::memset(s.totals, 0, size_t(ROWS * LANES) * 4);
    for (Index i = 0; i < ROWS; ++i) s.greatest[i] = LEAST;
    for (Index first = 0; first < seen; first += KEYS) {
      const auto [number, masked] = head.visible(mask, first, least(KEYS, seen - first));
      if (number == 0) continue;
      multiply_keys(s.queries, count, s.keys + first * a.size, number, a.size, s.scores,
                    [](Index, float*, Vec sum) __attribute__((always_inline)) { return sum; });
      for (Index i = 0; i < count; ++i) head.hide(masked ? mask : nullptr, row + i, first, number, -INFINITE, s.scores + i * PITCH);
      weigh(s.scores, count, number, scale.factor, s.greatest, s.totals, s.factors);
      add_product<PITCH, 1>(s.scores, count, {s.values, a.sources, first}, pitch, number, s.factors, {s.results, ROWS, 0});
    }
  }

  void finish(const Head& head, Index row, Index count, const Scratch& s) const {
    const bool past = go_past(out, a.batch * a.targets * a.heads * a.value_size, a.value_size);
    for (Index i = 0; i < count; ++i)
      finish_row(head, row + i, v, mask, s.greatest[i], sum_of(load(s.totals + i * LANES)), out, sums,
                 [&](float factor, float* to) { unpack_row(s.results, ROWS, i, a.value_size, factor, to, past); });
  }
};

bool forward(const Pool& pool, const Attention& a, const float* q, const float* k, const float* v, const uint8_t* mask, float* out,
             float* sums) {
  Arena arena;
  if (Few::suits(a)) {
    FewForward work{{a, mask}, q, k, v, out, sums, 0, 0};
    work.reserve(pool, arena);
    if (!arena.allocate()) return false;
    work.run(pool, arena);
    return true;
  }
  Forward work{a, q, k, v, mask, out, sums, 0, 0, 0, 0};
  work.reserve(pool, arena);
  if (!arena.allocate()) return false;
  work.run(pool, arena);
  return true;
}

// ---- backward

// A task has some of the queries that one head of keys meets, and sums of its own for the gradients of these keys and values.
//
// Weights are left as they are before they are divided by their row's sum; the output's gradients are divided instead.
struct Backward {
  const Attention& a;
  const float *q, *k, *v;
  const uint8_t* mask;
  const float *out, *sums, *dout;
  float *dq, *dk, *dv;
  Index shares, pitch, value_pitch, keys, floats;
  size_t memory_at, partial_at;

  Index group() const { return a.heads / a.key_heads; }
  Index key_floats() const { return a.batch * a.sources * a.key_heads * a.size; }
  Index value_floats() const { return a.batch * a.sources * a.key_heads * a.value_size; }

  void reserve(const Pool& pool, Arena& arena) {
    pitch = padded(a.size), value_pitch = padded(a.value_size);
    keys = round_up(a.sources, WIDE) + 12;  // the last tile may have more rows than there are
    shares = cut_rows(a.targets * group(), a.batch * a.key_heads, SHARES);
    const Index row = a.size + a.value_size + 2 * pitch + value_pitch + PITCH + 3;
    floats = round_up(keys * (a.size + a.value_size + 2 * pitch + value_pitch) + ROWS * row + value_pitch, 16);
    memory_at = arena.reserve<float>(pool.workers * floats);
    partial_at = arena.reserve<float>((shares - 1) * (key_floats() + value_floats()));
  }

  void run(const Pool& pool, const Arena& arena) const {
    float* partial = arena.at<float>(partial_at);
    auto share = [&](Index item, Index worker) {
      const FlushDenormals flush;
      const Index each = item / shares, number = item % shares;
      float* own = partial + (number - 1) * (key_floats() + value_floats());
      one(each / a.key_heads, each % a.key_heads, number, arena.at<float>(memory_at) + worker * floats,
          number ? own : dk, number ? own + key_floats() : dv);
    };
    parallel_for(pool, a.batch * a.key_heads * shares, share);
    if (shares == 1) return;
    auto add = [&](Index item, Index) {
      for (Index s = 1; s < shares; ++s) {
        const float* own = partial + (s - 1) * (key_floats() + value_floats());
        add_up(own, item, key_floats(), dk);
        add_up(own + key_floats(), item, value_floats(), dv);
      }
    };
    parallel_for(pool, TASKS, add);
  }

 private:
  static void add_up(const float* from, Index item, Index all, float* to) {
    for (Index i = all * item / TASKS; i < all * (item + 1) / TASKS; ++i) to[i] += from[i];
  }

  struct Scratch {
    // All keys: columns of keys and values, rows of keys, gradients.
    float *keys, *values, *key_rows, *dkeys, *dvalues;
    // A block of queries: columns of queries and of gradients, rows of both, gradients of queries, weights.
    float *queries, *gradients, *query_rows, *gradient_rows, *dqueries, *weights, *greatest, *inverses, *deltas;
    float* hidden;
  };

  Scratch divide(float* memory) const {
    Scratch s;
    auto take = [&](Index count) {
      float* at = memory;
      memory += count;
      return at;
    };
    s.weights = take(ROWS * PITCH);
    s.key_rows = take(keys * pitch);
    s.dkeys = take(keys * pitch);
    s.query_rows = take(ROWS * pitch);
    s.dqueries = take(ROWS * pitch);
    s.dvalues = take(keys * value_pitch);
    s.gradient_rows = take(ROWS * value_pitch);
    s.hidden = take(value_pitch);
    s.queries = take(ROWS * a.size);
    s.gradients = take(ROWS * a.value_size);
    s.greatest = take(ROWS);
    s.inverses = take(ROWS);
    s.deltas = take(ROWS);
    s.keys = take(keys * a.size);
    s.values = take(keys * a.value_size);
    return s;
  }

  void one(Index sample, Index key_head, Index number, float* memory, float* to_dk, float* to_dv) const {
    const Scratch s = divide(memory);
    const Head first{a, sample, key_head * group()};
    pack_columns<WIDE>(k + first.key(), first.key_pitch(), a.sources, a.size, same, s.keys);
    pack_rows(k + first.key(), first.key_pitch(), a.sources, a.size, same, s.key_rows, keys);
    pack_columns<WIDE>(v + first.value(), first.value_pitch(), a.sources, a.value_size, same, s.values);
    std::memset(s.dkeys, 0, size_t(keys * pitch) * 4);
    std::memset(s.dvalues, 0, size_t(keys * value_pitch) * 4);
    std::memset(s.hidden, 0, size_t(value_pitch) * 4);
    const Index blocks = ceil_div(a.targets, ROWS), all = blocks * group();
    for (Index each = all * number / shares; each < all * (number + 1) / shares; ++each)
      block(Head{a, sample, key_head * group() + each / blocks}, each % blocks * ROWS, s);
    float *key = to_dk + first.key(), *value = to_dv + first.value();
    for (Index j = 0; j < a.sources; ++j, key += first.key_pitch(), value += first.value_pitch()) {
      unpack_row(s.dkeys, keys, j, a.size, 1, key, shares == 1 && go_past(dk, key_floats(), a.size));
      unpack_row(s.dvalues, keys, j, a.value_size, 1, value, shares == 1 && mask == nullptr && go_past(dv, value_floats(), a.value_size));
      if (mask != nullptr)
        for (Index c = 0; c < a.value_size; ++c) value[c] += s.hidden[c];
    }
  }

  void block(const Head& head, Index row, const Scratch& s) const {
    const Index count = least(ROWS, a.targets - row), seen = head.seen(row + count);
    prepare(head, row, count, s);
    const Scale scale(a.scale);
    const auto divided = [&](Index i) { return Times{s.inverses[i]}; };
    const float *queries = q + head.query(row), *gradients = dout + head.out(row);
    pack_columns<ROWS>(queries, head.query_pitch(), count, a.size, [&](Index) { return Times{scale.sign}; }, s.queries);
    pack_rows(queries, head.query_pitch(), count, a.size, [&](Index) { return Times{float(a.scale)}; }, s.query_rows, ROWS);
    pack_columns<ROWS>(gradients, head.out_pitch(), count, a.value_size, divided, s.gradients);
    pack_rows(gradients, head.out_pitch(), count, a.value_size, divided, s.gradient_rows, ROWS);
    std::memset(s.dqueries, 0, size_t(ROWS * pitch) * 4);
    for (Index first = 0; first < seen; first += KEYS) {
      const auto [number, masked] = head.visible(mask, first, least(KEYS, seen - first));
      if (number == 0) continue;
      multiply_keys(s.queries, count, s.keys + first * a.size, number, a.size, s.weights,
                    [&](Index i, float*, Vec sum) __attribute__((always_inline)) {
                      return vector_exp2(sum - s.greatest[i], scale.factor);
                    });
      for (Index i = 0; i < count; ++i) {
        float* own = s.weights + i * PITCH;
        head.hide(masked ? mask : nullptr, row + i, first, number, 0, own);
        for (Index j = number; j < number + 12; j += LANES) store(own + j, Vec{});  // to the end of a tile
      }
      add_product<1, PITCH>(s.weights, number, {s.gradient_rows, ROWS, 0}, value_pitch, count, nullptr, {s.dvalues, keys, first});
      // weights * (gradients of weights - their mean): the gradients of the scores.
      multiply_keys(s.gradients, count, s.values + first * a.value_size, number, a.value_size, s.weights,
                    [&](Index i, float* at, Vec sum) __attribute__((always_inline)) { return load(at) * (sum - s.deltas[i]); });
      add_product<1, PITCH>(s.weights, number, {s.query_rows, ROWS, 0}, pitch, count, nullptr, {s.dkeys, keys, first});
      add_product<PITCH, 1>(s.weights, count, {s.key_rows, keys, first}, pitch, number, nullptr, {s.dqueries, ROWS, 0});
    }
    const bool past = go_past(dq, a.batch * a.targets * a.heads * a.size, a.size);
    for (Index i = 0; i < count; ++i) unpack_row(s.dqueries, ROWS, i, a.size, float(a.scale), dq + head.query(row + i), past);
  }

  // What a row's weights are relative to, the mean gradient of the weights, and what rows that see nothing give to all values alike.
  void prepare(const Head& head, Index row, Index count, const Scratch& s) const {
    for (Index i = 0; i < ROWS; ++i) s.deltas[i] = 0;
    for (Index i = 0; i < count; ++i) {
      if (i + AHEAD < count) {
        prefetch_row(out + head.out(row + i + AHEAD), a.value_size);
        prefetch_row(dout + head.out(row + i + AHEAD), a.value_size);
      }
      const Row own = read_row(head, row + i, out, sums, dout + head.out(row + i), s.hidden);
      s.greatest[i] = own.greatest, s.inverses[i] = own.inverse, s.deltas[i] = own.delta;
    }
  }
};

bool backward(const Pool& pool, const Attention& a, const float* q, const float* k, const float* v, const uint8_t* mask,
              const float* out, const float* sums, const float* dout, float* dq, float* dk, float* dv) {
  Arena arena;
  if (Few::suits(a)) {
    FewBackward work{{a, mask}, q, k, v, out, sums, dout, dq, dk, dv, 0, 0};
    work.reserve(pool, arena);
    if (!arena.allocate()) return false;
    work.run(pool, arena);
    return true;
  }
  Backward work{a, q, k, v, mask, out, sums, dout, dq, dk, dv, 0, 0, 0, 0, 0, 0, 0};
  work.reserve(pool, arena);
  if (!arena.allocate()) return false;
  work.run(pool, arena);
  return true;
}

}  // namespace

namespace hornpipe {
const AttentionKernels HORNPIPE_VARIANT(attention) = {forward, backward};
}
