"""What all optimizers share: clipping, decay, averages, accumulation, constraints, pure use, compiled use."""

import copy

import numpy as np
import pytest

import hornpipe as keras
from hornpipe.core.scope import Scope
from hornpipe.engine.select import active

ALL = [
    "SGD",
    "RMSprop",
    "Adagrad",
    "Adadelta",
    "Adam",
    "AdamW",
    "Adamax",
    "Nadam",
    "Lamb",
    "Lion",
    "Ftrl",
    "Adafactor",
]


def variables(**kwargs):
    kernel = keras.Variable(np.array([[1.0, -2.0], [3.0, 0.5]], "float32"), name="kernel", **kwargs)
    bias = keras.Variable(np.array([0.1, -0.2], "float32"), name="bias")
    return [kernel, bias]


def gradients(step, weights):
    rng = np.random.default_rng(step)
    return [rng.normal(size=each.shape).astype("float32") for each in weights]


def run(optimizer, weights, steps=4):
    for step in range(steps):
        optimizer.apply(gradients(step, weights), weights)
    return [each.numpy() for each in weights]


# ---- clipping


def test_clipvalue():
    weights = variables()
    before = weights[0].numpy()
    gradient = np.array([[5.0, -0.25], [-5.0, 0.0]], "float32")
    keras.optimizers.SGD(1.0, clipvalue=0.5).apply([gradient, np.zeros(2, "float32")], weights)
    np.testing.assert_allclose(weights[0].numpy(), before - np.clip(gradient, -0.5, 0.5), rtol=1e-6)


def test_clipnorm_takes_each_gradient_by_itself():
    weights = variables()
    before = [each.numpy() for each in weights]
    given = [np.array([[3.0, 4.0], [0.0, 0.0]], "float32"), np.array([0.3, 0.4], "float32")]
    keras.optimizers.SGD(1.0, clipnorm=1.0).apply(given, weights)
    np.testing.assert_allclose(weights[0].numpy(), before[0] - given[0] / 5, rtol=1e-6)
    np.testing.assert_allclose(weights[1].numpy(), before[1] - given[1], rtol=1e-6)


def test_global_clipnorm_takes_all_gradients_together():
    weights = variables()
    before = [each.numpy() for each in weights]
    given = [np.full((2, 2), 3.0, "float32"), np.full(2, 4.0, "float32")]
    norm = np.sqrt(sum((each**2).sum() for each in given))
    keras.optimizers.SGD(1.0, global_clipnorm=2.0).apply(given, weights)
    for weight, old, gradient in zip(weights, before, given, strict=True):
        np.testing.assert_allclose(weight.numpy(), old - gradient * 2 / norm, rtol=1e-5)


@pytest.mark.parametrize("option", ["clipnorm", "global_clipnorm"])
def test_small_and_zero_gradients_are_not_clipped(option):
    weights = variables()
    before = weights[0].numpy()
    given = [np.full((2, 2), 0.125, "float32"), np.zeros(2, "float32")]
    keras.optimizers.SGD(1.0, **{option: 10.0}).apply(given, weights)
    np.testing.assert_array_equal(weights[0].numpy(), before - 0.125)
    assert np.isfinite(weights[1].numpy()).all()


def test_norms_of_half_precision_gradients_do_not_overflow():
    weight = keras.Variable(np.zeros(100, "float32"), dtype="float16", name="half")
    gradient = keras.ops.cast(np.full(100, 300.0, "float32"), "float16")
    keras.optimizers.SGD(1.0, clipnorm=1.0).apply([gradient], [weight])
    np.testing.assert_allclose(weight.numpy().astype("float32"), -0.1, rtol=2e-3)


# ---- weight decay


