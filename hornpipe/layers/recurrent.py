"""Recurrent layers: a cell run over the steps of sequences.

>>> import numpy as np
>>> import hornpipe as keras
>>> keras.layers.LSTM(4, return_sequences=True)(np.ones((2, 6, 3))).shape
(2, 6, 4)
"""

from __future__ import annotations

from hornpipe import ops
from hornpipe.core import tree
from hornpipe.core.config import register
from hornpipe.core.errors import ShapeError, message
from hornpipe.core.layer import InputSpec, Layer
from hornpipe.core.scope import Scope
from hornpipe.core.variable import Variable
from hornpipe.layers._support import build_inner, check_rank, shape_error
from hornpipe.layers.recurrent_cells import (
    GRUCell,
    LSTMCell,
    SimpleRNNCell,
    StackedRNNCells,
    check_cell,
    first_states,
    output_size,
    run_cell,
)


@register("layer")
class RNN(Layer):
    """Runs a cell over the steps of sequences.

    output_t, state_t = cell(inputs_t, state_(t-1)). Where a mask is False the state stays as it was, and the output is the one of
    the step before (zeros before the first).

    Args:
        cell: a cell: a layer with `call(inputs, states)` that returns the output and the new states, `state_size` and, where it
            differs from the (first) state's size, `output_size`; or a list of cells, which are stacked.
        return_sequences: bool. Whether the outputs of all steps are returned, or the last one. Default False.
        return_state: bool. Whether the last states follow the output. Default False.
        go_backwards: bool. Whether the sequences are read from the end; the outputs stand in the order of reading. Default False.
        stateful: bool. Whether the last states are the first ones of the next batch, row by row; the batch size must be known.
        unroll: bool. Whether the steps are written out one by one rather than looped over; the values are the same.
        zero_output_for_mask: bool. Whether masked steps give zeros. Default False.
    Input shape:
        `(batch, steps, ...)`, floating dtype, at least one step. `initial_state`: tensor or list of tensors. `mask`: bool
        `(batch, steps)`, True for steps that count.
    Output shape:
        `(batch, size)`, or `(batch, steps, size)` with `return_sequences`; with `return_state` a tuple of it and the states.
    Weights:
        Those of the cell.
    Raises:
        ValueError: `cell` lacks what a cell needs (at construction), or `initial_state` has another number of states.
        ShapeError: inputs of rank < 3, no steps, or an unknown batch size where `stateful`.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> layer = keras.layers.RNN([keras.layers.GRUCell(4), keras.layers.GRUCell(2)])
        >>> layer(np.ones((3, 5, 1))).shape
        (3, 2)
    """

    supports_masking = True

    def __init__(
        self,
        cell,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        zero_output_for_mask=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell, name="stacked_rnn_cells")
        check_cell(self, cell)
        self.cell = cell
        self.return_sequences, self.return_state = bool(return_sequences), bool(return_state)
        self.go_backwards, self.stateful = bool(go_backwards), bool(stateful)
        self.unroll, self.zero_output_for_mask = bool(unroll), bool(zero_output_for_mask)
        own_rows = getattr(cell, "row_independent", False) and not stateful
        self.row_independent = bool(own_rows and self.activity_regularizer is None)
        self._kept_states = []
        self.input_spec = InputSpec(min_ndim=3)

    @property
    def state_size(self):
        """The sizes of the cell's states."""
        return self.cell.state_size

    @property
    def states(self):
        """The states kept between batches where `stateful`, else None."""
        return tree.pack_like(self._state_form, self._kept_states) if self._kept_states else None

    def build(self, sequences_shape, initial_state_shape=None):
        shape = check_rank(self, sequences_shape, least=3)
        if isinstance(self.cell, Layer):
            build_inner(self.cell, (shape[0], *shape[2:]))
        if self.stateful and not self._kept_states:
            if shape[0] is None:
                fix = "Give it with keras.Input(batch_shape=(size, steps, features))."
                raise shape_error(self, "the batch size must be known where `stateful`", shape, fix)
            self._state_form = first_states(self.cell, shape[0], self.compute_dtype)
            self._kept_states = [
                Variable(ops.zeros_like(state), trainable=False, autocast=False, name="state")
                for state in tree.flatten(self._state_form)
            ]
            self._state_form = tree.map_tree(lambda state: None, self._state_form)
        self.built = True

    def reset_state(self):
        """Set the states that are kept between batches to zero.

        Raises:
            ValueError: the layer is not stateful.
        """
        if not self.stateful:
            fix = "Make it with stateful=True."
            raise ValueError(
                message(self.who, "keeps no states between batches", "stateful=False", fix)
            )
        for state in self._kept_states:
            state.assign(ops.zeros(state.shape, dtype=state.dtype))

    reset_states = reset_state

    def get_initial_state(self, batch_size=None):
        """Return the states that a batch of this size starts from."""
        return first_states(self.cell, batch_size, self.compute_dtype)

    def _start(self, sequences, initial_state):
        """Return the states before the first step."""
        batch = sequences.shape[0]
        if initial_state is None and not self.stateful:
            return self.get_initial_state(batch)
        if initial_state is None:
            kept = self._kept_states[0].shape[0] if self._kept_states else batch
            if batch is not None and batch != kept:
                fix = "A stateful layer takes batches of one size."
                raise shape_error(
                    self, f"keeps the states of {kept} rows", tuple(sequences.shape), fix
                )
            return tree.map_tree(ops.convert_to_tensor, self.states)
        expected = first_states(self.cell, batch, self.compute_dtype)
        given = tree.flatten(initial_state)
        if len(given) != len(tree.flatten(expected)):
            rule = f"`initial_state` must hold {len(tree.flatten(expected))} tensors"
            raise ValueError(message(self.who, rule, f"{len(given)} of them"))
        for state, wanted in zip(given, tree.flatten(expected), strict=True):
            sizes = tuple(wanted.shape[1:])
            if tuple(state.shape[1:]) != sizes:
                rule = f"`initial_state` must hold states of shape {(None, *sizes)}"
                raise ShapeError(message(self.who, rule, f"shape={tuple(state.shape)}"), self)
        return tree.pack_like(expected, given)

    def _advance(self, sequences, training):
        """Return what the loop runs over (steps first) and `step(states, x) -> output, states`."""
        cell = self.cell
        xs = ops.swapaxes(sequences, 0, 1)
        if self.go_backwards:
            xs = ops.flip(xs, axis=0)
        if getattr(cell, "splits", False):
            masks = cell.draw_masks(sequences.shape[0], training)
            return cell.project(xs, masks), lambda x, states: cell.step(x, states, masks)
        return xs, lambda x, states: run_cell(cell, x, states, training)

    def call(self, sequences, initial_state=None, mask=None, training=False):
        steps = sequences.shape[1]
        if steps == 0:
            raise shape_error(
                self, "needs sequences with at least one step", tuple(sequences.shape)
            )
        states = self._start(sequences, initial_state)
        xs, step = self._advance(sequences, training)
        valid = None
        if mask is not None:
            valid = ops.swapaxes(ops.cast(mask, "bool"), 0, 1)
            valid = ops.flip(valid, axis=0) if self.go_backwards else valid
        keep_last = valid is not None or not self.return_sequences
        last = self._no_output(step, xs, states) if keep_last else None
        hidden = self._changing_variables()

        def body(carry, slices):
            (states, last, values), (x, now) = carry, slices
            with Scope(hidden, values) as scope:
                output, new = step(x, states)
                values = [scope.values[id(variable)] for variable in hidden]
            new = _like(states, new)
            shown = output
            if now is not None:
                new = _choose(now, new, states)
                kept = ops.zeros_like(output) if self.zero_output_for_mask else last
                shown = _choose(now, output, kept)
                output = _choose(now, output, last)
            carry = new, output if keep_last else None, values
            return carry, shown if self.return_sequences else None

        start = (states, last, [ops.convert_to_tensor(variable) for variable in hidden])
        (states, last, values), outputs = self._loop(body, start, (xs, valid))
        for variable, value in zip(hidden, values, strict=True):
            variable.assign(value)
        if self.stateful:
            for variable, value in zip(self._kept_states, tree.flatten(states), strict=True):
                variable.assign(value)
        result = ops.swapaxes(outputs, 0, 1) if self.return_sequences else last
        return (result, *states) if self.return_state else result

    def _loop(self, body, carry, xs):
        """Run `body` over the first axis of `xs`."""
        steps = xs[0].shape[0]
        if not self.unroll or steps is None:
            return ops.scan(body, carry, xs)
        outputs = []
        for step in range(steps):
            carry, output = body(carry, tuple(None if x is None else x[step] for x in xs))
            outputs.append(output)
        return carry, ops.stack(outputs) if self.return_sequences else None

    def _no_output(self, step, xs, states):
        """Return zeros of the shape of an output: what stands before the first step that counts."""
        if getattr(self.cell, "splits", False):
            return ops.zeros(
                (xs.shape[1], output_size(self.cell)), dtype=ops.dtype(tree.flatten(states)[-1])
            )
        hidden = self._changing_variables()
        with Scope(hidden, [ops.convert_to_tensor(variable) for variable in hidden]):
            return ops.zeros_like(step(xs[0], states)[0])

    def _changing_variables(self) -> list:
        """Return variables that a cell of the user's own may assign at every step."""
        if getattr(self.cell, "splits", False) or not isinstance(self.cell, Layer):
            return []
        return self.cell.non_trainable_variables

    def compute_mask(self, inputs, previous_mask):
        if isinstance(previous_mask, (list, tuple)):
            previous_mask = previous_mask[0]
        own = previous_mask if self.return_sequences else None
        if not self.return_state:
            return own
        sizes = self.state_size if isinstance(self.state_size, (list, tuple)) else [self.state_size]
        return [own, *[None for _ in tree.flatten(sizes)]]


