"""The engine contract, executed: every primitive and verb, on every engine installed, in one process."""

from __future__ import annotations

import importlib
import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from hornpipe.core.errors import EngineError
from hornpipe.core.op import OPS
from hornpipe.core.tree import flatten, map_tree
from hornpipe.engine import contract, shapes


def _load_table(name):
    spec = importlib.util.spec_from_file_location(
        f"engine_{name}", Path(__file__).with_name(f"{name}.py")
    )
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cases = _load_table("cases")
_load_table("more_cases")  # adds to the same table
CASES, Case = cases.CASES, cases.Case
NAMES = [name for name in ("jax", "torch") if importlib.util.find_spec(name)]
COVERED: set[str] = set()


def load(name):
    return importlib.import_module(f"hornpipe.engine.{name}")


@pytest.fixture(params=NAMES)
def engine(request):
    return load(request.param)


def covers(*names):
    """Mark a test as the case of these names of the contract."""
    COVERED.update(names)
    return lambda test: test


def run(engine, case: Case):
    return case.call(engine, *map(engine.asarray, case.inputs))


def as_tuple(outputs):
    return tuple(outputs) if isinstance(outputs, (tuple, list)) else (outputs,)


def assert_close(actual, expected, tolerance=2e-5):
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance, equal_nan=True)


def test_every_name_of_the_contract_has_a_case():
    names = {*contract.PRIMITIVES, *contract.VERBS}
    assert names - {case.name for case in CASES} - COVERED == set()
    assert {case.name for case in CASES} <= names and names >= COVERED


@pytest.mark.parametrize("name", [*NAMES, "shapes"])
def test_engines_are_complete(name):
    assert contract.missing(load(name)) == []


def test_engines_override_only_what_they_mean_to(engine):
    importlib.import_module("hornpipe.ops")
    names = {*contract.PRIMITIVES, *contract.VERBS}
    found = {name for name in OPS if hasattr(engine, name) and name not in names}
    modules = {
        "torch": ["torch_ops"],
        "jax": [
            "jax_attention",
            "jax_conv",
            "jax_conv_portable",
            "jax_kernels",
            "jax_moments",
            "jax_pool",
            "jax_recurrent",
        ],
    }[engine.name]
    native = [importlib.import_module(f"hornpipe.engine.{module}") for module in modules]
    assert found <= {name for module in native for name in vars(module) if name[0] != "_"}


# ---- primitives


@pytest.mark.parametrize("case", CASES, ids=str)
def test_value_and_dtype(engine, case):
    outputs = as_tuple(run(engine, case))
    inputs = [x.astype("float64") if x.dtype == "float32" else x for x in case.inputs]
    expected = as_tuple(case.reference(*inputs))
    assert len(outputs) == len(expected)
    for output, value in zip(outputs, expected, strict=True):
        value = np.asarray(value)
        wanted = "float32" if value.dtype == "float64" else value.dtype.name
        assert engine.is_tensor(output)
        assert engine.dtype(output) == wanted
        assert engine.shape(output) == value.shape
        assert_close(engine.to_numpy(output), value)


def differences(case, weights, place):
    """Return the gradient of sum(weights * outputs) by central differences of the reference, in float64."""
    inputs = [x.astype("float64") if x.dtype == "float32" else x for x in case.inputs]
    gradient = np.zeros(inputs[place].shape)

    def total():
        return sum(
            np.sum(w * y) for w, y in zip(weights, as_tuple(case.reference(*inputs)), strict=True)
        )

    for index in np.ndindex(gradient.shape):
        kept, step = inputs[place][index], 1e-5
        inputs[place][index] = kept + step
        above = total()
        inputs[place][index] = kept - step
        gradient[index] = (above - total()) / (2 * step)
        inputs[place][index] = kept
    return gradient


WITH_GRADIENT = [
    case for case in CASES if case.gradient and any(x.dtype == "float32" for x in case.inputs)
]


