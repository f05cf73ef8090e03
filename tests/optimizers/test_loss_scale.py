"""Dynamic loss scaling."""

import json
import re

import numpy as np
import pytest

import hornpipe as keras
from hornpipe.engine.select import active

INF = np.array([np.inf, 1.0], "float32")
NAN = np.array([np.nan, 1.0], "float32")


def make(**options):
    inner = keras.optimizers.SGD(1.0)
    return keras.optimizers.LossScaleOptimizer(inner, **{"initial_scale": 8.0, **options})


def weight():
    return keras.Variable(np.zeros(2, "float32"), name="weight")


def test_gradients_are_divided_and_losses_multiplied():
    optimizer, one = make(), weight()
    assert float(optimizer.scale_loss(2.0)) == 16.0
    optimizer.apply([np.full(2, 16.0, "float32")], [one])
    assert one.numpy().tolist() == [-2.0, -2.0]
    assert int(optimizer.iterations) == 1


@pytest.mark.parametrize("bad", [INF, -INF, NAN], ids=["inf", "-inf", "nan"])
def test_bad_gradients_leave_all_alone_and_halve_the_scale(bad):
    optimizer, one, other = make(), weight(), weight()
    optimizer.apply([np.ones(2, "float32"), bad], [one, other])
    assert one.numpy().tolist() == other.numpy().tolist() == [0.0, 0.0]
    assert float(optimizer.dynamic_scale) == 4.0
    assert int(optimizer.iterations) == 0 and int(optimizer.step_counter) == 0


def test_the_scale_doubles_after_sound_steps_in_a_row():
    optimizer, one = make(dynamic_growth_steps=2), weight()
    scales = []
    for gradient in (np.ones(2, "float32"), INF, *[np.ones(2, "float32")] * 4):
        optimizer.apply([gradient], [one])
        scales.append(float(optimizer.dynamic_scale))
    assert scales == [8.0, 4.0, 4.0, 8.0, 8.0, 16.0]


def test_the_scale_stays_finite_and_above_zero():
    optimizer, one = make(dynamic_growth_steps=1), weight()
    optimizer.build([one])
    optimizer.dynamic_scale.assign(2.0**100)
    optimizer.apply([np.ones(2, "float32")], [one])
    assert float(optimizer.dynamic_scale) == 2.0**100
    optimizer.dynamic_scale.assign(2.0**-100)
    optimizer.apply([INF], [one])
    assert float(optimizer.dynamic_scale) == 2.0**-100


def test_scales_beyond_float16_reach_float16_weights():
    optimizer = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(1.0), initial_scale=2.0**20
    )
    one = keras.Variable(np.zeros(2, "float32"), dtype="float16", name="half")
    optimizer.apply([np.full(2, 2.0**20, "float32")], [one])
    assert one.numpy().astype("float32").tolist() == [-1.0, -1.0]


def test_compiled_as_eager():
    sequence = [np.ones(2, "float32"), INF, np.ones(2, "float32"), np.ones(2, "float32")]
    eager, one = make(dynamic_growth_steps=2), weight()
    for gradient in sequence:
        eager.apply([gradient], [one])
    compiled, other = make(dynamic_growth_steps=2), weight()
    compiled.build([other])
    engine = active.engine
    program = engine.compile(lambda w, s, g: compiled.stateless_apply(s, g, w))
    values, state = [other.value], [each.value for each in compiled.variables]
    for gradient in sequence:
        values, state = program(values, state, [engine.asarray(gradient)])
    np.testing.assert_array_equal(engine.to_numpy(values[0]), one.numpy())
    for value, variable in zip(state, eager.variables, strict=True):
        np.testing.assert_array_equal(engine.to_numpy(value), variable.numpy())


def test_the_inner_optimizer_rules():
    inner = keras.optimizers.SGD(0.5, use_ema=True, weight_decay=0.5)
    optimizer, one = keras.optimizers.LossScaleOptimizer(inner, initial_scale=2.0), weight()
    optimizer.learning_rate = 1.0
    assert float(inner.lr) == float(optimizer.lr) == 1.0
    optimizer.exclude_from_weight_decay(var_names=["weight"])
    one.assign([1.0, 1.0])
    optimizer.apply([np.full(2, 2.0, "float32")], [one])
    assert one.numpy().tolist() == [0.0, 0.0]
    one.assign([7.0, 7.0])
    optimizer.finalize_variable_values([one])
    assert one.numpy().tolist() == [0.0, 0.0]
    paths = [each.path for each in optimizer.variables]
    assert paths[2:5] == [
        "loss_scale_optimizer/step_counter",
        "loss_scale_optimizer/dynamic_scale",
        "sgd/iteration",
    ]


def test_config_round_trip():
    optimizer = make(dynamic_growth_steps=5)
    twin = keras.optimizers.deserialize(
        json.loads(json.dumps(keras.optimizers.serialize(optimizer)))
    )
    assert twin.get_config() == optimizer.get_config()
    assert type(twin.inner_optimizer).__name__ == "SGD" and twin.initial_scale == 8.0


@pytest.mark.parametrize(
    ("error", "inner", "options", "text"),
    [
        (
            ValueError,
            "sgd",
            {"initial_scale": 0},
            "`initial_scale` must be a finite number > 0. Received: initial_scale=0.",
        ),
        (
            ValueError,
            "sgd",
            {"dynamic_growth_steps": 0},
            "`dynamic_growth_steps` must be an integer >= 1. Received: dynamic_growth_steps=0.",
        ),
        (
            ValueError,
            lambda: 1,
            {},
            "`inner_optimizer` must be an optimizer other than a LossScaleOptimizer. Received: inner_optimizer=",
        ),
        (
            TypeError,
            "sgd",
            {"clipnorm": 1.0},
            "got an unknown argument `clipnorm`. Received: clipnorm=1.0. Options of",
        ),
    ],
)
def test_errors(error, inner, options, text):
    with pytest.raises(error, match="^" + re.escape(f"LossScaleOptimizer: {text}")):
        keras.optimizers.LossScaleOptimizer(inner, **options)


def test_not_inside_itself():
    with pytest.raises(ValueError, match="other than a LossScaleOptimizer"):
        keras.optimizers.LossScaleOptimizer(make())
