"""Each check fires on its mistake, says what to write, and keeps quiet on the legitimate neighbours."""

import pathlib
import time
import warnings

import numpy as np
import pytest

import hornpipe as keras
from hornpipe import layers
from hornpipe.training.findings import CODES, CheckWarning, table

rng = np.random.default_rng(0)
X = rng.normal(size=(64, 4)).astype("float32")
LABELS = rng.integers(0, 3, 64)
ONE_HOT = np.eye(3, dtype="float32")[LABELS]
BINARY = LABELS.clip(0, 1)
NUMBERS = rng.normal(size=64).astype("float32")
PIXELS = rng.integers(0, 256, (64, 8, 8, 1)).astype("uint8")
COLUMNS = X * [0.01, 1.0, 300.0, 5.0]
SPARSE = "sparse_categorical_crossentropy"
CATEGORICAL = "categorical_crossentropy"
BINARY_LOSS = "binary_crossentropy"


def net(units, activation=None, loss="mse", width=4, body=(), **options):
    model = keras.Sequential(
        [
            keras.Input((width,) if np.ndim(width) == 0 else width),
            *body,
            layers.Dense(units, activation),
        ]
    )
    model.compile("sgd", loss, **options)
    return model


def logits(loss):
    return getattr(keras.losses, loss)(from_logits=True)


def nan_at(x, row):
    x = np.array(x, "float32")
    x[row] = np.nan
    return x


def codes_of(model, *args, **options):
    """Return the codes of errors and warnings alike."""
    try:
        return [finding.code for finding in model.check(*args, **options)]
    except ValueError as error:
        return [line.rsplit("[", 1)[1].rstrip("]") for line in str(error).splitlines()]


def embedder(vocabulary):
    return keras.Sequential(
        [
            keras.Input((5,), dtype="int32"),
            layers.Embedding(vocabulary, 2),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )


def compiled(model, loss="mse", **options):
    model.compile("sgd", loss, **options)
    return model


def in_parts(*parts):
    """Return a functional model of an input of width 4 and further layers."""
    x = keras.Input((4,))
    y = x
    for part in parts:
        y = part(y)
    return keras.Model(x, y)


class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1)

    def call(self, inputs):
        return self.dense(keras.ops.where(keras.ops.isnan(inputs), 0.0, inputs))


def mine(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)


SORTED = np.repeat(np.arange(4), 16)
ALL_NAN = np.where(np.arange(64) == 3, np.nan, NUMBERS)

