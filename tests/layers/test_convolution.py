"""Convolutions and poolings against PyTorch."""

import numpy as np
import pytest
import torch
from torch.nn import functional

import hornpipe as keras
from hornpipe.core.errors import ShapeError
from tests.support import assert_close, numbers

L = keras.layers
CONVOLVE = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
SIZES = {1: (9,), 2: (7, 8), 3: (5, 4, 6)}
PLAIN, SPREAD = (
    [L.Conv1D, L.Conv2D, L.Conv3D],
    [L.Conv1DTranspose, L.Conv2DTranspose, L.Conv3DTranspose],
)


def _first(x):
    """Channels first, as PyTorch has them."""
    return torch.from_numpy(np.moveaxis(np.asarray(x, "float64"), -1, 1))


def _last(x):
    return np.moveaxis(x.numpy(), 1, -1)


def _kernel(layer, order):
    """The kernel with its last two axes first, in `order`."""
    kernel = numbers(layer.kernel)
    rank = kernel.ndim - 2
    last = {"in-out": (rank, rank + 1), "out-in": (rank + 1, rank)}[order]
    return torch.from_numpy(np.transpose(kernel, (*last, *range(rank))))


def _run(layer, x):
    layer(x)
    generator = np.random.default_rng(1)
    layer.set_weights([generator.normal(size=w.shape) for w in layer.weights])
    return layer(x)


def _data(rank, channels=4):
    return np.random.default_rng(rank).normal(size=(2, *SIZES[rank], channels)).astype("float32")


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(
    "options",
    [
        {"strides": 2},
        {"dilation_rate": 2, "padding": "same"},
        {"groups": 2, "padding": "same"},
        {"use_bias": False, "kernel_size": 1},
    ],
    ids=["strides", "dilation", "groups", "one"],
)
def test_convolution(rank, options):
    options = {"kernel_size": 3, **options}
    layer = PLAIN[rank - 1](6, **options)
    x = _data(rank)
    y = _run(layer, x)
    bias = torch.from_numpy(numbers(layer.bias)) if layer.use_bias else None
    expected = CONVOLVE[rank](
        _first(x),
        _kernel(layer, "out-in"),
        bias,
        stride=layer.strides,
        padding=layer.padding,
        dilation=layer.dilation_rate,
        groups=layer.groups,
    )
    assert_close(y, _last(expected), 1e-5)


