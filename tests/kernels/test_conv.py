"""The compiled convolutions: values and gradients against NumPy in float64, and every rule of their primitives."""

from __future__ import annotations

import ctypes

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hornpipe.engine import jax_conv, jax_kernels, select
from hornpipe.kernels import library
from tests.kernels.reference import Case, error, same

if not jax_kernels.active():
    pytest.skip(jax_kernels.status(), allow_module_level=True)

TOLERANCE = 2e-6
_run = library.load(jax_kernels.ABI)[0].hornpipe_run


def native(which, case, threads):
    """Run one of the three functions on plain memory, without XLA."""
    first, second, shape = [
        (case.x, case.kernel, case.dy.shape),
        (case.dy, case.kernel, case.x.shape),
        (case.x, case.dy, case.kernel.shape),
    ][which]
    numbers = [case.batch, *case.sizes, case.x.shape[-1], *case.window, case.kernel.shape[-1]]
    numbers += [*case.out, *case.strides, *(pair[0] for pair in case.padding), *case.dilation]
    sizes = np.array([*numbers, case.groups], np.int64)
    # What lies around the result tells of writing outside it.
    guarded = np.full(int(np.prod(shape)) + 128, 7.0, np.float32)
    inputs = [np.ascontiguousarray(value, np.float32) for value in (first, second)]
    result = guarded[64:-64]
    pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (sizes, *inputs, result)]
    assert _run(ctypes.c_int(which), *pointers, ctypes.c_int(threads)) == 1
    assert (guarded[:64] == 7).all() and (guarded[-64:] == 7).all()
    return result.reshape(shape)


def check_samples(seeds, **kind):
    for seed in seeds:
        rng = np.random.default_rng(seed)
        case, threads = Case(rng, **kind), int(rng.integers(1, 6))
        for which, wanted in enumerate(case.results()):
            worst = error(native(which, case, threads), wanted)
            assert worst <= TOLERANCE, (seed, which, threads, worst, case)


@pytest.mark.parametrize("block", range(4))
def test_samples(block):
    check_samples(range(block * 25, block * 25 + 25))


def test_depthwise_samples():
    check_samples(range(200, 240), depthwise=True)


def test_depthwise_samples_of_three_by_three():
    check_samples(range(300, 340), depthwise=True, square=True)


def test_tile_samples():
    check_samples(range(400, 420), tiles=True)


@pytest.mark.parametrize("square", [False, True])
def test_samples_of_thin_groups(square):
    check_samples(range(440, 480), thin=True, square=square)


KINDS = [{}, {"depthwise": 1}, {"depthwise": 1, "square": 1}, {"tiles": 1}]
KINDS += [{"thin": 1}, {"thin": 1, "square": 1}]


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind, seeds", list(zip(KINDS, [600, 200, 300, 200, 300, 300], strict=True)), ids=str
)
def test_many_samples(kind, seeds):
    check_samples(range(1000, 1000 + seeds), **kind)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("seed", range(2))
def test_the_number_of_threads_changes_no_bit(seed, kind):
    case = Case(np.random.default_rng(seed + 50), **kind)
    for which in range(3):
        one = native(which, case, 1)
        for threads in (2, 3, 7):
            np.testing.assert_array_equal(native(which, case, threads), one)


def test_sizes_that_do_not_fit_are_refused():
    case = Case(np.random.default_rng(1))
    case.groups = case.x.shape[-1] + 1
    with pytest.raises(AssertionError):
        native(0, case, 1)


# ---- through JAX

_random = np.random.default_rng(3)
X = jnp.asarray(_random.standard_normal((2, 7, 6, 9)), "float32")
KERNEL = jnp.asarray(_random.standard_normal((3, 2, 9, 8)), "float32")
OPTIONS = {"strides": (2, 1), "padding": [(1, 0), (1, 2)], "dilation": (1, 2), "groups": 1}


def ours(x, kernel):
    return jax_conv.conv_general(x, kernel, **OPTIONS)


def xla(x, kernel):
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        OPTIONS["strides"],
        OPTIONS["padding"],
        rhs_dilation=OPTIONS["dilation"],
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision="highest",
    )


def loss(f):
    return lambda x, kernel: jnp.sum(jnp.tanh(f(x, kernel) / 8) ** 2)


def test_values_eager_and_compiled():
    same(ours(X, KERNEL), xla(X, KERNEL))
    np.testing.assert_array_equal(jax.jit(ours)(X, KERNEL), ours(X, KERNEL))
    assert "hornpipe_conv" in jax.jit(ours).lower(X, KERNEL).as_text()


def test_gradients():
    same(jax.grad(loss(ours), (0, 1))(X, KERNEL), jax.grad(loss(xla), (0, 1))(X, KERNEL))


def test_forward_mode():
    tangents = (jnp.cos(X), jnp.sin(KERNEL))
    same(jax.jvp(ours, (X, KERNEL), tangents), jax.jvp(xla, (X, KERNEL), tangents))


