"""Recurrent layers against PyTorch and slow loops in NumPy."""

import numpy as np
import pytest
import torch

import hornpipe as keras
from hornpipe import ops
from hornpipe.core import tree
from hornpipe.core.errors import ShapeError
from hornpipe.core.scope import Scope
from hornpipe.engine import active
from tests.support import assert_close, numbers

L = keras.layers
X = np.random.default_rng(0).normal(size=(3, 6, 4)).astype("float32")
MASK = np.array([[1, 1, 1, 1, 0, 0], [0, 1, 0, 1, 1, 1], [0, 0, 0, 0, 0, 0]], bool)


def _randomize(layer, x=X, **options):
    """Build and give all weights random values; returns the outputs."""
    layer(x, **options)
    generator = np.random.default_rng(1)
    layer.set_weights([generator.normal(0, 0.5, w.shape) for w in layer.weights])
    return layer(x, **options)


def _gates(array, count, order):
    """Reorder the gates along the last axis."""
    return np.concatenate([np.split(array, count, -1)[i] for i in order], -1)


def _load(module, layer, count, order):
    """Put a layer's weights into a PyTorch module."""
    kernel, recurrent, bias = (numbers(w) for w in layer.weights)
    bias = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])
    names = {
        "weight_ih_l0": kernel,
        "weight_hh_l0": recurrent,
        "bias_ih_l0": bias[0],
        "bias_hh_l0": bias[1],
    }
    module.load_state_dict(
        {name: torch.from_numpy(_gates(a, count, order).T.copy()) for name, a in names.items()}
    )
    return module


def _torch(module, x=X):
    with torch.no_grad():
        return module(torch.from_numpy(np.asarray(x, "float64")))


def test_lstm_against_torch():
    layer = L.LSTM(5, return_sequences=True, return_state=True)
    outputs, h, c = _randomize(layer)
    module = _load(
        torch.nn.LSTM(4, 5, batch_first=True, dtype=torch.float64), layer, 4, (0, 1, 2, 3)
    )
    expected, (h_expected, c_expected) = _torch(module)
    assert_close(
        [outputs, h, c], [expected.numpy(), h_expected[0].numpy(), c_expected[0].numpy()], 1e-5
    )


def test_gru_against_torch():
    layer = L.GRU(5, return_sequences=True)
    outputs = _randomize(layer)
    module = _load(torch.nn.GRU(4, 5, batch_first=True, dtype=torch.float64), layer, 3, (1, 0, 2))
    assert_close(outputs, _torch(module)[0].numpy(), 1e-5)


def test_simple_rnn_against_torch():
    layer = L.SimpleRNN(5)
    outputs = _randomize(layer)
    module = _load(torch.nn.RNN(4, 5, batch_first=True, dtype=torch.float64), layer, 1, (0,))
    assert_close(outputs, _torch(module)[0][:, -1].numpy(), 1e-5)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _steps(layer, x, mask=None, zero=False):
    """All outputs and the last state of a GRU with reset_after=False or an LSTM, step by step."""
    kernel, recurrent, bias = (numbers(w) for w in layer.weights)
    units = recurrent.shape[0]
    h, c, last = np.zeros((len(x), units)), np.zeros((len(x), units)), np.zeros((len(x), units))
    outputs = []
    for t in range(x.shape[1]):
        z = x[:, t] @ kernel + bias
        if isinstance(layer, L.LSTM):
            i, f, n, o = np.split(z + h @ recurrent, 4, -1)
            new_c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(n)
            new_h = _sigmoid(o) * np.tanh(new_c)
        else:
            update = _sigmoid(z[:, :units] + h @ recurrent[:, :units])
            reset = _sigmoid(z[:, units : 2 * units] + h @ recurrent[:, units : 2 * units])
            new = np.tanh(z[:, 2 * units :] + (reset * h) @ recurrent[:, 2 * units :])
            new_h, new_c = update * h + (1 - update) * new, c
        valid = np.ones((len(x), 1), bool) if mask is None else mask[:, t, None]
        h, c = np.where(valid, new_h, h), np.where(valid, new_c, c)
        outputs.append(np.where(valid, new_h, 0 if zero else last))
        last = np.where(valid, new_h, last)
    return np.stack(outputs, 1), last, h, c


def test_gru_with_the_reset_gate_before_the_product():
    layer = L.GRU(5, reset_after=False, return_sequences=True)
    outputs = _randomize(layer)
    assert layer.cell.bias.shape == (15,)
    assert_close(outputs, _steps(layer, X)[0], 1e-5)