@pytest.mark.parametrize("case", WITH_GRADIENT, ids=str)
def test_gradient(engine, case):
    random = np.random.default_rng(1)
    expected = as_tuple(case.reference(*case.inputs))
    if all(np.asarray(value).dtype.kind != "f" for value in expected):
        pytest.fail("the case has no floating output: declare gradient=False")
    weights = [random.standard_normal(np.shape(value)) for value in expected]
    places = [place for place, x in enumerate(case.inputs) if x.dtype == "float32"]

    def loss(values):
        tensors = list(map(engine.asarray, case.inputs))
        for place, value in zip(places, values, strict=True):
            tensors[place] = value
        outputs = as_tuple(case.call(engine, *tensors))
        parts = [
            engine.sum(engine.multiply(y, engine.asarray(w)))
            for y, w in zip(outputs, weights, strict=True)
        ]
        total = parts[0]
        for part in parts[1:]:
            total = engine.add(total, part)
        return total, None

    _, gradients = engine.value_and_grad(loss)(
        [engine.asarray(case.inputs[place]) for place in places]
    )
    for place, gradient in zip(places, gradients, strict=True):
        assert engine.dtype(gradient) == "float32"
        assert_close(engine.to_numpy(gradient), differences(case, weights, place), 3e-4)


def gradient_of(engine, function, *inputs):
    tensors = [engine.asarray(np.asarray(x, "float32")) for x in inputs]
    _, gradients = engine.value_and_grad(lambda values: (engine.sum(function(*values)), None))(
        tensors
    )
    return [engine.to_numpy(gradient).tolist() for gradient in gradients]


def test_kinks_and_ties(engine):
    e = engine
    assert gradient_of(e, e.abs, [0.0, -0.0, 2.0]) == [[0.0, 0.0, 1.0]]
    assert gradient_of(e, e.sign, [0.0, 3.0]) == [[0.0, 0.0]]
    assert gradient_of(e, e.maximum, [1.0, 2.0], [1.0, 1.0]) == [[0.5, 1.0], [0.5, 0.0]]
    assert gradient_of(e, e.minimum, [1.0, 2.0], [1.0, 1.0]) == [[0.5, 0.0], [0.5, 1.0]]
    assert gradient_of(e, lambda x: e.maximum(x, 0.0), [0.0, 1.0, -1.0]) == [[0.5, 1.0, 0.0]]
    assert gradient_of(e, lambda x: e.max(x), [3.0, 3.0, 1.0, 3.0]) == [
        [pytest.approx(1 / 3)] * 2 + [0.0, pytest.approx(1 / 3)]
    ]
    assert gradient_of(e, lambda x: e.min(x, axis=0), [[1.0, 1.0], [1.0, 2.0]]) == [
        [[0.5, 1.0], [0.5, 0.0]]
    ]
    for name in ("floor", "ceil", "round"):
        assert gradient_of(e, getattr(e, name), [0.0, 0.4, 2.5]) == [[0.0] * 3]
    assert gradient_of(e, lambda x: e.where(e.equal(x, 0.0), 5.0, x), [0.0, 1.0]) == [[0.0, 1.0]]
    assert gradient_of(e, lambda x: e.power(x, 2), [0.0]) == [[0.0]]
    assert gradient_of(e, lambda x: e.prod(x), [0.0, 0.0, 3.0]) == [[0.0, 0.0, 0.0]]


def test_stop_and_custom_gradient(engine):
    e = engine
    assert gradient_of(e, lambda x: e.multiply(x, e.stop_gradient(x)), [3.0]) == [[3.0]]

    def clipped(x):
        return e.multiply(x, 10.0), lambda g: (e.minimum(g, 0.25),)

    assert gradient_of(
        e, lambda x: e.multiply(e.custom_gradient(clipped)(x), e.asarray(np.float32(8))), [2.0]
    ) == [[0.25]]


@pytest.mark.parametrize("name", ["max", "min"])
def test_an_empty_axis_has_no_extreme(engine, name):
    with pytest.raises((ValueError, IndexError)):
        getattr(engine, name)(engine.asarray(np.zeros((0, 2))), axis=0)


def test_bfloat16_goes_to_numpy_and_back(engine):
    x = engine.astype(engine.asarray([1.0, 2.5]), "bfloat16")
    host = engine.to_numpy(x)
    assert engine.dtype(x) == "bfloat16" and host.dtype.name == "bfloat16"
    assert engine.to_numpy(engine.astype(engine.asarray(host), "float32")).tolist() == [1.0, 2.5]


def test_boolean_index(engine):
    x = engine.asarray([1.0, 2.0, 3.0])
    mask = engine.asarray([True, False, True])
    assert engine.to_numpy(engine.getitem(x, (mask,))).tolist() == [1.0, 3.0]


