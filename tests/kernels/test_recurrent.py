"""The compiled LSTM and GRU: values and gradients against NumPy in float64, and every rule of their primitives."""

from __future__ import annotations

import ctypes

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hornpipe import ops
from hornpipe.engine import jax_kernels, jax_recurrent
from hornpipe.kernels import library
from tests.kernels.recurrent_reference import INPUTS, Case
from tests.kernels.reference import error

if not jax_kernels.active():
    pytest.skip(jax_kernels.status(), allow_module_level=True)

TOLERANCE = 2e-6
_run = library.load(jax_kernels.ABI)[0].hornpipe_run_recurrent


class Memory:
    """Arrays between guards, which tell of writing outside them."""

    def __init__(self):
        self.guarded = []

    def take(self, shape):
        memory = np.full(int(np.prod(shape)) + 128, 7.0, np.float32)
        self.guarded.append(memory)
        return memory[64:-64].reshape(shape)

    def check(self):
        for memory in self.guarded:
            assert (memory[:64] == 7).all() and (memory[-64:] == 7).all()


def call(case, gradient, arrays, threads):
    sizes = np.array([*case.sizes, case.backwards], np.int64)
    addresses = [None if array is None else array.ctypes.data for array in arrays]
    pointers = (ctypes.c_void_p * len(arrays))(*addresses)
    data = ctypes.c_void_p(sizes.ctypes.data)
    return _run(ctypes.c_int(case.gates), ctypes.c_int(gradient), data, pointers, threads)