@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("unroll", [False, True])
def test_masked_steps_keep_the_state(zero, unroll):
    layer = L.LSTM(
        5, return_sequences=True, return_state=True, zero_output_for_mask=zero, unroll=unroll
    )
    results = _randomize(layer, mask=MASK)
    outputs, _, h, c = _steps(layer, X, MASK, zero)
    assert_close(list(results), [outputs, h, c], 1e-5)
    last = L.LSTM(5)
    last(X)
    last.set_weights(layer.get_weights())
    assert_close(last(X, mask=MASK), _steps(layer, X, MASK)[1], 1e-5)


def test_a_mask_travels_from_an_embedding():
    embedding, layer = L.Embedding(9, 4, mask_zero=True), L.LSTM(3)
    ids = np.array([[1, 2, 3, 0, 0], [4, 5, 0, 0, 0]])
    masked = layer(embedding(ids))
    short = layer(embedding(ids[1:, :2]))
    assert_close(masked[1:], short, 1e-6)


def test_going_backwards_reads_from_the_end():
    layer = L.LSTM(5, return_sequences=True, go_backwards=True)
    outputs = _randomize(layer, mask=MASK)
    assert_close(outputs, _steps(layer, X[:, ::-1], MASK[:, ::-1])[0], 1e-5)


def test_initial_state():
    layer = L.LSTM(5, return_state=True)
    whole = _randomize(layer)
    _, *states = layer(X[:, :2])
    assert_close(list(layer(X[:, 2:], initial_state=states)), list(whole), 1e-5)
    with pytest.raises(
        ValueError, match=r"`initial_state` must hold 2 tensors. Received: 1 of them"
    ):
        layer(X, initial_state=[states[0]])
    with pytest.raises(
        ShapeError, match=r"`initial_state` must hold states of shape \(None, 5\)"
    ) as told:
        layer(X, initial_state=[np.zeros((3, 4)), np.zeros((3, 4))])
    assert str(told.value).count(layer.name) == str(told.value).count("Received") == 1
    with pytest.raises(ShapeError) as told:
        L.Bidirectional(L.LSTM(5))(X, initial_state=[np.zeros((3, 4))] * 4)
    assert str(told.value).count("LSTM") == str(told.value).count("Received") == 1


def test_stateful_layers_go_on_where_they_stopped():
    layer = L.GRU(5, stateful=True)
    plain = L.GRU(5)
    expected = _randomize(plain)
    layer(X)
    layer.set_weights(plain.get_weights())
    layer.reset_state()
    layer(X[:, :4])
    assert_close(layer(X[:, 4:]), expected, 1e-5)
    assert not layer.row_independent
    assert len(layer.weights) == 3
    assert len(layer.variables) == 4
    with pytest.raises(ShapeError, match="keeps the states of 3 rows"):
        layer(X[:2])
    with pytest.raises(ShapeError, match="the batch size must be known where `stateful`"):
        L.GRU(5, stateful=True)(keras.Input((6, 4)))
    with pytest.raises(ValueError, match="keeps no states between batches"):
        plain.reset_state()


def test_dropout_of_a_sequence_is_the_same_at_every_step():
    layer = L.SimpleRNN(4, activation=None, recurrent_initializer="zeros", kernel_initializer="identity", dropout=0.5, seed=3,
                        return_sequences=True)  # fmt: skip
    ones = np.ones((3, 6, 4), "float32")
    outputs = numbers(layer(ones, training=True))
    assert set(np.unique(outputs)) == {0.0, 2.0}
    np.testing.assert_array_equal(outputs, np.repeat(outputs[:, :1], 6, 1))
    again = numbers(layer(ones, training=True))
    assert (again != outputs).any()
    np.testing.assert_array_equal(numbers(layer(ones)), ones)
    assert numbers(L.GRU(3, recurrent_dropout=0.5)(X, training=True)).shape == (3, 3)


