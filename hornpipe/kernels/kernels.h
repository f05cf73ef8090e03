// What the parts of the compiled kernels know of each other. Plain data and function pointers only: the variants are compiled for
// different processors, and a C++ template of the standard library that two of them instantiate would be kept once, for either.
#pragma once
#include <cstdint>

namespace hornpipe {

using Index = int64_t;

// A convolution of images (batch, height, width, channels) with a kernel (window_h, window_w, channels / groups, filters).
// Output (oy, ox) reads input (oy * stride_h - before_h + ky * step_h, ...); what lies outside the image counts as zero.
struct Conv {
  Index batch, height, width, channels;
  Index window_h, window_w, filters;
  Index out_h, out_w;
  Index stride_h, stride_w;
  Index before_h, before_w;
  Index step_h, step_w;
  Index groups;
};

// The threads at hand. `run` calls body(state, item, worker) once for each item below `count`, with worker < workers, and returns
// when all are done; no two calls at a time have the same worker.
struct Pool {
  void* owner;
  Index workers;
  void (*run)(const Pool&, Index count, void (*body)(void*, Index item, Index worker), void* state);
};

// Each function returns false where there is no memory for its scratch. The bias may be null; depthwise convolutions take neither bias
// nor relu.
struct ConvKernels {
  bool (*forward)(const Pool&, const Conv&, const float* x, const float* kernel, float* y, const float* bias, bool relu);
  bool (*input_gradient)(const Pool&, const Conv&, const float* dy, const float* kernel, float* dx);
  bool (*kernel_gradient)(const Pool&, const Conv&, const float* x, const float* dy, float* dkernel);
  // Both; in one pass where the convolution is depthwise, of 3 x 3 with stride 1.
  bool (*gradients)(const Pool&, const Conv&, const float* x, const float* dy, const float* kernel, float* dx, float* dkernel);
};
extern const ConvKernels conv_avx512, conv_avx2, conv_portable;

// Windows over images (batch, height, width, channels), one result (out_h, out_w) each.
struct Pooling {
  Index batch, height, width, channels;
  Index out_h, out_w;
  Index window_h, window_w;
  Index stride_h, stride_w;
  Index before_h, before_w;
};

struct PoolKernels {
  void (*pick)(const Pool&, const Pooling&, const float* x, const float* values, float* y);
  void (*spread)(const Pool&, const Pooling&, const float* x, const float* dy, float* dx);
  void (*mean)(const Pool&, const Pooling&, const float* x, float* y);
  void (*mean_gradient)(const Pool&, const Pooling&, const float* dy, float* dx);
};
extern const PoolKernels pool_avx512, pool_avx2, pool_portable;

// A table (rows, width), and `count` numbers of its rows.
struct Rows {
  Index rows, width, count;
};

struct RowKernels {
  void (*gather)(const Pool&, const Rows&, const float* table, const int32_t* numbers, float* picked);
  void (*scatter_add)(const Pool&, const Rows&, const int32_t* numbers, const float* updates, float* table);
};
extern const RowKernels rows_avx512, rows_avx2, rows_portable;

// Rows of channels: an image or anything else whose last axis is that of the channels.
struct Table {
  Index rows, channels;
};

// Each function returns false where there is no memory for its scratch.
struct MomentKernels {
  bool (*moments)(const Pool&, const Table&, const float* x, float* mean, float* variance);
  bool (*products)(const Pool&, const Table&, const float* x, const float* mean, const float* dy, float* sums, float* with_x);
  // Of y = ReLU(x + bias): dy where y is above 0 (or NaN), and the sums of that.
  bool (*relu_gradient)(const Pool&, const Table&, const float* y, const float* dy, float* dx, float* sums);
};
extern const MomentKernels moments_avx512, moments_avx2, moments_portable;

// Sequences (batch, steps, features) through an LSTM (4 gates) or a GRU (3 gates), read from the end where `backwards`.
struct Recurrent {
  Index batch, steps, features, units, backwards;
};

// kernel (features, gates * units), recurrent (units, gates * units), biases (gates * units), first states (batch, units), valid
// (batch, steps). `valid` may be null; `recurrent_bias` is of the GRU, `c` of the LSTM.
struct RecurrentInputs {
  const float *x, *kernel, *recurrent, *bias, *recurrent_bias, *h, *c;
  const bool* valid;
};

// outputs (batch, steps, units) in the order of reading, the last states, and what the gradient needs:
// batch * steps * recurrent_kept(units, gates) floats. `outputs` and `kept` may be null.
struct RecurrentOutputs {
  float *outputs, *h, *c, *kept;
};
struct RecurrentUpstream {
  const float *outputs, *h, *c, *kept;
};
struct RecurrentGradients {
  float *x, *kernel, *recurrent, *bias, *recurrent_bias, *h, *c;
};

// The state, the gates, and one value more: rounded up to the widest vector.
inline Index recurrent_kept(Index units, Index gates) { return (units + 15) / 16 * 16 * (gates + 2); }

using RecurrentForward = bool (*)(const Pool&, const Recurrent&, const RecurrentInputs&, const RecurrentOutputs&);
using RecurrentBackward = bool (*)(const Pool&, const Recurrent&, const RecurrentInputs&, const RecurrentUpstream&,
                                   const RecurrentGradients&);
struct RecurrentKernels {
  RecurrentForward lstm;
  RecurrentBackward lstm_gradient;
  RecurrentForward gru;
  RecurrentBackward gru_gradient;
};
extern const RecurrentKernels recurrent_avx512, recurrent_avx2, recurrent_portable;

// Attention of queries (batch, targets, heads, size) over keys (batch, sources, key_heads, size) and values (batch, sources, key_heads,
// value_size). `heads` is a multiple of `key_heads`; consecutive heads share keys. A mask's element for (sample, head, target, source) is
// found by `mask_steps`, 0 along axes that the mask does not have. If `causal`, target i sees the sources 0 to i.
struct Attention {
  Index batch, targets, sources, heads, key_heads, size, value_size, causal;
  Index mask_steps[4];
  double scale;
};

// `sums` (batch, heads, targets, 2) are, for the gradients, each row's greatest score, not yet scaled (infinity where it sees nothing),
// and the sum of its exponentials relative to that; `mask` may be null.
struct AttentionKernels {
  bool (*forward)(const Pool&, const Attention&, const float* q, const float* k, const float* v, const uint8_t* mask, float* out,
                  float* sums);
  bool (*backward)(const Pool&, const Attention&, const float* q, const float* k, const float* v, const uint8_t* mask,
                   const float* out, const float* sums, const float* dout, float* dq, float* dk, float* dv);
};
extern const AttentionKernels attention_avx512, attention_avx2, attention_portable;

// A product of matrices: a (rows, depth), or (depth, rows) if `a_turned`, times b (depth, columns), or (columns, depth) if `b_turned`.
struct Product {
  Index rows, columns, depth, a_turned, b_turned;
};

// The function returns false where there is no memory for its scratch.
struct MatmulKernels {
  bool (*multiply)(const Pool&, const Product&, const float* a, const float* b, float* out);
};
extern const MatmulKernels matmul_avx512, matmul_avx2, matmul_portable;

}  // namespace hornpipe
