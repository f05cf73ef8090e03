"""Products of matrices in the compiled kernels: values, every derivative, every number of threads."""

from __future__ import annotations

import ctypes

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import hornpipe as keras
from hornpipe.engine import jax as engine
from hornpipe.engine import jax_kernels, jax_matmul
from hornpipe.kernels import library

if not jax_kernels.active():
    pytest.skip(jax_kernels.status(), allow_module_level=True)

_run = library.load(jax_kernels.ABI)[0].hornpipe_run_matmul
FORMS = [(False, False), (False, True), (True, False), (True, True)]
SIZES = [(1, 1, 1), (5, 17, 300), (128, 10, 784), (48, 64, 288), (49, 65, 289), (100, 1000, 40)]
LARGE = [(128, 128, 9216), (9216, 128, 128), (128, 9216, 128), (400, 300, 700), (1000, 70, 33)]


def draw(rows, columns, depth, form, seed=0):
    rng = np.random.default_rng(seed)
    shapes = (rows, depth), (depth, columns)
    return [
        rng.standard_normal(shape[::-1] if turned else shape).astype("float32")
        for shape, turned in zip(shapes, form, strict=True)
    ]


def reference(a, b, form):
    left, right = (x.astype("float64").T if t else x for x, t in zip((a, b), form, strict=True))
    return left @ right


def run(a, b, size, form, threads):
    out = np.full(size[:2], np.nan, "float32")
    sizes = np.array([*size, *form], "int64")
    pointers = [x.ctypes.data_as(ctypes.c_void_p) for x in (sizes, a, b, out)]
    assert _run(*pointers, threads)
    return out


def check(size, form, seed=0):
    a, b = draw(*size, form, seed)
    expected, out = reference(a, b, form), run(a, b, size, form, 1)
    assert np.abs(out - expected).max() <= 2e-6 * np.abs(expected).max()
    for threads in (2, 3):
        np.testing.assert_array_equal(run(a, b, size, form, threads), out)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", SIZES + LARGE)
def test_values_and_threads(size, form):
    check(size, form)


@pytest.mark.slow
def test_sampled_sizes():
    rng = np.random.default_rng(0)
    for seed in range(300):
        size = tuple(int(2 ** rng.uniform(0, 9.5)) for _ in range(3))
        check(size, FORMS[seed % 4], seed)


@pytest.mark.parametrize("form", FORMS)
def test_rules(form):
    a, b = map(jnp.asarray, draw(30, 40, 50, form))
    ours = lambda a, b: jax_matmul.multiply(a, b, *form)
    theirs = lambda a, b: (a.T if form[0] else a) @ (b.T if form[1] else b)

    def derivatives(product):
        total = lambda a, b: jnp.sin(product(a, b)).sum()
        first = jax.grad(total, (0, 1))
        second = jax.jvp(lambda *args: first(*args), (a, b), (a * 2, b - 1))
        return first(a, b), second, jax.jacfwd(lambda s: product(a * s, b * s))(2.0)

    for actual, expected in zip(
        jax.tree.leaves(derivatives(ours)), jax.tree.leaves(derivatives(theirs)), strict=True
    ):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-3)
    np.testing.assert_array_equal(jax.jit(ours)(a, b), ours(a, b))


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0), (1, 2)])
def test_mapped(axes):
    a, b = map(jnp.asarray, draw(20, 30, 40, (False, False)))
    several = [
        x if axis is None else jnp.stack([x, -x, x + 1], axis)
        for x, axis in zip((a, b), axes, strict=True)
    ]
    out = jax.vmap(engine.matmul, axes)(*several)
    for i in range(3):
        own = [
            x if axis is None else jnp.take(x, i, axis)
            for x, axis in zip(several, axes, strict=True)
        ]
        np.testing.assert_allclose(out[i], own[0] @ own[1], rtol=1e-5, atol=1e-5)


