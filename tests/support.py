"""Checks that every layer must pass; `tests/layers/test_contract.py` runs them over the name table.

A case says how to make the layer and what to feed it; what a layer declares about itself (`row_independent`, `supports_masking`)
is held against what it does.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field

import numpy as np

import hornpipe as keras
from hornpipe.core import masking, tree
from hornpipe.core.errors import ShapeError
from hornpipe.core.layer import Layer
from hornpipe.core.scope import Scope
from hornpipe.engine import active


@dataclass
class Case:
    """How to check one layer.

    Attributes:
        make: function of keyword arguments of `Layer` that gives a new layer.
        shape: input shape with the batch, or a list of shapes for layers that take a list.
        integers: int. Inputs are integers in [0, integers); 0 for floats.
        spread: bool: as several arguments rather than one list.
        call: dict of further arguments of the call.
        wrong: a shape (or list of shapes) that must be refused, or None where any shape will do.
        differs: bool. Whether training=True changes the outputs.
        unknown: axes that are also tried with an unknown size, besides the batch.
        gradient: bool. Whether weights and inputs have one.
        mask: None, or the reason why the outputs' mask does not follow from `supports_masking`.
        halves: bool. Whether 16-bit floats are tried.
    """

    make: object
    shape: object
    integers: int = 0
    spread: bool = False
    call: dict = field(default_factory=dict)
    wrong: object = None
    differs: bool = False
    unknown: tuple = ()
    gradient: bool = True
    mask: object = None
    halves: bool = True


def draw(case, shape=None, seed=0, batch=None, dtype="float32"):
    """Return inputs for a case: an array or a list of them, away from zero so that kinks lie elsewhere."""
    shape = case.shape if shape is None else shape
    if isinstance(shape, list):
        return [draw(case, each, seed + i, batch, dtype) for i, each in enumerate(shape)]
    shape = shape if batch is None else (batch, *shape[1:])
    generator = np.random.default_rng([seed, *shape])
    if case.integers:
        return generator.integers(0, case.integers, shape).astype("int32")
    signs = generator.choice([-1.0, 1.0], shape)
    return (signs * generator.uniform(0.2, 1.2, shape)).astype(dtype)


def call(case, layer, inputs, **options):
    """Call the layer as the case says."""
    arguments = inputs if case.spread else [inputs]
    return layer(*arguments, **case.call, **options)


def leaves(outputs):
    """Return the tensors of a structure."""
    return [leaf for leaf in tree.flatten(outputs) if leaf is not None]


def numbers(tensor):
    """Return a tensor as a float64 array."""
    return np.asarray(keras.ops.convert_to_numpy(tensor)).astype("float64")


def assert_close(left, right, tolerance):
    """Compare structures of tensors or arrays; the tolerance is relative to the largest value, or 1."""
    left, right = leaves(left), leaves(right)
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        a, b = numbers(a), numbers(b)
        assert a.shape == b.shape
        scale = max(1.0, np.abs(b).max(initial=0.0))
        np.testing.assert_allclose(a / scale, b / scale, rtol=0, atol=tolerance)


def check_layer(case: Case) -> None:
    """Run the whole contract."""
    inputs = draw(case)
    layer = case.make()
    outputs = call(case, layer, inputs)
    check_config(case, layer)
    check_inference(case, layer, outputs)
    check_compiled(case, layer, inputs, outputs)
    check_training(case, layer, inputs, outputs)
    check_mask(case, layer, inputs)
    if case.gradient:
        check_gradients(case)
    check_refusal(case)


# ---- the parts


def check_config(case, layer):
    """The description is plain data, and the object made of it describes itself alike."""
    config = layer.get_config()
    json.dumps(config)
    twin = type(layer).from_config(config)
    assert twin.get_config() == config
    assert twin.name == layer.name
    revived = keras.layers.deserialize(json.loads(json.dumps(keras.layers.serialize(layer))))
    assert type(revived) is type(layer)
    call(case, twin, draw(case))
    assert [(w.name, w.shape, w.dtype) for w in twin.weights] == [
        (w.name, w.shape, w.dtype) for w in layer.weights
    ]
    built = [path.split("/", 1)[1] for path in (w.path for w in layer.weights)]
    assert [w.path.split("/", 1)[1] for w in twin.weights] == built


def _symbols(case, unknown):
    def symbol(shape):
        sizes = tuple(None if axis in unknown else size for axis, size in enumerate(shape))
        return keras.KerasTensor(sizes, dtype="int32" if case.integers else "float32")

    return (
        [symbol(shape) for shape in case.shape]
        if isinstance(case.shape, list)
        else symbol(case.shape)
    )


@contextlib.contextmanager
def no_fallback():
    """Fail where a layer of ours can't be inferred by the shapes engine alone."""
    from hornpipe.core import layer as module

    def refuse(layer, args, kwargs, failure):
        raise AssertionError(f"{layer} needed the real engine to infer shapes") from failure

    before, module.infer_on_engine = module.infer_on_engine, refuse
    try:
        yield
    finally:
        module.infer_on_engine = before


