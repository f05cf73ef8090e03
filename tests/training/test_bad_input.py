"""Each mistake gives one clear error in our words, before anything is compiled, and changes nothing."""

import numpy as np
import pytest

import hornpipe as keras
from hornpipe import layers

X = np.random.default_rng(0).normal(size=(20, 4)).astype("float32")
Y = np.arange(20) % 3


def classifier(loss="sparse_categorical_crossentropy", units=3):
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(units, activation="softmax")], name="net"
    )
    model.compile("sgd", loss, metrics=["accuracy"])
    return model


def assert_refused(model, error, text, *args, method="fit", **options):
    before = model.get_weights()
    programs = len([key for key in model._programs if key[0] in ("train", "test")])
    with pytest.raises(error) as caught:
        getattr(model, method)(*args, verbose=0, **options)
    assert text in str(caught.value), str(caught.value)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert len([key for key in model._programs if key[0] in ("train", "test")]) == programs


def early():
    yield X[:5], Y[:5]
    yield X[5:10], Y[5:10]


def changing():
    yield X[:5], Y[:5]
    yield X[5:10]


CASES = {
    "inputs of another width": (ValueError, "must have the shape (None, 4)", (X[:, :3], Y), {}),
    "inputs of another rank": (ValueError, "Reshape the data", (X.reshape(20, 2, 2), Y), {}),
    "object array": (TypeError, "must hold numbers", (np.array([object()] * 20), Y), {}),
    "strings": (TypeError, "Encode text", (np.array(["a"] * 20), Y), {}),
    "ragged lists": (ValueError, "must be rectangular", ([[1.0], [1.0, 2.0]], [0, 1]), {}),
    "no rows": (ValueError, "at least one row", (X[:0], Y[:0]), {}),
    "rows that differ": (ValueError, "x: 20 rows, y: 19 rows", (X, Y[:19]), {}),
    "scalar x": (ValueError, "must have a batch axis", (np.float32(1.0), Y), {}),
    "no x": (ValueError, "`x` must not be None", (None, Y), {}),
    "no y": (ValueError, "has a loss, so `y` must be given", (X,), {}),
    "label too large": (ValueError, "needs 4 units", (X, Y + 1), {}),
    "label negative": (ValueError, "label -1", (X, Y - 1), {}),
    "label fractional": (ValueError, "whole class numbers", (X, Y * 0.5), {}),
    "label NaN": (ValueError, "first in row 0", (X, np.full(20, np.nan)), {}),
    "one-hot for sparse": (ValueError, "look one-hot", (X, np.eye(3)[Y]), {}),
    "labels of sequences": (
        ValueError,
        "must have the shape ('batch',)",
        (X, np.zeros((20, 5), int)),
        {},
    ),
    "epochs": (ValueError, "`epochs` must be an integer >= 1", (X, Y), {"epochs": 0}),
    "batch_size": (ValueError, "`batch_size` must be an integer >= 1", (X, Y), {"batch_size": 0}),
    "batch_size bool": (
        ValueError,
        "`batch_size` must be an integer >= 1",
        (X, Y),
        {"batch_size": True},
    ),
    "validation_split": (ValueError, "number in [0, 1)", (X, Y), {"validation_split": 1.5}),
    "validation_split empty": (
        ValueError,
        "leaves no rows",
        (X[:1], Y[:1]),
        {"validation_split": 0.5},
    ),
    "validation_data": (ValueError, "must be (x, y)", (X, Y), {"validation_data": (X,)}),
    "validation shapes": (
        ValueError,
        "must have the shape (None, 4)",
        (X, Y),
        {"validation_data": (X[:, :2], Y)},
    ),
    "validation labels": (
        ValueError,
        "class numbers from 0 to 2",
        (X, Y),
        {"validation_data": (X, Y + 5)},
    ),
    "class_weight keys": (ValueError, "must be integers", (X, Y), {"class_weight": {"a": 1.0}}),
    "class_weight kind": (ValueError, "must be a dict", (X, Y), {"class_weight": [1.0, 2.0]}),
    "sample_weight shape": (
        ValueError,
        "`sample_weight` must have the shape",
        (X, Y),
        {"sample_weight": np.ones((20, 2))},
    ),
    "sample_weight rows": (
        ValueError,
        "sample_weight: 5 rows",
        (X, Y),
        {"sample_weight": np.ones(5)},
    ),
    "shuffle": (ValueError, "`shuffle` must be", (X, Y), {"shuffle": "rows"}),
    "callbacks": (TypeError, "callback", (X, Y), {"callbacks": [3]}),
    "monitor": (
        ValueError,
        "Did you mean 'loss'",
        (X, Y),
        {"callbacks": [keras.callbacks.EarlyStopping("losss")]},
    ),
    "monitor without validation": (
        ValueError,
        "validation",
        (X, Y),
        {"callbacks": [keras.callbacks.EarlyStopping()]},
    ),
    "generator that ends": (
        ValueError,
        "ended after 2 of 5 batches",
        (early(),),
        {"steps_per_epoch": 5},
    ),
    "y beside a stream": (ValueError, "must be None where `x` is a stream", (early(), Y), {}),
    "empty stream": (ValueError, "at least one batch", (iter([]),), {}),
    "tuple of four": (ValueError, "a tuple of 4", (iter([(X, Y, Y, Y)]),), {}),
    "big integers": (ValueError, "must fit into int32", ((X * 1e12).astype("int64"), Y), {}),
}


