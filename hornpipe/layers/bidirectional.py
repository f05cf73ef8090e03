"""A recurrent layer run in both directions.

>>> import numpy as np
>>> import hornpipe as keras
>>> keras.layers.Bidirectional(keras.layers.LSTM(4))(np.ones((2, 6, 3))).shape
(2, 8)
"""

from __future__ import annotations

from hornpipe import ops
from hornpipe.core.config import register, serialize
from hornpipe.core.errors import message, near_miss
from hornpipe.core.layer import InputSpec, Layer
from hornpipe.layers._support import build_inner, check_rank

_MODES = ("sum", "mul", "concat", "ave", None)


@register("layer")
class Bidirectional(Layer):
    """Runs one copy of a recurrent layer forwards and another backwards, and merges their outputs.

    Args:
        layer: a recurrent layer such as `LSTM`; it is copied twice, without weights.
        merge_mode: "concat" (along the last axis), "sum", "mul", "ave", or None for both outputs apart. Default "concat".
        weights: list of arrays with the first values of all weights, or None.
        backward_layer: another layer for the backward direction, with `go_backwards` opposite to that of `layer`, or None.
    Input shape:
        That of the layer: `(batch, steps, features)`. `initial_state`: the states of the forward copy, then of the backward one.
    Output shape:
        `(batch, 2 * size)` for "concat", `(batch, size)` for the other modes, with the steps where the layer returns sequences;
        where it returns states, those of the forward copy and then those of the backward one follow.
    Weights:
        Those of the forward copy, then those of the backward one.
    Raises:
        ValueError: `layer` is not recurrent, `merge_mode` is unknown, or the layers do not fit together (at construction).
        ShapeError: as the layer.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> layer = keras.layers.Bidirectional(keras.layers.GRU(4, return_sequences=True), merge_mode="sum")
        >>> layer(np.ones((2, 6, 3))).shape
        (2, 6, 4)

    References:
        Schuster and Paliwal (1997), Bidirectional recurrent neural networks, IEEE Transactions on Signal Processing 45.
    """

    supports_masking = True

    def __init__(self, layer, merge_mode="concat", weights=None, backward_layer=None, **kwargs):
        super().__init__(**kwargs)
        for given in (layer, backward_layer):
            if given is not None and not (
                isinstance(given, Layer) and hasattr(given, "go_backwards")
            ):
                fix = "Pass for example keras.layers.LSTM(32)."
                raise ValueError(
                    message(self.who, "`layer` must be a recurrent layer", repr(given), fix)
                )
        if merge_mode not in _MODES:
            fix = near_miss(str(merge_mode), [mode for mode in _MODES if mode]).strip()
            rule = f"`merge_mode` must be one of {_MODES}"
            raise ValueError(message(self.who, rule, f"merge_mode={merge_mode!r}", fix))
        self.merge_mode = merge_mode
        self.forward_layer = _copy(layer, f"forward_{layer.name}")
        if backward_layer is None:
            self.backward_layer = _copy(
                layer, f"backward_{layer.name}", go_backwards=not layer.go_backwards
            )
        else:
            self._check_pair(layer, backward_layer)
            name = backward_layer.name
            self.backward_layer = _copy(
                backward_layer, name if name.startswith("backward_") else f"backward_{name}"
            )
        self._described = serialize(layer)
        self._first_weights = weights
        self.return_sequences, self.return_state = layer.return_sequences, layer.return_state
        self.stateful = layer.stateful
        self.row_independent = bool(
            self.forward_layer.row_independent
            and self.backward_layer.row_independent
            and self.activity_regularizer is None
        )
        self.input_spec = InputSpec(min_ndim=3)

    def _check_pair(self, layer, backward_layer):
        if backward_layer.go_backwards == layer.go_backwards:
            rule = "`backward_layer` must read in the other direction than `layer`"
            fix = "Make it with go_backwards=True."
            raise ValueError(
                message(self.who, rule, f"go_backwards={layer.go_backwards} twice", fix)
            )
        for name in ("stateful", "return_sequences", "return_state"):
            first, second = getattr(layer, name), getattr(backward_layer, name)
            if first != second:
                rule = f"`layer` and `backward_layer` must have the same `{name}`"
                raise ValueError(message(self.who, rule, f"{first} and {second}"))

    def build(self, sequences_shape, initial_state_shape=None):
        shape = check_rank(self, sequences_shape, least=3)
        build_inner(self.forward_layer, shape)
        build_inner(self.backward_layer, shape)
        self.built = True
        if self._first_weights is not None:
            self.set_weights(self._first_weights)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        config = super().get_config()
        config["layer"] = self._described
        config["weights"] = None
        return config

    def reset_state(self):
        """Set the states that are kept between batches to zero."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    def call(self, sequences, initial_state=None, mask=None, training=None):
        first = second = None
        if initial_state is not None:
            half = len(initial_state) // 2
            if len(initial_state) % 2:
                rule = "`initial_state` must hold as many states for each direction"
                raise ValueError(message(self.who, rule, f"{len(initial_state)} of them"))
            first, second = list(initial_state[:half]), list(initial_state[half:])
        forward = self.forward_layer(sequences, initial_state=first, mask=mask, training=training)
        backward = self.backward_layer(
            sequences, initial_state=second, mask=mask, training=training
        )
        states = ()
        if self.return_state:
            forward, *states = forward
            backward, *more = backward
            states = (*states, *more)
        if self.return_sequences:
            backward = ops.flip(backward, axis=1)
        merged = self._merge(forward, backward)
        if not states:
            return merged
        return (*merged, *states) if self.merge_mode is None else (merged, *states)

    def _merge(self, forward, backward):
        if self.merge_mode is None:
            return forward, backward
        if self.merge_mode == "concat":
            return ops.concatenate([forward, backward], axis=-1)
        if self.merge_mode == "mul":
            return ops.multiply(forward, backward)
        total = ops.add(forward, backward)
        return total if self.merge_mode == "sum" else ops.divide(total, 2)

    def compute_mask(self, inputs, previous_mask):
        if isinstance(previous_mask, (list, tuple)):
            previous_mask = previous_mask[0]
        own = previous_mask if self.return_sequences else None
        outputs = [own, own] if self.merge_mode is None else [own]
        if self.return_state:
            return outputs + [None] * (2 * len(_flat(self.forward_layer.state_size)))
        return outputs if len(outputs) > 1 else own


def _flat(sizes):
    return (
        [size for each in sizes for size in _flat(each)]
        if isinstance(sizes, (list, tuple))
        else [sizes]
    )


def _copy(layer, name, **changes):
    """Return a layer with the settings of `layer`, and no weights."""
    return type(layer).from_config({**layer.get_config(), "name": name, **changes})