def check_inference(case, layer, outputs):
    """Inferred shapes and dtypes are those of real outputs, also with unknown sizes, and an unbuilt layer infers the same."""
    for unknown in {(), (0,), (0, *case.unknown)}:
        for each in (layer, case.make()):
            with no_fallback():
                symbolic = leaves(call(case, each, _symbols(case, unknown)))
            assert len(symbolic) == len(leaves(outputs))
            for symbol, out in zip(symbolic, leaves(outputs), strict=True):
                assert isinstance(symbol, keras.KerasTensor)
                assert symbol.dtype == active.engine.dtype(out)
                assert len(symbol.shape) == len(out.shape)
                for inferred, real in zip(symbol.shape, out.shape, strict=True):
                    assert inferred == real or (unknown and inferred is None), (
                        symbol.shape,
                        tuple(out.shape),
                    )


def check_compiled(case, layer, inputs, outputs):
    """A compiled call gives what an eager one gives; so do rows one by one, and 16-bit floats loosely.

    All of it is one program: compiling takes longer than running.
    """
    engine = active.engine
    versions = [layer, *(_halves(case, layer) if case.halves else [])]
    ends = (0, tree.flatten(inputs)[0].shape[0] - 1)

    def run(values, given):
        results, start = [], 0
        for version in versions:
            stop = start + len(version.variables)
            with Scope(version.variables, values[start:stop]):
                results.append(leaves(call(case, version, given)))
                if version is layer and layer.row_independent:
                    for row in ends:
                        results.append(
                            leaves(
                                call(
                                    case,
                                    layer,
                                    tree.map_tree(lambda x, row=row: x[row : row + 1], given),
                                )
                            )
                        )
            start = stop
        return results

    values = [variable.value for version in versions for variable in version.variables]
    results = list(engine.compile(run)(values, tree.map_tree(engine.asarray, inputs)))
    assert_close(list(results[0]), outputs, 1e-5)
    if layer.row_independent:
        for row, found in zip(ends, results[1:3], strict=True):
            assert_close(
                list(found), [numbers(leaf)[row : row + 1] for leaf in leaves(outputs)], 1e-5
            )
    for half, found, tolerance in zip(
        versions[1:], results[1 - len(versions) :], (0.02, 0.1), strict=False
    ):
        _check_half(case, half, list(found), outputs, tolerance)


def _halves(case, layer):
    """Return the layer in float16 and in mixed_bfloat16, with the same weights."""
    versions = []
    for policy in ("float16", "mixed_bfloat16"):
        version = case.make(dtype=policy)
        with no_fallback():
            call(case, version, _symbols(case, (0,)))
        version.set_weights(layer.get_weights())
        versions.append(version)
    assert {w.dtype for w in versions[1].weights} <= {"float32"}
    return versions


def _check_half(case, half, results, outputs, tolerance):
    """Values are about the same, and dtypes those of the policy, inferred or real."""
    engine = active.engine
    symbolic = leaves(call(case, half, _symbols(case, (0,))))
    for leaf, symbol, reference in zip(results, symbolic, leaves(outputs), strict=True):
        assert engine.dtype(leaf) == symbol.dtype
        if engine.dtype(reference) == "float32":
            assert engine.dtype(leaf) == half.compute_dtype
    assert_close(results, outputs, tolerance)


def check_training(case, layer, inputs, outputs):
    """The default is inference; training changes the outputs only where the case says so."""
    assert_close(call(case, layer, inputs, training=False), outputs, 1e-6)
    trained = call(case, layer, inputs, training=True)
    same = all(
        np.allclose(numbers(a), numbers(b), atol=1e-4)
        for a, b in zip(leaves(trained), leaves(outputs), strict=True)
    )
    assert same is not case.differs


