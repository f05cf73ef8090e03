"""Initializers: moments, bounds, distributions (by SciPy), orthogonality, fans, seeds, configs, errors."""

import json
import math
import re

import numpy as np
import pytest
from scipy import signal, stats

import hornpipe as keras
from hornpipe.engine.select import active
from hornpipe.initializers import compute_fans

I = keras.initializers
SHAPE = (120, 150)
RANDOM = [
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "LecunNormal",
    "LecunUniform",
    "Orthogonal",
]
CONSTANT = ["Zeros", "Ones", "Constant", "Identity", "STFT"]


def values(initializer, shape=SHAPE, dtype=None):
    result = initializer(shape, dtype=dtype)
    assert active.engine.is_tensor(result)
    assert tuple(result.shape) == tuple(shape)
    assert active.engine.dtype(result) == (dtype or "float32")
    return active.engine.to_numpy(result)


# ---- constants


def test_zeros_and_ones():
    assert values(I.Zeros(), (2, 3)).tolist() == [[0.0] * 3] * 2
    assert values(I.Ones(), (2,), "int32").tolist() == [1, 1]
    assert values(I.Zeros(), (2,), "bool").tolist() == [False, False]
    assert values(I.Ones(), ()) == 1.0


@pytest.mark.parametrize(
    "name", ["RandomNormal", "RandomUniform", "TruncatedNormal", "HeNormal", "Constant"]
)
def test_scalars(name):
    assert values(getattr(I, name)(), ()).shape == ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2.5, [[2.5] * 3] * 2),
        ([1, 2, 3], [[1, 2, 3], [1, 2, 3]]),
        (np.array([[1.0], [2.0]]), [[1, 1, 1], [2, 2, 2]]),
    ],
)
def test_constant_broadcasts(value, expected):
    assert values(I.Constant(value), (2, 3)).tolist() == expected


def test_constant_of_a_tensor():
    tensor = keras.ops.convert_to_tensor([1.0, 2.0])
    initializer = I.Constant(tensor)
    assert values(initializer, (2,)).tolist() == [1.0, 2.0]
    twin = I.deserialize(json.loads(json.dumps(I.serialize(initializer))))
    assert values(twin, (2,)).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2), (0, 2)])
def test_identity(shape):
    np.testing.assert_array_equal(values(I.Identity(2.0), shape), 2 * np.eye(*shape))


@pytest.mark.parametrize("window", ["hann", "hamming", "blackman", None, "array"])
@pytest.mark.parametrize("scaling", ["density", "spectrum", None])
@pytest.mark.parametrize("periodic", [False, True])
def test_stft_against_scipy(window, scaling, periodic):
    length, bins = 16, 9
    array = np.linspace(0.1, 1, length) if window == "array" else None
    if array is not None:
        taps = array
    else:
        taps = signal.get_window(window, length, fftbins=periodic) if window else np.ones(length)
    frame = np.random.default_rng(0).normal(size=length)
    spectrum = np.fft.rfft(frame * taps)
    if window is not None and scaling is not None:
        spectrum = spectrum / (
            math.sqrt((taps**2).sum()) if scaling == "density" else abs(taps.sum())
        )
    for side, expected in (("real", spectrum.real), ("imag", spectrum.imag)):
        kernel = values(
            I.STFT(side, array if array is not None else window, scaling, periodic),
            (length, 1, bins),
        )
        np.testing.assert_allclose(frame @ kernel[:, 0], expected, rtol=1e-4, atol=1e-5)


# ---- distributions


@pytest.mark.parametrize(("mean", "stddev"), [(0.0, 0.05), (3.0, 2.0)])
def test_normal(mean, stddev):
    drawn = values(I.RandomNormal(mean, stddev, seed=1)).ravel()
    assert stats.kstest((drawn - mean) / stddev, "norm").pvalue > 1e-3
    assert np.unique(drawn).size > 0.98 * drawn.size