def test_torch_says_what_unsigned_integers_lack():
    torch = pytest.importorskip("torch")
    engine = load("torch")
    with pytest.raises(
        EngineError,
        match=r"engine 'torch': has no .* of 64-bit unsigned integers\. Received: uint64",
    ):
        engine.floor_divide(torch.ones(2, dtype=torch.uint64), 2)


# ---- shape inference


def spec(x):
    return shapes.Tensor(x.shape, x.dtype.name)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_inferred_shape_and_dtype(case):
    engine = load(NAMES[0])
    outputs = as_tuple(run(engine, case))
    inferred = as_tuple(case.call(shapes, *map(spec, case.inputs)))
    assert [(y.shape, y.dtype) for y in inferred] == [
        (engine.shape(y), engine.dtype(y)) for y in outputs
    ]


@pytest.mark.parametrize(
    "case", [case for case in CASES if any(x.ndim for x in case.inputs)], ids=str
)
def test_inferred_shape_with_unknown_sizes(case):
    engine = load(NAMES[0])
    outputs = as_tuple(run(engine, case))
    unknown = [
        shapes.Tensor((None, *x.shape[1:]) if x.ndim else (), x.dtype.name) for x in case.inputs
    ]
    inferred = as_tuple(case.call(shapes, *unknown))
    for output, guess in zip(outputs, inferred, strict=True):
        assert guess.dtype == engine.dtype(output)
        assert len(guess.shape) == len(engine.shape(output))
        assert all(b in (None, a) for a, b in zip(engine.shape(output), guess.shape, strict=True))


# ---- verbs


@covers("name", "shape", "dtype", "is_tensor", "is_traced", "supports_float64")
def test_questions(engine):
    x = engine.asarray(np.zeros((2, 0, 3), "int32"))
    assert engine.name in NAMES and engine.__name__.endswith(engine.name)
    assert engine.shape(x) == (2, 0, 3) and type(engine.shape(x)) is tuple
    assert engine.dtype(x) == "int32"
    assert engine.is_tensor(x) and not engine.is_tensor(np.zeros(2)) and not engine.is_tensor(1.0)
    assert not engine.is_traced(x)
    assert engine.supports_float64() in (True, False)


def test_torch_computes_in_float64():
    pytest.importorskip("torch")
    engine = load("torch")
    x = engine.asarray([1.0, 3.0], "float64")
    assert engine.dtype(x) == "float64"
    assert engine.to_numpy(engine.divide(1, x)).tolist() == [1.0, 1 / 3]


@covers("to_numpy", "copy")
def test_memory_is_not_shared(engine):
    host = np.ones(3, "float32")
    x = engine.asarray(host)
    host[:] = 7
    out = engine.to_numpy(x)
    assert out.tolist() == [1.0] * 3 and out.flags.owndata
    out[:] = 5
    twin = engine.copy(x)
    assert engine.to_numpy(x).tolist() == engine.to_numpy(twin).tolist() == [1.0] * 3
    assert twin is not x


@covers("value_and_grad")
def test_value_and_grad(engine):
    e = engine

    def f(values, scale):
        x, y, _ = values
        loss = e.sum(e.multiply(e.multiply(x, y), scale))
        return loss, {"x": x, "twice": (e.multiply(x, 2.0), None)}

    values = [e.asarray([1.0, 2.0]), e.asarray([3.0, 4.0]), e.asarray([[1.0]])]
    (loss, aux), gradients = e.value_and_grad(f)(values, 10.0)
    assert float(loss) == 110.0
    assert e.to_numpy(aux["twice"][0]).tolist() == [2.0, 4.0] and aux["twice"][1] is None
    assert [e.to_numpy(g).tolist() for g in gradients] == [[30.0, 40.0], [10.0, 20.0], [[0.0]]]
    (loss, _), gradients = e.value_and_grad(lambda values: (e.asarray(2.0), None))([])
    assert float(loss) == 2.0 and list(gradients) == []
    _, (gradient,) = e.value_and_grad(lambda values: (e.asarray(2.0), None))([values[0]])
    assert e.to_numpy(gradient).tolist() == [0.0, 0.0]


def test_gradient_of_a_gradient(engine):
    e = engine

    def slope(values):
        _, (gradient,) = e.value_and_grad(lambda inner: (e.sum(e.power(inner[0], 3)), None))(values)
        return e.sum(gradient), None

    (value, _), (second,) = e.value_and_grad(slope)([e.asarray([2.0, -1.0])])
    assert float(value) == pytest.approx(15.0)
    assert_close(e.to_numpy(second), [12.0, -6.0])


