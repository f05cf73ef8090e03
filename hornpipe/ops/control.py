"""Control flow that compiled functions keep: branches, loops, scans, and gradients of one's own.

>>> import hornpipe as keras
>>> int(keras.ops.fori_loop(0, 5, lambda i, total: total + i, 0))
10
"""

from __future__ import annotations

from hornpipe.core.errors import ShapeError, message
from hornpipe.core.op import op, to_tensor
from hornpipe.core.refusal import guarded
from hornpipe.core.tree import flatten, map_tree, pack_like
from hornpipe.engine.select import active
from hornpipe.ops._common import one_axis
from hornpipe.ops.index import getitem, take
from hornpipe.ops.math import _as_bool, add, clip, less, logical_and
from hornpipe.ops.shape import concatenate, flip


def _tensors(tree):
    return map_tree(lambda leaf: None if leaf is None else to_tensor(leaf), tree)


@op(dtype=None)
def cond(pred, true_fn, false_fn):
    """Return `true_fn()` where `pred` is true, else `false_fn()`; only one of them is computed.

    Args:
        pred: scalar bool tensor or bool.
        true_fn, false_fn: functions without arguments that return trees of equal shapes and dtypes.

    Example:
        >>> import hornpipe as keras
        >>> x = keras.ops.convert_to_tensor(3.0)
        >>> float(keras.ops.cond(x > 2, lambda: x * 2, lambda: x))
        6.0
    """
    return active.engine.cond(
        _as_bool(pred), lambda: _tensors(true_fn()), lambda: _tensors(false_fn())
    )


@op(dtype=None)
def switch(index, branches, *operands):
    """Return `branches[index](*operands)`; `index` is limited to the branches there are.

    Args:
        index: scalar int tensor or int.
        branches: list of functions that return trees of equal shapes and dtypes.
        operands: what they are called with.
    Raises:
        ValueError: no branches.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.ops.switch(1, [lambda x: x, lambda x: x * 2], 3.0))
        6.0
    """
    if not branches:
        raise ValueError(message("switch", "`branches` must not be empty", "branches=[]"))
    index = clip(to_tensor(index), 0, len(branches) - 1)
    operands = _tensors(list(operands))

    def choose(low, high):
        """Return the result of the branch in [low, high): half of them drop out at each step."""
        if high - low == 1:
            return _tensors(branches[low](*operands))
        middle = (low + high) // 2
        return active.engine.cond(
            less(index, middle), lambda: choose(low, middle), lambda: choose(middle, high)
        )

    return choose(0, len(branches))


@op(tensors=0, dtype=None)
def while_loop(cond, body, loop_vars, maximum_iterations=None):
    """Repeat `loop_vars = body(*loop_vars)` as long as `cond(*loop_vars)` is true.

    Args:
        cond: function that returns a scalar bool tensor.
        body: function that returns new loop variables of the same shapes and dtypes.
        loop_vars: tuple or list of tensors or trees of them; or one tensor.
        maximum_iterations: int or None.
    Returns:
        The last loop variables, in the structure they came in.
    Raises:
        ValueError: `body` returns another number of variables.
    Numerics:
        Only forward-mode gradients exist through it on every engine; use `scan` where a gradient is needed.

    Example:
        >>> import hornpipe as keras
        >>> [int(v) for v in keras.ops.while_loop(lambda i, s: i < 4, lambda i, s: (i + 1, s + i), (0, 0))]
        [4, 6]
    """
    single = not isinstance(loop_vars, (tuple, list))
    state = _tensors((loop_vars,) if single else tuple(loop_vars))

    def step(*variables):
        out = body(*variables)
        out = (out,) if single and not isinstance(out, (tuple, list)) else tuple(out)
        if len(out) != len(variables):
            received = f"{len(out)} for {len(variables)}"
            raise ValueError(
                message("while_loop", "`body` must return as many variables as it takes", received)
            )
        return _tensors(out)

    if maximum_iterations is None:
        out = active.engine.while_loop(lambda *s: _as_bool(cond(*s)), step, state)
    else:
        counted = (active.engine.full((), 0, dtype="int32"), *state)
        out = active.engine.while_loop(
            lambda n, *s: logical_and(less(n, maximum_iterations), cond(*s)),
            lambda n, *s: (add(n, 1), *step(*s)),
            counted,
        )[1:]
    return out[0] if single else type(loop_vars)(out) if isinstance(loop_vars, list) else tuple(out)