# FTRL computes the weight from the sum of gradients alone.
@pytest.mark.parametrize("name", [name for name in ALL if name != "Ftrl"])
def test_weight_decay_comes_first(name):
    decayed, plain = variables(), variables()
    for each in plain:
        each.assign(each.numpy() * np.float32(1 - 0.1 * 0.5))
    getattr(keras.optimizers, name)(0.1, weight_decay=0.5).apply(gradients(0, decayed), decayed)
    options = {"weight_decay": 0.0} if name == "AdamW" else {}
    getattr(keras.optimizers, name)(0.1, **options).apply(gradients(0, plain), plain)
    for one, other in zip(decayed, plain, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("by", ["name", "pattern", "variable"])
def test_weight_decay_exclusions(by):
    kernel, bias = weights = variables()
    optimizer = keras.optimizers.SGD(0.1, weight_decay=0.5)
    if by == "variable":
        optimizer.exclude_from_weight_decay(var_list=[bias])
    else:
        optimizer.exclude_from_weight_decay(var_names=["bias" if by == "name" else "^b.*s$"])
    before = [each.numpy() for each in weights]
    optimizer.apply([np.zeros((2, 2), "float32"), np.zeros(2, "float32")], weights)
    np.testing.assert_allclose(kernel.numpy(), before[0] * 0.95, rtol=1e-6)
    np.testing.assert_array_equal(bias.numpy(), before[1])


# ---- moving averages


def test_averages_follow_the_weights():
    weights = variables()
    optimizer = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.75)
    average = None
    for step in range(5):
        optimizer.apply(gradients(step, weights), weights)
        value = weights[0].numpy()
        average = value if average is None else 0.75 * average + 0.25 * value
    optimizer.finalize_variable_values(weights)
    np.testing.assert_allclose(weights[0].numpy(), average, rtol=1e-5)


def test_averages_overwrite_the_weights_every_so_often():
    weights = variables()
    optimizer = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2)
    weight = average = weights[0].numpy()
    for step in range(5):
        gradient = gradients(step, weights)
        weight = weight - 0.1 * gradient[0]
        average = weight if step == 0 else 0.5 * average + 0.5 * weight
        weight = average if step % 2 == 1 else weight
        optimizer.apply(gradient, weights)
        np.testing.assert_allclose(weights[0].numpy(), weight, rtol=1e-5)


def test_finalize_before_the_first_update_keeps_the_weights():
    weights = variables()
    optimizer = keras.optimizers.SGD(0.1, use_ema=True)
    optimizer.build(weights)
    before = weights[0].numpy()
    optimizer.finalize_variable_values(weights)
    np.testing.assert_array_equal(weights[0].numpy(), before)


def test_finalize_without_averages_does_nothing():
    weights = variables()
    optimizer = keras.optimizers.SGD(0.1)
    before = run(optimizer, weights)
    optimizer.finalize_variable_values(weights)
    np.testing.assert_array_equal(weights[0].numpy(), before[0])


# ---- accumulation


@pytest.mark.parametrize("name", ALL)
def test_accumulated_calls_equal_one_call_with_the_mean(name):
    many, one = variables(), variables()
    accumulating = getattr(keras.optimizers, name)(0.1, gradient_accumulation_steps=3)
    plain = getattr(keras.optimizers, name)(0.1)
    for round_ in range(2):
        rows = [gradients(3 * round_ + call, many) for call in range(3)]
        for call, row in enumerate(rows):
            before = many[0].numpy()
            accumulating.apply(row, many)
            assert (many[0].numpy() == before).all() == (call < 2)
        plain.apply(
            [np.mean(column, axis=0, dtype="float32") for column in zip(*rows, strict=True)], one
        )
    for each, other in zip(many, one, strict=True):
        np.testing.assert_allclose(each.numpy(), other.numpy(), rtol=1e-5, atol=1e-5)
    assert int(accumulating.iterations) == int(plain.iterations) == 2


def test_accumulation_sums_start_again():
    weights = variables()
    optimizer = keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)
    run(optimizer, weights, 2)
    sums = [each.numpy() for each in optimizer.variables if "accumulator" in each.path]
    assert len(sums) == 2 and all((each == 0).all() for each in sums)


def test_schedules_count_accumulated_calls():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([1, 2], [1.0, 0.5, 0.25])
    weight = keras.Variable(np.zeros(1, "float32"), name="weight")
    optimizer = keras.optimizers.SGD(schedule, gradient_accumulation_steps=2)
    for _ in range(4):
        optimizer.apply([np.ones(1, "float32")], [weight])
    assert weight.numpy().tolist() == [-1.25]


def test_averages_move_once_an_accumulated_update():
    weight = keras.Variable(np.zeros(1, "float32"), name="weight")
    options = {"use_ema": True, "ema_momentum": 0.5, "gradient_accumulation_steps": 2}
    optimizer = keras.optimizers.SGD(1.0, **options)
    for _ in range(4):
        optimizer.apply([np.ones(1, "float32")], [weight])
    assert weight.numpy().tolist() == [-2.0]
    optimizer.finalize_variable_values([weight])
    assert weight.numpy().tolist() == [-1.5]


# ---- loss scale, constraints


def test_loss_scale_factor():
    optimizer = keras.optimizers.SGD(1.0, loss_scale_factor=4.0)
    assert float(optimizer.scale_loss(keras.ops.convert_to_tensor(2.0))) == 8.0
    weight = keras.Variable(np.zeros(1, "float32"), name="weight")
    optimizer.apply([np.ones(1, "float32")], [weight])
    assert weight.numpy().tolist() == [-0.25]


