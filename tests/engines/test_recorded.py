"""Whole models on the torch engine: recorded steps, with all that is done to them, give the bits of the eager steps."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import hornpipe as keras
from hornpipe.engine import select

if select.chosen().name != "torch":
    pytest.skip("for HORNPIPE_ENGINE=torch", allow_module_level=True)

layers = keras.layers
program = importlib.import_module("hornpipe.engine.torch_program")
_random = np.random.default_rng(0)
IMAGES = _random.random((40, 8, 8, 3)).astype("float32")
TOKENS = _random.integers(0, 20, (40, 6))
LABELS = _random.integers(0, 4, 40)


def convolution():
    hidden = [
        layers.Conv2D(4, 3, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(2),
    ]
    head = [layers.Dropout(0.3), layers.Flatten(), layers.Dense(4, activation="softmax")]
    return keras.Sequential(hidden + head), IMAGES, "adam"


def many_options():
    hidden = [
        layers.Flatten(),
        layers.Dense(8, activation="gelu", kernel_regularizer="l2"),
        layers.LayerNormalization(),
    ]
    optimizer = keras.optimizers.AdamW(
        0.01, gradient_accumulation_steps=2, use_ema=True, global_clipnorm=1.0
    )
    return keras.Sequential([*hidden, layers.Dense(4, activation="softmax")]), IMAGES, optimizer


def recurrence():
    hidden = [
        layers.Embedding(20, 4, mask_zero=True),
        layers.LSTM(4, return_sequences=True),
        layers.GRU(4, dropout=0.2),
    ]
    return keras.Sequential([*hidden, layers.Dense(4, activation="softmax")]), TOKENS, "nadam"


def attention():
    inputs = keras.Input((6,), dtype="int32")
    hidden = layers.Embedding(20, 4)(inputs)
    hidden = layers.MultiHeadAttention(2, 4)(hidden, hidden, use_causal_mask=True)
    outputs = layers.Dense(4, activation="softmax")(layers.GlobalMaxPooling1D()(hidden))
    return keras.Model(inputs, outputs), TOKENS, "rmsprop"


def train(make):
    keras.utils.set_random_seed(1)
    model, x, optimizer = make()
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, LABELS, epochs=2, batch_size=16, verbose=0)
    return [*model.get_weights(), model.predict(x, verbose=0), np.array(history.history["loss"])]


@pytest.mark.parametrize(
    "make", [convolution, many_options, recurrence, attention], ids=lambda make: make.__name__
)
def test_recorded_steps_are_the_eager_ones_to_the_bit(monkeypatch, make):
    made = []
    plain = program._Loop.__call__
    monkeypatch.setattr(program._Loop, "__call__", lambda *args: made.append(1) or plain(*args))
    recorded = train(make)
    assert made  # nothing fell back to eager steps

    def refuse(function, inputs):
        raise program.UntraceableError("for the test")

    with monkeypatch.context() as patch:
        patch.setattr(program, "record", refuse)
        eager = train(make)
    with monkeypatch.context() as patch:
        patch.setattr(program, "_in_place", lambda *args: {})
        copying = train(make)
    for first, second, third in zip(recorded, eager, copying, strict=True):
        assert first.tobytes() == second.tobytes() == third.tobytes()