@pytest.mark.parametrize(("mean", "stddev"), [(0.0, 0.05), (3.0, 2.0)])
def test_truncated_normal(mean, stddev):
    drawn = (values(I.TruncatedNormal(mean, stddev, seed=2)).ravel() - mean) / stddev
    assert np.abs(drawn).max() <= 2 + 1e-5 and np.abs(drawn).max() > 1.95
    assert stats.kstest(drawn, stats.truncnorm(-2, 2).cdf).pvalue > 1e-3


@pytest.mark.parametrize(("low", "high"), [(-0.05, 0.05), (2.0, 5.0), (1.0, 1.0)])
def test_uniform(low, high):
    drawn = values(I.RandomUniform(low, high, seed=3)).ravel()
    assert low - 1e-7 <= drawn.min() and drawn.max() <= high + 1e-7
    if low < high:
        assert stats.kstest(drawn, stats.uniform(low, high - low).cdf).pvalue > 1e-3


FAN = {"fan_in": 120, "fan_out": 150, "fan_avg": 135}
NAMED = {
    "GlorotNormal": (1, "fan_avg", "truncated_normal"),
    "GlorotUniform": (1, "fan_avg", "uniform"),
    "HeNormal": (2, "fan_in", "truncated_normal"),
    "HeUniform": (2, "fan_in", "uniform"),
    "LecunNormal": (1, "fan_in", "truncated_normal"),
    "LecunUniform": (1, "fan_in", "uniform"),
}


def check_scaled(drawn, variance, distribution):
    drawn = drawn.ravel() / math.sqrt(variance)
    assert abs(drawn.var() - 1) < 0.04 and abs(drawn.mean()) < 0.03
    if distribution == "uniform":
        law = stats.uniform(-math.sqrt(3), 2 * math.sqrt(3))
    elif distribution == "untruncated_normal":
        law = stats.norm()
    else:
        law = stats.truncnorm(-2, 2, scale=1 / stats.truncnorm(-2, 2).std())
    assert stats.kstest(drawn, law.cdf).pvalue > 1e-3


@pytest.mark.parametrize("mode", FAN)
@pytest.mark.parametrize(
    "distribution", ["truncated_normal", "untruncated_normal", "uniform", "normal"]
)
def test_variance_scaling(mode, distribution):
    drawn = values(I.VarianceScaling(2.5, mode, distribution, seed=4))
    check_scaled(drawn, 2.5 / FAN[mode], distribution)


@pytest.mark.parametrize("name", NAMED)
def test_named_scalings(name):
    scale, mode, distribution = NAMED[name]
    check_scaled(values(getattr(I, name)(seed=5)), scale / FAN[mode], distribution)


def test_convolution_kernels_count_their_window():
    check_scaled(values(I.HeNormal(seed=6), (3, 3, 32, 64)), 2 / (9 * 32), "truncated_normal")


def test_axes_given_by_hand():
    drawn = values(I.GlorotUniform(seed=7, input_axes=(0,), output_axes=(1, 2)), (30, 40, 20))
    check_scaled(drawn, 2 / (30 + 800), "uniform")


@pytest.mark.parametrize(
    ("shape", "fans"),
    [
        ((), (1, 1)),
        ((7,), (7, 7)),
        ((3, 5), (3, 5)),
        ((4, 3, 5), (12, 20)),
        ((2, 4, 3, 5), (24, 40)),
        ((0, 5), (0, 5)),
    ],
)
def test_fans(shape, fans):
    assert compute_fans(shape) == fans


def test_fans_of_given_axes():
    assert compute_fans((2, 3, 5, 7), [-1, 0], 1) == (14, 3)


def test_an_empty_fan_counts_as_one():
    assert values(I.GlorotUniform(seed=1), (0, 4)).size == 0
    assert abs(values(I.HeUniform(seed=1), ())) <= math.sqrt(6)


# ---- orthogonal matrices


@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 7), (1, 4), (2, 3, 4, 6)])
@pytest.mark.parametrize("gain", [1.0, 1.5])
def test_orthogonal(shape, gain):
    matrix = values(I.Orthogonal(gain, seed=8), shape).reshape(-1, shape[-1]) / gain
    product = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-5)


