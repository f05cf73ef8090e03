"""Compiled attention: values and gradients against NumPy in float64, and every rule of its primitives."""

from __future__ import annotations

import ctypes

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hornpipe import layers, ops
from hornpipe.engine import jax_attention, jax_kernels, select
from hornpipe.kernels import library
from hornpipe.ops.norm import attention_general
from tests.kernels.attention_reference import AttentionCase

if not jax_kernels.active():
    pytest.skip(jax_kernels.status(), allow_module_level=True)

TOLERANCE = 2e-6
_run = library.load(jax_kernels.ABI)[0].hornpipe_run_attention


def pointer(array):
    return None if array is None else array.ctypes.data_as(ctypes.c_void_p)


def native(case, threads):
    """Run output and gradients on plain memory, without XLA."""
    numbers = [case.batch, case.targets, case.sources, case.heads, case.key_heads]
    sizes = np.array([*numbers, case.size, case.value_size, case.causal], np.int64)
    given = [np.ascontiguousarray(x, np.float32) for x in (case.q, case.k, case.v, case.dout)]
    shapes = [case.dout.shape, (case.batch, case.heads, case.targets, 2)]
    shapes += [x.shape for x in (case.q, case.k, case.v)]
    # What lies around the results tells of writing outside them.
    guarded = [np.full(int(np.prod(shape)) + 128, 7.0, np.float32) for shape in shapes]
    inner = [array[64:-64] for array in guarded]
    arrays = [*given[:3], *inner[:2], given[3], *inner[2:]]
    pointers = (ctypes.c_void_p * 9)(*[array.ctypes.data for array in arrays])
    mask = None if case.mask is None else np.ascontiguousarray(case.mask)
    shape = None if mask is None else np.array(mask.shape, np.int64)
    scale, threads = ctypes.c_double(case.scale), ctypes.c_int(threads)
    assert _run(pointer(sizes), scale, pointer(mask), pointer(shape), pointers, threads) == 1
    assert all((x[:64] == 7).all() and (x[-64:] == 7).all() for x in guarded)
    results = [array.reshape(shape) for array, shape in zip(inner, shapes, strict=True)]
    return results[0], *results[2:]


def check_samples(seeds, tolerance=TOLERANCE):
    for seed in seeds:
        rng = np.random.default_rng(seed)
        case, threads = AttentionCase(rng), int(rng.integers(1, 6))
        worst = case.errors(native(case, threads))
        assert max(worst) <= tolerance, (seed, threads, worst, case)


@pytest.mark.parametrize("block", range(4))
def test_samples(block):
    check_samples(range(block * 30, block * 30 + 30))


@pytest.mark.slow
def test_many_samples():
    check_samples(range(1000, 1600), 3e-6)  # gradients of scores are differences of larger numbers


def test_long_sequences():
    for seed, causal in enumerate((False, True)):
        rng = np.random.default_rng(seed)
        sizes = {"batch": 1, "groups": 1, "key_heads": 2, "size": 16, "value_size": 32}
        case = AttentionCase(
            rng, targets=700, sources=900, causal=causal, masked=causal, scale=0.25, **sizes
        )
        assert max(case.errors(native(case, 2))) <= TOLERANCE


def few_queries(seed, **sizes):
    """Return a case whose queries are so few that keys are read where they lie, in several parts that are put together."""
    rng = np.random.default_rng(seed)
    sizes = {
        "batch": int(rng.integers(1, 3)),
        "groups": int(rng.choice([1, 2, 4])),
        "targets": int(rng.choice([1, 2, 3, 4])),
        "sources": int(rng.choice([1, 15, 17, 192, 193, 400, 577, 1000])),
        "size": int(rng.choice([16, 32, 64, 64, 80, 128])),
        "value_size": int(rng.choice([16, 32, 64, 64, 80])),
    } | sizes
    return AttentionCase(rng, **sizes)


@pytest.mark.parametrize("block", range(4))
def test_few_queries(block):
    for seed in range(block * 10, block * 10 + 10):
        case = few_queries(seed)
        worst = case.errors(
            native(case, 1 + seed % 3), cancelling=True
        )  # few rows, in which nearly all may
        assert max(worst) <= TOLERANCE, (seed, worst, case)


@pytest.mark.parametrize("seed", range(6))
def test_few_queries_have_the_same_bits_for_any_number_of_threads(seed):
    case = few_queries(seed + 100, sources=900)
    one = native(case, 1)
    for threads in (2, 5):
        for got, wanted in zip(native(case, threads), one, strict=True):
            np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("targets", [2, 40])
