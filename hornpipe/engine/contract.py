"""What an engine supplies. `tests/engines/test_contract.py` is the same contract as cases, run on every engine.

An engine is a module that defines every name below. Primitives take tensors of equal dtype and weak Python numbers; promotion is
done above them. `axis`, `keepdims` and other options are keyword-only. Indices are int32. An engine may define any composed
operation of `hornpipe/ops` under its public name as well: that is how speed comes in, never how correctness does.

Conventions at ties and kinks, equal on every engine: `maximum`/`minimum` share the gradient equally between tied operands;
`max`/`min` share it equally among the tied elements; `abs` and `sign` have gradient 0 at 0; `relu` has gradient 0 at 0;
`argmax`/`argmin`/`argsort`/`top_k` prefer the lowest index; `round` goes to even; `where` does not pass NaN gradients made
by the branch's value alone (0 * inf is the caller's to avoid); gather indices out of range are clipped.
"""

from __future__ import annotations

PRIMITIVES = {
    # elementwise, one operand
    **dict.fromkeys(
        "abs sign negative floor ceil round exp expm1 log log1p sqrt rsqrt sin cos tan asin acos atan sinh cosh tanh asinh "
        "acosh atanh erf erfinv lgamma digamma sigmoid".split(),
        "(x) -> same shape and dtype",
    ),
    **dict.fromkeys("isfinite isnan".split(), "(x) -> bool, same shape"),
    **dict.fromkeys(
        "logical_not bitwise_not".split(), "(x) -> same shape and dtype; bool, integer"
    ),
    # elementwise, two operands that broadcast
    **dict.fromkeys(
        "add subtract multiply divide floor_divide mod maximum minimum power atan2".split(),
        "(x1, x2) -> broadcast shape, same dtype; floor_divide and mod follow Python's signs",
    ),
    **dict.fromkeys(
        "equal not_equal less less_equal greater greater_equal".split(),
        "(x1, x2) -> bool, broadcast shape",
    ),
    **dict.fromkeys("logical_and logical_or logical_xor".split(), "(x1, x2) of bool -> bool"),
    **dict.fromkeys(
        "bitwise_and bitwise_or bitwise_xor left_shift right_shift".split(),
        "(x1, x2) of integers; multiplication and left_shift wrap; right_shift keeps the sign of signed types",
    ),
    "where": "(condition, x1, x2) -> broadcast shape",
    # reductions
    **dict.fromkeys(
        "sum prod max min any all".split(),
        "(x, *, axis=None|int|tuple, keepdims=False); max and min of an empty axis raise",
    ),
    **dict.fromkeys(
        "argmax argmin".split(), "(x, *, axis: int) -> int32, axis removed, lowest index at ties"
    ),
    **dict.fromkeys("cumsum cumprod".split(), "(x, *, axis: int)"),
    # shapes
    "reshape": "(x, shape); one entry may be -1",
    "transpose": "(x, axes); a full permutation",
    "broadcast_to": "(x, shape)",
    "concatenate": "(xs, *, axis: int)",
    "flip": "(x, *, axis: tuple of ints)",
    "pad": "(x, widths, *, value=0); widths is a list of (before, after), one an axis, all >= 0",
    "getitem": "(x, index); index: tuple of int, slice, None, Ellipsis and integer or bool tensors",
    # gather and scatter
    "take": "(x, indices, *, axis: int) -> x.shape[:axis] + indices.shape + x.shape[axis + 1:]; clipped",
    "take_along_axis": "(x, indices, *, axis: int); clipped",
    "scatter": "(x, indices, updates, *, mode='set'|'add'|'max'|'min'); indices: tuple of int tensors over leading axes",
    "dynamic_slice": "(x, starts, sizes); starts: list of int or scalar tensors, clamped so that the window fits",
    "dynamic_update": "(x, updates, starts); the same clamping",
    # creation and conversion
    "full": "(shape, value, *, dtype)",
    "arange": "(start, stop, step, *, dtype)",
    "asarray": "(x, dtype=None); float64 data without a dtype becomes floatx, int64 becomes int32",
    "astype": "(x, dtype); float to integer truncates",
    # linear algebra, batched over leading axes
    "matmul": "(x1, x2); the rules of NumPy",
    "einsum": "(subscripts, *operands); explicit `->` form, no ellipsis",
    "cholesky": "(x) -> lower",
    "qr": "(x) -> q, r; reduced",
    "svd": "(x, *, full_matrices) -> u, s, vh",
    "eigh": "(x) -> values ascending, vectors",
    "solve": "(a, b); b is a vector or a matrix",
    "triangular_solve": "(a, b, *, lower)",
    # order
    "argsort": "(x, *, axis: int) -> int32; stable, ascending",
    "top_k": "(x, k) -> values descending, int32 indices, over the last axis; lowest index at ties",
    "searchsorted": "(sorted_sequence, values, *, side='left'|'right') -> int32",
    # control flow and gradients
    "cond": "(predicate, true_fn, false_fn, *operands)",
    "while_loop": "(condition, body, state); state is a tuple",
    "scan": "(step, carry, xs, *, length=None, reverse=False) -> carry, ys; step(carry, x) -> carry, y; trees allowed",
    "stop_gradient": "(x)",
    "custom_gradient": "(f) -> function; f(*args) -> (output, vjp); vjp(grad) -> tuple of gradients, one an argument",
}

VERBS = {
    "name": "the engine's name, a string",
    "supports_float64": "() -> bool; whether float64 tensors can exist in this process",
    "shape": "(x) -> tuple of ints",
    "dtype": "(x) -> dtype name",
    "is_tensor": "(x) -> bool; the engine's own eager or traced tensors",
    "is_traced": "(x) -> bool; a tensor without a value, inside a compiled function",
    "to_numpy": "(x) -> numpy array that owns its memory",
    "copy": "(x) -> a tensor with memory of its own",
    "value_and_grad": "(f) -> g; f(values, *args) -> (loss, aux); g(values, *args) -> ((loss, aux), gradients); values: list",
    "compile": "(f) -> function of trees of tensors, compiled where the engine compiles",
    "fold": "(step, batch_size, *, donate=True, enter=None, leave=None) -> run(carry, constants, data, order, start, stop) -> carry; "
    "step(carry, constants, batch, index) -> carry, a pure function. `carry` and `constants`: trees of tensors; `carry` is a "
    "tuple, and with donate the memory of its first entry is taken over. `enter(carry)` gives the carry of the first step, "
    "`leave(carry)` what `run` returns, both in the same program as the steps. `data`: list of tensors with equal first axes, from which the rows of each batch are taken; "
    "`order`: a host int32 array of row numbers, batch_size for each step, or None for rows in order; start and stop are not compiled in",
    "eval_shape": "(f, *specs) -> tree of (shape, dtype); each spec a tree of (shape, dtype) pairs; runs f without computing",
    "remat": "(f) -> f whose intermediate values are computed again in the backward pass",
    "concrete": "() -> context manager in which operations compute values even while a function is being traced",
    "devices": "() -> list of device names",
    "device": "(name) -> context manager; new tensors go there",
    "place": "(x, device name or None, *, owned=False) -> tensor on that device; takes numpy arrays, and with owned, their memory",
    "wait": "(tree) -> the same tree, computed",
}


def missing(engine) -> list[str]:
    """Return the names of the contract that `engine` (a module) does not define."""
    return [name for name in (*PRIMITIVES, *VERBS) if not hasattr(engine, name)]