def check_mask(case, layer, inputs):
    """A mask passes where `supports_masking` says so, unless the layer makes or ends masks."""
    if case.integers or case.spread or isinstance(case.shape, list) or len(case.shape) < 2:
        return
    tensor = active.engine.asarray(inputs)
    if type(layer).compute_mask is Layer.compute_mask and case.mask is None:
        mask = active.engine.asarray(
            np.arange(np.prod(case.shape[:2])).reshape(case.shape[:2]) % 3 > 0
        )
        masking.set_mask(tensor, mask)
        found = masking.get_mask(leaves(call(case, layer, tensor))[0])
        assert (found is not None) == layer.supports_masking
        if found is not None:
            np.testing.assert_array_equal(numbers(found), numbers(mask))


@contextlib.contextmanager
def wide_floats():
    """Let float64 tensors exist for a while."""
    if active.engine.name == "jax":
        import jax

        with jax.enable_x64(True):
            yield
    else:
        assert active.engine.supports_float64()
        yield


def check_gradients(case):
    """Gradients of weights and inputs agree with central differences in float64; every trained weight has one."""
    with wide_floats():
        engine = active.engine
        layer = case.make(dtype="float64")
        inputs = draw(case, dtype="float64")
        symbols = tree.map_tree(lambda x: keras.KerasTensor(x.shape, dtype=x.dtype.name), inputs)
        call(case, layer, symbols, training=False)
        _spread_weights(layer)
        weights = layer.trainable_weights
        count = len(weights)
        values = [numbers(weight.value) for weight in weights]
        if not case.integers:
            values += tree.flatten(inputs)

        def loss(values):
            own = (
                values[count:]
                if not case.integers
                else [engine.asarray(x) for x in tree.flatten(inputs)]
            )
            with Scope(weights, values[:count]):
                results = leaves(call(case, layer, tree.pack_like(inputs, own), training=False))
            total = 0.0
            for leaf in results:
                if engine.dtype(leaf) == "float64":
                    size = int(np.prod(tuple(leaf.shape)))
                    factor = (np.cos(np.arange(size) * 0.7) + 0.3).reshape(tuple(leaf.shape))
                    total = total + keras.ops.sum(
                        keras.ops.multiply(leaf, engine.asarray(factor, "float64"))
                    )
            return total, 0

        compiled = engine.compile(lambda values: engine.value_and_grad(loss)(values))

        def run(arrays):
            (value, _), gradients = compiled([engine.asarray(array, "float64") for array in arrays])
            return float(numbers(value)), [numbers(gradient) for gradient in gradients]

        _, gradients = run(values)
        for weight, gradient in zip(weights, gradients, strict=False):
            assert np.abs(gradient).max(initial=0.0) > 0, f"{weight.path} has no gradient"
        _compare(run, values, gradients)


def _spread_weights(layer):
    """Give weights that start at 0 or 1 other values, so that no gradient is zero by accident."""
    generator = np.random.default_rng(3)
    for weight in layer.trainable_weights:
        weight.assign(numbers(weight.value) + generator.uniform(0.05, 0.15, weight.shape))


def _compare(run, values, gradients, step=1e-5):
    """Compare along random directions, one for each value and one for all of them."""
    generator = np.random.default_rng(5)
    directions = [generator.normal(size=value.shape) for value in values]
    for chosen in [*range(len(values)), None]:
        moves = [d if chosen in (None, i) else np.zeros_like(d) for i, d in enumerate(directions)]
        ends = []
        for sign in (1, -1):
            moved = [value + sign * step * move for value, move in zip(values, moves, strict=True)]
            ends.append(run(moved)[0])
        numeric = (ends[0] - ends[1]) / (2 * step)
        exact = sum(float((g * m).sum()) for g, m in zip(gradients, moves, strict=True))
        assert abs(numeric - exact) <= 1e-6 * max(1.0, abs(exact)), (chosen, numeric, exact)


def check_refusal(case):
    """Inputs of the wrong rank get an error of ours that names the layer and the shape."""
    if case.wrong is None:
        return
    layer = case.make()
    for given in (_symbols(Case(case.make, case.wrong), ()), draw(case, case.wrong)):
        try:
            call(case, layer, given)
        except ShapeError as error:
            text = str(error)
            assert text.startswith(f"{type(layer).__name__} {layer.name!r}: "), text
            assert "Received: inputs of shape" in text, text
        else:
            raise AssertionError(f"{layer} took inputs of shape {case.wrong}")