@pytest.mark.parametrize("size", [5, 6, 7])
@pytest.mark.parametrize("strides", [2, 3])
def test_same_padding_with_strides_puts_the_odd_zero_behind(size, strides):
    x = np.random.default_rng(0).normal(size=(1, size, 1)).astype("float32")
    layer = L.Conv1D(1, 4, strides=strides, padding="same")
    y = _run(layer, x)
    count = -(-size // strides)
    total = max((count - 1) * strides + 4 - size, 0)
    padded = np.pad(x[0, :, 0], (total // 2, total - total // 2))
    kernel = numbers(layer.kernel)[:, 0, 0]
    expected = [
        padded[i * strides : i * strides + 4] @ kernel + numbers(layer.bias)[0]
        for i in range(count)
    ]
    assert_close(y, np.reshape(expected, (1, count, 1)), 1e-5)


def test_causal_outputs_see_no_later_step():
    layer = L.Conv1D(2, 3, padding="causal", dilation_rate=2)
    x = _data(1)
    before = numbers(_run(layer, x))
    x[:, 5:] += 1.0
    after = numbers(layer(x))
    np.testing.assert_array_equal(before[:, :5], after[:, :5])
    assert np.abs(before[:, 5:] - after[:, 5:]).min() > 0


@pytest.mark.parametrize("make", [PLAIN[1], SPREAD[1], lambda *a, **k: L.SeparableConv2D(*a, **k)])
def test_channels_first_is_the_same_with_axes_moved(make):
    x = _data(2)
    last = make(6, 3)
    expected = numbers(_run(last, x))
    first = make(6, 3, data_format="channels_first")
    moved = np.moveaxis(x, -1, 1)
    first(moved)
    first.set_weights(last.get_weights())
    assert_close(np.moveaxis(numbers(first(moved)), 1, -1), expected, 1e-5)


@pytest.mark.parametrize("rank", [1, 2])
def test_depthwise_and_separable(rank):
    x = _data(rank)
    depthwise = [L.DepthwiseConv1D, L.DepthwiseConv2D][rank - 1](
        3, depth_multiplier=2, padding="same"
    )
    y = _run(depthwise, x)
    kernel = numbers(depthwise.kernel)
    weight = torch.from_numpy(
        np.moveaxis(kernel.reshape(*kernel.shape[:-2], 1, -1), (-1, -2), (0, 1)).copy()
    )
    expected = CONVOLVE[rank](
        _first(x), weight, torch.from_numpy(numbers(depthwise.bias)), padding="same", groups=4
    )
    assert_close(y, _last(expected), 1e-5)

    separable = [L.SeparableConv1D, L.SeparableConv2D][rank - 1](
        5, 3, depth_multiplier=2, padding="same", use_bias=False
    )
    separable(x)
    separable.set_weights(
        [kernel, np.random.default_rng(2).normal(size=separable.weights[1].shape)]
    )
    depthwise.set_weights([kernel, np.zeros(8)])
    mixed = numbers(depthwise(x)) @ numbers(separable.pointwise_kernel).reshape(8, 5)
    assert_close(separable(x), mixed, 1e-5)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("strides", [1, 2])
def test_transposed_convolution_is_the_gradient_of_a_convolution(rank, strides):
    x = _data(rank)
    layer = SPREAD[rank - 1](3, 3, strides=strides)
    y = _run(layer, x)
    function = {
        1: functional.conv_transpose1d,
        2: functional.conv_transpose2d,
        3: functional.conv_transpose3d,
    }[rank]
    expected = function(
        _first(x), _kernel(layer, "out-in"), torch.from_numpy(numbers(layer.bias)), stride=strides
    )
    assert_close(y, _last(expected), 1e-5)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_transposed_sizes(padding):
    y = L.Conv1DTranspose(1, 3, strides=2, padding=padding)(np.ones((1, 4, 1)))
    assert tuple(y.shape) == ((1, 9, 1) if padding == "valid" else (1, 8, 1))


POOLS = {
    "max": (
        [L.MaxPooling1D, L.MaxPooling2D, L.MaxPooling3D],
        [functional.max_pool1d, functional.max_pool2d, functional.max_pool3d],
    ),
    "mean": (
        [L.AveragePooling1D, L.AveragePooling2D, L.AveragePooling3D],
        [functional.avg_pool1d, functional.avg_pool2d, functional.avg_pool3d],
    ),
}


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("kind", POOLS)
def test_pooling(rank, kind):
    ours, theirs = POOLS[kind]
    x = _data(rank)
    for size, strides in ((2, None), (3, 1), (2, 3)):
        expected = theirs[rank - 1](_first(x), size, strides)
        assert_close(ours[rank - 1](size, strides=strides)(x), _last(expected), 1e-6)
        moved = ours[rank - 1](size, strides=strides, data_format="channels_first")(
            np.moveaxis(x, -1, 1)
        )
        assert_close(np.moveaxis(numbers(moved), 1, -1), _last(expected), 1e-6)


def test_same_pooling_leaves_out_what_lies_outside():
    x = np.array([-1.0, -2.0, -3.0]).reshape(1, 3, 1)
    assert numbers(L.MaxPooling1D(2, padding="same")(x))[0, :, 0].tolist() == [-1, -3]
    assert numbers(L.AveragePooling1D(2, padding="same")(x))[0, :, 0].tolist() == [-1.5, -3]


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_global_and_adaptive_pooling(rank):
    x = _data(rank)
    axes = tuple(range(1, rank + 1))
    assert_close(getattr(L, f"GlobalMaxPooling{rank}D")()(x), x.max(axes), 1e-6)
    assert_close(
        getattr(L, f"GlobalAveragePooling{rank}D")(keepdims=True)(x),
        x.mean(axes, keepdims=True),
        1e-6,
    )
    function = getattr(functional, f"adaptive_avg_pool{rank}d")
    assert_close(
        getattr(L, f"AdaptiveAveragePooling{rank}D")(3)(x), _last(function(_first(x), 3)), 1e-6
    )
    function = getattr(functional, f"adaptive_max_pool{rank}d")
    assert_close(
        getattr(L, f"AdaptiveMaxPooling{rank}D")(3)(x), _last(function(_first(x), 3)), 1e-6
    )


def test_global_average_over_unmasked_steps():
    x = _data(1)
    mask = np.arange(18).reshape(2, 9) % 4 > 0
    mask[1] = False
    y = numbers(L.GlobalAveragePooling1D()(x, mask=mask))
    np.testing.assert_allclose(y[0], x[0][mask[0]].mean(0), atol=1e-6)
    np.testing.assert_array_equal(y[1], 0)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: L.Conv2D(0, 3),
            r"Conv2D 'conv2d': `filters` must be an integer >= 1. Received: filters=0",
        ),
        (
            lambda: L.Conv2D(4, 3.5),
            r"`kernel_size` must be an integer >= 1 or 2 of them. Received: kernel_size=3.5",
        ),
        (
            lambda: L.Conv2D(4, (3, 3, 3)),
            r"`kernel_size` must be .* Received: kernel_size=\(3, 3, 3\)",
        ),
        (lambda: L.Conv2D(4, 3, padding="sane"), r"Did you mean 'same'\?"),
        (lambda: L.Conv2D(4, 3, padding="causal"), r"`padding` must be one of \('valid', 'same'\)"),
        (
            lambda: L.Conv2D(4, 3, strides=2, dilation_rate=2),
            r"`strides` and `dilation_rate` can't both be greater than 1",
        ),
        (
            lambda: L.Conv2D(4, 3, groups=3),
            r"`filters` must be divisible by `groups`. Received: filters=4, groups=3",
        ),
        (lambda: L.Conv2D(4, 3, data_format="first"), r"`data_format` must be one of"),
        (lambda: L.Conv2D(4, 3, activation="rely"), r"Did you mean 'relu'\?"),
        (
            lambda: L.Conv1DTranspose(4, 3, strides=2, output_padding=2),
            r"`output_padding` must be smaller than `strides`",
        ),
        (
            lambda: L.MaxPooling2D(0),
            r"`pool_size` must be an integer >= 1 or 2 of them. Received: pool_size=0",
        ),
        (
            lambda: L.MaxPooling2D(padding="full"),
            r"`padding` must be one of \('valid', 'same'\). Received: padding='full'",
        ),
        (
            lambda: L.Conv2D(4, 3, filter=3),
            r"Conv2D: got an unknown argument `filter`.*Did you mean 'filters'",
        ),
    ],
)
def test_arguments_are_checked_at_construction(make, text):
    with pytest.raises((ValueError, TypeError), match=text):
        make()


