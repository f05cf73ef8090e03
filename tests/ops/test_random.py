"""Random numbers: the bits are those of NumPy's twin and look random; every distribution has the law it names."""

import numpy as np
import pytest
import scipy.stats as stats

import hornpipe as keras
from hornpipe import ops
from hornpipe.engine import active
from hornpipe.ops.random import (
    host_bits,
    host_normal,
    host_truncated_normal,
    host_uniform,
    random_bits,
)

host = ops.convert_to_numpy
N = 20000
LEAST = 1e-4  # fixed seeds: a p value below this would be a flaw, not bad luck


def law(values, cdf):
    assert stats.kstest(np.asarray(values, "float64").ravel(), cdf).pvalue > LEAST


# ---- the hash


@pytest.mark.parametrize(
    ("seed", "counter", "stream"), [(0, 0, 0), (1, 2, 3), (2**31 - 1, 2**31 - 1, -5), (7, -1, 1)]
)
def test_bits_equal_the_host_twin(run, seed, counter, stream):
    key = np.array([seed, counter], "int32")
    found, flat = run(
        lambda key: (random_bits(key, (7, 11), stream), random_bits(key, (77,), stream)), key
    )
    assert found.dtype == "int32"
    np.testing.assert_array_equal(found, host_bits(seed, counter, (7, 11), stream).view("int32"))
    np.testing.assert_array_equal(found.ravel(), flat)


def test_first_bits_never_change():
    assert host_bits(1, 0, (3,)).tolist() == [3436273740, 2094024994, 2158144520]
    assert host_bits(0, 0, (2,), 1).tolist() == [99965209, 484680036]


def test_bits_are_even():
    bits = host_bits(3, 1, (1 << 18,))
    for shift in (0, 8, 16, 24):
        counts = np.bincount((bits >> shift) & 255, minlength=256)
        assert stats.chisquare(counts).pvalue > LEAST
    ones = ((bits[:, None] >> np.arange(32)) & 1).mean(0)
    assert np.abs(ones - 0.5).max() < 5 * 0.5 / np.sqrt(bits.size)
    pairs = np.bincount((bits[:-1:2] >> 28) * 16 + (bits[1::2] >> 28), minlength=256)
    assert stats.chisquare(pairs).pvalue > LEAST
    low = np.bincount((bits[:-1:2] & 15) * 16 + (bits[1::2] & 15), minlength=256)
    assert stats.chisquare(low).pvalue > LEAST


def test_neighbours_are_uncorrelated():
    bits = host_bits(11, 0, (1 << 16,))
    u = bits * 2.0**-32
    for lag in (1, 2, 3, 4, 7, 8, 16, 31, 32, 64, 255, 256, 1024):
        assert abs(np.corrcoef(u[:-lag], u[lag:])[0, 1]) < 5 / np.sqrt(u.size)
        flips = ((bits[:-lag] ^ bits[lag:])[:, None] >> np.arange(32)) & 1
        assert np.abs(flips.mean(0) - 0.5).max() < 5.5 * 0.5 / np.sqrt(u.size)


def test_keys_are_uncorrelated():
    keys = [(s, c, t) for s in (0, 1, 2, 12345) for c in (0, 1, 2, 3) for t in (0, 1)]
    u = np.stack([host_bits(s, c, (1 << 14,), t) for s, c, t in keys]) * 2.0**-32
    correlation = np.corrcoef(u) - np.eye(len(keys))
    assert np.abs(correlation).max() < 5.5 / np.sqrt(u.shape[1])
    moved = np.corrcoef(u[:, :-1], u[:, 1:])[: len(keys), len(keys) :]
    assert np.abs(moved).max() < 5.5 / np.sqrt(u.shape[1])
    assert np.abs(np.corrcoef(u[:, :64].T) - np.eye(64)).max() < 5.5 / np.sqrt(len(keys))


def test_avalanche():
    """Each bit of seed, counter, stream or element number flips each bit of the result half of the time."""
    base = np.concatenate([host_bits(s, 77, (256,)) for s in range(64)])
    for bit in range(31):
        seeds = np.concatenate([host_bits(s ^ (1 << bit), 77, (256,)) for s in range(64)])
        flips = (((base ^ seeds)[:, None] >> np.arange(32)) & 1).mean(0)
        assert np.abs(flips - 0.5).max() < 5.5 * 0.5 / np.sqrt(base.size), bit
    start = host_bits(5, 9, (1 << 14,))
    for bit in range(14):
        other = start[np.arange(start.size) ^ (1 << bit)]
        flips = (((start ^ other)[:, None] >> np.arange(32)) & 1).mean(0)
        assert np.abs(flips - 0.5).max() < 7.8 * 0.5 / np.sqrt(start.size), (
            bit
        )  # pairs are counted twice
    for change in (lambda c: (5, 9 ^ c, 0), lambda c: (5, 9, c)):
        for bit in range(31):
            seed, counter, stream = change(1 << bit)
            flips = (
                ((start ^ host_bits(seed, counter, (1 << 14,), stream))[:, None] >> np.arange(32))
                & 1
            ).mean(0)
            assert np.abs(flips - 0.5).max() < 5.5 * 0.5 / np.sqrt(start.size), bit