def _choose(now, first, second):
    """Return `first` in rows where `now` `(batch,)` is True, `second` elsewhere; trees of tensors."""

    def choose(a, b):
        condition = now
        while len(condition.shape) < len(a.shape):
            condition = ops.expand_dims(condition, -1)
        return ops.where(condition, a, b)

    pairs = zip(tree.flatten(first), tree.flatten(second), strict=True)
    return tree.pack_like(first, [choose(a, b) for a, b in pairs])


def _like(states, new):
    """Return new states in the structure and dtypes of the old ones: a loop carries nothing else."""
    pairs = zip(tree.flatten(states), tree.flatten(new), strict=True)
    return tree.pack_like(states, [ops.cast(b, ops.dtype(a)) for a, b in pairs])


class _Recurrent(RNN):
    """Base of the layers with a cell of our own: the cell's settings are the layer's."""

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        config = super().get_config()
        config.pop("cell", None)
        return config

    def call(self, sequences, initial_state=None, mask=None, training=False):
        if not self._runs_whole(initial_state, mask) or sequences.shape[1] == 0:
            return super().call(sequences, initial_state, mask, training)
        states = self._start(sequences, initial_state)
        dropped = self.cell.draw_masks(sequences.shape[0], training)[0]
        if dropped is not None:
            sequences = ops.multiply(sequences, ops.expand_dims(dropped, 1))
        valid = None if mask is None else ops.cast(mask, "bool")
        outputs, *states = self.cell.run(
            sequences, states, valid, self.return_sequences, self.go_backwards
        )
        if self.stateful:
            for variable, value in zip(self._kept_states, states, strict=True):
                variable.assign(value)
        result = outputs if self.return_sequences else states[0]
        return (result, *states) if self.return_state else result

    def _runs_whole(self, initial_state, mask) -> bool:
        """Return whether the cell can run the whole sequence by itself: `RNN.call` does what is out of the ordinary."""
        if self.unroll or not self.cell.runs_whole:
            return False
        # Before the first step that counts, the output is zero, whatever the first state.
        fresh = initial_state is None and not self.stateful
        return mask is None or (fresh and not self.zero_output_for_mask)