def test_keys_that_a_mask_hides_in_whole_blocks(targets):
    sizes = {"batch": 3, "groups": 1, "sources": 800, "size": 16, "value_size": 16}
    case = few_queries(1, targets=targets, causal=False, scale=0.25, **sizes)
    visible = np.zeros((3, 1, 1, 800), bool)
    visible[0, ..., 600:650] = True  # the first blocks are skipped
    visible[1, ..., :5] = True  # all but the first; the last sample sees nothing
    case.mask = visible
    assert max(case.errors(native(case, 2))) <= TOLERANCE


@pytest.mark.parametrize("targets", [2, 40])
@pytest.mark.parametrize("magnitude", [1e4, 1e6, 1e15])
def test_scores_however_large_pick_one_value(targets, magnitude):
    sizes = {"groups": 1, "sources": 500, "size": 16, "value_size": 16, "causal": False}
    case = few_queries(3, targets=targets, scale=0.25, **sizes)
    case.mask = None
    case.q, case.k = (np.round(8 * x) * magnitude for x in (case.q, case.k))  # exact products
    case.k[:, 123] = 100 * case.q.sum(1)  # the greatest for most queries
    got, (wanted, _) = native(case, 2), case.results()
    scores = np.einsum("bthd,bshd->bhts", case.q, case.k)
    greatest = scores == scores.max(-1, keepdims=True)
    assert (greatest.sum(-1) == 1).all()
    np.testing.assert_allclose(got[0], wanted[0], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(got[3], wanted[3], rtol=1e-6, atol=1e-5)
    assert all(np.isfinite(x).all() for x in got)


@pytest.mark.parametrize("targets", [2, 40])
@pytest.mark.parametrize("scale", [-3.0, 0.0, 1e-6])
def test_any_scale(targets, scale):
    sizes = {"sources": 300, "size": 16, "value_size": 16, "causal": False}
    case = few_queries(2, targets=targets, scale=scale, **sizes)
    case.mask = np.arange(300) % 3 > 0
    case.mask = case.mask[None, None, None]
    out, dq, dk, dv = native(case, 2)
    (wanted, wanted_dq, wanted_dk, wanted_dv), _ = case.results()
    for got, right in ((out, wanted), (dv, wanted_dv), (dq, wanted_dq), (dk, wanted_dk)):
        np.testing.assert_allclose(got, right, rtol=0, atol=2e-5 * np.abs(right).max())


def test_scores_of_any_size_do_not_overflow():
    case = AttentionCase(np.random.default_rng(4), size=8, scale=30.0, targets=50, sources=97)
    # Scores of some hundreds: exponentials lose the digits that the scores lack.
    assert max(case.errors(native(case, 1))) <= 2e-4


@pytest.mark.parametrize("seed", range(8))
def test_the_number_of_threads_changes_no_bit(seed):
    case = AttentionCase(np.random.default_rng(seed + 50))
    one = native(case, 1)
    for threads in (2, 3, 7):
        for got, wanted in zip(native(case, threads), one, strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_sizes_that_do_not_fit_are_refused():
    case = AttentionCase(np.random.default_rng(1), groups=2, key_heads=2)
    case.heads = 3
    with pytest.raises(AssertionError):
        native(case, 1)
    case = AttentionCase(np.random.default_rng(1), masked=True)
    case.mask = np.ones((1, 1, case.targets + 1, 1), bool)
    with pytest.raises(AssertionError):
        native(case, 1)


# ---- through JAX

_random = np.random.default_rng(3)
Q = jnp.asarray(_random.standard_normal((2, 20, 4, 9)), "float32")
K = jnp.asarray(_random.standard_normal((2, 33, 2, 9)), "float32")
V = jnp.asarray(_random.standard_normal((2, 33, 2, 7)), "float32")
MASKS = {
    "no mask": None,
    "whole mask": jnp.asarray(_random.random((2, 4, 20, 33)) < 0.5).at[0, 1, 3].set(False),
    "padding": jnp.asarray(_random.random((2, 1, 1, 33)) < 0.5),
    "rows": jnp.asarray(_random.random((20, 1)) < 0.5),
}
KINDS = [(name, causal) for name in MASKS for causal in (False, True)]
FEW = [("no mask", True), ("whole mask", False), ("padding", True)]
OPTIONS = {"scale": 0.4}


def kernel(q, k, v, mask=None, causal=False):
    out = jax_attention.attention_general(q, k, v, None, mask, **OPTIONS, is_causal=causal)
    assert out is not NotImplemented
    return out


def composed(q, k, v, mask=None, causal=False):
    with select.use(select.load("jax")):
        return attention_general.__wrapped__(q, k, v, None, mask, **OPTIONS, is_causal=causal)


def same(got, wanted, rtol=2e-5):
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * max(1, float(jnp.abs(b).max())))


def both(name, causal):
    """Return the two as functions of query, key and value alone."""
    return [lambda q, k, v, f=f: f(q, k, v, MASKS[name], causal) for f in (kernel, composed)]


def loss(f):
    return lambda *arrays: jnp.sum(jnp.tanh(f(*arrays)) ** 2)


@pytest.mark.parametrize("name, causal", KINDS)
def test_values_and_gradients(name, causal):
    ours, theirs = both(name, causal)
    same(ours(Q, K, V), theirs(Q, K, V))
    np.testing.assert_array_equal(jax.jit(ours)(Q, K, V), ours(Q, K, V))
    assert "hornpipe_attention" in jax.jit(ours).lower(Q, K, V).as_text()
    gradients = jax.grad(loss(ours), (0, 1, 2))
    same(gradients(Q, K, V), jax.grad(loss(theirs), (0, 1, 2))(Q, K, V))
    text = jax.jit(gradients).lower(Q, K, V).as_text()
    assert "hornpipe_attention_gradients" in text and "dot_general" not in text

    def back(*arrays):
        out, pull = jax.vjp(ours, *arrays)
        return pull(jnp.cos(out.at[...].set(2.0)))

    for got, wanted in zip(jax.jit(back)(Q, K, V), back(Q, K, V), strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("argnum", range(3))
def test_one_gradient(argnum):
    ours, theirs = both("padding", False)
    same(jax.grad(loss(ours), argnum)(Q, K, V), jax.grad(loss(theirs), argnum)(Q, K, V))


@pytest.mark.parametrize("name, causal", FEW)
def test_forward_mode(name, causal):
    tangents = jnp.cos(Q), jnp.sin(K), jnp.cos(V)
    ours, theirs = both(name, causal)
    same(jax.jvp(ours, (Q, K, V), tangents), jax.jvp(theirs, (Q, K, V), tangents))
    same(jax.jacfwd(ours, 2)(Q, K, V), jax.jacfwd(theirs, 2)(Q, K, V))


@pytest.mark.parametrize("name, causal", FEW)
@pytest.mark.parametrize("outer", ["forward", "reverse", "reverse of forward", "twice forward"])
def test_second_order(outer, name, causal):
    directions = jnp.cos(Q), jnp.sin(K), jnp.cos(V)

    def product(f):
        def along(*arrays):
            return jax.jvp(loss(f), arrays, directions)[1]

        def inner(*arrays):
            pairs = zip(jax.grad(loss(f), (0, 1, 2))(*arrays), directions, strict=True)
            return sum(jnp.sum(gradient * direction) for gradient, direction in pairs)

        if outer == "reverse":
            return jax.grad(inner, (0, 1, 2))(Q, K, V)
        if outer == "reverse of forward":
            return jax.grad(along, (0, 1, 2))(Q, K, V)
        run = inner if outer == "forward" else along
        return jax.jvp(run, (Q, K, V), (jnp.sin(Q), jnp.sin(K), jnp.sin(V)))

    ours, theirs = both(name, causal)
    same(product(ours), product(theirs), 1e-4)


@pytest.mark.parametrize(
    "axes, name",
    [
        ((0, 0, 0, None), "no mask"),
        ((0, None, None, None), "padding"),
        ((None, 1, 1, 0), "whole mask"),
        ((2, None, 0, 0), "rows"),
        ((None, None, None, 0), "padding"),
    ],
)
def test_vmap(axes, name):
    def stacked(x, axis):
        return x if axis is None else jnp.stack([x, x * 0.5, -x], axis)

    arrays = [stacked(x, axis) for x, axis in zip((Q, K, V), axes, strict=False)]
    mask = MASKS[name] if axes[3] is None else jnp.stack([MASKS[name], ~MASKS[name]] * 2)[:3]

    def gradients(f):
        return lambda q, k, v, m: jax.grad(loss(lambda *a: f(*a, m, True)), (0, 1, 2))(q, k, v)

    ours, theirs = (jax.vmap(f, axes)(*arrays, mask) for f in (kernel, composed))
    same(ours, theirs)
    ours, theirs = (jax.vmap(gradients(f), axes)(*arrays, mask) for f in (kernel, composed))
    same(ours, theirs)


def test_vmap_over_tangents_and_cotangents():
    ours, theirs = both("padding", True)
    same(jax.jacrev(ours, (0, 1, 2))(Q, K, V), jax.jacrev(theirs, (0, 1, 2))(Q, K, V))
    same(jax.jacfwd(ours)(Q, K, V), jax.jacfwd(theirs)(Q, K, V))


def test_the_same_bits_inside_a_compiled_loop():
    step = jax.grad(loss(kernel), (0, 1, 2))

    @jax.jit
    def loop(*arrays):
        return jax.lax.fori_loop(0, 3, lambda _, carry: step(*arrays), arrays)

    for got, wanted in zip(loop(Q, K, V), jax.jit(step)(Q, K, V), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_checkpoint_and_scan():
    def run(f):
        def inner(k):
            def body(carry, q):
                return carry + jnp.sum(jax.checkpoint(f)(q, k, V) ** 2), None

            return jax.lax.scan(body, 0.0, jnp.stack([Q, Q * 2]))[0]

        return jax.jit(jax.grad(inner))(K)

    same(run(kernel), run(composed), 1e-4)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("which", range(3))
def test_nan_and_infinity_travel(which, value):
    arrays = [Q, K, V]
    arrays[which] = arrays[which].at[1, 3, 1, 2].set(value)
    got, wanted = kernel(*arrays), composed(*arrays)
    np.testing.assert_array_equal(jnp.isnan(got), jnp.isnan(wanted))
    for mine, theirs in zip(
        jax.grad(loss(kernel), (0, 1, 2))(*arrays),
        jax.grad(loss(composed), (0, 1, 2))(*arrays),
        strict=True,
    ):
        assert not np.isfinite(mine)[~np.isfinite(theirs)].any()


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("which", range(3))
def test_nan_and_infinity_travel_from_few_queries(which, value):
    rng = np.random.default_rng(5)
    shapes = (2, 3, 4, 32), (2, 250, 2, 32), (2, 250, 2, 48)
    arrays = [jnp.asarray(rng.standard_normal(shape), "float32") for shape in shapes]
    arrays[which] = arrays[which].at[1, 2, 1, 2].set(value)
    got, wanted = kernel(*arrays), composed(*arrays)
    np.testing.assert_array_equal(jnp.isnan(got), jnp.isnan(wanted))
    for mine, theirs in zip(
        jax.grad(loss(kernel), (0, 1, 2))(*arrays),
        jax.grad(loss(composed), (0, 1, 2))(*arrays),
        strict=True,
    ):
        assert not np.isfinite(mine)[~np.isfinite(theirs)].any()


def test_empty_arrays():
    assert jax_attention.attention_general(Q[:0], K[:0], V[:0]) is NotImplemented
    assert ops.dot_product_attention(Q[:0], K[:0], V[:0]).shape == (0, 20, 4, 7)
    stacked = jnp.zeros((0, *Q.shape)), jnp.zeros((0, *K.shape)), jnp.zeros((0, *V.shape))
    assert jax.vmap(kernel)(*stacked).shape == (0, 2, 20, 4, 7)


def test_what_takes_the_composed_operation():
    general = jax_attention.attention_general
    assert general(Q, K, V, bias=jnp.zeros((1, 1, 1, 1))) is NotImplemented
    assert general(Q, K, V, soft_cap=5.0) is NotImplemented
    assert general(Q, K, V, mask=jnp.ones((3, 1, 1, 1), bool)) is NotImplemented
    assert general(Q, K, V, mask=jnp.ones((20, 33))) is NotImplemented
    for dtype in ("float16", "bfloat16"):
        assert general(*(x.astype(dtype) for x in (Q, K, V))) is NotImplemented


def text_of(layer, *arrays, **options):
    def run(*arrays):
        return layer(*arrays, **options)

    return jax.jit(run).lower(*arrays).as_text()


@pytest.mark.parametrize("causal", [False, True])
def test_layers_use_it(causal):
    x = jnp.asarray(_random.standard_normal((2, 40, 32)), "float32")
    for layer in (
        layers.MultiHeadAttention(2, 16),
        layers.GroupQueryAttention(8, 4, 2),
        layers.MultiHeadAttention(2, 16, dropout=0.1),
    ):
        layer(x, x)
        text = text_of(layer, x, x, use_causal_mask=causal)
        assert "hornpipe_attention" in text
        assert "40x40" not in text  # neither scores nor a mask
        assert "hornpipe_attention" not in text_of(layer, x, x, return_attention_scores=True)
        got = layer(x, x, use_causal_mask=causal)
        wanted, _ = layer(x, x, use_causal_mask=causal, return_attention_scores=True)
        same(got, wanted)