@pytest.mark.parametrize("outer", ["jacfwd", "grad"])
def test_second_order(outer):
    def hessian_product(f):
        def inner(x, kernel):
            dx, dkernel = jax.grad(loss(f), (0, 1))(x, kernel)
            return jnp.sum(dx * jnp.cos(X)) + jnp.sum(dkernel * jnp.sin(KERNEL))

        if outer == "grad":
            return jax.grad(inner, (0, 1))(X, KERNEL)
        return jax.jvp(inner, (X, KERNEL), (jnp.ones_like(X), jnp.ones_like(KERNEL)))

    same(hessian_product(ours), hessian_product(xla), rtol=5e-5)


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0), (2, 1)])
def test_vmap(axes):
    def stacked(value, axis):
        return value if axis is None else jnp.stack([value, value * 2, value - 1], axis)

    arguments = stacked(X, axes[0]), stacked(KERNEL, axes[1])
    same(jax.vmap(ours, axes)(*arguments), jax.vmap(xla, axes)(*arguments))
    ours_each = jax.vmap(jax.grad(loss(ours), (0, 1)), axes)(*arguments)
    same(ours_each, jax.vmap(jax.grad(loss(xla), (0, 1)), axes)(*arguments))

    def total(f):
        return lambda *a: jnp.sum(jnp.tanh(jax.vmap(f, axes)(*a) / 8))

    same(jax.grad(total(ours), (0, 1))(*arguments), jax.grad(total(xla), (0, 1))(*arguments))