# code -> [(name, make the model, arguments, options)], those that fire and those that must not.
FIRES = {
    "HP101": [
        ("two targets for one unit", lambda: net(1), (X, np.zeros((64, 2))), {}),
        ("rows of steps", lambda: net(3, "softmax", SPARSE), (X, np.zeros((64, 5), int)), {}),
    ],
    "HP102": [("one-hot", lambda: net(3, "softmax", SPARSE), (X, ONE_HOT), {})],
    "HP103": [
        ("numbers", lambda: net(3, "softmax", CATEGORICAL), (X, LABELS), {}),
        ("a column of numbers", lambda: net(3, "softmax", CATEGORICAL), (X, LABELS[:, None]), {}),
    ],
    "HP104": [
        ("too large", lambda: net(3, "softmax", SPARSE), (X, LABELS + 1), {}),
        ("negative", lambda: net(3, "softmax", SPARSE), (X, LABELS - 1), {}),
    ],
    "HP105": [("halves", lambda: net(3, "softmax", SPARSE), (X, LABELS * 0.5), {})],
    "HP106": [("NaN", lambda: net(1), (X, ALL_NAN), {})],
    "HP107": [
        ("-1 and 1", lambda: net(1, "sigmoid", BINARY_LOSS), (X, BINARY * 2 - 1), {}),
        ("scaled one-hot", lambda: net(3, "softmax", CATEGORICAL), (X, ONE_HOT * 2), {}),
    ],
    "HP108": [("two a row", lambda: net(1), (X, NUMBERS, np.ones((64, 2))), {})],
    "HP109": [("NaN", lambda: net(1), (X, NUMBERS, nan_at(np.ones(64), 5)), {})],
    "HP110": [
        (
            "a class left out",
            lambda: net(3, "softmax", SPARSE),
            (X, LABELS),
            {"class_weight": {0: 1.0, 1: 2.0}},
        ),
        (
            "one-hot",
            lambda: net(3, "softmax", CATEGORICAL),
            (X, ONE_HOT),
            {"class_weight": {0: 1.0, 1: 2.0}},
        ),
        (
            "a class too many",
            lambda: net(3, "softmax", SPARSE),
            (X, LABELS),
            {"class_weight": {0: 1.0, 1: 2.0, 2: 1.0, 3: 4.0}},
        ),
    ],
    "HP201": [
        (
            "softmax",
            lambda: net(3, "softmax", logits("SparseCategoricalCrossentropy")),
            (X, LABELS),
            {},
        ),
        ("one-hot", lambda: net(3, "softmax", logits("CategoricalCrossentropy")), (X, ONE_HOT), {}),
        ("sigmoid", lambda: net(1, "sigmoid", logits("BinaryCrossentropy")), (X, BINARY), {}),
        (
            "a layer of its own",
            lambda: compiled(
                in_parts(layers.Dense(3), layers.Softmax()), logits("SparseCategoricalCrossentropy")
            ),
            (X, LABELS),
            {},
        ),
        (
            "a model inside",
            lambda: compiled(
                in_parts(keras.Sequential([layers.Dense(3), layers.Activation("softmax")])),
                logits("SparseCategoricalCrossentropy"),
            ),
            (X, LABELS),
            {},
        ),
    ],
    "HP202": [
        ("linear", lambda: net(3, None, SPARSE), (X, LABELS), {}),
        ("relu", lambda: net(3, "relu", CATEGORICAL), (X, ONE_HOT), {}),
        ("tanh", lambda: net(1, "tanh", BINARY_LOSS), (X, BINARY), {}),
        ("functional", lambda: compiled(in_parts(layers.Dense(3)), SPARSE), (X, LABELS), {}),
    ],
    "HP203": [
        ("with mse", lambda: net(1, "softmax"), (X, BINARY), {}),
        ("with a binary loss", lambda: net(1, "softmax", BINARY_LOSS), (X, BINARY), {}),
    ],
    "HP204": [
        ("relu", lambda: net(3, "relu", logits("SparseCategoricalCrossentropy")), (X, LABELS), {})
    ],
    "HP205": [
        ("relu", lambda: net(1, "relu"), (X, NUMBERS), {}),
        ("sigmoid", lambda: net(1, "sigmoid", "mae"), (X, NUMBERS * 10), {}),
        ("tanh", lambda: net(1, "tanh"), (X, NUMBERS * 10), {}),
        (
            "a layer of its own",
            lambda: compiled(in_parts(layers.Dense(1), layers.ReLU(), layers.Flatten())),
            (X, NUMBERS),
            {},
        ),
    ],
    "HP206": [("softmax", lambda: net(3, "softmax", BINARY_LOSS), (X, ONE_HOT), {})],
    "HP207": [
        ("one-hot", lambda: net(1, "sigmoid", CATEGORICAL), (X, BINARY[:, None]), {}),
        ("sparse", lambda: net(1, "sigmoid", SPARSE), (X, BINARY), {}),
    ],
    "HP301": [
        ("NaN", lambda: net(1), (nan_at(X, 7), NUMBERS), {}),
        ("infinity", lambda: net(1), (np.where(np.arange(4) == 2, np.inf, X), NUMBERS), {}),
        ("a model of the user's", lambda: compiled(Own()), (nan_at(X, 7), NUMBERS), {}),
    ],
    "HP302": [
        ("too large", lambda: compiled(embedder(10)), (np.full((64, 5), 10), NUMBERS), {}),
        ("negative", lambda: compiled(embedder(10)), (np.full((64, 5), -1), NUMBERS), {}),
    ],
    "HP303": [
        (
            "images",
            lambda: net(1, width=(8, 8, 1), body=[layers.Conv2D(2, 3), layers.Flatten()]),
            (PIXELS, NUMBERS),
            {},
        ),
        ("rows", lambda: net(1, width=64), (PIXELS.reshape(64, 64).astype("float32"), NUMBERS), {}),
        (
            "flattened inside",
            lambda: net(1, width=(8, 8, 1), body=[layers.Flatten()]),
            (PIXELS, NUMBERS),
            {},
        ),
    ],
    "HP304": [
        ("columns", lambda: net(1), (COLUMNS, NUMBERS), {}),
        ("one large column", lambda: net(1), (X + 2000, NUMBERS), {}),
        (
            "steps",
            lambda: net(1, width=(16, 4), body=[layers.LSTM(2)]),
            (np.tile(COLUMNS[:, None], (1, 16, 1)), NUMBERS),
            {},
        ),
    ],
    "HP401": [
        (
            "sorted classes",
            lambda: net(4, "softmax", SPARSE),
            (X, SORTED),
            {"validation_split": 0.3},
        ),
        (
            "backwards",
            lambda: net(4, "softmax", SPARSE),
            (X, SORTED[::-1]),
            {"validation_split": 0.3},
        ),
        (
            "one-hot",
            lambda: net(4, "softmax", CATEGORICAL),
            (X, np.eye(4)[SORTED]),
            {"validation_split": 0.3},
        ),
        (
            "two classes",
            lambda: net(1, "sigmoid", BINARY_LOSS),
            (X, SORTED // 2),
            {"validation_split": 0.2},
        ),
    ],
    "HP404": [("mse", lambda: net(1, metrics=["accuracy"]), (X, NUMBERS), {})],
}
QUIET = {
    "HP101": [
        ("rows for a column", lambda: net(1), (X, NUMBERS), {}),
        ("a column for a column", lambda: net(1), (X, NUMBERS[:, None]), {}),
        ("a column of labels", lambda: net(3, "softmax", SPARSE), (X, LABELS[:, None]), {}),
        (
            "the user's own loss",
            lambda: net(1, loss=lambda y, p: keras.ops.mean(p, -1)),
            (X, np.zeros((64, 2))),
            {},
        ),
    ],
    "HP104": [
        (
            "an ignored class",
            lambda: net(3, "softmax", keras.losses.SparseCategoricalCrossentropy(ignore_class=-1)),
            (X, np.where(LABELS == 0, -1, LABELS)),
            {},
        ),
    ],
    "HP105": [
        ("whole floats", lambda: net(3, "softmax", SPARSE), (X, LABELS.astype("float32")), {})
    ],
    "HP107": [
        ("soft labels", lambda: net(3, "softmax", CATEGORICAL), (X, ONE_HOT * 0.9 + 0.03), {})
    ],
    "HP108": [("a column", lambda: net(1), (X, NUMBERS[:, None], np.ones((64, 1))), {})],
    "HP110": [
        (
            "all classes",
            lambda: net(3, "softmax", SPARSE),
            (X, LABELS),
            {"class_weight": {0: 1.0, 1: 2.0, 2: 3.0}},
        ),
    ],
    "HP201": [
        ("logits", lambda: net(3, None, logits("SparseCategoricalCrossentropy")), (X, LABELS), {}),
        (
            "log-softmax",
            lambda: net(3, "log_softmax", logits("SparseCategoricalCrossentropy")),
            (X, LABELS),
            {},
        ),
    ],
    "HP202": [
        ("softmax", lambda: net(3, "softmax", SPARSE), (X, LABELS), {}),
        (
            "softmax after linear",
            lambda: compiled(in_parts(layers.Dense(3), layers.Softmax()), SPARSE),
            (X, LABELS),
            {},
        ),
        (
            "the user's own function",
            lambda: net(3, lambda x: keras.ops.softmax(x), SPARSE),
            (X, LABELS),
            {},
        ),
        (
            "focal",
            lambda: net(3, None, keras.losses.CategoricalFocalCrossentropy()),
            (X, ONE_HOT),
            {},
        ),
        ("the user's own loss", lambda: net(3, None, mine), (X, ONE_HOT), {}),
        (
            "a Lambda at the end",
            lambda: compiled(in_parts(layers.Dense(3), layers.Lambda(keras.ops.softmax)), SPARSE),
            (X, LABELS),
            {},
        ),
    ],
    "HP203": [
        (
            "over steps",
            lambda: compiled(
                in_parts(
                    layers.Dense(3),
                    layers.Reshape((3, 1)),
                    layers.Softmax(axis=1),
                    layers.Flatten(),
                )
            ),
            (X, ONE_HOT),
            {},
        )
    ],
    "HP204": [
        (
            "relu inside",
            lambda: net(
                3, None, logits("SparseCategoricalCrossentropy"), body=[layers.Dense(4, "relu")]
            ),
            (X, LABELS),
            {},
        )
    ],
    "HP205": [
        ("relu, counts", lambda: net(1, "relu"), (X, LABELS), {}),
        ("sigmoid, shares", lambda: net(1, "sigmoid"), (X, BINARY), {}),
        ("tanh, its range", lambda: net(1, "tanh"), (X, np.tanh(NUMBERS)), {}),
        ("linear", lambda: net(1), (X, NUMBERS * 100), {}),
        ("hinge", lambda: net(1, "tanh", "hinge"), (X, BINARY), {}),
        ("leaky", lambda: net(1, "leaky_relu"), (X, NUMBERS), {}),
    ],
    "HP206": [("several labels", lambda: net(3, "sigmoid", BINARY_LOSS), (X, ONE_HOT), {})],
    "HP301": [
        (
            "behind a mask",
            lambda: compiled(in_parts(layers.Lambda(keras.ops.nan_to_num), layers.Dense(1))),
            (X, NUMBERS),
            {},
        ),
        (
            "large numbers",
            lambda: net(1, body=[layers.BatchNormalization()]),
            (X * 1e30, NUMBERS),
            {},
        ),
    ],
    "HP302": [
        ("the last row", lambda: compiled(embedder(10)), (np.full((64, 5), 9), NUMBERS), {}),
    ],
    "HP303": [
        ("scaled", lambda: net(1, width=64), (PIXELS.reshape(64, 64) / 255, NUMBERS), {}),
        ("few shades", lambda: net(1, width=64), (PIXELS.reshape(64, 64) // 16, NUMBERS), {}),
        (
            "batch normalization first",
            lambda: net(1, width=64, body=[layers.BatchNormalization()]),
            (PIXELS.reshape(64, 64), NUMBERS),
            {},
        ),
        (
            "a Lambda first",
            lambda: net(1, width=64, body=[layers.Lambda(lambda x: x / 255)]),
            (PIXELS.reshape(64, 64), NUMBERS),
            {},
        ),
        ("a model of the user's", lambda: compiled(Own()), (PIXELS.reshape(64, 64), NUMBERS), {}),
    ],
    "HP304": [
        ("standardised", lambda: net(1), (X, NUMBERS), {}),
        (
            "flags beside numbers",
            lambda: net(1),
            (np.c_[X[:, :2] * 12, X[:, 2:] > 2.2], NUMBERS),
            {},
        ),
        ("a constant column", lambda: net(1), (np.c_[X[:, :3], np.zeros(64)], NUMBERS), {}),
        ("few rows", lambda: net(1), (COLUMNS[:8], NUMBERS[:8]), {}),
        (
            "token ids",
            lambda: compiled(embedder(5000)),
            (rng.integers(0, 5000, (64, 5)), NUMBERS),
            {},
        ),
        (
            "layer normalization first",
            lambda: net(1, body=[layers.LayerNormalization()]),
            (COLUMNS, NUMBERS),
            {},
        ),
    ],
    "HP401": [
        (
            "mixed",
            lambda: net(4, "softmax", SPARSE),
            (X, rng.permutation(SORTED)),
            {"validation_split": 0.3},
        ),
        ("a number to predict", lambda: net(1), (X, SORTED), {"validation_split": 0.3}),
        ("no split", lambda: net(4, "softmax", SPARSE), (X, SORTED), {}),
    ],
    "HP404": [
        ("mse over classes", lambda: net(3, "softmax", metrics=["accuracy"]), (X, ONE_HOT), {}),
        ("mse over yes and no", lambda: net(1, "sigmoid", metrics=["accuracy"]), (X, BINARY), {}),
        ("mae", lambda: net(1, metrics=["mae"]), (X, NUMBERS), {}),
    ],
}


def cases(rows):
    return [
        pytest.param(code, *case[1:], id=f"{code}: {case[0]}")
        for code, found in rows.items()
        for case in found
    ]


@pytest.mark.parametrize("code, make, args, options", cases(FIRES))
def test_fires(code, make, args, options):
    assert codes_of(make(), *args, **options) == [code]


@pytest.mark.parametrize("code, make, args, options", cases(QUIET))
def test_keeps_quiet(code, make, args, options):
    assert codes_of(make(), *args, **options) == []


# ---- what `fit` does with the findings


def told(function, *args, **options):
    """Return the texts of the warnings of a call."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function(*args, **options)
    return [str(each.message) for each in caught if isinstance(each.message, CheckWarning)]


def test_warnings_come_once_for_each_compile():
    model = net(3, None, SPARSE)
    texts = told(model.fit, X, LABELS, verbose=0)
    assert len(texts) == 1
    assert texts[0] == (
        f"fit: sparse_categorical_crossentropy takes probabilities, layer {model.layers[-1].name!r} does not give any. "
        "Received: activation='linear'. Write activation=\"softmax\" there, or "
        "loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True). [HP202]"
    )
    assert told(model.fit, X, LABELS, verbose=0) == []
    assert told(model.evaluate, X, LABELS, verbose=0) == []
    assert told(model.train_on_batch, X, LABELS) == []
    model.compile("sgd", SPARSE)
    assert len(told(model.train_on_batch, X, LABELS)) == 1


def test_a_warning_points_to_the_line_that_called_fit():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net(3, None, SPARSE).fit(X, LABELS, verbose=0)
    assert pathlib.Path(caught[0].filename).name == "test_checks.py"


def test_all_errors_come_at_once_and_nothing_changes():
    model = net(3, "softmax", logits("SparseCategoricalCrossentropy"))
    x, y = nan_at(X, 4), LABELS + 1
    before, given = model.get_weights(), (x.copy(), y.copy())
    with pytest.raises(ValueError) as caught:
        model.fit(x, y, verbose=0)
    lines = str(caught.value).splitlines()
    assert [line[-7:] for line in lines] == ["[HP104]", "[HP201]", "[HP301]"]
    assert "For this label the last layer needs 4 units." in lines[0]
    assert "first in row 4. Drop or fill these rows" in lines[2]
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(x, given[0])
    np.testing.assert_array_equal(y, given[1])
    assert not [key for key in model._programs if key[0] == "train"]
    assert not model.optimizer.built


def test_check_raises_and_returns_what_fit_finds():
    model = net(3, None, SPARSE)
    (finding,) = model.check(X, LABELS)
    assert (finding.code, finding.level) == ("HP202", "warning")
    assert finding.where == f"layer {model.layers[-1].name!r}"
    assert model.check(X, LABELS) == [finding]
    with pytest.raises(ValueError, match=r"check: `y` must hold class numbers .* \[HP104\]"):
        model.check(X, LABELS + 3)


def test_names_of_several_inputs_and_outputs():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    outputs = [layers.Dense(1, name="one")(a), layers.Dense(1, "tanh", name="two")(b)]
    model = compiled(keras.Model([a, b], outputs))
    found = model.check({"b": COLUMNS, "a": X}, {"one": NUMBERS, "two": NUMBERS * 9})
    assert [each.code for each in found] == ["HP304", "HP205"]
    assert [each.where for each in found] == ["x['b']", "layer 'two'"]
    with pytest.raises(ValueError, match=r"`y\['two'\]` must be finite"):
        model.check([X, X], [NUMBERS, ALL_NAN])


def test_frozen_layers():
    model = net(1, body=[layers.Dense(3)])
    assert told(model.fit, X, NUMBERS, verbose=0) == []
    model.layers[0].trainable = False
    (text,) = told(model.fit, X, NUMBERS, verbose=0)
    assert "`trainable` was changed after compile" in text and text.endswith("[HP402]")
    model.compile("sgd", "mse")
    assert told(model.fit, X, NUMBERS, verbose=0) == []
    model.layers[0].trainable = True
    with pytest.raises(
        ValueError, match=r"no state for the new weights.*Call model.compile.*HP402"
    ):
        model.fit(X, NUMBERS, verbose=0)
    model.compile("sgd", "mse")
    assert told(model.fit, X, NUMBERS, verbose=0) == []


def test_a_model_without_trainable_weights():
    model = net(1)
    model.trainable = False
    model.compile("sgd", "mse")
    assert codes_of(model, X, NUMBERS) == ["HP403"]
    nothing = keras.Sequential([keras.Input((1,)), layers.Flatten()])
    nothing.compile("sgd", "mse")
    assert codes_of(nothing, NUMBERS[:, None], NUMBERS) == []


def test_monitors_have_a_code():
    with pytest.raises(ValueError, match=r"\[HP405\]"):
        net(1).fit(X, NUMBERS, verbose=0, callbacks=[keras.callbacks.EarlyStopping("losss")])


def test_own_steps_decide_what_losses_mean():
    class Mine(keras.Sequential):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            y_pred = keras.ops.softmax(y_pred)
            return super().compute_loss(x, y, y_pred, sample_weight, training)

    model = compiled(Mine([keras.Input((4,)), layers.Dense(3)]), SPARSE)
    assert codes_of(model, X, LABELS) == []


def test_a_stream_is_judged_by_its_first_batch():
    model = net(3, "softmax", SPARSE)
    assert codes_of(model, iter([(X, LABELS), (X, LABELS)])) == []
    assert codes_of(model, iter([(COLUMNS, LABELS)])) == ["HP304"]
    assert codes_of(model, iter([(X, LABELS + 1)])) == ["HP104"]


def test_sample_data_that_books_train_on_is_quiet():
    x, y = keras.datasets.digits.load_data()[0]
    x = x.reshape(len(x), -1)
    model = net(10, "softmax", SPARSE, width=x.shape[1], metrics=["accuracy"])
    assert codes_of(model, x, y, validation_split=0.2) == []
    words = (rng.random((200, 1000)) < 0.05).astype("float32")
    model = net(46, "softmax", CATEGORICAL, width=1000, metrics=["accuracy"])
    assert codes_of(model, words, np.eye(46)[rng.integers(0, 46, 200)]) == []
    model = net(1, "sigmoid", BINARY_LOSS, width=1000, metrics=["accuracy"])
    assert codes_of(model, words, rng.integers(0, 2, 200)) == []


def test_every_code_is_tested_and_in_the_docs():
    apart = {"HP402", "HP403", "HP405", "HP501"}  # tests of their own
    assert set(FIRES) | apart == set(CODES)
    docs = pathlib.Path(__file__).parents[2] / "docs" / "checks.md"
    assert table() in docs.read_text()
    assert all(each.level in ("error", "warning") for each in CODES.values())


def test_time_for_60000_rows_of_784():
    x = np.ones((60000, 784), "float32")
    model = net(10, "softmax", SPARSE, width=784)
    y = np.arange(60000) % 10
    model.check(x[:64], y[:64])
    times = []
    for _ in range(3):
        began = time.perf_counter()
        assert model.check(x, y) == []
        times.append(time.perf_counter() - began)
    assert min(times) < 0.15, times  # 0.05 on a machine with nothing else to do
