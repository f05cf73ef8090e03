"""The contract of tests/support.py for every exported layer, found through the name table."""

import inspect

import numpy as np
import pytest

import hornpipe as keras
from hornpipe.core.config import custom_object_scope
from tests.support import Case, check_layer

L = keras.layers
IMAGE, VOLUME, STEPS = (3, 5, 6, 4), (2, 4, 3, 5, 2), (3, 6, 4)


def _twice(x):
    return 2 * x


def _bind(cls, *args, **kwargs):
    return lambda **more: cls(*args, **kwargs, **more)


def _case(cls, *args, shape, options=None, **kwargs):
    return Case(_bind(cls, *args, **kwargs), shape, **(options or {}))


def _merging(cls, **options):
    return _case(cls, shape=[(3, 1, 4), (3, 5, 4)], options={"wrong": (3, 4), **options})


def _recurrent(cls, **kwargs):
    return _case(cls, 3, shape=STEPS, options={"wrong": (3, 4), "unknown": (1,)}, **kwargs)


CASES = {
    "InputLayer": _case(L.InputLayer, batch_shape=(None, 4), shape=(3, 4), options={"wrong": (3, 4, 1), "halves": False}),
    "Identity": _case(L.Identity, shape=(3, 4)),
    "Dense": _case(L.Dense, 5, activation="tanh", shape=STEPS, options={"wrong": (3,), "unknown": (1,)}),
    "EinsumDense": _case(
        L.EinsumDense, "abc,cde->abde", (None, 2, 3), bias_axes="de", shape=STEPS, options={"wrong": (3, 4), "unknown": (1,)}
    ),
    "Activation": _case(L.Activation, "softplus", shape=STEPS, options={"unknown": (1, 2)}),
    "ReLU": _case(L.ReLU, max_value=1.0, negative_slope=0.1, threshold=0.1, shape=STEPS, options={"unknown": (1, 2)}),
    "LeakyReLU": _case(L.LeakyReLU, shape=STEPS, options={"unknown": (1, 2)}),
    "PReLU": _case(L.PReLU, shared_axes=(1,), shape=STEPS, options={"wrong": (3,), "unknown": (1,)}),
    "ELU": _case(L.ELU, shape=STEPS, options={"unknown": (1, 2)}),
    "Softmax": _case(L.Softmax, shape=STEPS, options={"unknown": (1, 2)}),
    "Dropout": _case(L.Dropout, 0.5, shape=STEPS, options={"differs": True, "unknown": (1, 2)}),
    "SpatialDropout1D": _case(
        L.SpatialDropout1D, 0.5, shape=STEPS, options={"differs": True, "wrong": (3, 4), "unknown": (1, 2)}
    ),
    "SpatialDropout2D": _case(L.SpatialDropout2D, 0.5, shape=IMAGE, options={"differs": True, "wrong": STEPS}),
    "SpatialDropout3D": _case(L.SpatialDropout3D, 0.5, shape=VOLUME, options={"differs": True, "wrong": STEPS}),
    "GaussianNoise": _case(L.GaussianNoise, 0.5, shape=STEPS, options={"differs": True, "unknown": (1, 2)}),
    "GaussianDropout": _case(L.GaussianDropout, 0.5, shape=STEPS, options={"differs": True, "unknown": (1, 2)}),
    "AlphaDropout": _case(L.AlphaDropout, 0.5, shape=STEPS, options={"differs": True, "unknown": (1, 2)}),
    "ActivityRegularization": _case(L.ActivityRegularization, l2=0.1, shape=STEPS),
    "Flatten": _case(L.Flatten, shape=IMAGE, options={"wrong": (), "unknown": (1, 2, 3)}),
    "Reshape": _case(L.Reshape, (2, -1), shape=STEPS, options={"wrong": (3, 5), "unknown": (1,)}),
    "Permute": _case(L.Permute, (2, 1), shape=STEPS, options={"wrong": (3, 4), "unknown": (1, 2)}),
    "RepeatVector": _case(L.RepeatVector, 3, shape=(3, 4), options={"wrong": STEPS, "unknown": (1,)}),
    "Cropping1D": _case(L.Cropping1D, (2, 1), shape=STEPS, options={"wrong": (3, 4), "unknown": (1,)}),
    "Cropping2D": _case(L.Cropping2D, ((2, 1), (0, 1)), shape=IMAGE, options={"wrong": STEPS, "unknown": (1, 2)}),
    "Cropping3D": _case(L.Cropping3D, ((1, 0), (1, 0), (1, 2)), shape=VOLUME, options={"wrong": STEPS}),
    "ZeroPadding1D": _case(L.ZeroPadding1D, (2, 1), shape=STEPS, options={"wrong": (3, 4), "unknown": (1,)}),
    "ZeroPadding2D": _case(L.ZeroPadding2D, ((2, 1), (0, 1)), shape=IMAGE, options={"wrong": STEPS, "unknown": (1, 2)}),
    "ZeroPadding3D": _case(L.ZeroPadding3D, ((1, 0), (1, 0), (1, 2)), shape=VOLUME, options={"wrong": STEPS}),
    "UpSampling1D": _case(L.UpSampling1D, 3, shape=STEPS, options={"wrong": (3, 4), "unknown": (1,)}),
    "UpSampling2D": _case(L.UpSampling2D, (2, 3), shape=IMAGE, options={"wrong": STEPS, "unknown": (1, 2)}),
    "UpSampling3D": _case(L.UpSampling3D, (2, 1, 3), shape=VOLUME, options={"wrong": STEPS, "unknown": (1, 2, 3)}),
    "Embedding": _case(L.Embedding, 7, 3, shape=(3, 5), options={"integers": 7, "unknown": (1,)}),
    "BatchNormalization": _case(L.BatchNormalization, shape=STEPS, options={"wrong": (3,), "differs": True, "unknown": (1,)}),
    "LayerNormalization": _case(L.LayerNormalization, axis=[1, 2], shape=STEPS, options={"wrong": (3, 4)}),
    "RMSNormalization": _case(L.RMSNormalization, shape=STEPS, options={"wrong": (), "unknown": (1,)}),
    "GroupNormalization": _case(L.GroupNormalization, 2, shape=IMAGE, options={"wrong": (3,), "unknown": (1, 2)}),
    "UnitNormalization": _case(L.UnitNormalization, shape=STEPS, options={"wrong": (), "unknown": (1, 2)}),
    "Conv1D": _case(L.Conv1D, 3, 2, strides=2, shape=STEPS, options={"wrong": IMAGE, "unknown": (1,)}),
    "Conv2D": _case(L.Conv2D, 4, (2, 3), groups=2, padding="same", shape=IMAGE, options={"wrong": STEPS, "unknown": (1, 2)}),
    "Conv3D": _case(L.Conv3D, 3, 2, shape=VOLUME, options={"wrong": STEPS, "unknown": (1, 2, 3)}),
    "DepthwiseConv1D": _case(
        L.DepthwiseConv1D, 2, depth_multiplier=2, shape=STEPS, options={"wrong": IMAGE, "unknown": (1,)}
    ),
    "DepthwiseConv2D": _case(L.DepthwiseConv2D, 2, strides=2, shape=IMAGE, options={"wrong": STEPS, "unknown": (1, 2)}),
    "SeparableConv1D": _case(L.SeparableConv1D, 3, 2, shape=STEPS, options={"wrong": IMAGE, "unknown": (1,)}),
    "SeparableConv2D": _case(
        L.SeparableConv2D, 3, 2, depth_multiplier=2, shape=IMAGE, options={"wrong": STEPS, "unknown": (1, 2)}
    ),
    "Conv1DTranspose": _case(L.Conv1DTranspose, 3, 3, strides=2, shape=STEPS, options={"wrong": IMAGE, "unknown": (1,)}),
    "Conv2DTranspose": _case(
        L.Conv2DTranspose, 3, 2, strides=2, padding="same", shape=IMAGE, options={"wrong": STEPS, "unknown": (1, 2)}
    ),
    "Conv3DTranspose": _case(L.Conv3DTranspose, 2, 2, shape=(2, 2, 3, 2, 2), options={"wrong": STEPS}),
    "MaxPooling1D": _case(L.MaxPooling1D, shape=STEPS, options={"wrong": IMAGE, "unknown": (1,)}),
    "MaxPooling2D": _case(L.MaxPooling2D, 2, padding="same", shape=IMAGE, options={"wrong": STEPS, "unknown": (1, 2)}),
    "MaxPooling3D": _case(L.MaxPooling3D, shape=VOLUME, options={"wrong": STEPS}),
    "AveragePooling1D": _case(L.AveragePooling1D, 2, shape=STEPS, options={"wrong": IMAGE, "unknown": (1,)}),
    "AveragePooling2D": _case(L.AveragePooling2D, 2, padding="same", shape=IMAGE, options={"wrong": STEPS}),
    "AveragePooling3D": _case(L.AveragePooling3D, 2, shape=VOLUME, options={"wrong": STEPS}),
    "GlobalMaxPooling1D": _case(L.GlobalMaxPooling1D, shape=STEPS, options={"wrong": IMAGE, "unknown": (1,)}),
    "GlobalMaxPooling2D": _case(L.GlobalMaxPooling2D, shape=IMAGE, options={"wrong": STEPS, "unknown": (1, 2)}),
    "GlobalMaxPooling3D": _case(L.GlobalMaxPooling3D, keepdims=True, shape=VOLUME, options={"wrong": STEPS}),
    "GlobalAveragePooling1D": _case(L.GlobalAveragePooling1D, shape=STEPS, options={"wrong": IMAGE, "unknown": (1,)}),
    "GlobalAveragePooling2D": _case(L.GlobalAveragePooling2D, shape=IMAGE, options={"wrong": STEPS, "unknown": (1, 2)}),
    "GlobalAveragePooling3D": _case(L.GlobalAveragePooling3D, keepdims=True, shape=VOLUME, options={"wrong": STEPS}),
    "AdaptiveAveragePooling1D": _case(L.AdaptiveAveragePooling1D, 4, shape=STEPS, options={"wrong": IMAGE}),
    "AdaptiveAveragePooling2D": _case(L.AdaptiveAveragePooling2D, 3, shape=IMAGE, options={"wrong": STEPS}),
    "AdaptiveAveragePooling3D": _case(L.AdaptiveAveragePooling3D, 2, shape=VOLUME, options={"wrong": STEPS}),
    "AdaptiveMaxPooling1D": _case(L.AdaptiveMaxPooling1D, 4, shape=STEPS, options={"wrong": IMAGE}),
    "AdaptiveMaxPooling2D": _case(L.AdaptiveMaxPooling2D, (3, 2), shape=IMAGE, options={"wrong": STEPS}),
    "AdaptiveMaxPooling3D": _case(L.AdaptiveMaxPooling3D, 2, shape=VOLUME, options={"wrong": STEPS}),
    "SimpleRNN": _recurrent(L.SimpleRNN),
    "LSTM": _recurrent(L.LSTM, return_sequences=True),
    "GRU": _recurrent(L.GRU, return_state=True),
    "RNN": Case(
        lambda **more: L.RNN([L.GRUCell(3, reset_after=False, **more), L.LSTMCell(2, **more)], **more),
        STEPS,
        wrong=(3, 4),
        unknown=(1,),
    ),
    "SimpleRNNCell": _case(L.SimpleRNNCell, 3, shape=[(3, 4), (3, 3)], options={"spread": True}),
    "LSTMCell": Case(lambda **more: _CellCase(L.LSTMCell(3, **more), **more), [(3, 4), (3, 3), (3, 3)]),
    "GRUCell": _case(L.GRUCell, 3, shape=[(3, 4), (3, 3)], options={"spread": True}),
    "StackedRNNCells": Case(
        lambda **more: _CellCase(L.StackedRNNCells([L.LSTMCell(3, **more), L.GRUCell(2, **more)], **more), **more),
        [(3, 4), (3, 3), (3, 3), (3, 2)],
    ),
    "Bidirectional": Case(
        lambda **more: L.Bidirectional(L.GRU(2, return_sequences=True, **more), **more), STEPS, wrong=(3, 4), unknown=(1,)
    ),
    "TimeDistributed": Case(
        lambda **more: L.TimeDistributed(L.Conv1D(3, 2, **more), **more), (2, 3, 5, 4), wrong=(3, 4), unknown=(1, 2)
    ),
    "Wrapper": Case(lambda **more: L.Wrapper(L.Dense(3, **more), **more), STEPS, mask="that of the inner layer"),
    "SpectralNormalization": Case(
        lambda **more: L.SpectralNormalization(L.Dense(3, **more), **more),
        STEPS, differs=True, unknown=(1,), mask="that of the inner layer",
    ),
    "Masking": _case(L.Masking, shape=STEPS, options={"wrong": (3,), "unknown": (1, 2)}),
    "Lambda": _case(L.Lambda, _twice, shape=STEPS, options={"unknown": (1, 2)}),
    "Add": _merging(L.Add),
    "Subtract": _merging(L.Subtract),
    "Multiply": _merging(L.Multiply),
    "Average": _merging(L.Average),
    "Maximum": _merging(L.Maximum),
    "Minimum": _merging(L.Minimum),
    "Concatenate": _case(L.Concatenate, 1, shape=[(3, 2, 4), (3, 5, 4)], options={"wrong": (3, 4), "unknown": (1,)}),
    "Dot": _case(L.Dot, (2, 1), shape=[(3, 2, 4), (3, 4, 5)], options={"wrong": (3, 4)}),
    "Attention": _case(
        L.Attention, use_scale=True, score_mode="concat", shape=[(3, 4, 5), (3, 6, 5)], options={"wrong": (3, 4), "unknown": (1,)}
    ),
    "AdditiveAttention": _case(
        L.AdditiveAttention, shape=[(3, 4, 5), (3, 6, 5)], options={"wrong": (3, 4), "unknown": (1,)}
    ),
    "MultiHeadAttention": _case(
        L.MultiHeadAttention, 2, 3, shape=[(3, 4, 5), (3, 6, 5)],
        options={"spread": True, "wrong": [(3, 4), (3, 4)], "unknown": (1,)},
    ),
    "GroupQueryAttention": _case(
        L.GroupQueryAttention, 3, 4, 2, use_gate=True, shape=[(3, 4, 5), (3, 6, 5)],
        options={"spread": True, "wrong": [(3, 4), (3, 4)], "unknown": (1,), "call": {"use_causal_mask": True}},
    ),
}  # fmt: skip