@pytest.mark.parametrize("case", CASES)
def test_fit_refuses(case):
    error, text, args, options = CASES[case]
    if case == "generator that ends":  # two good batches may train before the stream ends
        with pytest.raises(error, match="ended after 2 of 5"):
            classifier().fit(*args, verbose=0, **options)
        return
    assert_refused(classifier(), error, text, *args, **options)


def test_fit_refuses_a_stream_that_changes_its_structure():
    with pytest.raises(ValueError, match="structure of the first"):
        classifier().fit(changing(), verbose=0)


def test_targets_against_other_losses():
    assert_refused(classifier("categorical_crossentropy"), ValueError, "to_categorical", X, Y)
    assert_refused(
        classifier("categorical_crossentropy"), ValueError, "between 0 and 1", X, np.eye(3)[Y] * 7
    )
    assert_refused(classifier("mse"), ValueError, "of the output", X, np.zeros((20, 2)))
    assert_refused(classifier("binary_crossentropy", 1), ValueError, "between 0 and 1", X, Y)
    assert_refused(
        classifier(units=1), ValueError, "an output unit for each class", X, np.zeros(20)
    )


def test_unknown_arguments_are_refused_by_python():
    with pytest.raises(TypeError, match="batchsize"):
        classifier().fit(X, Y, batchsize=3)


@pytest.mark.parametrize(
    "arguments, error, text",
    [
        ({"optimizer": "adamm"}, ValueError, "Did you mean"),
        ({"optimizer": 3}, TypeError, "optimizer"),
        ({"loss": 3.0}, TypeError, "`loss` must be a loss"),
        ({"loss": keras.metrics.MeanSquaredError()}, TypeError, "not a metric"),
        ({"loss": "mse", "metrics": [3]}, TypeError, "`metrics` must hold metrics"),
        ({"loss": {"outt": "mse"}}, ValueError, "no output"),
        ({"loss": ["mse", "mse"]}, ValueError, "entry for each"),
        ({"loss": "mse", "steps_per_execution": 0}, ValueError, "steps_per_execution"),
    ],
)
def test_compile_refuses(arguments, error, text):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    with pytest.raises(error, match=text):
        model.compile(**arguments)


def test_unknown_loss_and_metric_names_are_refused_before_training():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    with pytest.raises(ValueError, match="Did you mean"):
        model.compile("sgd", "mean_squared_eror")
        model.fit(X, X[:, :1], verbose=0)
    with pytest.raises(ValueError, match="Did you mean"):
        model.compile("sgd", "mse", metrics=["acuracy"])
        model.fit(X, X[:, :1], verbose=0)


def test_uncompiled_and_unbuilt():
    model = keras.Sequential([layers.Dense(1)])
    with pytest.raises(ValueError, match=r"Call model\.compile"):
        model.fit(X, Y)
    with pytest.raises(ValueError, match=r"Call model\.compile"):
        model.evaluate(X, Y)
    with pytest.raises(ValueError, match="not built"):
        model.count_params()
    with pytest.raises(ValueError, match="has no layers"):
        keras.Sequential().predict(X, verbose=0)


def test_predict_and_evaluate_refuse():
    assert_refused(
        classifier(), ValueError, "must have the shape (None, 4)", X[:, :2], method="predict"
    )
    assert_refused(classifier(), ValueError, "label 9", X, Y + 7, method="evaluate")
    assert_refused(classifier(), ValueError, "at least one row", X[:0], method="predict")


def test_names_of_inputs_and_outputs():
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    model = keras.Model([a, b], layers.Dense(1, name="price")(layers.Concatenate()([a, b])))
    model.compile("sgd", "mse")
    target = np.zeros((20, 1))
    with pytest.raises(ValueError, match="keys 'a', 'b'"):
        model.fit({"a": X[:, :2], "c": X[:, 2:]}, target, verbose=0)
    with pytest.raises(ValueError, match="takes 2 inputs"):
        model.fit(X[:, :2], target, verbose=0)
    with pytest.raises(ValueError, match="no output"):
        model.fit([X[:, :2], X[:, 2:]], {"pricee": target}, verbose=0)


def test_value_and_grad_refuses():
    variable = keras.Variable(1.0)
    with pytest.raises(TypeError, match="`function` must be callable"):
        keras.value_and_grad(3, [variable])
    with pytest.raises(TypeError, match="must hold Variables"):
        keras.value_and_grad(lambda: variable * 2, [1.0])


def test_the_model_that_refuses_inputs_is_named_once():
    model = classifier()
    inputs = keras.Input((3,))
    for call in (
        lambda: model(X[:, :3]),
        lambda: model.predict(X[:, :3], verbose=0),
        lambda: keras.Model(inputs, model(inputs)),
    ):
        with pytest.raises(ValueError, match="must have the shape") as caught:
            call()
        assert str(caught.value).count(model.who) == 1
