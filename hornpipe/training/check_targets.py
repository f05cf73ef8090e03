"""Looks at targets and weights before training: shapes against the outputs, labels against the losses. Labels are read in full."""

from __future__ import annotations

import numpy as np

from hornpipe.training.check_inputs import first_bad_row, host, is_finite
from hornpipe.training.check_model import loss_kind

_SAME_SHAPE = set(
    "mean_squared_error mean_absolute_error mean_absolute_percentage_error mean_squared_logarithmic_error huber log_cosh "
    "binary_crossentropy categorical_crossentropy binary_focal_crossentropy categorical_focal_crossentropy kl_divergence "
    "poisson hinge squared_hinge categorical_hinge cosine_similarity".split()
)


def check_targets(report, model, example, full, predictions) -> None:
    """Check shapes and values of the targets, output by output.

    Args:
        report: a `Report`.
        model: a compiled model whose losses are resolved.
        example: the targets of a batch.
        full: all targets, or those of the first batch of a stream.
        predictions: the outputs, flat; anything with a shape.
    """
    objective = model._objective
    targets, values = objective.align(example), objective.align(full)
    for number, loss in enumerate(objective.losses):
        if loss is None:
            continue
        where = f"y[{objective.names[number]!r}]" if len(predictions) > 1 else "y"
        kind = loss_kind(loss)
        shape, wanted = tuple(targets[number].shape), tuple(predictions[number].shape)
        before = len(report.errors)
        _check_shape(report, where, kind, shape, wanted)
        if len(report.errors) == before:
            _check_labels(report, where, kind, host(values[number]), wanted, loss)


# ---- shapes


def _check_shape(report, where, kind, target, prediction):
    """Check one target's shape against its output's, batch axes left out."""
    if kind == "sparse_categorical_crossentropy":
        _check_sparse_shape(report, where, target, prediction)
        return
    if kind == "categorical_crossentropy" and prediction[-1] == 1:
        _add_one_unit(report, where, kind, prediction)
        return
    if kind not in _SAME_SHAPE or _fits(target, prediction):
        return
    last = len(target) == len(prediction) - 1 and prediction[-1] == 1
    if last and _fits(target, prediction[:-1]):
        return
    if len(target) == len(prediction) + 1 and target[-1] == 1 and _fits(target[:-1], prediction):
        return
    rule = f"`{where}` must have the shape {('batch', *prediction[1:])} of the output"
    if kind == "categorical_crossentropy" and (len(target) < len(prediction) or target[-1] == 1):
        fix = 'Use loss="sparse_categorical_crossentropy", or keras.utils.to_categorical(y).'
        report.add("HP103", where, rule, f"shape={target}", fix, shape=True)
        return
    report.add("HP101", where, rule, f"shape={target}", shape=True)


def _check_sparse_shape(report, where, target, prediction):
    equal = len(target) == len(prediction)
    if prediction[-1] == 1:
        _add_one_unit(report, where, "sparse_categorical_crossentropy", prediction)
        return
    if equal and target[-1] not in (1, None) and target[-1] == prediction[-1]:
        fix = 'These look one-hot. Use loss="categorical_crossentropy", or pass y.argmax(-1).'
        rule = f"`{where}` must hold class numbers for sparse_categorical_crossentropy"
        report.add("HP102", where, rule, f"shape={target}", fix, shape=True)
        return
    labels = target[1:-1] if equal and target[-1] == 1 else target[1:]
    if not _fits((None, *labels), (None, *prediction[1:-1])):
        rule = f"`{where}` must have the shape {('batch', *prediction[1:-1])}"
        seen = f"shape={target} for an output of shape {prediction}"
        report.add("HP101", where, rule, seen, shape=True)


def _add_one_unit(report, where, kind, prediction):
    fix = 'With one output unit use Dense(1, activation="sigmoid") and loss="binary_crossentropy".'
    rule = f"{kind} needs an output unit for each class"
    report.add("HP207", where, rule, f"an output of shape {prediction}", fix, shape=True)


def _fits(a, b) -> bool:
    return len(a) == len(b) and all(
        None in (m, n) or m == n for m, n in zip(a[1:], b[1:], strict=True)
    )


# ---- values