@op(tensors=0, dtype=None)
def fori_loop(lower, upper, body_fun, init_val):
    """Repeat `value = body_fun(i, value)` for i from `lower` to `upper` - 1.

    Args:
        lower, upper: int or scalar int tensors.
        body_fun: function of the number of the step and the value, which keeps shapes and dtypes.
        init_val: tensor or tree of tensors.

    Example:
        >>> import hornpipe as keras
        >>> int(keras.ops.fori_loop(0, 3, lambda i, v: v * 2, 1))
        8
    """
    lower, upper = (active.engine.astype(to_tensor(bound), "int32") for bound in (lower, upper))
    state = (lower, _tensors(init_val))
    return active.engine.while_loop(
        lambda i, value: less(i, upper),
        lambda i, value: (add(i, 1), _tensors(body_fun(i, value))),
        state,
    )[1]


@op(tensors=0, dtype=None)
def scan(f, init, xs=None, length=None, reverse=False, unroll=1):
    """Return the last `carry` and all `y` of `carry, y = f(carry, x)` over the slices x of `xs`.

    Args:
        f: function (carry, x) -> (carry, y); trees allowed, y may be None.
        init: the first carry.
        xs: tree of tensors with equal first axes, or None with `length`.
        length: int, the number of steps.
        reverse: bool. Whether to start at the end; `ys` keep the order of `xs`.
        unroll: kept for Keras's signature; the engine decides.
    Returns:
        `(carry, ys)`, the ys stacked along a new first axis.
    Raises:
        ValueError: neither `xs` nor `length`, or sizes that differ.

    Example:
        >>> import hornpipe as keras
        >>> carry, sums = keras.ops.scan(lambda c, x: (c + x, c + x), 0, keras.ops.arange(4))
        >>> int(carry), sums.tolist()
        (6, [0, 1, 3, 6])
    """
    xs = _tensors(xs)
    sizes = {leaf.shape[0] for leaf in flatten(xs) if leaf is not None}
    if length is not None:
        sizes.add(length)
    if len(sizes - {None}) > 1 or not sizes:
        rule = "`xs` must have equal first axes, that of `length` if it is given"
        raise ShapeError(message("scan", rule, f"sizes {sorted(sizes, key=str)}"))
    if not isinstance(unroll, (bool, int)) or unroll < 0:
        raise ValueError(
            message("scan", "`unroll` must be a bool or an integer >= 0", f"unroll={unroll!r}")
        )

    def step(carry, x):
        carry, y = f(carry, x)
        return _tensors(carry), _tensors(y)

    return active.engine.scan(step, _tensors(init), xs, length=length, reverse=reverse)


@op(tensors=0, dtype=None)
def map(f, xs):
    """Return the results of `f` for each slice of `xs` along the first axis, stacked.

    Args:
        f: function of a slice (a tree where `xs` is one).
        xs: tensor or tree of tensors with equal first axes.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.map(lambda x: x * x, keras.ops.arange(3)).tolist()
        [0, 1, 4]
    """
    carry = active.engine.full((), 0, dtype="int32")
    return scan(lambda c, x: (c, f(x)), carry, xs)[1]


@op(tensors=0, dtype=None)
def vectorized_map(function, elements):
    """Return the results of `function` for each slice of `elements`, as `map`; an engine may compute them at once.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.vectorized_map(lambda x: x + 1, keras.ops.arange(3)).tolist()
        [1, 2, 3]
    """
    return map(function, elements)