def test_constraints_hold_after_the_update():
    weights = variables(constraint=keras.constraints.NonNeg())
    keras.optimizers.SGD(1.0).apply(
        [np.full((2, 2), 0.75, "float32"), np.zeros(2, "float32")], weights
    )
    assert weights[0].numpy().tolist() == [[0.25, 0.0], [2.25, 0.0]]
    assert weights[1].numpy()[1] < 0


# ---- the same in a scope, in a compiled function, as a pure function

OPTIONS = [
    {},
    {"weight_decay": 0.1, "global_clipnorm": 0.5},
    {"use_ema": True, "ema_overwrite_frequency": 2, "ema_momentum": 0.5},
    {"gradient_accumulation_steps": 2},
]


@pytest.mark.parametrize("name", ALL)
def test_inside_a_scope_as_outside(name):
    outside, inside = variables(), variables()
    expected = run(getattr(keras.optimizers, name)(0.1), outside)
    optimizer = getattr(keras.optimizers, name)(0.1)
    optimizer.build(inside)
    before = [each.numpy() for each in inside]
    touched = [*inside, *optimizer.variables]
    with Scope(touched, [each.value for each in touched]):
        after = run(optimizer, inside)
    for each, old, new, wanted in zip(inside, before, after, expected, strict=True):
        np.testing.assert_array_equal(each.numpy(), old)
        np.testing.assert_allclose(new, wanted, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("options", OPTIONS, ids=["plain", "decay", "averages", "accumulation"])
@pytest.mark.parametrize("name", ALL)
def test_compiled_as_eager_without_a_second_trace(name, options):
    eager, compiled = variables(), variables()
    expected = run(getattr(keras.optimizers, name)(0.1, **options), eager, 5)
    optimizer = getattr(keras.optimizers, name)(0.1, **options)
    optimizer.build(compiled)
    traces = []

    def step(weights, state, grads):
        traces.append(1)
        return optimizer.stateless_apply(state, grads, weights)

    engine = active.engine
    program = engine.compile(step)
    weights = [each.value for each in compiled]
    state = [each.value for each in optimizer.variables]
    count = None
    for number in range(5):
        grads = [engine.asarray(each) for each in gradients(number, compiled)]
        weights, state = program(weights, state, grads)
        count = len(traces) if number == 1 else count
    for value, wanted in zip(weights, expected, strict=True):
        np.testing.assert_allclose(engine.to_numpy(value), wanted, rtol=2e-4, atol=2e-5)
    assert len(traces) == count
    if engine.name == "jax":
        assert count == 1


def test_changing_the_learning_rate_does_not_trace_again():
    weight = keras.Variable(np.zeros(1, "float32"), name="weight")
    optimizer = keras.optimizers.SGD(1.0)
    optimizer.build([weight])
    program = active.engine.compile(lambda w, s, g: optimizer.stateless_apply(s, g, w))
    one = active.engine.asarray(np.ones(1, "float32"))
    for rate, expected in ((1.0, -1.0), (0.5, -0.5)):
        optimizer.learning_rate = rate
        after, _ = program([weight.value], [each.value for each in optimizer.variables], [one])
        assert active.engine.to_numpy(after[0]).tolist() == [expected]


def test_stateless_apply_leaves_the_variables_alone():
    weights = variables()
    optimizer = keras.optimizers.Adam(0.1)
    optimizer.build(weights)
    before = weights[0].numpy()
    state = [each.value for each in optimizer.variables]
    grads = [active.engine.asarray(each) for each in gradients(0, weights)]
    after, state = optimizer.stateless_apply(state, grads, [each.value for each in weights])
    np.testing.assert_array_equal(weights[0].numpy(), before)
    assert int(optimizer.iterations) == 0 and int(state[0]) == 1
    optimizer.apply(grads, weights)
    np.testing.assert_allclose(active.engine.to_numpy(after[0]), weights[0].numpy(), rtol=1e-6)


def test_a_deep_copy_goes_its_own_way():
    weights = variables()
    optimizer = keras.optimizers.Adam(0.1)
    optimizer.exclude_from_weight_decay(var_list=[weights[1]])
    run(optimizer, weights, 1)
    twin, twins = copy.deepcopy((optimizer, weights))
    expected = run(optimizer, weights, 3)
    assert int(twin.iterations) == 1
    for one, other in zip(run(twin, twins, 3), expected, strict=True):
        np.testing.assert_array_equal(one, other)