def _check_labels(report, where, kind, values, prediction, loss):
    """Check the values of one target."""
    if values is None or values.size == 0:
        return
    if not is_finite(values):
        seen = "NaN or infinity"
        if not np.isfinite(values).all():
            seen += f", first in row {first_bad_row(values)}"
        report.add("HP106", where, f"`{where}` must be finite", seen, "Drop or fill these rows.")
        return
    if kind == "sparse_categorical_crossentropy" and prediction[-1] is not None:
        _check_classes(report, where, values, prediction[-1], loss)
    if kind in ("binary_crossentropy", "categorical_crossentropy"):
        low, high = values.min(), values.max()
        if low < 0 or high > 1:
            fix = 'For class numbers use loss="sparse_categorical_crossentropy"; for numbers to predict use "mse".'
            rule = f"`{where}` must lie between 0 and 1 for {kind}"
            report.add("HP107", where, rule, f"values from {low} to {high}", fix)


def _check_classes(report, where, values, classes, loss):
    low, high = values.min(), values.max()
    ignored = getattr(loss, "_fn_kwargs", {}).get("ignore_class")
    if ignored is not None and (low <= ignored or high >= ignored):
        kept = values[values != ignored]
        low, high = (kept.min(), kept.max()) if kept.size else (0, 0)
    if low < 0 or high >= classes:
        fix = "Labels count from 0."
        if low >= 0:
            fix += f" For this label the last layer needs {int(high) + 1} units."
        rule = f"`{where}` must hold class numbers from 0 to {classes - 1}, the output has {classes} units"
        report.add("HP104", where, rule, f"label {high if high >= classes else low}", fix)
    elif values.dtype.kind == "f" and not np.array_equal(values, np.round(values)):
        fix = 'For numbers to predict use loss="mse" and Dense(1).'
        seen = f"values such as {values[values != np.round(values)][0]}"
        report.add("HP105", where, f"`{where}` must hold whole class numbers", seen, fix)


# ---- weights


def check_weights(report, model, example, full) -> None:
    """Check shapes and values of sample weights; `full` are all of them, or those of the first batch."""
    if example[2] is None:
        return
    objective = model._objective
    targets = objective.align(example[1])
    weights, values = objective._align_weights(example[2]), objective._align_weights(full)
    for number, (target, weight) in enumerate(zip(targets, weights, strict=True)):
        if weight is None or target is None:
            continue
        where = "sample_weight"
        if len(targets) > 1:
            where = f"sample_weight[{objective.names[number]!r}]"
        shape, wanted = tuple(weight.shape), tuple(target.shape)
        if len(shape) > max(1, len(wanted)) or any(
            a not in (b, 1) for a, b in zip(shape[1:], wanted[1:], strict=False)
        ):
            rule = f"`{where}` must have the shape {wanted[:1]} or {wanted[:-1] or wanted[:1]}"
            report.add("HP108", where, rule, f"shape={shape}", shape=True)
            continue
        numbers = host(values[number])
        if numbers is not None and not is_finite(numbers):
            seen = f"NaN or infinity, first in row {first_bad_row(numbers)}"
            fix = "Pass 0 for rows that should not count."
            report.add("HP109", where, f"`{where}` must be finite", seen, fix)


def check_class_weight(report, model, class_weight, targets) -> None:
    """Check the keys of a plain `class_weight` against the classes of the targets and the units of the output."""
    values = targets[0] if len(targets) == 1 else None
    if (
        not class_weight
        or values is None
        or any(isinstance(w, dict) for w in class_weight.values())
    ):
        return
    if values.ndim > 1 and values.shape[-1] > 1:
        classes = set(np.flatnonzero(values.reshape(-1, values.shape[-1]).any(0)).tolist())
        units = values.shape[-1]
    else:
        classes = {int(label) for label in np.unique(values)}
        units = None
        specs = model._output_specs
        if loss_kind(model._objective.losses[0]) == "sparse_categorical_crossentropy":
            units = specs.shape[-1] if hasattr(specs, "shape") else None
    missing = sorted(classes - set(class_weight))
    beyond = [key for key in class_weight if units is not None and not 0 <= key < units]
    if missing:
        pairs = ", ".join(f"{label}: 1.0" for label in missing[:5])
        rule = "`class_weight` should name every class of `y`; a missing one counts 1.0"
        seen = f"no weight for {', '.join(map(str, missing[:10]))}"
        report.add("HP110", "class_weight", rule, seen, f"Add {pairs}.")
    elif beyond:
        rule = f"`class_weight` should name classes of the output, which has {units} units"
        report.add("HP110", "class_weight", rule, f"class {beyond[0]}", "Classes count from 0.")