@guarded()
def custom_gradient(f):
    """Return a function whose gradient is written by hand.

    Args:
        f: function (*args) -> (output, grad); grad(*args, upstream) -> gradients of `args`, one or a tuple of them, where
            `upstream` is the gradient of the output: the last argument, or the keyword `upstream` where `grad` has it.

    Example:
        >>> import hornpipe as keras
        >>> @keras.ops.custom_gradient
        ... def double(x):
        ...     return x * 2, lambda upstream: upstream * 2
        >>> double(keras.ops.ones(2)).tolist()
        [2.0, 2.0]
    """

    def with_vjp(*args):
        out, grad = f(*args)

        def vjp(upstream):
            gradients = grad(upstream)
            gradients = gradients if isinstance(gradients, (tuple, list)) else (gradients,)
            return tuple(_tensors(each) for each in gradients)

        return _tensors(out), vjp

    def function(*args):
        return active.engine.custom_gradient(with_vjp)(*_tensors(list(args)))

    return function


@guarded()
def associative_scan(f, elems, reverse=False, axis=0):
    """Return all running combinations of `elems` under an associative function, in about 2 log2(n) calls of it.

    Args:
        f: function (a, b) -> combination, of trees of tensors with many elements along `axis` at once.
        elems: tensor or tree of tensors of equal size along `axis`.
        reverse: bool. Whether to start at the end.
        axis: int.
    Returns:
        Tree of the shapes of `elems`: element i combines elements 0 to i.
    Raises:
        ValueError: the sizes along `axis` differ.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.associative_scan(lambda a, b: a + b, keras.ops.arange(4)).tolist()
        [0, 1, 3, 6]

    References:
        Blelloch (1990), Prefix sums and their applications, Carnegie Mellon University CS-90-190.
    """
    leaves = [to_tensor(leaf) for leaf in flatten(elems)]
    axes = [one_axis("associative_scan", axis, len(leaf.shape)) for leaf in leaves]
    sizes = {leaf.shape[at] for leaf, at in zip(leaves, axes, strict=True)}
    if len(sizes) != 1:
        raise ShapeError(
            message(
                "associative_scan", "all must have one size along `axis`", f"sizes {sorted(sizes)}"
            )
        )

    def cut(xs, start, stop, step=1):
        return [
            getitem(x, (*(slice(None),) * at, slice(start, stop, step)))
            for x, at in zip(xs, axes, strict=True)
        ]

    def combine(first, second):
        return [
            to_tensor(leaf)
            for leaf in flatten(f(pack_like(elems, first), pack_like(elems, second)))
        ]

    def sweep(xs):
        number = xs[0].shape[axes[0]]
        if number < 2:
            return xs
        odd = sweep(combine(cut(xs, 0, number - 1, 2), cut(xs, 1, None, 2)))
        even = cut(xs, 0, 1)
        if number > 2:
            later = combine(cut(odd, 0, (number - 1) // 2), cut(xs, 2, None, 2))
            even = [
                concatenate(pair, at)
                for pair, at in zip(zip(even, later, strict=True), axes, strict=True)
            ]
        return [_interleave(*each, number) for each in zip(even, odd, axes, strict=True)]

    flipped = [flip(leaf, at) for leaf, at in zip(leaves, axes, strict=True)] if reverse else leaves
    out = sweep(flipped)
    return pack_like(
        elems, [flip(leaf, at) for leaf, at in zip(out, axes, strict=True)] if reverse else out
    )


def _interleave(even, odd, axis, number):
    """Return the elements of two tensors in turn along an axis, `number` of them."""
    order = [i // 2 if i % 2 == 0 else even.shape[axis] + i // 2 for i in range(number)]
    return take(concatenate([even, odd], axis), order, axis)