def native(case, threads):
    """Return outputs, states and gradients of the functions on plain memory, without XLA."""
    batch, steps, _, units = case.sizes
    memory = Memory()
    inputs = [np.ascontiguousarray(case.inputs[name], np.float32) for name in INPUTS]
    inputs.append(case.valid)
    outputs = memory.take((batch, steps, units)) if case.sequences else None
    states = [memory.take(case.inputs[name].shape) for name in ("h", "c")]
    kept = memory.take((batch, steps, -(-units // 16) * 16 * (case.gates + 2)))
    assert call(case, 0, [*inputs, outputs, *states, kept], threads) == 1
    # Without anything to keep the bits are the same.
    again = [memory.take(case.inputs[name].shape) for name in ("h", "c")]
    assert call(case, 0, [*inputs, None, *again, None], threads) == 1
    for one, two in zip(states, again, strict=True):
        np.testing.assert_array_equal(one, two)
    upstream = [
        None if array is None else np.ascontiguousarray(array, np.float32)
        for array in (case.d_outputs, case.d_h, case.d_c)
    ]
    gradients = [memory.take(case.inputs[name].shape) for name in INPUTS]
    assert call(case, 1, [*inputs, *upstream, kept, *gradients], threads) == 1
    memory.check()
    return ([] if outputs is None else [outputs]), states, gradients


def check(case, threads, tolerance=TOLERANCE):
    outputs, states, gradients = native(case, threads)
    wanted_outputs, *wanted_states = case.forward()
    names = (*(["outputs"] if outputs else []), "h", "c", *(f"d_{name}" for name in INPUTS))
    wanted = [*([wanted_outputs] if outputs else []), *wanted_states, *case.backward()]
    for name, got, right in zip(names, [*outputs, *states, *gradients], wanted, strict=True):
        assert got.shape == right.shape
        if got.size:
            assert error(got, right) <= tolerance, (name, error(got, right), threads, case)


def check_samples(gates, seeds, tolerance=TOLERANCE):
    for seed in seeds:
        rng = np.random.default_rng(seed)
        check(Case(rng, gates), int(rng.integers(1, 4)), tolerance)


@pytest.mark.parametrize("gates", [4, 3])
def test_samples(gates):
    check_samples(gates, range(80))


@pytest.mark.slow
@pytest.mark.parametrize("gates", [4, 3])
def test_many_samples(gates):
    check_samples(
        gates, range(1000, 1500), tolerance=5e-6
    )  # sums that nearly cancel are among so many


@pytest.mark.parametrize("gates", [4, 3])
def test_long_sequences(gates):
    case = Case(np.random.default_rng(4), gates, (40, 200, 32, 32))
    check(case, 2)


@pytest.mark.parametrize("gates", [4, 3])
@pytest.mark.parametrize("sizes", [(33, 3, 9, 310), (19, 4, 530, 270), (70, 2, 3, 301)])
def test_weights_that_do_not_stay_in_the_cache(gates, sizes):
    check(Case(np.random.default_rng(5), gates, sizes), 2)


@pytest.mark.parametrize("gates", [4, 3])
def test_the_number_of_threads_changes_no_bit(gates):
    for seed in range(4):
        case = Case(np.random.default_rng(seed + 50), gates, (130, 12, 20, 24))
        one = native(case, 1)
        for threads in (2, 3, 7):
            for got, wanted in zip(
                jax.tree.leaves(native(case, threads)), jax.tree.leaves(one), strict=True
            ):
                np.testing.assert_array_equal(got, wanted)


def test_sizes_that_do_not_fit_are_refused():
    case = Case(np.random.default_rng(1), 4)
    case.gates = 5
    assert call(case, 0, [None] * 12, 1) == 0
    case.gates, case.sizes = 4, (1, 0, 2, 3)
    assert call(case, 0, [None] * 12, 1) == 0


# ---- through JAX

KINDS = ("lstm_general", "gru_general")


def problem(kind, batch=5, steps=6, features=3, units=7, seed=0):
    """Return the arrays of a call and a mask."""
    rng = np.random.default_rng(seed)
    width = (4 if kind == "lstm_general" else 3) * units
    shapes = [(batch, steps, features), (features, width), (units, width), (width,)]
    shapes += [(batch, units)] * 2 if kind == "lstm_general" else [(width,), (batch, units)]
    arrays = [jnp.asarray(rng.standard_normal(shape), "float32") for shape in shapes]
    return arrays, jnp.asarray(rng.random((batch, steps)) < 0.7)


def ours(kind, **options):
    return lambda *arrays: getattr(jax_recurrent, kind)(*arrays, **options)


def composed(kind, **options):
    return lambda *arrays: getattr(ops, kind).__wrapped__(*arrays, **options)


def loss(f):
    def run(*arrays):
        parts = [part for part in f(*arrays) if part is not None]
        return sum(jnp.sum(jnp.sin(part * (1.0 + i))) for i, part in enumerate(parts))

    return run


def same(got, wanted, rtol=1e-5):
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
        assert a.shape == b.shape
        if b.size:
            np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * float(jnp.abs(b).max()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_values_and_gradients(kind, masked, sequences, backwards):
    arrays, valid = problem(kind)
    options = {"sequences": sequences, "backwards": backwards, "valid": valid if masked else None}
    mine, theirs = ours(kind, **options), composed(kind, **options)
    same(mine(*arrays), theirs(*arrays))
    compiled, eager = jax.jit(mine)(*arrays), mine(*arrays)
    for a, b in zip(jax.tree.leaves(compiled), jax.tree.leaves(eager), strict=True):
        np.testing.assert_array_equal(a, b)
    assert "hornpipe_recurrent" in jax.jit(mine).lower(*arrays).as_text()
    places = tuple(range(len(arrays)))
    same(jax.grad(loss(mine), places)(*arrays), jax.grad(loss(theirs), places)(*arrays))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("outer", ["grad", "jvp"])
def test_second_order(kind, outer):
    arrays, valid = problem(kind, 3, 4, 2, 3)
    arrays = [array * 0.5 for array in arrays]
    places = tuple(range(len(arrays)))

    def results(f):
        def inner(*arrays):
            gradients = jax.grad(loss(f), places)(*arrays)
            return sum(jnp.sum(jnp.cos(each) ** 2) for each in gradients)

        if outer == "grad":
            return jax.jit(jax.grad(inner, places))(*arrays)
        return jax.jvp(inner, tuple(arrays), tuple(jnp.ones_like(each) for each in arrays))

    options = {"valid": valid, "sequences": True, "backwards": True}
    same(results(ours(kind, **options)), results(composed(kind, **options)), rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_forward_mode_is_refused_as_by_the_composed_operation(kind):
    arrays, _ = problem(kind)
    for f in (ours(kind), composed(kind)):
        with pytest.raises(TypeError, match="forward-mode"):
            jax.jvp(f, arrays, [jnp.ones_like(each) for each in arrays])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mapped", [(0,), (1, 2), (0, 1, 2, 3, 4, 5)])
def test_vmap(kind, mapped):
    arrays, _ = problem(kind, 3, 4, 2, 3)
    axes = tuple(1 if i in mapped and i == 0 else 0 if i in mapped else None for i in range(6))
    stacked = [
        each if axis is None else jnp.stack([each, each * 0.5], axis)
        for each, axis in zip(arrays, axes, strict=True)
    ]
    mine, theirs = ours(kind, sequences=True), composed(kind, sequences=True)
    same(jax.vmap(mine, axes)(*stacked), jax.vmap(theirs, axes)(*stacked))
    places = tuple(range(6))
    of_mine, of_theirs = (
        jax.vmap(jax.grad(loss(f), places), axes)(*stacked) for f in (mine, theirs)
    )
    same(of_mine, of_theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_checkpoint_inside_a_compiled_loop(kind):
    arrays, _ = problem(kind)

    def run(f):
        def total(*arrays):
            def body(carry, factor):
                return carry + loss(jax.checkpoint(f))(arrays[0] * factor, *arrays[1:]), None

            return jax.lax.scan(body, 0.0, jnp.asarray([1.0, 2.0]))[0]

        return jax.jit(jax.grad(total, (0, 1, 2)))(*arrays)

    same(run(ours(kind)), run(composed(kind)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("place", [0, 1, 2, 5])
def test_nan_and_infinity_travel(kind, value, place):
    arrays, _ = problem(kind)
    index = (1,) * arrays[place].ndim
    arrays[place] = arrays[place].at[index].set(value)
    mine, theirs = ours(kind, sequences=True), composed(kind, sequences=True)
    for a, b in zip(jax.tree.leaves(mine(*arrays)), jax.tree.leaves(theirs(*arrays)), strict=True):
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
    places = tuple(range(6))
    got, wanted = (jax.grad(loss(f), places)(*arrays) for f in (mine, theirs))
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(np.isfinite(a), np.isfinite(b))


@pytest.mark.parametrize("kind", KINDS)
def test_empty_batch(kind):
    arrays, _ = problem(kind, batch=0)
    outputs, *states = ours(kind, sequences=True)(*arrays)
    assert outputs.shape == (0, 6, 7) and all(each.shape == (0, 7) for each in states)
    gradients = jax.grad(loss(ours(kind)), tuple(range(6)))(*arrays)
    assert [each.shape for each in gradients] == [each.shape for each in arrays]
    assert not any(each.any() for each in gradients)


@pytest.mark.parametrize("kind", KINDS)
def test_fading_gradients_take_no_longer_and_become_zero(kind):
    arrays, _ = problem(kind, 2, 400, 3, 4)
    arrays = [each * 0.05 for each in arrays]
    dx = jax.grad(loss(ours(kind)))(*arrays)
    small = np.abs(dx)[np.asarray(dx) != 0].min()
    assert small >= np.finfo("float32").tiny
    assert not dx[:, 0].any() and dx[:, -1].all()


@pytest.mark.parametrize("kind", KINDS)
def test_what_takes_the_composed_operation(kind):
    arrays, valid = problem(kind)
    halves = [each.astype("bfloat16") for each in arrays]
    assert ours(kind)(*halves) is NotImplemented
    assert ours(kind, valid=valid.astype("int32"))(*arrays) is NotImplemented
    assert ours(kind)(arrays[0][:, :0], *arrays[1:]) is NotImplemented
    many, _ = problem(kind, 1, 1, 3000, 600)
    assert ours(kind)(*many) is NotImplemented


@pytest.mark.parametrize("kind", KINDS)
def test_other_platforms_get_the_portable_formulas(kind):
    arrays, _ = problem(kind)
    gradients = jax.jit(jax.grad(loss(ours(kind)), (0, 1, 2)))
    exported = jax.export.export(gradients, platforms=["cuda"])(*arrays)
    assert "hornpipe_recurrent" not in exported.mlir_module().replace("jit(hornpipe", "")


@pytest.mark.parametrize("gates", [4, 3])
def test_the_portable_formulas(gates):
    for seed in range(12):
        case = Case(np.random.default_rng(seed + 300), gates, (5, 6, 3, 7))
        arrays = [jnp.asarray(case.inputs[name], "float32") for name in INPUTS]
        arrays.append(jax_recurrent._mask(None if case.valid is None else jnp.asarray(case.valid)))
        options = {"gates": gates, "backwards": case.backwards}
        same(jax_recurrent.portable(*arrays, **options), [*map(jnp.asarray, case.forward())])
        empty = np.zeros((0, 0, 0)) if case.d_outputs is None else case.d_outputs
        upstream = [jnp.asarray(each, "float32") for each in (empty, case.d_h, case.d_c)]
        got = jax_recurrent._portable_gradient(*arrays, *upstream, None, **options)
        same(got, [*map(jnp.asarray, case.backward())])


@pytest.mark.parametrize("wrong", range(6))
def test_shapes_that_do_not_fit_are_refused_before_the_kernel(wrong):
    shapes = [(2, 3, 4), (4, 8), (2, 8), (8,), (2, 2), (2, 2)]
    shapes[wrong] = (*shapes[wrong][:-1], shapes[wrong][-1] + 3)
    arrays = [np.ones(shape, "float32") for shape in shapes]
    assert jax_recurrent.lstm_general(*map(jnp.asarray, arrays)) is NotImplemented
    with pytest.raises(ValueError, match="Received"):
        ops.lstm_general(*arrays)
