"""Drawings in characters, compared as a whole."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest

import hornpipe as keras
from hornpipe import layers
from hornpipe.utils import model_to_text


def drawn(text):
    return textwrap.dedent(text).strip("\n")


def nested():
    inner = keras.Sequential(
        [keras.Input((3,)), layers.Dense(2, name="d1"), layers.Dense(3, name="d2")], name="inner"
    )
    x = keras.Input((4,), name="x")
    a = layers.Dense(3, activation="relu", name="a")(x)
    both = layers.Add(name="add")([inner(a), a])
    return keras.Model(x, [both, inner(both)], name="outer")


def test_chain():
    model = keras.Sequential(
        [
            keras.Input((8, 2), name="x"),
            layers.LSTM(4, name="l"),
            layers.Dropout(0.5, name="d"),
            layers.Dense(1, activation="sigmoid", name="out"),
        ],
        name="chain",
    )
    assert model_to_text(model) == drawn("""
        chain (Sequential)
        ●  x (InputLayer)  (None, 8, 2)
        ●  l (LSTM, tanh)  (None, 4)
        ●  d (Dropout)  (None, 4)
        ●  out (Dense, sigmoid)  (None, 1)  → output
    """)


def test_branches_and_two_outputs():
    assert model_to_text(nested()) == drawn("""
        outer (Model)
        ●    x (InputLayer)  (None, 4)
        ●    a (Dense, relu)  (None, 3)
        ├─╮
        │ ●  inner[0] (Sequential)  (None, 3)
        ├─╯
        ●    add (Add)  (None, 3)  → output
        ●    inner[1] (Sequential)  (None, 3)  → output
    """)


def test_nested_models_taken_apart():
    assert model_to_text(nested(), expand_nested=True, show_shapes=False) == drawn("""
        outer (Model)
        ●    x (InputLayer)
        ●    a (Dense, relu)
        │    inner[0] (Sequential):
        ├─╮
        │ ●    d1 (Dense, linear)
        │ ●    d2 (Dense, linear)
        ├─╯
        ●    add (Add)  → output
        │    inner[1] (Sequential):
        ●      d1 (Dense, linear)
        ●      d2 (Dense, linear)  → output
    """)


def test_rails_that_cross():
    x, y, z = (keras.Input((8,), name=name) for name in "xyz")
    b = layers.Dense(8, name="b")(y)
    c = layers.Dense(8, name="c")(x)
    both = layers.Add(name="add")([b, c, x])
    model = keras.Model([x, y, z], layers.Add(name="out")([both, z]), name="net")
    assert model_to_text(model, show_shapes=False, show_layer_activations=False) == drawn("""
        net (Model)
        ●        x (InputLayer)
        │ ●      y (InputLayer)
        │ │ ●    z (InputLayer)
        │ ● │    b (Dense)
        ├─│─│─╮
        │ │ │ ●  c (Dense)
        ├─┴─│─╯
        ●   │    add (Add)
        ├───╯
        ●        out (Add)  → output
    """)


def test_a_tensor_taken_twice_has_one_rail():
    x = keras.Input((2,), name="x")
    model = keras.Model(x, layers.Multiply(name="square")([x, x]), name="net")
    assert model_to_text(model, show_shapes=False) == drawn("""
        net (Model)
        ●  x (InputLayer)
        ●  square (Multiply)  → output
    """)


def test_plain_characters():
    text = model_to_text(nested(), unicode=False)
    assert text.isascii()
    assert text.splitlines()[3:6] == ["+-+", "| *  inner[0] (Sequential)  (None, 3)", "+-+"]


def test_dtypes_frozen_layers_and_wrappers():
    frozen = layers.Dense(2, name="f", trainable=False)
    model = keras.Sequential(
        [
            keras.Input((3,), name="x", dtype="int32"),
            layers.Embedding(5, 4, name="e"),
            layers.TimeDistributed(frozen, name="t"),
        ],
        name="net",
    )
    assert model_to_text(model, show_dtype=True, show_trainable=True) == drawn("""
        net (Sequential)
        ●  x (InputLayer)  (None, 3)  int32
        ●  e (Embedding)  (None, 3, 4)  float32
        ●  t (TimeDistributed(Dense), frozen)  (None, 3, 2)  float32  → output
    """)


def test_models_without_a_graph():
    class Own(keras.Model):
        def __init__(self):
            super().__init__(name="own")
            self.first, self.second = layers.Dense(3, name="p"), layers.Dense(1, name="q")

        def call(self, inputs):
            return self.second(self.first(inputs))

    assert model_to_text(Own()) == drawn("""
        own (Own)
        -  p (Dense, linear)
        -  q (Dense, linear)
    """)
    unbuilt = keras.Sequential([layers.Dense(3, name="p"), layers.Dense(1, name="q")], name="s")
    assert model_to_text(unbuilt) == drawn("""
        s (Sequential)
        ●  p (Dense, linear)
        ●  q (Dense, linear)  → output
    """)
    assert model_to_text(keras.Sequential(name="none")) == "none (Sequential)\n(no layers yet)"


def test_an_input_that_nobody_takes_leads_nowhere():
    x, y = keras.Input((2,), name="x"), keras.Input((2,), name="y")
    model = keras.Model([x, y], layers.Dense(1, name="d")(y), name="net")
    assert model_to_text(model, show_shapes=False) == drawn("""
        net (Model)
        ●  x (InputLayer)

        ●  y (InputLayer)
        ●  d (Dense, linear)  → output
    """)


@pytest.mark.parametrize("depth", [2, 40])
def test_long_models(depth):
    x = first = keras.Input((2,))
    for _ in range(depth):
        x = layers.Add()([x, layers.Dense(2)(x)])
    lines = model_to_text(keras.Model(first, x)).splitlines()
    assert len(lines) == 2 + 4 * depth and max(line.count("│") for line in lines) <= 1


@pytest.mark.parametrize("draw", ["model_to_text", "model_to_dot", "plot_model"])
@pytest.mark.parametrize("wrong", ["a name", None, np.zeros(3), keras.layers.Dense(2)])
def test_only_models_are_drawn(draw, wrong, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TypeError, match="`model` must be a model"):
        getattr(keras.utils, draw)(wrong)
    assert list(tmp_path.iterdir()) == []