def _share(name: str) -> None:
    """Let a layer show the setting `name` of its cell as its own."""
    setattr(
        _Recurrent,
        name,
        property(lambda self: getattr(self.cell, name), doc=f"The cell's `{name}`."),
    )


for _name in (
    "units",
    "activation",
    "recurrent_activation",
    "use_bias",
    "dropout",
    "recurrent_dropout",
    "seed",
):
    _share(_name)
for _kind in ("initializer", "regularizer", "constraint"):
    for _weight in ("kernel", "recurrent", "bias"):
        _share(f"{_weight}_{_kind}")


_LAYER_ONLY = (
    "return_sequences",
    "return_state",
    "go_backwards",
    "stateful",
    "unroll",
    "activity_regularizer",
    "use_cudnn",
)


def _divide(given: dict) -> tuple[dict, dict]:
    """Return the arguments of the cell, and those of the layer, out of a constructor's `locals()`."""
    skipped = ("self", "__class__", "kwargs", "use_cudnn")
    layer = {
        name: value for name, value in given.items() if name in _LAYER_ONLY and name not in skipped
    }
    cell = {
        name: value
        for name, value in given.items()
        if name not in _LAYER_ONLY and name not in skipped
    }
    return cell, {**layer, **given["kwargs"]}


def _cell_options(kwargs: dict) -> dict:
    """Return what a cell shares with its layer: the dtype policy, and whether it is trained."""
    return {name: kwargs[name] for name in ("dtype", "trainable") if name in kwargs}