def test_the_same_bits_inside_a_compiled_loop():
    step = jax.grad(loss(ours), (0, 1))

    @jax.jit
    def loop(x, kernel):
        def body(_, carry):
            return step(x, kernel)

        return jax.lax.fori_loop(0, 3, body, (x, kernel))

    for got, wanted in zip(loop(X, KERNEL), jax.jit(step)(X, KERNEL), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_xlas_threads_change_no_bit():
    case = Case(np.random.default_rng(0))
    case.batch, case.sizes, case.window, case.out, case.groups = 6, [30, 29], [3, 3], [15, 29], 1
    case.strides, case.dilation, case.padding = (2, 1), (1, 1), [(1, 1), (1, 1)]
    shapes = (6, 30, 29, 16), (3, 3, 16, 40), (6, 15, 29, 40)
    case.x, case.kernel, case.dy = (_random.standard_normal(shape) for shape in shapes)
    x, kernel, dy = (jnp.asarray(a, "float32") for a in (case.x, case.kernel, case.dy))

    def conv(x, kernel):
        return jax_conv.conv_general(x, kernel, (2, 1), case.padding, (1, 1), 1)

    @jax.jit
    def often(x, kernel, dy):
        def body(_, carry):
            y, back = jax.vjp(conv, x, kernel)
            return (y, *back(dy))

        return jax.lax.fori_loop(0, 100, body, (dy, x, kernel))

    for which, got in enumerate(often(x, kernel, dy)):
        np.testing.assert_array_equal(got, native(which, case, 1))


LARGE = {  # window, stride, groups, filters
    "depthwise": (3, 1, 32, 32),
    "depthwise with strides": (3, 2, 32, 32),
    "wide depthwise": (5, 1, 32, 32),
    "thin groups": (3, 1, 8, 32),
    "tiles": (3, 1, 1, 48),
    "pointwise": (1, 1, 1, 96),
    "windows": (3, 2, 1, 64),
}


@pytest.mark.parametrize("form", LARGE.values(), ids=LARGE)
def test_results_that_go_past_the_caches_have_the_same_bits(form):
    window, stride, groups, filters = form
    random = np.random.default_rng(0)
    x = jnp.asarray(random.standard_normal((20, 42, 41, 32)), "float32")  # 1.1 million
    if stride == 2:
        x = jnp.tile(x, (4, 1, 1, 1))
    kernel = jnp.asarray(random.standard_normal((window, window, 32 // groups, filters)), "float32")
    bias = jnp.asarray(random.standard_normal(filters), "float32")
    options = (stride, stride), [(window // 2,) * 2] * 2, (1, 1), groups

    @jax.jit
    def run(x):
        if groups == 32:
            y, back = jax.vjp(lambda x: jax_conv.conv_general(x, kernel, *options), x)
        else:
            y, back = jax.vjp(
                lambda x: jax_conv.conv_bias_general(x, kernel, bias, *options, True), x
            )
        return y, back(jnp.cos(y))[0]

    whole = run(x)
    assert all(result.size > 1 << 20 for result in whole)  # PAST_FLOATS of common.h
    parts = [run(part) for part in jnp.split(x, len(x) // 5)]
    for got, wanted in zip(whole, zip(*parts, strict=True), strict=True):
        np.testing.assert_array_equal(got, np.concatenate(wanted))


def test_checkpoint_and_scan():
    def run(f):
        def inner(kernel):
            def body(carry, x):
                return carry + jnp.sum(jax.checkpoint(f)(x, kernel) ** 2), None

            return jax.lax.scan(body, 0.0, jnp.stack([X, X * 2]))[0]

        return jax.jit(jax.grad(inner))(KERNEL)

    same(run(ours), run(xla))


def test_nan_and_infinity_travel():
    for value in (np.nan, np.inf):
        x = X.at[1, 3, 2, 4].set(value)
        got, wanted = ours(x, KERNEL), xla(x, KERNEL)
        np.testing.assert_array_equal(jnp.isfinite(got), jnp.isfinite(wanted))
        ct = jnp.ones_like(wanted).at[0, 1, 1, 3].set(value)
        for mine, theirs in zip(
            jax.vjp(ours, X, KERNEL)[1](ct), jax.vjp(xla, X, KERNEL)[1](ct), strict=True
        ):
            finite = np.isfinite(theirs)
            assert not np.isfinite(mine)[~finite].any()


def tiles_case(rng, batch=8):
    """Return a convolution that is done by tiles, with padding on some sides, an odd height and an even width."""
    case = Case(rng, tiles=True)
    case.batch, case.sizes, case.padding, case.out = batch, [9, 10], [(1, 1), (1, 0)], [9, 9]
    shapes = (batch, 9, 10, 20), (3, 3, 20, 40), (batch, 9, 9, 40)
    case.x, case.kernel, case.dy = (rng.standard_normal(shape) for shape in shapes)
    return case


def test_tiles_are_for_many_outputs():
    case = tiles_case(np.random.default_rng(5))
    whole = native(0, case, 2)
    case.batch, case.x, case.dy = 2, case.x[:2], case.dy[:2]
    few = native(0, case, 2)
    np.testing.assert_allclose(whole[:2], few, rtol=1e-4, atol=1e-4)
    assert (whole[:2] != few).any()  # another order of sums


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2e38])
@pytest.mark.parametrize(
    "which, operand", [(0, "x"), (0, "kernel"), (1, "dy"), (2, "x"), (2, "dy")]
)
def test_what_is_not_finite_reaches_its_own_outputs_alone(which, operand, value):
    case = tiles_case(np.random.default_rng(6))
    usual = case.results()[which]
    values = getattr(case, operand)
    values[(1, 1, 4, 7) if operand == "kernel" else (3, 4, 5, 6)] = value
    with np.errstate(all="ignore"):
        wanted = case.results()[which].astype(np.float32)
    got = native(which, case, 2)
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(wanted))
    np.testing.assert_array_equal(np.isnan(got), np.isnan(wanted))
    as_before = wanted == usual.astype(np.float32)
    assert as_before.any() and error(got[as_before], wanted[as_before].astype(float)) < TOLERANCE


def test_empty_batch():
    assert ours(X[:0], KERNEL).shape == (0, *xla(X, KERNEL).shape[1:])
    dx, dkernel = jax.grad(loss(ours), (0, 1))(X[:0], KERNEL)
    assert dx.shape == (0, *X.shape[1:])
    assert not dkernel.any() and dkernel.shape == KERNEL.shape


def test_one_dimension():
    x, kernel = X[:, :, 0], KERNEL[:, 0]
    got = jax_conv.conv_general(x, kernel, [2], [(1, 1)], [1], 1)
    columns = jnp.pad(x, [(0, 0), (1, 1), (0, 0)])
    wanted = sum(columns[:, i : i + 7 : 2] @ kernel[i] for i in range(3))
    same(got, wanted)


@pytest.mark.parametrize("pairs", [[(2, 1), (1, 0)], [(1, -1), (-2, 4)]])
def test_transposed(pairs):
    from hornpipe.ops.conv import conv_transpose_general

    kernel = jnp.swapaxes(KERNEL, 2, 3)[..., :9]
    options = {"strides": (2, 3), "pairs": pairs, "dilation": (1, 2)}

    def up(x, kernel):
        return jax_conv.conv_transpose_general(x, kernel, **options)

    def composed(x, kernel):
        with select.use(select.load("jax")):
            return conv_transpose_general.__wrapped__(x, kernel, **options)

    assert "hornpipe_conv_dx" in jax.jit(up).lower(X, kernel).as_text()
    same(up(X, kernel), composed(X, kernel))
    same(jax.grad(loss(up), (0, 1))(X, kernel), jax.grad(loss(composed), (0, 1))(X, kernel))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_other_dtypes_take_the_composed_operation(dtype):
    assert jax_conv.conv_general(X.astype(dtype), KERNEL.astype(dtype), **OPTIONS) is NotImplemented


def test_other_platforms_get_xlas_own():
    exported = jax.export.export(jax.jit(jax.grad(loss(ours), (0, 1))), platforms=["cuda"])(
        X, KERNEL
    )
    assert "hornpipe" not in exported.mlir_module().replace("hornpipe/", "")