def test_nan_and_infinity_stay_in_their_row_and_column():
    a, b = draw(70, 90, 300, (False, False))
    a[3, 5], b[7, 11] = np.nan, np.inf
    out = run(a, b, (70, 90, 300), (False, False), 2)
    assert np.isnan(out[3]).all() and not np.isfinite(out[:, 11]).any()
    assert np.isfinite(np.delete(np.delete(out, 3, 0), 11, 1)).all()


def test_what_does_not_fit_is_refused():
    def call(a, b, shape, turned=(False, False)):
        options = {"a_turned": np.bool_(turned[0]), "b_turned": np.bool_(turned[1])}
        target = jax.ffi.ffi_call("hornpipe_matmul", jax.ShapeDtypeStruct(shape, "float32"))
        out = target(jnp.ones(a, "float32"), jnp.ones(b, "float32"), **options)
        return jax.block_until_ready(out)

    np.testing.assert_array_equal(call((2, 3), (3, 4), (2, 4)), np.full((2, 4), 3.0))
    for a, b, shape in [
        ((2, 3), (4, 5), (2, 5)),
        ((2, 3), (3, 4), (3, 4)),
        ((2, 0), (0, 4), (2, 4)),
    ]:
        with pytest.raises(Exception, match="the shapes do not fit together"):
            call(a, b, shape)
    with pytest.raises(Exception, match="the shapes do not fit together"):
        call((2, 3), (4, 2), (2, 4), (True, True))


# ---- what takes them


def traced(function, *shapes):
    return str(jax.make_jaxpr(function)(*(jnp.zeros(shape, "float32") for shape in shapes)))


def test_layers_take_them():
    dense = keras.layers.Dense(32)
    dense.build((None, 40))
    assert "hornpipe_matmul" in traced(dense, (32, 40))
    assert "hornpipe_matmul" in traced(dense, (8, 4, 40))
    assert "hornpipe_matmul" not in traced(dense, (2, 40))
    attention = keras.layers.MultiHeadAttention(4, 16)
    attention.build((None, 20, 64), (None, 20, 64))
    assert traced(attention, (8, 20, 64), (8, 20, 64)).count("hornpipe_matmul[") == 4


@pytest.mark.parametrize(
    "subscripts, shapes, taken",
    [
        ("ab,bc->ac", [(40, 50), (50, 60)], True),
        ("abc,cde->abde", [(4, 10, 50), (50, 3, 20)], True),
        ("abde,dec->abc", [(4, 10, 3, 20), (3, 20, 50)], True),
        ("ab,bc->ca", [(40, 50), (50, 60)], False),
        ("abc,bcd->acd", [(4, 10, 50), (10, 50, 20)], False),
        ("ab,cb->ac", [(40, 50), (60, 50)], False),
        ("ab,bc,cd->ad", [(40, 50), (50, 60), (60, 70)], False),
        ("ab,b->a", [(400, 500), (500,)], False),
        ("aab,bc->aac", [(9, 9, 50), (50, 60)], None),
        ("abb,bcd->acd", [(9, 50, 50), (50, 6, 60)], False),
        ("ab,bc->ac", [(40, 50), (1, 60)], False),
    ],
)
def test_einsum(subscripts, shapes, taken):
    if taken is None:  # refused, by whoever gets it
        with pytest.raises((ValueError, TypeError)):
            engine.einsum(subscripts, *(jnp.ones(shape) for shape in shapes))
        return
    rng = np.random.default_rng(0)
    operands = [rng.standard_normal(shape).astype("float32") for shape in shapes]
    out = engine.einsum(subscripts, *map(jnp.asarray, operands))
    expected = np.einsum(subscripts, *(x.astype("float64") for x in operands))
    assert out.shape == expected.shape
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-4)
    run = lambda *args: engine.einsum(subscripts, *args)
    assert ("hornpipe_matmul" in traced(run, *shapes)) == taken


def test_other_dtypes_and_several_devices_go_to_xla():
    a, b = jnp.ones((40, 50), "bfloat16"), jnp.ones((50, 60), "bfloat16")
    assert "hornpipe_matmul" not in str(jax.make_jaxpr(engine.matmul)(a, b))
    assert "hornpipe_matmul" not in traced(engine.matmul, (40, 50), (3, 50, 60))