@register("layer")
class SimpleRNN(_Recurrent):
    """Runs a plain recurrent network over sequences.

    output_t = activation(inputs_t @ kernel + bias + output_(t-1) @ recurrent_kernel)

    Args:
        units: int >= 1. Size of the output.
        activation: name, function or layer; None for none. Default "tanh".
        use_bias: bool. Default True.
        kernel_initializer, recurrent_initializer, bias_initializer: name or object.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: name, object or None.
        kernel_constraint, recurrent_constraint, bias_constraint: name, object or None.
        dropout, recurrent_dropout: float in [0, 1). Fractions of the inputs and of the state dropped while training, the same at
            every step of a sequence.
        return_sequences, return_state, go_backwards, stateful, unroll: as `RNN`.
        seed: int or None (drawn).
    Input shape:
        `(batch, steps, features)`, floating dtype.
    Output shape:
        `(batch, units)`, or `(batch, steps, units)` with `return_sequences`; with `return_state` a tuple of it and the state.
    Weights:
        As `SimpleRNNCell`.
    Raises:
        ValueError, ShapeError: as `SimpleRNNCell` and `RNN`.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.SimpleRNN(4)(np.ones((2, 6, 3))).shape
        (2, 4)
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
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        seed=None,
        **kwargs,
    ):
        of_cell, of_layer = _divide(locals())
        cell = SimpleRNNCell(**of_cell, **_cell_options(kwargs), name="simple_rnn_cell")
        super().__init__(cell, **of_layer)
        self.input_spec = InputSpec(ndim=3)


@register("layer")
class LSTM(_Recurrent):
    """Runs a long short-term memory over sequences.

    The formula stands at `LSTMCell`.

    Args:
        units: int >= 1. Size of the output.
        activation: name, function or layer; None for none. Default "tanh".
        recurrent_activation: the same, for the gates. Default "sigmoid".
        use_bias: bool. Default True.
        kernel_initializer, recurrent_initializer, bias_initializer: name or object.
        unit_forget_bias: bool. Whether the bias of the forget gate starts at 1. Default True.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: name, object or None.
        kernel_constraint, recurrent_constraint, bias_constraint: name, object or None.
        dropout, recurrent_dropout: float in [0, 1). Fractions of the inputs and of the state dropped while training, the same at
            every step of a sequence.
        seed: int or None (drawn).
        return_sequences, return_state, go_backwards, stateful, unroll: as `RNN`.
        use_cudnn: kept for Keras's signature; the engine decides.
    Input shape:
        `(batch, steps, features)`, floating dtype.
    Output shape:
        `(batch, units)`, or `(batch, steps, units)` with `return_sequences`; with `return_state` a tuple of it, h and c.
    Weights:
        As `LSTMCell`.
    Raises:
        ValueError, ShapeError: as `LSTMCell` and `RNN`.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> output, h, c = keras.layers.LSTM(4, return_state=True)(np.ones((2, 6, 3)))
        >>> output.shape, c.shape
        ((2, 4), (2, 4))
    """

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
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        use_cudnn="auto",
        **kwargs,
    ):
        of_cell, of_layer = _divide(locals())
        cell = LSTMCell(**of_cell, **_cell_options(kwargs), name="lstm_cell")
        super().__init__(cell, **of_layer)
        self.input_spec = InputSpec(ndim=3)

    @property
    def unit_forget_bias(self) -> bool:
        """Whether the bias of the forget gate starts at 1."""
        return self.cell.unit_forget_bias


@register("layer")
class GRU(_Recurrent):
    """Runs a gated recurrent unit over sequences.

    The formula stands at `GRUCell`.

    Args:
        units: int >= 1. Size of the output.
        activation: name, function or layer; None for none. Default "tanh".
        recurrent_activation: the same, for the gates. Default "sigmoid".
        use_bias: bool. Default True.
        kernel_initializer, recurrent_initializer, bias_initializer: name or object.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: name, object or None.
        kernel_constraint, recurrent_constraint, bias_constraint: name, object or None.
        dropout, recurrent_dropout: float in [0, 1). Fractions of the inputs and of the state dropped while training, the same at
            every step of a sequence.
        seed: int or None (drawn).
        return_sequences, return_state, go_backwards, stateful, unroll: as `RNN`.
        reset_after: bool. Whether the reset gate follows the recurrent product. Default True.
        use_cudnn: kept for Keras's signature; the engine decides.
    Input shape:
        `(batch, steps, features)`, floating dtype.
    Output shape:
        `(batch, units)`, or `(batch, steps, units)` with `return_sequences`; with `return_state` a tuple of it and the state.
    Weights:
        As `GRUCell`.
    Raises:
        ValueError, ShapeError: as `GRUCell` and `RNN`.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.GRU(4, return_sequences=True)(np.ones((2, 6, 3))).shape
        (2, 6, 4)
    """

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
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        reset_after=True,
        use_cudnn="auto",
        **kwargs,
    ):
        of_cell, of_layer = _divide(locals())
        cell = GRUCell(**of_cell, **_cell_options(kwargs), name="gru_cell")
        super().__init__(cell, **of_layer)
        self.input_spec = InputSpec(ndim=3)

    @property
    def reset_after(self) -> bool:
        """Whether the reset gate follows the recurrent product."""
        return self.cell.reset_after