def test_shapes_are_checked_before_a_weight_is_made():
    layer = L.Conv2D(4, 3, groups=2)
    with pytest.raises(
        ShapeError, match=r"the 3 channels of its inputs must be divisible by `groups`, 2"
    ):
        layer(np.ones((1, 5, 5, 3)))
    with pytest.raises(
        ShapeError, match=r"its kernel spans 3 entries of axis 1, its inputs have 2 there.*padding"
    ):
        L.Conv2D(4, 3)(np.ones((1, 2, 5, 3)))
    with pytest.raises(ShapeError, match=r"the size of the inputs' channel axis -1 must be known"):
        L.Conv2D(4, 3)(keras.Input((5, 5, None)))
    with pytest.raises(
        ShapeError, match=r"its window spans 4 entries of axis 1, its inputs have 3 there"
    ):
        L.MaxPooling1D(4)(np.ones((1, 3, 2)))
    layer = L.Conv2D(4, 3)
    layer(np.ones((1, 5, 5, 3)))
    with pytest.raises(
        ShapeError,
        match=r"needs inputs of size 3 on axis -1. Received: inputs of shape \(1, 5, 5, 2\)",
    ):
        layer(np.ones((1, 5, 5, 2)))
    assert layer.count_params() == 3 * 3 * 3 * 4 + 4