@covers("compile")
def test_compile(engine):
    e = engine

    @e.compile
    def f(tree, y):
        return {
            "sum": e.add(tree["a"], tree["b"][0]),
            "rest": (e.multiply(y, 2.0), e.asarray([1.0])),
        }

    for number in (1.0, 2.0, 3.0):
        out = f({"a": e.asarray([number, 0.0]), "b": [e.asarray([5.0, 5.0])]}, e.asarray(number))
        assert e.to_numpy(out["sum"]).tolist() == [5.0 + number, 5.0]
        assert float(out["rest"][0]) == 2 * number and e.to_numpy(out["rest"][1]).tolist() == [1.0]
    for size in (3, 4, 3):
        out = f({"a": e.asarray(np.ones(size)), "b": [e.asarray(np.ones(size))]}, e.asarray(0.0))
        assert e.to_numpy(out["sum"]).tolist() == [2.0] * size


def regression(engine):
    """Return a step with a gradient, a counter, sums and the step's index in a nested carry; and a way to start it."""
    e = engine
    calls = []

    def step(carry, constants, batch, index):
        calls.append(index)
        old, rest = carry
        x, y = batch

        def loss(values):
            hidden = e.tanh(e.add(e.matmul(x, values[0]), values[1]))
            error = e.subtract(e.matmul(hidden, values[2]), y)
            return e.divide(e.sum(e.multiply(error, error)), float(x.shape[0])), e.sum(e.abs(error))

        (value, absolute), gradients = e.value_and_grad(loss)(old)
        rate = constants["rate"]
        weights = [e.subtract(w, e.multiply(g, rate)) for w, g in zip(old, gradients, strict=True)]
        count, (total, last) = rest["sums"]
        record = e.dynamic_update(rest["record"][0], e.reshape(value, (1,)), [count])
        last = e.add(e.multiply(last, 0), e.astype(index, "int32"))
        return weights, {
            "record": [record],
            "sums": (e.add(count, 1), (e.add(total, absolute), last)),
        }

    def start():
        random = np.random.default_rng(0)
        weights = [e.asarray(random.standard_normal(shape)) for shape in [(3, 4), (4,), (4, 1)]]
        sums = (e.asarray(0), (e.asarray(0.0), e.asarray(-1)))
        return weights, {"record": [e.full((8,), 0, dtype="float32")], "sums": sums}

    random = np.random.default_rng(2)
    data = [e.asarray(random.standard_normal((16, 3))), e.asarray(random.standard_normal((16, 1)))]
    return step, start, data, {"rate": e.asarray(0.1)}, calls


def leaves(engine, tree):
    return [engine.to_numpy(leaf) for leaf in flatten(tree)]


def assert_same_bits(engine, first, second):
    for a, b in zip(leaves(engine, first), leaves(engine, second), strict=True):
        assert a.dtype == b.dtype and a.tobytes() == b.tobytes()


ORDER = np.random.default_rng(3).permutation(16).astype("int32")


@covers("fold")
@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("batch_size", [1, 2])
def test_fold_takes_the_same_steps_in_chunks(engine, ordered, batch_size):
    step, start, data, constants, calls = regression(engine)
    order = ORDER if ordered else None
    whole = engine.fold(step, batch_size)(start(), constants, data, order, 0, 6)
    run = engine.fold(step, batch_size)
    carry = run(start(), constants, data, order, 0, 1)
    traced = len(calls)
    for begin, end in [(1, 2), (2, 2), (2, 5), (5, 6)]:
        carry = run(carry, constants, data, order, begin, end)
    assert len(calls) == traced  # start and stop are not compiled in
    assert_same_bits(engine, whole, carry)


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("batch_size", [1, 2])
def test_fold_computes_what_its_step_does(engine, ordered, batch_size):
    step, start, data, constants, _ = regression(engine)
    order = ORDER if ordered else None
    folded = engine.fold(step, batch_size)(start(), constants, data, order, 2, 6)
    carry, rows = start(), ORDER if ordered else np.arange(16)
    for index in range(2, 6):
        chosen = engine.asarray(rows[index * batch_size : (index + 1) * batch_size].astype("int32"))
        batch = [engine.take(each, chosen, axis=0) for each in data]
        carry = step(carry, constants, batch, engine.asarray(index))
    for a, b in zip(leaves(engine, folded), leaves(engine, carry), strict=True):
        assert_close(a, b, 1e-5)
    assert int(folded[1]["sums"][0]) == 4 and int(folded[1]["sums"][1][1]) == 5
    assert engine.to_numpy(folded[1]["record"][0])[4:].tolist() == [0.0] * 4