def test_orthogonal_matrices_point_everywhere():
    # Without the signs of R, the first entry of Q would always be negative.
    first = [values(I.Orthogonal(seed=seed), (2, 2))[0, 0] for seed in range(60)]
    assert 15 < np.sum(np.array(first) > 0) < 45


# ---- seeds


@pytest.mark.parametrize("name", RANDOM)
def test_a_seed_gives_the_same_values_at_every_call(name):
    initializer = getattr(I, name)(seed=11)
    first = values(initializer, (8, 8))
    np.testing.assert_array_equal(first, values(initializer, (8, 8)))
    np.testing.assert_array_equal(first, values(getattr(I, name)(seed=11), (8, 8)))
    assert not np.array_equal(first, values(getattr(I, name)(seed=12), (8, 8)))


@pytest.mark.parametrize("name", RANDOM)
def test_objects_without_a_seed_differ(name):
    one, other = getattr(I, name)(), getattr(I, name)()
    assert not np.array_equal(values(one, (8, 8)), values(other, (8, 8)))
    np.testing.assert_array_equal(values(one, (8, 8)), values(one, (8, 8)))
    assert not np.array_equal(values(one.clone(), (8, 8)), values(one, (8, 8)))


def test_names_give_a_new_object_with_a_seed_of_its_own():
    one, other = I.get("glorot_uniform"), I.get("glorot_uniform")
    assert one.seed != other.seed


def test_the_global_seed_rules_objects_without_one():
    drawn = []
    for _ in range(2):
        keras.utils.set_random_seed(5)
        drawn.append(values(I.RandomNormal(), (4,)))
    np.testing.assert_array_equal(*drawn)


def test_seed_generators_give_other_values_at_every_call():
    one = I.RandomNormal(seed=keras.random.SeedGenerator(3))
    first, second = values(one, (8,)), values(one, (8,))
    assert not np.array_equal(first, second)
    other = I.RandomNormal(seed=keras.random.SeedGenerator(3))
    np.testing.assert_array_equal(first, values(other, (8,)))
    np.testing.assert_array_equal(second, values(other, (8,)))
    twin = I.deserialize(json.loads(json.dumps(I.serialize(one))))
    np.testing.assert_array_equal(first, values(twin, (8,)))


def test_values_are_the_same_on_every_engine():
    drawn = values(I.RandomNormal(stddev=1.0, seed=1), (3,))
    uniform = values(I.RandomUniform(0.0, 1.0, seed=1), (3,))
    generator = np.random.Generator(np.random.Philox(key=1))
    np.testing.assert_array_equal(drawn, generator.standard_normal(3, "float32"))
    generator = np.random.Generator(np.random.Philox(key=1))
    np.testing.assert_allclose(uniform, generator.random(3, "float32"), rtol=1e-7)


@pytest.mark.parametrize("name", RANDOM)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_dtypes(name, dtype):
    initializer = getattr(I, name)(seed=1)
    wide = values(initializer, (6, 6))
    np.testing.assert_allclose(
        values(initializer, (6, 6), dtype).astype("float32"), wide, rtol=1e-2, atol=1e-3
    )


# ---- configs and lookup


@pytest.mark.parametrize("name", [*RANDOM, *CONSTANT])
def test_config_round_trip(name):
    initializer = getattr(I, name)(**({"seed": 9} if name in RANDOM else {}))
    description = json.loads(json.dumps(I.serialize(initializer)))
    assert description["module"] == "keras.initializers" and description["class_name"] == name
    twin = I.get(description)
    assert type(twin) is type(initializer) and twin.get_config() == initializer.get_config()
    shape = (4, 1, 3) if name == "STFT" else (4, 3)
    np.testing.assert_array_equal(values(twin, shape), values(initializer, shape))


