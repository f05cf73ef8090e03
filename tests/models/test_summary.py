"""The table of layers, on models that are just what the table looks at, and on real ones."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import hornpipe as keras
from hornpipe.core import graph, naming
from hornpipe.core.layer import Layer
from hornpipe.models.summary import print_summary


class Dense(Layer):
    def __init__(self, units, dtype_of_weights="float32", **kwargs):
        super().__init__(**kwargs)
        self.units, self.dtype_of_weights = units, dtype_of_weights

    def build(self, input_shape):
        zeros = lambda shape, dtype: np.zeros(shape, "float32")
        self.kernel = self.add_weight(
            (input_shape[-1], self.units), zeros, dtype=self.dtype_of_weights, name="kernel"
        )

    def call(self, x):
        raise AssertionError("the table needs shapes only")

    def compute_output_shape(self, shape):
        return (*shape[:-1], self.units)


class Add(Layer):
    def call(self, inputs):
        raise AssertionError("the table needs shapes only")

    def compute_output_shape(self, shapes):
        return tuple(shapes[0])


class Split(Layer):
    def call(self, x):
        raise AssertionError("the table needs shapes only")

    def compute_output_shape(self, shape):
        return {"left": tuple(shape), "right": [tuple(shape), (None, 1)]}


class Model:
    """What the table looks at, and no more."""

    optimizer = None

    def __init__(self, layers, inputs=None, outputs=None, name="model"):
        self.layers, self.name = layers, name
        self._graph = None if inputs is None else graph.Graph(inputs, outputs)
        self._nodes = []

    @property
    def weights(self):
        return [weight for layer in self.layers for weight in layer.weights]

    @property
    def trainable_weights(self):
        return [weight for layer in self.layers for weight in layer.trainable_weights]

    @property
    def non_trainable_weights(self):
        return [weight for layer in self.layers for weight in layer.non_trainable_weights]

    def count_params(self):
        return sum(weight.size for weight in self.weights)

    @property
    def output_shape(self):
        return self.layers[-1].output_shape


@pytest.fixture(autouse=True)
def fresh_names():
    naming.reset_names()


def tensor(size=3, name="inputs"):
    return graph.KerasTensor((None, size), name=name)


def chain():
    x = tensor()
    layers = [Dense(4, name="first"), Dense(2, name="second", trainable=False)]
    return Model(layers, x, layers[1](layers[0](x)), name="chain")


def branches():
    x = tensor()
    first, second, add = Dense(4, name="first"), Dense(4, name="second"), Add(name="add")
    return Model([first, second, add], x, add([first(x), second(x)]), name="branches")


def text_of(model, **kwargs):
    texts = []
    print_summary(model, print_fn=texts.append, **kwargs)
    assert len(texts) == 1
    return texts[0]


def cells(text):
    """Return the table's rows of cells, title first; lines of one row are joined by a blank."""
    rows = []
    for line in text.splitlines():
        if line[:1] in "┃│|" and line:
            found = [
                cell.strip()
                for cell in line.strip("┃│|").replace("┃", "│").replace("|", "│").split("│")
            ]
            # A continued row has no number of weights.
            if rows and not found[2]:
                rows[-1] = [
                    " ".join(part for part in pair if part)
                    for pair in zip(rows[-1], found, strict=True)
                ]
            else:
                rows.append(found)
    return rows


def test_chain():
    text = text_of(chain())
    assert text.splitlines()[0] == 'Model: "chain"'
    assert cells(text) == [
        ["Layer (type)", "Output Shape", "Param #"],
        ["first (Dense)", "(None, 4)", "12"],
        ["second (Dense)", "(None, 2)", "8"],
    ]
    assert text.splitlines()[-3:] == [
        " Total params: 20 (80.00 B)",
        " Trainable params: 12 (48.00 B)",
        " Non-trainable params: 8 (32.00 B)",
    ]


def test_branches_are_connected():
    assert cells(text_of(branches(), show_trainable=True)) == [
        ["Layer (type)", "Output Shape", "Param #", "Connected to", "Trainable"],
        ["first (Dense)", "(None, 4)", "12", "inputs", "Y"],
        ["second (Dense)", "(None, 4)", "12", "inputs", "Y"],
        ["add (Add)", "(None, 4)", "0", "first second", "-"],
    ]


def test_trainable_column_of_a_frozen_layer():
    rows = cells(text_of(chain(), show_trainable=True))
    assert [row[-1] for row in rows] == ["Trainable", "Y", "N"]