def test_fold_of_no_steps_returns_the_carry(engine):
    step, start, data, constants, _ = regression(engine)
    carry = engine.fold(step, 2)(start(), constants, data, None, 3, 3)
    assert_same_bits(engine, carry, start())


def test_fold_without_donation_leaves_the_carry(engine):
    step, start, data, constants, _ = regression(engine)
    carry = start()
    run = engine.fold(step, 2, donate=False)
    first = run(carry, constants, data, None, 0, 3)
    assert_same_bits(engine, carry, start())
    assert_same_bits(engine, first, run(carry, constants, data, None, 0, 3))


def test_fold_clips_rows_out_of_range(engine):
    e = engine
    run = e.fold(lambda carry, constants, batch, index: [e.add(carry[0], e.sum(batch[0]))], 2)
    data = [e.asarray([1.0, 10.0, 100.0])]
    carry = run([e.asarray(0.0)], [], data, np.array([0, 7, -3, 2], "int32"), 0, 2)
    assert float(carry[0]) == 1 + 100 + 1 + 100


def test_fold_reads_constants_anew(engine):
    e = engine
    run = e.fold(lambda carry, constants, batch, index: [e.add(carry[0], constants[0])], 1)
    data = [e.asarray(np.zeros((4, 1)))]
    carry = run([e.asarray(0.0)], [e.asarray(1.0)], data, None, 0, 2)
    carry = run(carry, [e.asarray(10.0)], data, None, 2, 4)
    assert float(carry[0]) == 22.0


def test_fold_with_a_passed_through_and_a_reset_leaf(engine):
    e = engine

    def step(carry, constants, batch, index):
        kept, buffer, seen = carry
        buffer = e.dynamic_update(buffer, e.reshape(e.sum(batch[0]), (1,)), [0])
        return kept, e.full((2,), 7, dtype="float32"), e.add(seen, e.sum(buffer))

    run = e.fold(step, 1)
    data = [e.asarray([1.0, 2.0, 3.0])]
    start = (e.asarray([4.0]), e.full((2,), 0, dtype="float32"), e.asarray(0.0))
    carry = run(run(start, [], data, None, 0, 2), [], data, None, 2, 3)
    assert [leaf.tolist() for leaf in leaves(e, carry)] == [
        [4.0],
        [7.0, 7.0],
        1 + (2 + 7) + (3 + 7),
    ]


def test_fold_over_a_while_loop(engine):
    e = engine

    def step(carry, constants, batch, index):
        (grown,) = e.while_loop(
            lambda x: e.less(x, 100.0), lambda x: (e.multiply(x, 2.0),), (e.sum(batch[0]),)
        )
        return [e.add(carry[0], grown)]

    carry = e.fold(step, 1)([e.asarray(0.0)], [], [e.asarray([1.0, 3.0])], None, 0, 2)
    assert float(carry[0]) == 128 + 192


def test_fold_over_integer_hashing_and_gathers(engine):
    """What dropout, embeddings and metrics do: integer arithmetic that wraps, gathers, comparisons, scatters."""
    e = engine

    def step(carry, constants, batch, index):
        table, counts, key = carry
        bits = e.multiply(e.add(e.arange(0, 6, 1, dtype="int32"), key), 1103515245)
        bits = e.bitwise_xor(bits, e.bitwise_and(e.right_shift(bits, 7), 0x1FFFFFF))
        mask = e.astype(e.greater(bits, 0), "float32")

        def loss(values):
            rows = e.take(values[0], batch[0], axis=0)
            return e.sum(e.multiply(e.multiply(rows, rows), e.reshape(mask, (2, 3)))), None

        _, (gradient,) = e.value_and_grad(loss)([table])
        best = e.argmax(e.take(table, batch[0], axis=0), axis=-1)
        counts = e.scatter(counts, (best,), e.full((2,), 1, dtype="int32"), mode="add")
        return e.subtract(table, e.multiply(gradient, 0.1)), counts, e.add(key, 1)

    table = np.random.default_rng(0).standard_normal((5, 3)).astype("float32")
    ids = e.asarray([0, 1, 4, 4, 2, 3])
    start = lambda: (e.asarray(table), e.asarray([0, 0, 0]), e.asarray(12345))
    folded = e.fold(step, 2)(start(), [], [ids], None, 0, 3)
    carry = start()
    for index in range(3):
        carry = step(carry, [], [ids[2 * index : 2 * index + 2]], e.asarray(index))
    for a, b in zip(leaves(e, folded), leaves(e, carry), strict=True):
        assert_close(a, b, 1e-6)
    assert int(e.to_numpy(folded[1]).sum()) == 6 and int(folded[2]) == 12348


