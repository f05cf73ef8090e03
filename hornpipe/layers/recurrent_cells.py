"""One step of recurrent layers: cells. `RNN` runs a cell over the steps of sequences.

>>> import numpy as np
>>> import hornpipe as keras
>>> cell = keras.layers.LSTMCell(3)
>>> output, states = cell(np.ones((2, 5)), cell.get_initial_state(batch_size=2))
>>> output.shape, len(states)
((2, 3), 2)
"""

from __future__ import annotations

from hornpipe import ops, random
from hornpipe.core.config import register, resolve
from hornpipe.core.errors import message
from hornpipe.core.layer import InputSpec, Layer
from hornpipe.core.random import SeedGenerator, check_seed
from hornpipe.layers._support import (
    add_part,
    build_inner,
    check_rank,
    check_rate,
    find_activation,
    keeps_rows_apart,
    known_size,
    positive_int,
    set_parts,
)


class RecurrentCell(Layer):
    """Base of the cells: their step is split so that a layer projects the inputs of all steps in one product.

    `draw_masks` gives the dropout of a sequence, `project` what a step adds of its inputs, `step` the rest.

    Raises:
        ValueError: an argument is out of its range.
    """

    row_independent = True
    splits = True
    _gates = 1

    def _set(self, given: dict):
        """Take over a constructor's `locals()`."""
        self.units = positive_int(
            self, "units", given["units"], "Pass the size of the state, for example units=32."
        )
        self.activation = find_activation(given["activation"])
        self.recurrent_activation = find_activation(given.get("recurrent_activation"))
        self.use_bias = bool(given["use_bias"])
        self.dropout = check_rate(self, "dropout", given["dropout"])
        self.recurrent_dropout = check_rate(self, "recurrent_dropout", given["recurrent_dropout"])
        set_parts(self, given)
        self.seed = given["seed"]
        if self.seed is not None:
            check_seed(self.seed, self.who)
        if self.dropout or self.recurrent_dropout:
            self.seed_generator = SeedGenerator(self.seed)
        self.state_size = self.output_size = self.units
        if not (keeps_rows_apart(self.activation) and keeps_rows_apart(self.recurrent_activation)):
            self.row_independent = False
        self.input_spec = InputSpec(ndim=2)

    def build(self, input_shape):
        size = known_size(self, check_rank(self, input_shape, exact=2), -1, "last axis")
        width = self._gates * self.units
        self.kernel = add_part(self, "kernel", (size, width))
        self.recurrent_kernel = add_part(self, "recurrent_kernel", (self.units, width), "recurrent")
        self.bias = self._make_bias(width) if self.use_bias else None
        self.input_spec = InputSpec(ndim=2, axes={-1: size})
        self.built = True

    def _make_bias(self, width):
        return add_part(self, "bias", (width,))

    @property
    def runs_whole(self) -> bool:
        """Whether `run` may be called: the activations are the usual ones and nothing is dropped between the steps."""
        return False

    def _is_usual(self) -> bool:
        usual = (resolve("activation", name) for name in ("tanh", "sigmoid"))
        return [self.activation, self.recurrent_activation] == [*usual] and not (
            self.recurrent_dropout
        )

    def run(self, xs, states, valid, sequences, backwards):
        """Return the outputs of all steps (None unless `sequences`) and the last states, for `(batch, steps, features)`."""
        raise NotImplementedError

    def get_initial_state(self, batch_size=None):
        """Return states of zeros, each `(batch_size, units)`."""
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in sizes]

    def draw_masks(self, batch_size, training):
        """Return what the inputs and the state are multiplied by at every step of a sequence: tensors or None."""
        if not training:
            return None, None
        return self._mask(batch_size, self.kernel.shape[0], self.dropout), self._mask(
            batch_size, self.units, self.recurrent_dropout
        )

    def _mask(self, batch_size, size, rate):
        if not rate:
            return None
        return random.dropout(
            ops.ones((batch_size, size), dtype=self.compute_dtype), rate, seed=self.seed_generator
        )

    def project(self, inputs, masks):
        """Return the part of a step that depends on the inputs alone, for `(..., batch, features)`."""
        if masks[0] is not None:
            inputs = ops.multiply(inputs, masks[0])
        projected = ops.matmul(inputs, self.kernel)
        return projected if self.bias is None else ops.add(projected, self._input_bias())

    def _input_bias(self):
        return self.bias

    def step(self, projected, states, masks):
        """Return the output and the new states."""
        raise NotImplementedError

    def call(self, inputs, states, training=False):
        masks = self.draw_masks(inputs.shape[0], training)
        given = states if isinstance(states, (list, tuple)) else [states]
        output, new_states = self.step(self.project(inputs, masks), given, masks)
        return output, new_states if isinstance(states, (list, tuple)) else new_states[0]

    def _recur(self, state, masks):
        """Return the state as the recurrent product sees it."""
        return state if masks[1] is None else ops.multiply(state, masks[1])