class _CellCase(L.Layer):
    """A cell as a layer of a flat list of tensors: the input, then the states."""

    def __init__(self, cell, **kwargs):
        super().__init__(**kwargs)
        self.cell = cell
        self.row_independent = cell.row_independent

    def build(self, input_shape):
        from hornpipe.layers._support import build_inner

        build_inner(self.cell, input_shape[0])

    def call(self, inputs, training=False):
        from hornpipe.core import tree

        states = self.cell.get_initial_state(inputs[0].shape[0])
        output, new = self.cell(inputs[0], tree.pack_like(states, inputs[1:]), training=training)
        return [output, *tree.flatten(new)]


EXPORTED = [
    name
    for name in L.__all__
    if inspect.isclass(getattr(L, name))
    and getattr(L, name).__name__ == name
    and getattr(L, name).__module__.startswith("hornpipe.layers.")
]


@pytest.mark.parametrize("name", EXPORTED)
def test_layer_fulfils_the_contract(name):
    assert name in CASES, f"write a case for {name}"
    with custom_object_scope({"_twice": _twice, "_CellCase": _CellCase}):
        check_layer(CASES[name])


def test_every_layer_is_in_the_registry():
    from hornpipe.core.config import table

    for name in EXPORTED:
        assert table("layer")[name] is getattr(L, name)


def test_aliases_are_the_same_classes():
    assert L.Convolution1D is L.Conv1D
    assert L.MaxPool2D is L.MaxPooling2D
    assert L.GlobalAvgPool1D is L.GlobalAveragePooling1D
    assert np.all([getattr(L, name) is not None for name in L.__all__])


def test_unknown_name_offers_the_nearest():
    with pytest.raises(AttributeError, match="Did you mean 'Dense'"):
        L.Dence  # noqa: B018