@pytest.mark.skipif("torch" not in NAMES, reason="PyTorch is not installed")
class TestTorchFold:
    """What is particular to recorded steps."""

    def test_recorded_and_eager_steps_give_the_same_bits(self, monkeypatch):
        engine, program = load("torch"), importlib.import_module("hornpipe.engine.torch_program")
        step, start, data, constants, _ = regression(engine)
        recorded = engine.fold(step, 2)(start(), constants, data, ORDER, 0, 5)

        def refuse(function, inputs):
            raise program.UntraceableError("for the test")

        monkeypatch.setattr(program, "record", refuse)
        eager = engine.fold(step, 2)(start(), constants, data, ORDER, 0, 5)
        assert_same_bits(engine, recorded, eager)

    def test_a_step_that_reads_values_runs_eagerly(self):
        import torch

        engine = load("torch")

        def step(carry, constants, batch, index):
            return [carry[0] + (batch[0].sum() if float(batch[0]) > 0 else torch.tensor(100.0))]

        data = [engine.asarray([1.0, -2.0, 3.0])]
        assert float(engine.fold(step, 1)([engine.asarray(0.0)], [], data, None, 0, 3)[0]) == 104.0

    def test_a_step_that_writes_into_its_tensors(self):
        import torch

        engine = load("torch")

        def step(carry, constants, batch, index):
            buffer = torch.zeros(3)
            buffer[0] = batch[0][0]
            total = carry[0] * 1.0
            total += buffer
            return [total]

        data = [engine.asarray([1.0, 2.0, 3.0])]
        for _ in range(2):
            carry = engine.fold(step, 1)(
                [engine.full((3,), 0, dtype="float32")], [], data, None, 0, 3
            )
            assert engine.to_numpy(carry[0]).tolist() == [6.0, 0.0, 0.0]

    def test_random_numbers_of_the_step_are_drawn_every_time(self):
        import torch

        engine = load("torch")
        step = lambda carry, constants, batch, index: [carry[0] + torch.rand(4)]
        data = [engine.asarray(np.zeros((400, 1)))]
        total = engine.fold(step, 1)(
            [engine.full((4,), 0, dtype="float32")], [], data, None, 0, 400
        )[0]
        assert float(abs(total / 400 - 0.5).max()) < 0.1

    def test_a_carry_that_changes_its_form_is_refused(self):
        engine = load("torch")
        step = lambda carry, constants, batch, index: [carry[0].double()]
        with pytest.raises(
            EngineError,
            match="fold: a step must return a carry of the structure, shapes and dtypes",
        ):
            engine.fold(step, 1)([engine.asarray(0.0)], [], [engine.asarray([1.0])], None, 0, 1)

    def test_errors_of_the_step_are_its_own(self):
        engine = load("torch")

        def step(carry, constants, batch, index):
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            engine.fold(step, 1)([engine.asarray(0.0)], [], [engine.asarray([1.0])], None, 0, 1)

    def test_a_tensor_that_leaks_out_of_a_recording_says_so(self):
        engine, leaked = load("torch"), []

        def step(carry, constants, batch, index):
            leaked.append(batch[0])
            return [engine.add(carry[0], engine.sum(batch[0]))]

        engine.fold(step, 1)([engine.asarray(0.0)], [], [engine.asarray([1.0])], None, 0, 1)
        with pytest.raises(EngineError, match="can't be used after the function has returned"):
            engine.add(leaked[0], 1.0)

    def test_values_can_not_be_taken_out(self):
        engine, texts = load("torch"), []

        def step(carry, constants, batch, index):
            if engine.is_traced(batch[0]):
                for read in (
                    engine.to_numpy,
                    lambda x: x.numpy(),
                    lambda x: x.tolist(),
                    float,
                    bool,
                ):
                    with pytest.raises(Exception) as caught:
                        read(batch[0])
                    texts.append(str(caught.value))
            return [engine.add(carry[0], engine.sum(batch[0]))]

        engine.fold(step, 1)([engine.asarray(0.0)], [], [engine.asarray([1.0])], None, 0, 1)
        assert len(texts) == 5 and texts[0].startswith("to_numpy: needs a value")

    def test_the_optimizer_setting_of_the_interpreter_is_given_back(self):
        import torch

        engine = load("torch")
        before = torch._C._get_graph_executor_optimize()
        step, start, data, constants, _ = regression(engine)
        engine.fold(step, 2)(start(), constants, data, None, 0, 2)
        assert torch._C._get_graph_executor_optimize() == before