def test_values_repeat_as_random_ones_do():
    """n draws of 32 bits hold about n**2 / 2**33 pairs of equal ones; a bijection would hold none."""
    number = 1 << 17
    expected = number**2 / 2**33
    pairs = [number - np.unique(host_bits(seed, 0, (number,))).size for seed in range(12)]
    assert abs(sum(pairs) - 12 * expected) < 5 * np.sqrt(12 * expected)
    neighbours = np.concatenate([host_bits(3, counter, (1 << 13,)) for counter in range(16)])
    assert abs(neighbours.size - np.unique(neighbours).size - expected) < 6 * np.sqrt(expected)


def test_keys_do_not_coincide():
    first = np.stack(
        [np.concatenate([host_bits(s, c, (2,)) for c in range(64)]) for s in range(64)]
    ).reshape(-1, 2)
    assert np.unique(first, axis=0).shape[0] == first.shape[0]


# ---- distributions


def test_uniform(run):
    values = run(lambda: keras.random.uniform((N,), seed=1))
    law(values, "uniform")
    assert values.min() >= 0 and values.max() < 1
    np.testing.assert_array_equal(values, host_uniform(1, 0, (N,)).astype("float32"))
    law((run(lambda: keras.random.uniform((N,), -3.0, 5.0, seed=1)) + 3) / 8, "uniform")
    rows = run(
        lambda: keras.random.uniform((N, 2), np.array([0.0, 10.0]), np.array([1.0, 20.0]), seed=1)
    )
    law((rows[:, 1] - 10) / 10, "uniform")
    for dtype in ("float16", "bfloat16"):
        short = keras.random.uniform((N,), dtype=dtype, seed=1)
        assert ops.dtype(short) == dtype and float(ops.max(short)) < 1.0
    near = run(lambda: keras.random.uniform((N,), 1.0, 1.0 + 2**-22, seed=1))
    assert near.min() >= 1.0 and near.max() < 1.0 + 2**-22
    whole = run(lambda: keras.random.uniform((100,), 0, 5, dtype="int32", seed=1))
    assert whole.dtype == "int32" and set(whole.tolist()) == set(range(5))


def test_normal(run):
    values = run(lambda: keras.random.normal((N,), seed=2))
    law(values, "norm")
    np.testing.assert_allclose(values, host_normal(2, 0, (N,)), atol=5e-5)
    law((run(lambda: keras.random.normal((N,), 3.0, 0.5, seed=2)) - 3) * 2, "norm")
    assert ops.dtype(keras.random.normal((3,), dtype="float16", seed=0)) == "float16"
    law(host_normal(9, 4, (N,)), "norm")
    extremes = host_normal(0, 0, (1 << 20,))
    assert 4.0 < extremes.max() < 5.5 and -5.5 < extremes.min() < -4.0


def test_normal_quantile_agrees_with_scipy():
    from hornpipe.ops.random import _normal_quantile

    v = np.concatenate(
        [np.linspace(-0.999999, 0.999999, 1001), 1 - 2.0 ** -np.arange(2, 50), [0.85, -0.85]]
    )
    np.testing.assert_allclose(
        _normal_quantile(v), stats.norm.ppf((1 + v) / 2), rtol=1e-8, atol=1e-12
    )


def test_truncated_normal(run):
    values = run(lambda: keras.random.truncated_normal((N,), seed=3))
    law(values, stats.truncnorm(-2, 2).cdf)
    assert np.abs(values).max() <= 2
    np.testing.assert_allclose(values, host_truncated_normal(3, 0, (N,)), atol=5e-6)


def test_randint(run):
    counts = np.bincount(run(lambda: keras.random.randint((N,), 0, 7, seed=4)), minlength=7)
    assert stats.chisquare(counts).pvalue > LEAST
    law(
        (run(lambda: keras.random.randint((N,), -(10**9), 2 * 10**9, seed=4)) + 1e9) / 3e9,
        "uniform",
    )
    law(
        (run(lambda: keras.random.randint((N,), -(2**31), 2**31 - 1, seed=4)) + 2.0**31) / 2.0**32,
        "uniform",
    )
    # 3 * 2**29 does not divide 2**31: the lower part would come twice as often without drawing again
    law(run(lambda: keras.random.randint((N,), 0, 3 * 2**29, seed=4)) / (3.0 * 2**29), "uniform")
    assert ops.dtype(keras.random.randint((2,), 0, 200, dtype="uint8", seed=1)) == "uint8"
    with pytest.raises(
        ValueError,
        match=r"randint: `minval` must lie below `maxval`, .* Received: minval=3, maxval=3\.",
    ):
        keras.random.randint((2,), 3, 3)


