"""Checks before anything is compiled: arguments, shapes, labels, values. Errors say what to write instead.

The budget is 50 ms for 60,000 rows of 784 numbers: labels are read in full, inputs by sample.
"""

from __future__ import annotations

import numpy as np

from hornpipe.core import tree
from hornpipe.core.errors import Message, message, near_miss

# ---- arguments


def check_compile(loss, metrics, weighted_metrics, steps_per_execution) -> None:
    """Check the kinds of `compile`'s arguments.

    Raises:
        TypeError, ValueError: a loss or metric is a number, an array, or another thing that can't be one.
    """
    from hornpipe.metrics.base import Metric

    for identifier in _leaves(loss):
        if isinstance(identifier, Metric):
            name = type(identifier).__name__
            fix = f"Pass it in `metrics`, and a loss such as keras.losses.{name}() here."
            raise TypeError(
                message("compile", "`loss` must be a loss, not a metric", repr(name), fix)
            )
        if identifier is not None and not isinstance(identifier, str) and not callable(identifier):
            fix = 'Pass a name such as "mse", a function (y_true, y_pred), or an object such as keras.losses.MeanSquaredError().'
            raise TypeError(message("compile", "`loss` must be a loss", repr(identifier), fix))
    for argument, given in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
        for identifier in _leaves(given):
            if (
                identifier is not None
                and not isinstance(identifier, str)
                and not callable(identifier)
            ):
                fix = 'Pass a list of names, for example ["accuracy"], or of metric objects.'
                raise TypeError(
                    message("compile", f"`{argument}` must hold metrics", repr(identifier), fix)
                )
    if steps_per_execution != "auto":
        _check_count(steps_per_execution, "compile", "steps_per_execution")


def _leaves(value):
    return tree.flatten(value) if isinstance(value, (list, tuple, dict)) else [value]


def _check_count(value, who, argument, *, least=1):
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(
            message(who, f"`{argument}` must be an integer >= {least}", f"{argument}={value!r}")
        )
    return int(value)


def check_batch_size(batch_size, who) -> int:
    """Return the batch size, 32 for None.

    Raises:
        ValueError: it is not an integer >= 1.
    """
    return 32 if batch_size is None else _check_count(batch_size, who, "batch_size")


def check_counts(who, **arguments) -> None:
    """Check that arguments are integers >= 1 or None.

    Raises:
        ValueError: one is something else.
    """
    for argument, value in arguments.items():
        if value is not None:
            _check_count(value, who, argument)


def check_fit_numbers(
    epochs, initial_epoch, steps_per_epoch, validation_split, validation_freq, shuffle
) -> None:
    """Check the plain numbers among `fit`'s arguments.

    Raises:
        ValueError: one is out of its range.
    """
    _check_count(epochs, "fit", "epochs")
    _check_count(initial_epoch, "fit", "initial_epoch", least=0)
    if steps_per_epoch is not None:
        _check_count(steps_per_epoch, "fit", "steps_per_epoch")
    if validation_split and not (
        isinstance(validation_split, (float, int)) and 0 < validation_split < 1
    ):
        rule = "`validation_split` must be a number in [0, 1)"
        raise ValueError(
            message("fit", rule, f"validation_split={validation_split!r}", "Pass for example 0.2.")
        )
    if not isinstance(validation_freq, (list, tuple, set)):
        _check_count(validation_freq, "fit", "validation_freq")
    if shuffle not in (True, False, "batch"):
        raise ValueError(
            message("fit", "`shuffle` must be True, False or 'batch'", f"shuffle={shuffle!r}")
        )


def split(x, y, sample_weight, fraction):
    """Return (x, y, sample_weight, validation_data): the last `fraction` of the rows becomes validation data.

    Raises:
        ValueError: data that can't be split, or a part would be empty.
    """
    from hornpipe.training.data import count_rows, is_array_like, to_arrays

    if x is None or not (isinstance(x, (list, tuple, dict)) or is_array_like(x)):
        fix = "Pass validation_data=(x_val, y_val) instead."
        raise ValueError(message("fit", "`validation_split` needs arrays", type(x).__name__, fix))
    arrays = [
        to_arrays(x, "fit", "x"),
        to_arrays(y, "fit", "y"),
        to_arrays(sample_weight, "fit", "sample_weight"),
    ]
    rows = count_rows(dict(zip(("x", "y", "sample_weight"), arrays, strict=True)), "fit")
    at = int(rows * (1 - fraction))
    if at == 0 or at == rows:
        rule = f"`validation_split` leaves no rows for {'training' if at == 0 else 'validation'}"
        raise ValueError(message("fit", rule, f"validation_split={fraction}, {rows} rows"))

    def part(piece):
        return [
            tree.map_tree(lambda leaf: None if leaf is None else leaf[piece], array)
            for array in arrays
        ]

    return (*part(slice(0, at)), tuple(part(slice(at, None))))