def test_configs_are_those_of_keras():
    assert I.HeNormal(seed=1).get_config() == {"seed": 1, "input_axes": None, "output_axes": None}
    config = I.VarianceScaling(2.0, distribution="normal").get_config()
    assert config["distribution"] == "truncated_normal" and config["seed"] is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("zeros", "Zeros"),
        ("zero", "Zeros"),
        ("one", "Ones"),
        ("normal", "RandomNormal"),
        ("random_uniform", "RandomUniform"),
        ("uniform", "RandomUniform"),
        ("lecun_normal", "LecunNormal"),
        ("GlorotUniform", "GlorotUniform"),
        ("orthogonal", "Orthogonal"),
        ("identity", "Identity"),
    ],
)
def test_names(name, kind):
    assert type(I.get(name)).__name__ == kind


def test_lookup_of_other_things():
    def own(shape, dtype=None):
        return keras.ops.ones(shape, dtype=dtype)

    assert I.get(None) is None
    assert I.get(own) is own
    assert type(I.get(I.Ones)) is I.Ones
    assert values(I.get(np.array([1.0, 2.0])), (2,)).tolist() == [1.0, 2.0]
    variable = keras.Variable(I.HeNormal(seed=1), shape=(3, 4))
    np.testing.assert_array_equal(variable.numpy(), values(I.HeNormal(seed=1), (3, 4)))


# ---- errors


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: I.get("glorot_unifrom"),
            "initializer: name is unknown. Received: 'glorot_unifrom'. Did you mean",
        ),
        (
            lambda: I.RandomNormal(stddev=-1),
            "RandomNormal: `stddev` must be a finite number >= 0. Received: stddev=-1.",
        ),
        (
            lambda: I.RandomUniform(1.0, 0.0),
            "RandomUniform: `maxval` must be a finite number >= 1.0. Received: maxval=0.0.",
        ),
        (
            lambda: I.RandomNormal("a"),
            "RandomNormal: `mean` must be a finite number. Received: mean='a'.",
        ),
        (
            lambda: I.HeNormal(seed=1.5),
            "HeNormal: `seed` must be an integer or None. Received: seed=1.5.",
        ),
        (
            lambda: I.VarianceScaling(0),
            "VarianceScaling: `scale` must be a finite number > 0. Received: scale=0.",
        ),
        (
            lambda: I.VarianceScaling(mode="fan_inn"),
            "VarianceScaling: `mode` must be one of ('fan_in', 'fan_out', 'fan_avg'). Received: mode='fan_inn'. "
            "Did you mean 'fan_in'?",
        ),
        (
            lambda: I.VarianceScaling(distribution="gauss"),
            "VarianceScaling: `distribution` must be one of ('truncated_normal', 'untruncated_normal', 'uniform').",
        ),
        (
            lambda: I.HeNormal(input_axes=(0,)),
            "HeNormal: `input_axes` and `output_axes` must be given together. Received: input_axes=(0,), output_axes=None.",
        ),
        (
            lambda: I.HeNormal(input_axes=(0,), output_axes=(2,))((3, 4)),
            "VarianceScaling: `output_axes` must be axes of the shape (3, 4). Received: output_axes=(2,).",
        ),
        (
            lambda: I.Orthogonal()((3,)),
            "Orthogonal: `shape` must have two axes or more. Received: shape=(3,).",
        ),
        (lambda: I.Identity()((3,)), "Identity: `shape` must have two axes. Received: shape=(3,)."),
        (
            lambda: I.Constant([1, 2])((3,)),
            "Constant: `value` must broadcast to the shape (3,). Received: value of shape (2,).",
        ),
        (
            lambda: I.HeNormal()((3,), "int32"),
            "HeNormal: `dtype` must be a floating type. Received: dtype='int32'.",
        ),
        (
            lambda: I.STFT("left"),
            "STFT: `side` must be one of ('real', 'imag'). Received: side='left'.",
        ),
        (
            lambda: I.STFT()((4, 2, 3)),
            "STFT: `shape` must be (frame_length, 1, fft_length // 2 + 1). Received: shape=(4, 2, 3).",
        ),
        (
            lambda: I.STFT(window=[1.0, 2.0])((4, 1, 3)),
            "STFT: `window` must hold 4 values, as many as the shape's first axis. Received: window of shape (2,).",
        ),
    ],
)
def test_errors(call, text):
    with pytest.raises(ValueError, match="^" + re.escape(text)):
        call()