@register("layer")
class SimpleRNNCell(RecurrentCell):
    """Computes one step of a plain recurrent network.

    new_state = output = activation(inputs @ kernel + bias + state @ recurrent_kernel)

    Args:
        units: int >= 1. Size of the state.
        activation: name, function or layer; None for none. Default "tanh".
        use_bias: bool. Default True.
        kernel_initializer, recurrent_initializer, bias_initializer: name or object.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: name, object or None.
        kernel_constraint, recurrent_constraint, bias_constraint: name, object or None.
        dropout, recurrent_dropout: float in [0, 1). Fractions of the inputs and of the state dropped while training.
        seed: int or None (drawn).
    Input shape:
        `(batch, features)`, floating dtype, and a list with one state `(batch, units)`.
    Output shape:
        `(batch, units)`, and a list with the new state.
    Weights:
        kernel `(features, units)`, glorot_uniform; recurrent_kernel `(units, units)`, orthogonal; bias `(units,)`, zeros.
    Raises:
        ValueError: an argument is out of its range (at construction).
        ShapeError: inputs of another rank than 2, or unknown features.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> cell = keras.layers.SimpleRNNCell(3)
        >>> output, states = cell(np.ones((2, 5)), [np.zeros((2, 3))])
        >>> output.shape
        (2, 3)

    References:
        Elman (1990), Finding structure in time, Cognitive Science 14.
    """

    def __init__(
        self,
        units,
        activation="tanh",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._set(locals())

    def step(self, projected, states, masks):
        state = self._recur(states[0], masks)
        output = self.activation(ops.add(projected, ops.matmul(state, self.recurrent_kernel)))
        return output, [output]


@register("layer")
class LSTMCell(RecurrentCell):
    """Computes one step of a long short-term memory.

    z = inputs @ kernel + bias + h @ recurrent_kernel, cut into i, f, c, o;
    new_c = sigma(f) * c_state + sigma(i) * activation(c); new_h = output = sigma(o) * activation(new_c), with
    sigma = `recurrent_activation`.

    Args:
        units: int >= 1. Size of each state.
        activation: name, function or layer; None for none. Default "tanh".
        recurrent_activation: the same, for the gates. Default "sigmoid".
        use_bias: bool. Default True.
        kernel_initializer, recurrent_initializer, bias_initializer: name or object.
        unit_forget_bias: bool. Whether the bias of the forget gate starts at 1. Default True.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: name, object or None.
        kernel_constraint, recurrent_constraint, bias_constraint: name, object or None.
        dropout, recurrent_dropout: float in [0, 1). Fractions of the inputs and of the state dropped while training.
        seed: int or None (drawn).
    Input shape:
        `(batch, features)`, floating dtype, and a list with h and c, `(batch, units)` each.
    Output shape:
        `(batch, units)`, and a list with the new h and c.
    Weights:
        kernel `(features, 4 * units)`, glorot_uniform; recurrent_kernel `(units, 4 * units)`, orthogonal; bias `(4 * units,)`,
        zeros and ones. The gates stand in the order input, forget, candidate, output.
    Raises:
        ValueError: an argument is out of its range (at construction).
        ShapeError: inputs of another rank than 2, or unknown features.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> cell = keras.layers.LSTMCell(3)
        >>> output, (h, c) = cell(np.ones((2, 5)), cell.get_initial_state(2))
        >>> output.shape, c.shape
        ((2, 3), (2, 3))

    References:
        Hochreiter and Schmidhuber (1997), Long short-term memory, Neural Computation 9. Forget gate: Gers, Schmidhuber and Cummins
        (2000), Learning to forget, Neural Computation 12.
    """

    _gates = 4

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._set(locals())
        self.unit_forget_bias = bool(unit_forget_bias)
        self.state_size = [self.units, self.units]

    def _make_bias(self, width):
        def initialize(shape, dtype):
            units = self.units
            parts = [
                self.bias_initializer((units,), dtype=dtype),
                ops.ones((units,), dtype=dtype),
                self.bias_initializer((2 * units,), dtype=dtype),
            ]
            return ops.concatenate(parts, axis=0)

        return self.add_weight(
            name="bias",
            shape=(width,),
            initializer=initialize if self.unit_forget_bias else self.bias_initializer,
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
        )

    runs_whole = property(RecurrentCell._is_usual)

    def run(self, xs, states, valid, sequences, backwards):
        bias = ops.zeros_like(self.recurrent_kernel[0]) if self.bias is None else self.bias
        return ops.lstm_general(
            xs, self.kernel, self.recurrent_kernel, bias, *states, valid, sequences, backwards
        )

    def step(self, projected, states, masks):
        h, c = states
        z = ops.add(projected, ops.matmul(self._recur(h, masks), self.recurrent_kernel))
        i, f, candidate, o = ops.split(z, 4, axis=-1)
        kept = ops.multiply(self.recurrent_activation(f), c)
        c = ops.add(kept, ops.multiply(self.recurrent_activation(i), self.activation(candidate)))
        h = ops.multiply(self.recurrent_activation(o), self.activation(c))
        return h, [h, c]


@register("layer")
class GRUCell(RecurrentCell):
    """Computes one step of a gated recurrent unit.

    With x = inputs @ kernel + bias, r = h @ recurrent_kernel (+ its bias), both cut into z, r, n, and sigma =
    `recurrent_activation`: update = sigma(x_z + r_z), reset = sigma(x_r + r_r),
    candidate = activation(x_n + reset * r_n) if `reset_after`, else activation(x_n + (reset * h) @ recurrent_kernel_n);
    new_h = output = update * h + (1 - update) * candidate.

    Args:
        units: int >= 1. Size of the state.
        activation: name, function or layer; None for none. Default "tanh".
        recurrent_activation: the same, for the gates. Default "sigmoid".
        use_bias: bool. Default True.
        kernel_initializer, recurrent_initializer, bias_initializer: name or object.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: name, object or None.
        kernel_constraint, recurrent_constraint, bias_constraint: name, object or None.
        dropout, recurrent_dropout: float in [0, 1). Fractions of the inputs and of the state dropped while training.
        reset_after: bool. Whether the reset gate follows the recurrent product. Default True.
        seed: int or None (drawn).
    Input shape:
        `(batch, features)`, floating dtype, and a list with one state `(batch, units)`.
    Output shape:
        `(batch, units)`, and a list with the new state.
    Weights:
        kernel `(features, 3 * units)`, glorot_uniform; recurrent_kernel `(units, 3 * units)`, orthogonal; bias
        `(2, 3 * units)` (of the inputs, of the state) if `reset_after`, else `(3 * units,)`, zeros.
    Raises:
        ValueError: an argument is out of its range (at construction).
        ShapeError: inputs of another rank than 2, or unknown features.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> cell = keras.layers.GRUCell(3)
        >>> output, states = cell(np.ones((2, 5)), cell.get_initial_state(2))
        >>> output.shape
        (2, 3)

    References:
        Cho et al. (2014), Learning phrase representations using RNN encoder-decoder, arXiv:1406.1078, equations 5 to 8, in version 1
        for `reset_after`.
    """

    _gates = 3

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        reset_after=True,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._set(locals())
        self.reset_after = bool(reset_after)

    def _make_bias(self, width):
        return add_part(self, "bias", (2, width) if self.reset_after else (width,))

    runs_whole = property(lambda self: self.reset_after and self._is_usual())

    def run(self, xs, states, valid, sequences, backwards):
        if self.bias is None:
            biases = [ops.zeros_like(self.recurrent_kernel[0])] * 2
        else:
            biases = self.bias[0], self.bias[1]
        return ops.gru_general(
            xs, self.kernel, self.recurrent_kernel, *biases, *states, valid, sequences, backwards
        )

    def _input_bias(self):
        bias = self.bias
        return bias[0] if bias is not None and self.reset_after else bias

    def step(self, projected, states, masks):
        h = states[0]
        seen = self._recur(h, masks)
        x_z, x_r, x_n = ops.split(projected, 3, axis=-1)
        if self.reset_after:
            inner = ops.matmul(seen, self.recurrent_kernel)
            if self.bias is not None:
                inner = ops.add(inner, self.bias[1])
            r_z, r_r, r_n = ops.split(inner, 3, axis=-1)
        else:
            kernel = ops.convert_to_tensor(self.recurrent_kernel)
            r_z, r_r = ops.split(ops.matmul(seen, kernel[:, : 2 * self.units]), 2, axis=-1)
        update = self.recurrent_activation(ops.add(x_z, r_z))
        reset = self.recurrent_activation(ops.add(x_r, r_r))
        if self.reset_after:
            r_n = ops.multiply(reset, r_n)
        else:
            r_n = ops.matmul(ops.multiply(reset, seen), kernel[:, 2 * self.units :])
        candidate = self.activation(ops.add(x_n, r_n))
        h = ops.add(ops.multiply(update, h), ops.multiply(ops.subtract(1.0, update), candidate))
        return h, [h]


@register("layer")
class StackedRNNCells(Layer):
    """Puts several cells on top of each other: each sees the output of the one before.

    Args:
        cells: list of cells, at least one.
    Input shape:
        That of the first cell, and a list with the states of each cell.
    Output shape:
        That of the last cell, and the list of new states.
    Raises:
        ValueError: `cells` is empty, or one has no `call` or `state_size` (at construction).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> cell = keras.layers.StackedRNNCells([keras.layers.LSTMCell(3), keras.layers.GRUCell(4)])
        >>> keras.layers.RNN(cell)(np.ones((2, 6, 5))).shape
        (2, 4)
    """

    def __init__(self, cells, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(cells, (list, tuple)) or not cells:
            raise ValueError(
                message(
                    self.who, "`cells` must be a list with at least one cell", f"cells={cells!r}"
                )
            )
        for cell in cells:
            check_cell(self, cell)
        self.cells = list(cells)
        self.splits = all(getattr(cell, "splits", False) for cell in cells)
        self.row_independent = all(getattr(cell, "row_independent", False) for cell in cells)

    @property
    def state_size(self) -> list:
        """The sizes of the states of each cell."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self):
        """The size of the last cell's output."""
        return output_size(self.cells[-1])

    def get_initial_state(self, batch_size=None):
        """Return a list with the first states of each cell."""
        return [first_states(cell, batch_size, self.compute_dtype) for cell in self.cells]

    def build(self, input_shape):
        shape = tuple(input_shape)
        for cell in self.cells:
            if isinstance(cell, Layer):
                build_inner(cell, shape)
            size = output_size(cell)
            shape = (shape[0], *(size if isinstance(size, (tuple, list)) else (size,)))
        self.built = True

    def draw_masks(self, batch_size, training):
        """Return the masks of each cell."""
        return [cell.draw_masks(batch_size, training) for cell in self.cells]

    def project(self, inputs, masks):
        """Return the first cell's projection of the inputs."""
        return self.cells[0].project(inputs, masks[0])

    def step(self, projected, states, masks):
        """Return the last cell's output and the new states of each cell."""
        new_states, output = [], None
        for cell, own, mask in zip(self.cells, states, masks, strict=True):
            x = projected if output is None else cell.project(output, mask)
            output, new = cell.step(x, own, mask)
            new_states.append(new)
        return output, new_states

    def call(self, inputs, states, training=False):
        new_states = []
        for cell, own in zip(self.cells, states, strict=True):
            inputs, new = run_cell(cell, inputs, own, training)
            new_states.append(new)
        return inputs, new_states


# ---- what layers ask of any cell


def check_cell(layer, cell) -> None:
    """Raise ValueError unless `cell` has what a cell needs."""
    for needed in ("call", "state_size"):
        if not hasattr(cell, needed):
            fix = "A cell is a layer with call(inputs, states) and `state_size`, for example keras.layers.LSTMCell(32)."
            raise ValueError(message(layer.who, f"a cell must have `{needed}`", repr(cell), fix))


def output_size(cell):
    """Return the size of a cell's output: its own entry, or the size of its first state."""
    own = getattr(cell, "output_size", None)
    if own is not None:
        return own
    size = cell.state_size
    return size[0] if isinstance(size, (list, tuple)) else size


def first_states(cell, batch_size, dtype):
    """Return the states that a cell starts from: what it says itself, else zeros."""
    make = getattr(cell, "get_initial_state", None)
    if make is not None:
        states = make(batch_size=batch_size)
        return list(states) if isinstance(states, (list, tuple)) else [states]
    sizes = cell.state_size if isinstance(cell.state_size, (list, tuple)) else [cell.state_size]
    shapes = [tuple(size) if isinstance(size, (list, tuple)) else (size,) for size in sizes]
    return [ops.zeros((batch_size, *shape), dtype=dtype) for shape in shapes]


def run_cell(cell, inputs, states, training):
    """Return the output and the list of new states of any cell."""
    call = cell if isinstance(cell, Layer) else cell.call
    options = {"training": training} if "training" in getattr(cell, "_call_names", ()) else {}
    output, new = call(inputs, states, **options)
    return output, list(new) if isinstance(new, (list, tuple)) else [new]
