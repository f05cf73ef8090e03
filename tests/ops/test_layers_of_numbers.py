"""Convolution, pooling, normalisation, attention, cross-entropies, against slow obvious NumPy."""

import functools
import itertools
import math

import numpy as np
import pytest
import scipy.special as special
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hornpipe import ops

host = ops.convert_to_numpy


def wave(*shape, start=0.0):
    """Return numbers without ties or symmetry."""
    n = np.arange(start, start + math.prod(shape))
    return (np.sin(n * 1.7) + 0.3 * np.cos(n * n)).reshape(shape)


# ---- references


def pairs_of(padding, sizes, windows, strides, dilation):
    if padding == "valid":
        return [(0, 0)] * len(sizes)
    if padding == "causal":
        return [((windows[0] - 1) * dilation[0], 0)]
    out = []
    for n, k, s, d in zip(sizes, windows, strides, dilation, strict=True):
        total = max((math.ceil(n / s) - 1) * s + (k - 1) * d + 1 - n, 0)
        out.append((total // 2, total - total // 2))
    return out


def conv(x, kernel, strides, padding, dilation):
    """Return a convolution, channels last, groups by the kernel's channels: one output number at a time."""
    windows, own, filters = kernel.shape[:-2], kernel.shape[-2], kernel.shape[-1]
    groups = x.shape[-1] // own
    pads = pairs_of(padding, x.shape[1:-1], windows, strides, dilation)
    x = np.pad(x, [(0, 0), *pads, (0, 0)])
    sizes = [
        (n - (k - 1) * d - 1) // s + 1
        for n, k, s, d in zip(x.shape[1:-1], windows, strides, dilation, strict=True)
    ]
    out = np.zeros((x.shape[0], *sizes, filters))
    for place in itertools.product(*map(range, sizes)):
        for offset in itertools.product(*map(range, windows)):
            at = tuple(
                p * s + o * d for p, s, o, d in zip(place, strides, offset, dilation, strict=True)
            )
            for f in range(filters):
                group = f // (filters // groups)
                pixel = x[(slice(None), *at, slice(group * own, (group + 1) * own))]
                out[(slice(None), *place, f)] += pixel @ kernel[(*offset, slice(None), f)]
    return out


def pool(x, window, strides, padding, combine):
    pads = pairs_of(padding, x.shape[1:-1], window, strides, (1,) * len(window))
    x = np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=np.nan)
    sizes = [(n - k) // s + 1 for n, k, s in zip(x.shape[1:-1], window, strides, strict=True)]
    out = np.empty((x.shape[0], *sizes, x.shape[-1]))
    for place in itertools.product(*map(range, sizes)):
        index = tuple(
            slice(p * s, p * s + k) for p, s, k in zip(place, strides, window, strict=True)
        )
        out[(slice(None), *place)] = combine(
            x[(slice(None), *index)], tuple(range(1, len(window) + 1))
        )
    return out


CONVOLUTIONS = [
    ((2, 7, 3), (3, 3, 4), (2,), "valid", (1,)),
    ((2, 7, 3), (3, 3, 4), (1,), "causal", (2,)),
    ((1, 6, 5, 2), (3, 2, 2, 3), (1, 1), "same", (1, 1)),
    ((2, 5, 6, 2), (2, 3, 2, 3), (2, 3), "same", (1, 1)),
    ((1, 7, 7, 2), (3, 2, 2, 2), (1, 1), "valid", (2, 3)),
    ((1, 5, 4, 4), (2, 2, 2, 6), (1, 2), "same", (1, 1)),
    ((1, 5, 4, 3), (2, 2, 1, 6), (2, 1), "valid", (1, 1)),
    ((1, 3, 4, 3, 2), (2, 2, 2, 2, 3), (1, 2, 1), "same", (1, 1, 1)),
    ((1, 4, 4, 2), (1, 1, 2, 3), (1, 1), "valid", (1, 1)),
]


@pytest.mark.parametrize(("shape", "kernel", "strides", "padding", "dilation"), CONVOLUTIONS)
def test_conv(check, shape, kernel, strides, padding, dilation):
    check(
        lambda x, k: ops.conv(x, k, strides, padding, "channels_last", dilation),
        lambda x, k: conv(x, k, strides, padding, dilation),
        [wave(*shape), wave(*kernel, start=50)],
        batch="first",
    )


@given(
    size=st.integers(1, 9),
    window=st.integers(1, 4),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 3),
    padding=st.sampled_from(["valid", "same", "causal"]),
)
@settings(
    derandomize=True,
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_windows_of_any_size(run, size, window, stride, dilation, padding):
    x, kernel = wave(1, size, 2).astype("float32"), wave(window, 2, 2, start=9).astype("float32")

    def call():
        return run(
            lambda x, k: ops.conv(x, k, stride, padding, "channels_last", dilation), x, kernel
        )

    if padding == "valid" and (window - 1) * dilation + 1 > size:
        with pytest.raises(ValueError, match="conv: the window must fit into the padded input"):
            call()
    else:
        np.testing.assert_allclose(
            call(), conv(x, kernel, (stride,), padding, (dilation,)), atol=1e-5
        )


def test_channels_first(run):
    x, kernel = wave(2, 3, 6, 5).astype("float32"), wave(3, 2, 3, 4).astype("float32")
    last = np.moveaxis(x, 1, -1)

    def both(function, *args):
        first, second = run(
            lambda x, y: (
                function(x, *args, data_format="channels_first"),
                function(y, *args, data_format="channels_last"),
            ),
            x,
            last,
        )
        return first, np.moveaxis(second, -1, 1)

    for function, args in [
        (ops.conv, (kernel, 2, "same")),
        (ops.depthwise_conv, (kernel, 1, "same")),
        (ops.max_pool, (2, 1, "same")),
        (ops.average_pool, (2, 2, "same")),
        (ops.adaptive_max_pool, ((2, 3),)),
        (ops.adaptive_average_pool, ((4, 2),)),
    ]:
        np.testing.assert_allclose(*both(function, *args), atol=1e-5)
    up = wave(3, 2, 4, 3).astype("float32")
    first = run(lambda x: ops.conv_transpose(x, up, 2, "same", data_format="channels_first"), x)
    second = run(lambda x: ops.conv_transpose(x, up, 2, "same"), last)
    np.testing.assert_allclose(np.moveaxis(first, 1, -1), second, atol=1e-5)


def test_depthwise_and_separable(check):
    def reference(x, k):
        return conv(x, k.reshape(*k.shape[:-2], 1, -1), (2, 2), "same", (1, 1))

    check(
        lambda x, k: ops.depthwise_conv(x, k, 2, "same"),
        reference,
        [wave(1, 5, 4, 3), wave(3, 2, 3, 2)],
        batch="first",
    )
    check(
        lambda x, k, p: ops.separable_conv(x, k, p, 2, "same"),
        lambda x, k, p: conv(reference(x, k), p, (1, 1), "valid", (1, 1)),
        [wave(1, 5, 4, 3), wave(3, 2, 3, 1), wave(1, 1, 3, 4)],
        batch="first",
    )


def transposed(x, kernel, grown, stride, padding, dilation):
    """Return what `conv` of `grown` elements does, transposed: row by row of its matrix."""
    out = np.zeros((1, grown, kernel.shape[1]))
    for i in np.ndindex(out.shape):
        unit = np.zeros_like(out)
        unit[i] = 1.0
        image = conv(unit, kernel, (stride,), padding, (dilation,))
        out[i] = (image * x[:, : image.shape[1]]).sum()
    return out


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    ("window", "stride", "dilation"),
    [(3, 2, 1), (2, 3, 1), (4, 2, 1), (3, 1, 2), (1, 2, 1), (3, 2, 2)],
)
def test_conv_transpose_is_the_gradient_of_conv(check, padding, window, stride, dilation):
    size = 4
    reach = (window - 1) * dilation + 1
    grown = size * stride + (max(reach - stride, 0) if padding == "valid" else 0)

    def reference(x, kernel):
        return transposed(x, kernel, grown, stride, padding, dilation)

    call = lambda x, k: ops.conv_transpose(x, k, stride, padding, dilation_rate=dilation)
    check(call, reference, [wave(1, size, 3), wave(window, 2, 3, start=40)], batch="first")


@pytest.mark.parametrize(
    ("window", "stride", "padding", "extra", "expected"),
    [
        (3, 2, "same", 1, 8),
        (3, 2, "same", 0, 7),
        (2, 2, "valid", 1, 9),
        (3, 2, "valid", 0, 9),
        (4, 3, "same", 2, 11),
    ],
)
def test_output_padding(run, window, stride, padding, extra, expected):
    x, kernel = wave(1, 4, 3).astype("float32"), wave(window, 2, 3).astype("float32")
    out = run(lambda x, k: ops.conv_transpose(x, k, stride, padding, extra), x, kernel)
    assert out.shape == (1, expected, 2)
    np.testing.assert_allclose(out, transposed(x, kernel, expected, stride, padding, 1), atol=1e-5)


def test_unfold_and_fold_agree_with_torch(run):
    torch = pytest.importorskip("torch")
    x = wave(2, 3, 5, 6).astype("float32")
    options = {"kernel_size": (3, 2), "dilation": (1, 2), "padding": (1, 0), "stride": (2, 1)}
    columns = torch.nn.functional.unfold(torch.tensor(x), **options)
    np.testing.assert_allclose(
        run(lambda x: ops.unfold(x, **options), x), columns.numpy(), atol=1e-6
    )
    image = torch.nn.functional.fold(columns, (5, 6), **options)
    found = run(lambda y: ops.fold(y, (5, 6), **options), columns.numpy())
    np.testing.assert_allclose(found, image.numpy(), atol=1e-5)


POOLS = [
    ((2, 7, 3), (2,), (2,), "valid"),
    ((2, 7, 3), (3,), (2,), "same"),
    ((1, 5, 6, 2), (3, 2), (1, 2), "same"),
    ((1, 5, 6, 2), (2, 2), (2, 2), "same"),
    ((1, 4, 3, 5, 2), (2, 2, 2), (2, 1, 2), "same"),
]


@pytest.mark.parametrize(("shape", "window", "strides", "padding"), POOLS)
def test_pool(check, shape, window, strides, padding):
    x = [wave(*shape)]
    check(
        lambda x: ops.max_pool(x, window, strides, padding),
        lambda x: pool(x, window, strides, padding, np.nanmax),
        x,
    )
    check(
        lambda x: ops.average_pool(x, window, strides, padding),
        lambda x: pool(x, window, strides, padding, np.nanmean),
        x,
    )


def test_pool_edges():
    from hornpipe.engine import active

    run = active.engine.value_and_grad(lambda xs: (ops.sum(ops.max_pool(xs[0], 2, 1)), 0))
    x = active.engine.asarray(np.array([[2.0, 2, 2, 1]], "float32").reshape(1, 4, 1))
    assert host(run([x])[1][0]).ravel().tolist() == [1, 1, 1, 0]
    assert host(ops.max_pool(np.array([[[1], [5], [3]]]), 2)).ravel().tolist() == [5]
    assert np.isnan(host(ops.max_pool([[[np.nan], [1.0]]], 2))).all()
    assert np.isnan(host(ops.max_pool([[[1.0], [np.nan]]], 2))).all()
    assert host(ops.max_pool([[[-5.0]]], 3, padding="same")).ravel().tolist() == [-5]
    with pytest.raises(
        ValueError,
        match=r"max_pool: the window must fit .* Received: window=\(4,\), spatial shape=\(3,\)",
    ):
        ops.max_pool(np.zeros((1, 3, 1)), 4)


def test_adaptive_pools_agree_with_torch(run):
    torch = pytest.importorskip("torch")
    x = wave(2, 7, 5, 3).astype("float32")
    moved = torch.tensor(np.moveaxis(x, -1, 1).copy())
    for ours, theirs in (
        ("adaptive_average_pool", "adaptive_avg_pool2d"),
        ("adaptive_max_pool", "adaptive_max_pool2d"),
    ):
        right = np.moveaxis(getattr(torch.nn.functional, theirs)(moved, (3, 4)).numpy(), 1, -1)
        np.testing.assert_allclose(
            run(functools.partial(getattr(ops, ours), output_size=(3, 4)), x), right, atol=1e-6
        )


def test_blocks():
    x = wave(2, 4, 6, 3).astype("float32")
    deep = host(ops.space_to_depth(x, 2))
    np.testing.assert_array_equal(deep[0, 1, 2, :3], x[0, 2, 4])
    np.testing.assert_array_equal(deep[0, 1, 2, 9:], x[0, 3, 5])
    np.testing.assert_array_equal(host(ops.depth_to_space(deep, 2)), x)
    torch = pytest.importorskip("torch")
    first = wave(2, 8, 3, 2).astype("float32")
    wide = torch.nn.functional.pixel_shuffle(torch.tensor(first), 2).numpy()
    np.testing.assert_array_equal(host(ops.depth_to_space(first, 2, "channels_first")), wide)
    np.testing.assert_array_equal(host(ops.space_to_depth(wide, 2, "channels_first")), first)


# ---- normalisation


def test_batch_normalization(check):
    check(
        lambda x, m, v, b, g: ops.batch_normalization(x, m, v, 1, b, g, 1e-3),
        lambda x, m, v, b, g: (
            (x - m[:, None]) / np.sqrt(v[:, None] + 1e-3) * g[:, None] + b[:, None]
        ),
        [wave(3, 4, 2), wave(4), wave(4) ** 2 + 0.5, wave(4, start=8), wave(4, start=12)],
        batch=False,
    )
    with pytest.raises(
        ValueError,
        match=r"batch_normalization: `scale` must have the shape \(4,\)\. Received: shape=\(3,\)",
    ):
        ops.batch_normalization(np.zeros((2, 4)), np.zeros(4), np.ones(4), -1, scale=np.ones(3))


@pytest.mark.parametrize("axis", [-1, (1, 2), (2, 1)])
def test_layer_and_rms_normalization(check, axis):
    size = (4,) if axis == -1 else (3, 4)
    axes = axis if axis != -1 else -1
    x, gamma, beta = wave(2, 3, 4), wave(*size, start=3), wave(*size, start=30)

    def layer(x, g, b):
        mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
        return (x - mean) / np.sqrt(var + 1e-2) * g + b

    check(
        lambda x, g, b: ops.layer_normalization(x, g, b, axis, 1e-2),
        layer,
        [x, gamma, beta],
        batch=False,
    )
    check(
        lambda x, g: ops.rms_normalization(x, g, axis, 1e-2),
        lambda x, g: x / np.sqrt((x**2).mean(axes, keepdims=True) + 1e-2) * g,
        [x, gamma],
        batch=False,
    )


def test_short_floats_are_summed_in_float32():
    x = np.full((70000,), 2.0, "float16")
    assert float(ops.mean(x)) == 2.0
    assert float(ops.var(np.tile(np.array([0, 256], "float16"), 500))) == 16384.0
    assert (
        ops.dtype(ops.layer_normalization(np.ones((2, 3), "float16"), np.ones(3, "float32")))
        == "float16"
    )


# ---- attention


def attention(q, k, v, bias, allowed, scale, cap=None):
    repeated = q.shape[2] // k.shape[2]
    k, v = np.repeat(k, repeated, 2), np.repeat(v, repeated, 2)
    scores = np.einsum("bthd,bshd->bhts", q, k) * scale + bias
    scores = cap * np.tanh(scores / cap) if cap else scores
    return np.einsum("bhts,bshd->bthd", special.softmax(np.where(allowed, scores, -np.inf), -1), v)


def test_attention(check):
    q, k, v = wave(2, 3, 4, 5), wave(2, 6, 2, 5, start=99), wave(2, 6, 2, 5, start=999)
    bias = wave(4, 3, 6)
    mask = np.random.default_rng(0).random((2, 1, 3, 6)) > 0.4
    mask[..., 0] = True
    check(
        ops.dot_product_attention, lambda q, k, v: attention(q, k, v, 0, True, 5**-0.5), [q, k, v]
    )
    check(
        lambda q, k, v: ops.dot_product_attention(
            q, k, v, mask=mask, scale=0.7, is_causal=True, attn_logits_soft_cap=2.0
        ),
        lambda q, k, v: attention(q, k, v, 0, mask & np.tri(3, 6, dtype=bool), 0.7, 2.0),
        [q, k, v],
        batch=False,
    )
    check(
        lambda q, k, v, b: ops.dot_product_attention(q, k, v, b),
        lambda q, k, v, b: attention(q, k, v, b, True, 5**-0.5),
        [q, k, v, bias],
        batch=False,
    )
    with pytest.raises(
        ValueError, match=r"query heads must be a multiple of key heads\. Received: 3 and 2"
    ):
        ops.dot_product_attention(
            np.zeros((1, 2, 3, 4)), np.zeros((1, 2, 2, 4)), np.zeros((1, 2, 2, 4))
        )


# ---- cross-entropies


def test_cross_entropies(check):
    logits = wave(4, 3)
    shares = special.softmax(wave(4, 3, start=20), -1)
    labels = np.array([0, 2, 1, 1])
    rows = np.arange(4)
    check(
        lambda t, x: ops.categorical_crossentropy(t, x, from_logits=True),
        lambda t, x: -(t * special.log_softmax(x, -1)).sum(-1),
        [shares, logits],
    )
    check(
        lambda t, x: ops.categorical_crossentropy(t, x, axis=0),
        lambda t, x: -(t * np.log(x / x.sum(0))).sum(0),
        [shares, np.exp(logits)],
        batch=False,
    )
    check(
        lambda x: ops.sparse_categorical_crossentropy(labels, x, from_logits=True),
        lambda x: -special.log_softmax(x, -1)[rows, labels],
        [logits],
        batch=False,
    )
    check(
        lambda x: ops.sparse_categorical_crossentropy(labels[:, None], x),
        lambda x: -np.log(x / x.sum(-1, keepdims=True))[rows, labels],
        [np.exp(logits)],
        batch=False,
    )
    check(
        lambda t, x: ops.binary_crossentropy(t, x, from_logits=True),
        lambda t, x: np.logaddexp(0, x) - t * x,
        [shares, logits],
    )
    check(
        ops.binary_crossentropy,
        lambda t, x: -(t * np.log(x) + (1 - t) * np.log(1 - x)),
        [shares, shares[::-1].copy()],
    )
    check(
        lambda x, y: ops.psnr(x, y, 2.0),
        lambda x, y: 10 * np.log10(4 / ((x - y) ** 2).mean()),
        [logits, shares],
    )


def test_cross_entropies_at_the_ends():
    epsilon = 1e-7
    assert host(ops.binary_crossentropy([0.0, 1.0], [1.0, 1.0])).tolist() == pytest.approx(
        [-math.log(epsilon), 0], rel=0.02, abs=2e-7
    )
    assert float(ops.categorical_crossentropy([0.0, 1.0], [1.0, 0.0])) == pytest.approx(
        -math.log(epsilon), rel=1e-4
    )
    assert float(ops.sparse_categorical_crossentropy(1, [0.0, 500.0], from_logits=True)) == 0.0
    message = r"`target` and `output` must have one shape\. Received: target of shape \(3,\), output of shape \(2,\)"
    for function in (
        ops.binary_crossentropy,
        ops.categorical_crossentropy,
        lambda t, x: ops.psnr(t, x, 1.0),
    ):
        with pytest.raises(ValueError, match=message):
            function(np.ones(3), np.ones(2))
    with pytest.raises(
        ValueError, match="`target` must have the shape of `output` without the classes"
    ):
        ops.sparse_categorical_crossentropy([1, 2], np.ones((3, 4)))