def test_layer_called_twice_and_layer_with_several_outputs():
    x, shared, split, add = tensor(4), Dense(4, name="shared"), Split(name="split"), Add(name="add")
    parts = split(shared(shared(x)))
    model = Model([shared, split, add], x, add([parts["left"], parts["right"][0]]))
    assert cells(text_of(model)) == [
        ["Layer (type)", "Output Shape", "Param #", "Connected to"],
        ["shared (Dense)", "(None, 4)", "16", "inputs shared[0][0]"],
        ["split (Split)", "left: (None, 4) right: (None, 4) (None, 1)", "0", "shared[1][0]"],
        ["add (Add)", "(None, 4)", "0", "split[0][0] split[0][1]"],
    ]


def test_a_chain_that_comes_back_to_a_layer_is_no_plain_chain():
    x, shared = tensor(4), Dense(4, name="shared")
    model = Model([shared], x, shared(shared(x)))
    assert cells(text_of(model))[1] == ["shared (Dense)", "(None, 4)", "16", "inputs shared[0][0]"]


def test_calls_outside_the_model_do_not_count():
    model = branches()
    model.layers[0](tensor(3, "elsewhere"))
    assert cells(text_of(model))[3][3] == "first second"


def test_operation_between_layers():
    class Function:
        op_name = "negative"

    x, dense = tensor(), Dense(4, name="dense")
    y = dense(x)
    out = graph.record(
        graph.OpCall(Function()), (y,), {}, graph.shapes.Tensor((None, 4), "float32")
    )
    rows = cells(text_of(Model([dense], x, out)))
    assert rows[1:] == [
        ["dense (Dense)", "(None, 4)", "12"],
        ["negative (negative)", "(None, 4)", "0"],
    ]


def test_unbuilt_layers():
    dense = Dense(4, name="dense")
    text = text_of(Model([dense]))
    assert cells(text)[1] == ["dense (Dense)", "?", "unbuilt"]
    assert (
        "Layers marked unbuilt get their weights when the model is called on data, or fitted."
        in text
    )
    assert " Total params: 0 (0.00 B)" in text


def test_no_layers():
    text = text_of(Model([]))
    assert cells(text) == [["Layer (type)", "Output Shape", "Param #"]]
    assert "unbuilt" not in text and text.endswith(" Non-trainable params: 0 (0.00 B)")


def test_nested_models():
    inner = chain()
    inner.output_shape  # noqa: B018  (a chain knows its shape)
    last = Dense(1, name="last")
    last(inner._graph.outputs)
    outer = Model([inner, last], name="outer")
    assert [row[0] for row in cells(text_of(outer))[1:]] == ["chain (Model)", "last (Dense)"]
    rows = cells(text_of(outer, expand_nested=True))
    assert [row[0] for row in rows[1:]] == [
        "chain (Model)",
        "└ first (Dense)",
        "└ second (Dense)",
        "last (Dense)",
    ]
    assert [row[2] for row in rows[1:]] == ["20", "12", "8", "2"]
    assert " Total params: 22 (88.00 B)" in text_of(outer, expand_nested=True)


@pytest.mark.parametrize(
    ("layer_range", "expected"),
    [
        (("first", "second"), ["first", "second"]),
        (("second", "add"), ["second", "add"]),
        (["second", "second"], ["second"]),
        (["f.*", "s.*"], ["first", "second"]),
        (["[fs].*", "a.d"], ["first", "second", "add"]),
    ],
)
def test_layer_range(layer_range, expected):
    text = text_of(branches(), layer_range=layer_range)
    assert [row[0].split(" ")[0] for row in cells(text)[1:]] == expected
    assert " Total params: 24 (96.00 B)" in text  # the totals are the model's


@pytest.mark.parametrize(
    ("layer_range", "text"),
    [
        (
            ["frst", "add"],
            "summary: `layer_range` finds no layer. Received: 'frst'. Did you mean 'first'?",
        ),
        (
            ["first", "zzz"],
            "summary: `layer_range` finds no layer. Received: 'zzz'. Layers: first, second, add.",
        ),
        (["add", "first"], "summary: `layer_range` must name the earlier layer first."),
        (
            ["first"],
            "summary: `layer_range` must hold two layer names. Received: layer_range=['first'].",
        ),
        (
            "first",
            "summary: `layer_range` must hold two layer names. Received: layer_range='first'.",
        ),
        (["(", "add"], "summary: `layer_range` is no regular expression."),
    ],
)
def test_wrong_layer_range(layer_range, text):
    with pytest.raises(ValueError) as caught:
        text_of(branches(), layer_range=layer_range)
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize("line_length", [40, 60, 100])
def test_line_length(line_length):
    text = text_of(branches(), line_length=line_length)
    table = [line for line in text.splitlines() if line[:1] in "┏┃┡│└"]
    assert {len(line) for line in table} == {line_length}
    # Nothing is cut: long texts are folded.
    joined = "".join(cell for row in cells(text) for cell in row).replace(" ", "")
    assert "second(Dense)" in joined and "(None,4)" in joined