class Counting(L.Layer):
    """A cell of a user's own: adds its inputs up and counts its steps in a variable."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.state_size = units

    def build(self, input_shape):
        self.steps = self.add_weight(shape=(), initializer="zeros", trainable=False, name="steps")

    def call(self, inputs, states):
        self.steps.assign(self.steps + 1)
        output = states[0] + inputs
        return output, [output]


def test_a_cell_of_ones_own_may_keep_variables():
    layer = L.RNN(Counting(4), return_sequences=True)
    assert_close(layer(X), X.cumsum(1), 1e-5)
    assert float(numbers(layer.cell.steps)) == 6
    assert not layer.row_independent

    def run(values, x):
        with Scope(layer.variables, values) as scope:
            out = layer(x)
            return out, scope.values[id(layer.cell.steps)]

    out, steps = active.engine.compile(run)(
        [v.value for v in layer.variables], active.engine.asarray(X)
    )
    assert_close(out, X.cumsum(1), 1e-5)
    assert float(numbers(steps)) == 12


def test_stacked_cells_are_layers_on_top_of_each_other():
    stacked = L.RNN([L.LSTMCell(5), L.GRUCell(3)], return_state=True)
    outputs, first, second = _randomize(stacked, mask=MASK)
    lower, upper = L.LSTM(5, return_sequences=True), L.GRU(3)
    lower(X)
    upper(numbers(lower(X)))
    lower.set_weights(stacked.get_weights()[:3])
    upper.set_weights(stacked.get_weights()[3:])
    assert_close(outputs, upper(lower(X, mask=MASK), mask=MASK), 1e-5)
    assert [len(first), len(second)] == [2, 1]


@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave", None])
def test_bidirectional(mode):
    layer = L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode=mode)
    outputs = _randomize(layer, mask=MASK)
    forward, backward = (
        L.GRU(3, return_sequences=True),
        L.GRU(3, return_sequences=True, go_backwards=True),
    )
    forward(X)
    backward(X)
    forward.set_weights(layer.get_weights()[:3])
    backward.set_weights(layer.get_weights()[3:])
    a, b = numbers(forward(X, mask=MASK)), numbers(backward(X, mask=MASK))[:, ::-1]
    expected = {
        "concat": np.concatenate([a, b], -1),
        "sum": a + b,
        "mul": a * b,
        "ave": (a + b) / 2,
        None: [a, b],
    }
    assert_close(outputs, expected[mode], 1e-5)


def test_bidirectional_states_and_checks():
    layer = L.Bidirectional(L.LSTM(3, return_state=True))
    _, *states = layer(X)
    assert len(states) == 4
    assert tuple(layer(X, initial_state=states)[0].shape) == (3, 6)
    assert layer.forward_layer.name == "forward_lstm"
    assert layer.backward_layer.go_backwards
    with pytest.raises(ValueError, match=r"`merge_mode` must be one of .*Did you mean 'concat'"):
        L.Bidirectional(L.LSTM(3), merge_mode="concatenate")
    with pytest.raises(ValueError, match="`layer` must be a recurrent layer"):
        L.Bidirectional(L.Dense(3))
    with pytest.raises(ValueError, match="`backward_layer` must read in the other direction"):
        L.Bidirectional(L.LSTM(3), backward_layer=L.LSTM(3))


def test_time_distributed_is_the_layer_at_each_step():
    dense = L.Dense(2)
    assert_close(L.TimeDistributed(dense)(X), numbers(dense(X)), 1e-6)
    norm = L.TimeDistributed(L.BatchNormalization(epsilon=0.0))
    each = (X - X.mean(0)) / X.std(0)
    assert_close(norm(X, training=True), each, 1e-4)


def test_arguments_and_shapes():
    with pytest.raises(ValueError, match=r"`units` must be an integer >= 1. Received: units=0"):
        L.LSTM(0)
    with pytest.raises(
        ValueError, match=r"`dropout` must be a number in \[0, 1\). Received: dropout=1.0"
    ):
        L.GRU(3, dropout=1.0)
    with pytest.raises(ValueError, match="a cell must have `state_size`"):
        L.RNN(L.Dense(3))
    with pytest.raises(ShapeError, match="needs sequences with at least one step"):
        L.LSTM(3)(np.ones((2, 0, 4)))
    with pytest.raises(ShapeError, match="the size of the inputs' last axis -1 must be known"):
        L.LSTM(3)(keras.Input((4, None)))


def test_bias_of_the_forget_gate_starts_at_one():
    layer = L.LSTM(2)
    layer(X)
    assert numbers(layer.cell.bias).tolist() == [0, 0, 1, 1, 0, 0, 0, 0]
    layer = L.LSTM(2, unit_forget_bias=False)
    layer(X)
    assert not numbers(layer.cell.bias).any()


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_sequences": True, "return_state": True},
        {"go_backwards": True, "return_sequences": True, "use_bias": False},
    ],
)
@pytest.mark.parametrize("kind", [L.LSTM, L.GRU])
def test_whole_sequences_have_the_gradients_of_single_steps(kind, options, masked):
    whole, single = kind(4, **options), kind(4, unroll=True, **options)
    _randomize(whole)
    single(X)
    single.set_weights(whole.get_weights())
    mask = MASK if masked else None
    assert whole.cell.runs_whole

    def results(layer):
        inputs = keras.Variable(X)

        def loss():
            outputs = tree.flatten(layer(inputs.value, mask=mask))
            return sum(ops.sum(ops.sin(each * (1.0 + i))) for i, each in enumerate(outputs))

        return keras.value_and_grad(loss, [inputs, *layer.weights])

    (loss, gradients), (wanted, expected) = results(whole), results(single)
    assert_close(loss, wanted, 1e-5)
    assert_close(gradients, expected, 1e-5)
