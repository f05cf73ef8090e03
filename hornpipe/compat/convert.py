"""Conversions of values: what an old argument's value is called today. Each takes old values and returns the new one."""

from __future__ import annotations

import inspect

from hornpipe import ops
from hornpipe.core.config import register_keras_serializable, resolve
from hornpipe.core.errors import message
from hornpipe.initializers import Initializer

ORDERINGS = {"tf": "channels_last", "th": "channels_first", "default": None, None: None}


def same(value):
    """Return the value as it is."""
    return value


def ordering(value):
    """Return today's name of an image layout: "tf" is "channels_last", "th" is "channels_first"."""
    if value not in ORDERINGS:
        raise ValueError(
            message(
                "dim_ordering",
                "must be 'tf', 'th' or 'default'",
                repr(value),
                'Today: data_format="channels_last".',
            )
        )
    return ORDERINGS[value]


def ordering_name(data_format: str) -> str:
    """Return the name of 2016 for an image layout."""
    return "th" if data_format == "channels_first" else "tf"


def padding(value):
    """Return the name of a border mode, which is the same today; "full" is gone."""
    if value == "full":
        fix = 'Today: keras.layers.ZeroPadding2D(kernel_size - 1), then padding="valid".'
        raise ValueError(message("border_mode", "'full' is gone", repr(value), fix))
    return value


@register_keras_serializable("keras1", "hard_sigmoid")
def hard_sigmoid(x):
    """Compute the hard sigmoid of 2016, `clip(0.2 * x + 0.5, 0, 1)`; today's one has the slope 1/6.

    Example:
        >>> from hornpipe.compat.convert import hard_sigmoid
        >>> hard_sigmoid([-5.0, 0.0, 1.0]).tolist()[1:]
        [0.5, 0.699999988079071]
    """
    return ops.clip(ops.convert_to_tensor(x) * 0.2 + 0.5, 0.0, 1.0)


def activation(value):
    """Return an activation; "hard_sigmoid" is that of 2016."""
    return hard_sigmoid if value == "hard_sigmoid" else value


class OldInitializer(Initializer):
    """Wraps an initialization of 2016: a function `(shape, name=None)` that returns a variable or an array."""

    def __init__(self, function):
        self.function = function

    def __call__(self, shape, dtype=None):
        """Return the function's first values as a tensor."""
        value = (
            self.function(shape, name=None)
            if "name" in inspect.signature(self.function).parameters
            else self.function(shape)
        )
        return ops.convert_to_tensor(getattr(value, "value", value), dtype=dtype)


def initializer(value):
    """Return an initializer; functions `(shape, name)` are wrapped, names stay."""
    if inspect.isfunction(value) and "dtype" not in inspect.signature(value).parameters:
        return OldInitializer(value)
    return value


def forget_bias(value):
    """Return `unit_forget_bias` for an initialization of the forget gate's bias."""
    if value in ("one", "ones", "zero", "zeros"):
        return value.startswith("one")
    fix = "Today: unit_forget_bias=True or False, or bias_initializer=... for all gates."
    raise ValueError(message("forget_bias_init", "must be 'one' or 'zero'", repr(value), fix))


def together(*defaults):
    """Return a conversion of several numbers into a tuple, such as nb_row and nb_col into kernel_size."""

    def convert(**given):
        sizes = tuple(given.get(name, default) for name, default in defaults)
        if None in sizes:
            missing = next(
                name for (name, _), size in zip(defaults, sizes, strict=True) if size is None
            )
            fix = f"Pass all of {', '.join(name for name, _ in defaults)}."
            raise TypeError(message("Convolution", f"`{missing}` is missing", f"{given}", fix))
        return sizes

    return convert


def decayed(default: float):
    """Return a conversion of `lr` and `decay`: the rate of update number i (from 0) is `lr / (1 + decay * i)`."""

    def convert(lr=default, decay=0.0):
        if not decay:
            return lr
        from hornpipe.optimizers.schedules import InverseTimeDecay

        return InverseTimeDecay(float(lr), 1, float(decay))

    return convert


def squared(value):
    """Return an epsilon that was added to a root and today stands under it: its square."""
    return value * value


def input_shape(input_dim=None, input_length=None, rank=2):
    """Return the shape of one input, without the batch, for a layer whose inputs have `rank` axes."""
    return (input_dim,) if rank == 2 and input_length is None else (input_length, input_dim)


def sequence_shape(**given):
    """Return the shape of one sequence: (input_length or unknown, input_dim)."""
    return input_shape(**given, rank=3)


def pads(value):
    """Return the padding of images: (top, bottom, left, right) and the dict of 2016 become pairs."""
    if isinstance(value, dict):
        names = ("top_pad", "bottom_pad", "left_pad", "right_pad")
        value = tuple(value.get(name, 0) for name in names)
    if isinstance(value, (tuple, list)) and len(value) == 4:
        return ((value[0], value[1]), (value[2], value[3]))
    return value


def side_pads(value):
    """Return the padding of sequences: the dict of 2016 becomes a pair."""
    return (
        (value.get("left_pad", 0), value.get("right_pad", 0)) if isinstance(value, dict) else value
    )


def data_path(today: str):
    """Return a conversion of a data set's path: the pickles of 2016 have become `today`, an archive of plain arrays."""
    return lambda value: (
        today if isinstance(value, str) and value.endswith((".pkl", ".pkl.gz")) else value
    )


def as_regularizer(value):
    """Return a regularizer object for a name or an object."""
    return resolve("regularizer", value)