def test_categorical(run):
    shares = np.array([[0.1, 0.2, 0.7], [0.5, 0.5, 0.0]])
    with np.errstate(divide="ignore"):
        values = run(lambda: keras.random.categorical(np.log(shares), N, seed=5))
    assert values.shape == (2, N)
    for row, share in zip(values, shares, strict=True):
        counts = np.bincount(row, minlength=3)
        assert stats.chisquare(counts[share > 0], N * share[share > 0]).pvalue > LEAST
        assert counts[share == 0].sum() == 0


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.93])
def test_dropout(run, rate):
    values = run(lambda: keras.random.dropout(ops.ones((N,)), rate, seed=6))
    kept = values != 0
    assert abs(kept.mean() - (1 - rate)) < 5 * np.sqrt(rate * (1 - rate) / N)
    np.testing.assert_allclose(values[kept], 1 / (1 - rate), rtol=1e-6)


def test_dropout_options(run):
    x = np.ones((50, 20), "float32")
    rows = run(lambda: keras.random.dropout(x, 0.5, noise_shape=(None, 1), seed=1))
    assert (rows == rows[:, :1]).all() and 0 < rows[:, 0].mean() < 2
    assert keras.random.dropout(x, 0.0, seed=1).shape == (50, 20)
    assert run(lambda: keras.random.dropout(x, 1.0, seed=1)).max() == 0
    for rate in (-0.1, 1.5, True, "a"):
        with pytest.raises(
            ValueError, match=r"dropout: `rate` must be a number in \[0, 1\]\. Received: rate="
        ):
            keras.random.dropout(x, rate)
    grad = active.engine.value_and_grad(
        lambda xs: (ops.sum(keras.random.dropout(xs[0], 0.5, seed=3)), 0)
    )
    gradient = run(lambda x: grad([x])[1][0], x)
    np.testing.assert_array_equal(gradient, run(lambda: keras.random.dropout(x, 0.5, seed=3)))


def test_shuffle(run):
    order = run(lambda: keras.random.shuffle(np.arange(100), seed=7))
    assert sorted(order.tolist()) == list(range(100)) and order.tolist() != list(range(100))
    columns = run(lambda: keras.random.shuffle(np.arange(12).reshape(3, 4), axis=1, seed=7))
    assert (
        sorted(columns[0].tolist()) == [0, 1, 2, 3]
        and (columns - columns[0] == [[0], [4], [8]]).all()
    )
    keys = np.stack([np.arange(200), np.zeros(200)], 1).astype("int32")
    places = run(
        lambda keys: ops.map(lambda key: keras.random.shuffle(np.arange(4), seed=key), keys), keys
    )
    assert stats.chisquare(np.bincount(places[:, 0], minlength=4)).pvalue > LEAST


@pytest.mark.parametrize("alpha", [0.3, 1.0, 4.5])
def test_gamma(run, alpha):
    values = run(lambda: keras.random.gamma((N,), alpha, seed=8))
    law(values, stats.gamma(alpha).cdf)


def test_beta_and_binomial(run):
    law(run(lambda: keras.random.beta((N,), 2.0, 0.7, seed=9)), stats.beta(2.0, 0.7).cdf)
    values = run(
        lambda: keras.random.binomial((N, 2), np.array([6, 3]), np.array([0.3, 0.8]), seed=9)
    )
    for column, count, chance in zip(values.T, (6, 3), (0.3, 0.8), strict=True):
        counts = np.bincount(column.astype(int), minlength=count + 1)
        assert (
            stats.chisquare(counts, N * stats.binom(count, chance).pmf(np.arange(count + 1))).pvalue
            > LEAST
        )


# ---- seeds


def test_seeds():
    def draw(seed):
        return host(keras.random.uniform((4,), seed=seed)).tolist()

    generator = keras.random.SeedGenerator(3)
    first, second = draw(generator), draw(generator)
    assert first == draw(3) and first != second
    assert second == draw(np.array([3, 1], "int32"))
    keras.utils.set_random_seed(1)
    third, fourth = draw(None), draw(None)
    keras.utils.set_random_seed(1)
    assert (draw(None), draw(None)) == (third, fourth) and third != fourth
    with pytest.raises(
        ValueError, match=r"uniform: `seed` must be an integer or None\. Received: seed='a'\."
    ):
        draw("a")
    with pytest.raises(
        ValueError, match=r"normal: `dtype` must be a floating dtype\. Received: dtype='int32'\."
    ):
        keras.random.normal((2,), dtype="int32")


def test_shapes_are_inferred():
    x = keras.KerasTensor((None, 3))
    assert keras.random.dropout(x, 0.5, seed=1).shape == (None, 3)
    assert keras.random.shuffle(x, axis=1, seed=1).shape == (None, 3)
    assert keras.random.uniform((0, 3), seed=1).shape == (0, 3)
    assert keras.random.normal((), seed=1).shape == ()