def unpack_validation(data):
    """Return (x, y, sample_weight) of `validation_data`.

    Raises:
        ValueError: a tuple of another length than 2 or 3.
    """
    if isinstance(data, (list, tuple)) and not hasattr(data, "shape"):
        if len(data) not in (2, 3):
            rule = "`validation_data` must be (x, y) or (x, y, sample_weight)"
            raise ValueError(message("fit", rule, f"{len(data)} entries"))
        return (*data, None) if len(data) == 2 else tuple(data)
    return data, None, None


def check_monitors(callbacks, model, has_validation) -> None:
    """Check that the names callbacks watch will exist; a `train_step` of the user's may return any.

    Raises:
        ValueError: one does not. The message lists the names that do.
    """
    if model._makes_own_logs("train"):
        return
    names = list(model._result_names())
    known = names + ([f"val_{name}" for name in names] if has_validation else [])
    try:
        callbacks.check_monitored([*known, "learning_rate"])
    except ValueError as error:
        raise ValueError(Message(f"{error} [HP405]")) from None


def check_output_names(model, objective) -> None:
    """Check dict keys and list lengths of `compile` against outputs that are known already.

    Raises:
        ValueError: see `Objective`.
    """
    objective.names = model.output_names
    for argument in ("loss", "loss_weights", "metrics", "weighted_metrics"):
        objective._per_output(argument, None, lists=argument.endswith("metrics"))


# ---- class weights


def class_weights(class_weight, y, sample_weight, model, who):
    """Return sample weights in which each row's class counts as `class_weight` says.

    Raises:
        ValueError: the dict is empty or has keys that are no classes, or the targets are not classes.
    """
    if not isinstance(class_weight, dict) or not class_weight:
        fix = "Pass for example {0: 1.0, 1: 5.0}."
        raise ValueError(
            message(who, "`class_weight` must be a dict class -> float", repr(class_weight), fix)
        )
    if y is None:
        raise ValueError(message(who, "`class_weight` needs targets", "y=None"))
    nested = any(isinstance(value, dict) for value in class_weight.values())
    if not nested:
        if isinstance(y, (list, dict)):
            fix = "Pass a dict output name -> dict class -> float."
            raise ValueError(
                message(
                    who,
                    "`class_weight` for several outputs must be nested",
                    repr(class_weight),
                    fix,
                )
            )
        return _times(sample_weight, _weights_of_rows(class_weight, y, who))
    names = list(y) if isinstance(y, dict) else model.output_names
    for key in class_weight:
        if key not in names:
            fix = f"Outputs: {', '.join(names)}.{near_miss(key, names)}"
            raise ValueError(
                message(who, "`class_weight` has a key that is no output", repr(key), fix)
            )
    targets = (
        y
        if isinstance(y, dict)
        else dict(zip(names, y if isinstance(y, list) else [y], strict=True))
    )
    given = sample_weight
    if not isinstance(given, dict):
        parts = given if isinstance(given, list) else [given] * len(targets)
        given = dict(zip(targets, parts, strict=True))
    weights = {
        name: _times(given.get(name), _weights_of_rows(class_weight[name], target, who))
        if name in class_weight
        else _times(given.get(name), np.ones(len(target), "float32"))
        for name, target in targets.items()
    }
    return weights if isinstance(y, dict) else list(weights.values())


def _times(sample_weight, rows):
    if sample_weight is None:
        return rows
    extra = np.ndim(sample_weight) - 1
    return np.asarray(sample_weight, "float32") * rows.reshape(-1, *(1,) * extra)


def _weights_of_rows(class_weight, y, who):
    labels = np.asarray(y)
    if labels.ndim > 1 and labels.shape[-1] > 1:
        labels = labels.argmax(-1)
    labels = labels.reshape(labels.shape[0], -1)
    if labels.shape[1] != 1:
        raise ValueError(
            message(who, "`class_weight` needs one class a row", f"y of shape {np.shape(y)}")
        )
    labels = labels[:, 0]
    if not np.all(labels == np.round(labels)):
        raise ValueError(
            message(
                who,
                "`class_weight` needs targets that are classes",
                f"y with values such as {labels[0]}",
            )
        )
    weights = np.ones(len(labels), "float32")
    for label, weight in class_weight.items():
        if isinstance(label, bool) or not isinstance(label, (int, np.integer)):
            raise ValueError(message(who, "keys of `class_weight` must be integers", repr(label)))
        if isinstance(weight, bool) or not isinstance(weight, (int, float, np.number)):
            rule = "values of `class_weight` must be numbers"
            raise ValueError(message(who, rule, f"{label}: {weight!r}"))
        weights[labels == label] = weight
    return weights
