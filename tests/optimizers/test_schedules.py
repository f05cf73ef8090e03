"""Schedules against the formulas in NumPy, inside compiled functions, round trips, errors."""

import json
import math
import re

import numpy as np
import pytest

import hornpipe as keras
from hornpipe.engine.select import active

S = keras.optimizers.schedules
STEPS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 15, 16, 27, 28, 29, 60, 1000]


def cosine(fraction, alpha=0.0):
    return (1 - alpha) * (1 + math.cos(math.pi * fraction)) / 2 + alpha


def restarts(step, first, t_mul, m_mul, alpha):
    length, start, scale = first, 0, 1.0
    while step >= start + length:
        start, length, scale = start + length, length * t_mul, scale * m_mul
    return scale * cosine((step - start) / length, alpha)


def warm(step):
    return 0.1 + 0.9 * step / 5 if step < 5 else cosine(min((step - 5) / 8, 1), 0.2)


def cycled(step):
    return 0.4 * (1 - step / (5 * max(1, math.ceil(step / 5)))) ** 2 + 0.1


CASES = [
    (S.ExponentialDecay(0.5, 4, 0.5), lambda t: 0.5 * 0.5 ** (t / 4)),
    (S.ExponentialDecay(0.5, 4, 0.5, staircase=True), lambda t: 0.5 * 0.5 ** (t // 4)),
    (S.InverseTimeDecay(0.5, 4, 0.3), lambda t: 0.5 / (1 + 0.3 * t / 4)),
    (S.InverseTimeDecay(0.5, 4, 0.3, staircase=True), lambda t: 0.5 / (1 + 0.3 * (t // 4))),
    (S.PolynomialDecay(0.5, 7, 0.1), lambda t: 0.4 * (1 - min(t, 7) / 7) + 0.1),
    (S.PolynomialDecay(0.5, 7, 0.1, power=0.5), lambda t: 0.4 * (1 - min(t, 7) / 7) ** 0.5 + 0.1),
    (S.PolynomialDecay(0.5, 5, 0.1, power=2, cycle=True), cycled),
    (S.PolynomialDecay(0.1, 5, 0.5), lambda t: -0.4 * (1 - min(t, 5) / 5) + 0.5),
    (
        S.PiecewiseConstantDecay([3, 8], [0.5, 0.25, 0.1]),
        lambda t: 0.5 if t <= 3 else 0.25 if t <= 8 else 0.1,
    ),
    (S.PiecewiseConstantDecay([], [0.5]), lambda t: 0.5),
    (S.CosineDecay(0.5, 8, alpha=0.1), lambda t: 0.5 * cosine(min(t / 8, 1), 0.1)),
    (S.CosineDecay(0.1, 8, alpha=0.2, warmup_target=1.0, warmup_steps=5), warm),
    (S.CosineDecay(0.5, 8, warmup_target=1.0), lambda t: cosine(min(t / 8, 1))),
    (S.CosineDecay(0.5, 8, warmup_steps=5), lambda t: 0.5 * cosine(min(t / 8, 1))),
    (
        S.CosineDecayRestarts(0.5, 4, alpha=0.1, m_mul=0.5),
        lambda t: 0.5 * restarts(t, 4, 2, 0.5, 0.1),
    ),
    (
        S.CosineDecayRestarts(0.5, 4, t_mul=1.0, m_mul=0.9),
        lambda t: 0.5 * restarts(t, 4, 1, 0.9, 0),
    ),
    (S.CosineDecayRestarts(0.5, 3, t_mul=1.5), lambda t: 0.5 * restarts(t, 3, 1.5, 1, 0)),
]


@pytest.mark.parametrize(("schedule", "reference"), CASES)
def test_values(schedule, reference):
    for step in STEPS:
        value = schedule(keras.ops.convert_to_tensor(np.int32(step)))
        assert active.engine.dtype(value) == "float32" and tuple(value.shape) == ()
        np.testing.assert_allclose(
            float(value), reference(step), rtol=2e-5, atol=2e-7, err_msg=str(step)
        )
        np.testing.assert_allclose(float(schedule(step)), reference(step), rtol=2e-5, atol=2e-7)


def test_restarts_start_exactly_at_their_boundaries():
    schedule = S.CosineDecayRestarts(1.0, 10)
    for period in range(15):
        start = 10 * (2**period - 1)
        assert float(schedule(start)) == 1.0
        if start:
            assert float(schedule(start - 1)) < 0.03


@pytest.mark.parametrize(("schedule", "reference"), CASES)
def test_compiled(schedule, reference):
    engine = active.engine
    program = engine.compile(lambda steps: [schedule(steps[0])])
    for step in STEPS[:8]:
        (value,) = program([engine.asarray(np.int32(step))])
        np.testing.assert_allclose(engine.to_numpy(value), reference(step), rtol=2e-5, atol=2e-7)


@pytest.mark.parametrize(("schedule", "reference"), CASES)
def test_config_round_trip(schedule, reference):
    description = json.loads(json.dumps(S.serialize(schedule)))
    assert description["module"] == "keras.optimizers.schedules"
    for twin in (S.deserialize(description), S.get(description)):
        assert type(twin) is type(schedule) and twin.get_config() == schedule.get_config()
        assert float(twin(5)) == float(schedule(5))


def test_names_are_those_of_keras():
    assert S.CosineDecayRestarts(0.1, 10).get_config()["name"] == "SGDRDecay"
    assert S.PiecewiseConstantDecay([1], [1.0, 2.0]).get_config()["name"] == "PiecewiseConstant"


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: S.ExponentialDecay(-0.1, 10, 0.5),
            "ExponentialDecay: `initial_learning_rate` must be a finite number >= 0. Received: initial_learning_rate=-0.1.",
        ),
        (
            lambda: S.CosineDecay(0.1, 0),
            "CosineDecay: `decay_steps` must be a finite number > 0. Received: decay_steps=0.",
        ),
        (
            lambda: S.CosineDecay(0.1, "10"),
            "CosineDecay: `decay_steps` must be a finite number > 0. Received: decay_steps='10'.",
        ),
        (
            lambda: S.CosineDecayRestarts(0.1, 10, t_mul=0.5),
            "CosineDecayRestarts: `t_mul` must be a finite number >= 1. Received: t_mul=0.5.",
        ),
        (
            lambda: S.PiecewiseConstantDecay([1, 2], [1.0]),
            "PiecewiseConstantDecay: `values` must have one entry more than `boundaries`. Received: 2 boundaries, 1 values.",
        ),
        (
            lambda: S.PiecewiseConstantDecay([2, 2], [1.0, 0.5, 0.1]),
            "PiecewiseConstantDecay: `boundaries` must increase. Received: boundaries=[2, 2].",
        ),
        (
            lambda: S.deserialize({"class_name": "Nothing", "config": {}}),
            "deserialize: the class or function is unknown. Received: 'Nothing'.",
        ),
    ],
)
def test_errors(call, text):
    with pytest.raises(ValueError, match="^" + re.escape(text)):
        call()


def test_a_subclass_without_a_call():
    text = r"^LearningRateSchedule: a subclass must define `__call__\(self, step\)`\."
    with pytest.raises(NotImplementedError, match=text):
        S.LearningRateSchedule()(0)