def test_long_names_are_folded_not_cut(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    x, name = tensor(), "a_name_" * 12
    layer = Dense(123456, name=name)
    text = text_of(Model([layer], x, layer(x)))
    assert max(len(line) for line in text.splitlines()) <= 60
    row = cells(text)[1]
    assert name in row[0].replace(" ", "") and row[2] == "370,368"


def test_positions():
    borders = []
    for positions in ([0.5, 0.8, 1.0], [40, 64, 80]):
        line = text_of(chain(), line_length=81, positions=positions).splitlines()[2]
        borders.append([index for index, character in enumerate(line) if character == "┃"])
    assert borders[1] == [0, 40, 64, 80]
    assert all(abs(a - b) <= 1 for a, b in zip(*borders, strict=True))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {"line_length": 5},
            "summary: `line_length` must be an integer >= 20. Received: line_length=5.",
        ),
        (
            {"line_length": "80"},
            "summary: `line_length` must be an integer >= 20. Received: line_length='80'.",
        ),
        ({"positions": [0.5, 1.0]}, "summary: `positions` must hold 3 growing numbers"),
        ({"positions": [0.5, 0.4, 1.0]}, "summary: `positions` must hold 3 growing numbers"),
    ],
)
def test_wrong_arguments(arguments, text):
    with pytest.raises(ValueError) as caught:
        text_of(chain(), **arguments)
    assert str(caught.value).startswith(text)


def test_optimizer_and_sizes():
    class Optimizer:
        variables = (
            keras.Variable(np.zeros((3,), "int32")),
            keras.Variable(np.zeros((5,), "float32")),
        )

    x = tensor(1024)
    layers = [Dense(512, name="half", dtype_of_weights="float16")]
    model = Model(layers, x, layers[0](x))
    model.optimizer = Optimizer()
    assert text_of(model).splitlines()[-4:] == [
        " Total params: 524,296 (1.00 MB)",
        " Trainable params: 524,288 (1.00 MB)",
        " Non-trainable params: 0 (0.00 B)",
        " Optimizer params: 8 (32.00 B)",
    ]
    assert cells(text_of(model))[1][2] == "524,288"


def test_plain_text_outside_a_terminal(capsys):
    print_summary(branches())
    text = capsys.readouterr().out
    assert text.endswith("\n") and "\x1b" not in text and "\r" not in text
    assert all(character.isprintable() or character == "\n" for character in text)


def test_brackets_in_names_are_no_markup():
    x, layer = tensor(), Dense(2, name="[bold]x")
    assert cells(text_of(Model([layer], x, layer(x))))[1][0] == "[bold]x (Dense)"


def test_terminal_without_unicode_and_missing_stdout():
    script = (
        "import sys; from hornpipe.models.summary import print_summary\n"
        "class M: layers = []; name = 'm'; trainable_weights = non_trainable_weights = []\n"
        "print_summary(M()); sys.stdout = None; print_summary(M())"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        timeout=120,
        check=True,
    )
    text = done.stdout.decode("ascii")
    assert text.count('Model: "m"') == 1 and "| Layer (type) |" in text


# ---- real models


def test_sequential():
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(1)], name="net"
    )
    texts = []
    model.summary(print_fn=texts.append)
    assert cells(texts[0])[1:] == [
        ["dense (Dense)", "(None, 4)", "16"],
        ["dense_1 (Dense)", "(None, 1)", "5"],
    ]
    assert " Total params: 21 (84.00 B)" in texts[0]


def test_sequential_before_it_is_built():
    model = keras.Sequential([keras.layers.Dense(4, name="d")])
    assert cells(text_of(model))[1:] == [["d (Dense)", "?", "unbuilt"]]
    model(np.ones((2, 3), "float32"))
    assert cells(text_of(model))[1:] == [["d (Dense)", "(None, 4)", "16"]]


def test_functional():
    x = keras.Input((3,), name="x")
    a = keras.layers.Dense(4, name="a")(x)
    y = keras.layers.Dense(1, name="y")(a + x[:, :1])
    rows = cells(text_of(keras.Model(x, y)))
    assert rows[0][-1] == "Connected to"
    assert rows[1] == ["x (InputLayer)", "(None, 3)", "0", "-"]
    assert rows[2] == ["a (Dense)", "(None, 4)", "16", "x"]
    assert rows[-1] == ["y (Dense)", "(None, 1)", "5", rows[-2][0].split(" ")[0]]
    assert len(rows) == 6


def test_subclass():
    class Net(keras.Model):
        def __init__(self):
            super().__init__(name="net")
            self.d = keras.layers.Dense(2, name="d")

        def call(self, inputs):
            return self.d(inputs)

    net = Net()
    assert cells(text_of(net))[1] == ["d (Dense)", "?", "unbuilt"]
    net(np.ones((2, 3), "float32"))
    assert cells(text_of(net))[1][2] == "8"