@covers("eval_shape")
def test_eval_shape(engine):
    e = engine
    calls = []

    def f(tree, y):
        calls.append(1)
        return {
            "a": e.matmul(tree["x"][0], y),
            "b": (e.argmax(y, axis=0), e.add(y, e.asarray(np.ones(3)))),
        }

    out = e.eval_shape(f, {"x": [((10**6, 10**6), "float32")]}, ((10**6, 3), "float32"))
    assert out == {"a": ((10**6, 3), "float32"), "b": (((3,), "int32"), ((10**6, 3), "float32"))}
    assert calls == [1]


@covers("remat")
def test_remat(engine):
    e = engine
    calls = []

    def inner(x):
        calls.append(1)
        return e.sin(e.multiply(x, x))

    def loss(values, f):
        return e.sum(f(values[0])), None

    x = e.asarray([0.5, 1.0, -2.0])
    (plain, _), (expected,) = e.value_and_grad(lambda values: loss(values, inner))([x])
    (value, _), (gradient,) = e.value_and_grad(lambda values: loss(values, e.remat(inner)))([x])
    assert float(value) == float(plain) and len(calls) >= 2
    assert_close(e.to_numpy(gradient), e.to_numpy(expected), 1e-6)


@covers("concrete")
def test_concrete_computes_values_while_tracing(engine):
    e = engine
    seen = []

    def f(x):
        assert e.is_traced(x)
        with e.concrete():
            constant = e.multiply(e.asarray([1.0, 2.0]), 3.0)
            assert not e.is_traced(constant)
            seen.append(e.to_numpy(constant).tolist())
        return e.add(x, constant)

    assert e.eval_shape(f, ((2,), "float32")) == ((2,), "float32")
    assert seen == [[3.0, 6.0]]
    run = e.fold(
        lambda carry, constants, batch, index: [f(carry[0]) if e.is_traced(carry[0]) else carry[0]],
        1,
    )
    out = run([e.asarray([0.0, 0.0])], [], [e.asarray([1.0])], None, 0, 1)
    assert e.to_numpy(out[0]).tolist() == [3.0, 6.0]


@covers("devices", "device", "place")
def test_devices(engine):
    names = engine.devices()
    assert "cpu:0" in names
    with engine.device("cpu:0"):
        assert engine.to_numpy(engine.asarray([1.0])).tolist() == [1.0]
    placed = engine.place(np.arange(3, dtype="float32"), "cpu:0")
    assert engine.is_tensor(placed) and engine.to_numpy(placed).tolist() == [0.0, 1.0, 2.0]
    assert engine.to_numpy(engine.place(placed)).tolist() == [0.0, 1.0, 2.0]
    with (
        pytest.raises(EngineError, match=r"device: must be one of cpu:0.* Received: 'tpu:9'"),
        engine.device("tpu:9"),
    ):
        pass


@covers("wait")
def test_wait(engine):
    tree = {"a": [engine.asarray([1.0])], "b": (engine.asarray(2),)}
    out = engine.wait(tree)
    assert map_tree(lambda leaf: engine.to_numpy(leaf).tolist(), out) == {"a": [[1.0]], "b": (2,)}


def test_nothing_is_nan_by_accident():
    """The table's random inputs stay inside the functions' domains."""
    for case in CASES:
        if (
            case.label != "nan"
            and case.name not in ("isnan", "isfinite", "equal", "not_equal")
            and not case.name.startswith(("less", "greater"))
        ):
            for value in as_tuple(case.reference(*case.inputs)):
                assert not np.isnan(np.asarray(value, "float64")).any() or math.nan in flatten(
                    case.inputs
                ), str(case)
