"""Looks at the inputs before training: NaN, token ids, scales, and what `validation_split` cuts off.

Scales are judged on a sample of rows, and only where the inputs go straight into a built-in layer that multiplies them by weights.
"""

from __future__ import annotations

import numpy as np

from hornpipe.core import tree
from hornpipe.engine import select
from hornpipe.training.check_model import (
    CROSSENTROPIES,
    consumers_of,
    is_embedding,
    loss_kind,
    takes_numbers,
)

_SAMPLE_ROWS, _SAMPLE_NUMBERS = 512, 2**19
_FULL_BYTES = 2**26  # up to this size all numbers are looked at for NaN
_FEW_ROWS = 32  # scales of fewer rows say little


def host(leaf):
    """Return a leaf of the data as a NumPy array, or None for a sparse matrix or an array that is not in memory."""
    if leaf is None or hasattr(leaf, "nnz") or isinstance(leaf, np.memmap):
        return None
    if isinstance(leaf, np.ndarray):
        return leaf
    return np.asarray(select.chosen().to_numpy(leaf)) if select.chosen().is_tensor(leaf) else None


def is_finite(values) -> bool:
    """Return whether all numbers are finite; of very large arrays, blocks of rows spread over them are looked at."""
    if values.dtype.kind not in "fc" or values.size == 0:
        return True
    if values.nbytes <= _FULL_BYTES:
        return _block_is_finite(values)
    rows = max(1, _FULL_BYTES // 64 // max(1, values[:1].nbytes))
    firsts = np.linspace(0, max(0, len(values) - rows), 64).astype(int)
    return all(_block_is_finite(values[first : first + rows]) for first in firsts)


def _block_is_finite(block) -> bool:
    if block.flags.c_contiguous and block.dtype.name in ("float32", "float64"):
        flat = block.reshape(-1)
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(np.vdot(flat, flat)):  # on all cores; large numbers overflow here
                return True
    return bool(np.isfinite(block).all())


def first_bad_row(values) -> int:
    """Return the number of the first row that is not finite."""
    return int(np.argmax(~np.isfinite(values.reshape(len(values), -1)).all(1)))


def inputs_of(model, x):
    """Return [(name, leaf, layers it goes to or None)] for the inputs."""
    consumers = consumers_of(model)
    if consumers is None:
        leaves = tree.flatten(x)
        names = ["x"] if len(leaves) == 1 else [f"x[{i}]" for i in range(len(leaves))]
        return [(name, leaf, None) for name, leaf in zip(names, leaves, strict=True)]
    leaves = model._match_inputs(x)
    names = ["x"] if len(leaves) == 1 else [f"x[{name!r}]" for name in model.input_names]
    return list(zip(names, leaves, consumers, strict=True))


def check_values(report, model, x) -> None:
    """Check the inputs for NaN and token ids that no `Embedding` has a row for."""
    for where, leaf, layers in inputs_of(model, x):
        values = host(leaf)
        if values is None or values.size == 0:
            continue
        if not is_finite(values):
            _add_not_finite(report, where, values, layers)
        elif layers is not None:
            _check_ids(report, where, values, [layer for layer in layers if is_embedding(layer)])


def _add_not_finite(report, where, values, layers):
    seen = "NaN or infinity"
    if not np.isfinite(values).all():
        seen += f", first in row {first_bad_row(values)}"
    sure = layers is not None and any(map(takes_numbers, layers))
    rule = f"`{where}` must be finite" if sure else f"`{where}` should be finite"
    fix = "Drop or fill these rows, for example x = np.nan_to_num(x)."
    report.add("HP301", where, rule, seen, fix, level="error" if sure else "warning")


def _check_ids(report, where, values, layers):
    for layer in layers:
        low, high = values.min(), values.max()
        if low >= 0 and high < layer.input_dim:
            continue
        rule = f"`{where}` must hold token ids from 0 to {layer.input_dim - 1}, the rows of layer {layer.name!r}"
        fix = "Ids count from 0."
        if low >= 0:
            fix = f"Write Embedding({int(high) + 1}, ...), or leave rarer words out of the data."
        report.add("HP302", where, rule, f"ids from {low} to {high}", fix)


def check_scales(report, model, x) -> None:
    """Check that pixels and columns are of about the size that fresh weights are made for."""
    for where, leaf, layers in inputs_of(model, x):
        if layers is None or not layers or not all(map(takes_numbers, layers)):
            continue
        if leaf is None or hasattr(leaf, "nnz") or leaf.shape[0] < _FEW_ROWS:
            continue
        size = max(1, int(np.prod(leaf.shape[1:])))
        wanted = min(_SAMPLE_ROWS, max(_FEW_ROWS, _SAMPLE_NUMBERS // size))
        sample = host(leaf[:: max(1, leaf.shape[0] // wanted)])
        if sample is None or sample.dtype.kind not in "fiu" or sample.size == 0:
            continue
        if _are_pixels(sample):
            least, most = sample.min(), sample.max()
            rule = f"`{where}` looks like pixels, which train well from 0 to 1"
            fix = f'Write {where} = {where}.astype("float32") / 255.'
            report.add("HP303", where, rule, f"values from {least:g} to {most:g}", fix)
        else:
            _check_columns(report, where, sample)


def _are_pixels(sample) -> bool:
    if sample.ndim < 2 or sample.min() < 0 or not 100 < sample.max() <= 255:
        return False
    if sample.ndim >= 4 or sample.dtype == np.uint8:
        return True
    wide = sample.ndim == 3 or sample.shape[1] >= 64
    return wide and sample.max() > 200 and np.array_equal(sample, np.round(sample))


def _check_columns(report, where, sample):
    columns = sample.reshape(-1, sample.shape[-1]).astype("float64")
    filled = np.maximum(
        np.count_nonzero(columns, axis=0), 1
    )  # rarely filled columns are no small ones
    sizes = np.sqrt(np.square(columns).sum(0) / filled)
    if sample.ndim > 3:  # channels, not columns
        sizes = sizes.max(keepdims=True)
    flags = np.isin(columns[:: max(1, len(columns) // 512)], (0, 1)).all(0)
    counted = sizes[~flags] if len(sizes) == len(flags) else sizes
    counted = counted[counted > 0]
    if not len(counted):
        return
    most, least = counted.max(), counted.min()
    if most <= 100 and (most <= 10 or most / least <= 100):
        return
    column = int(np.argmax(sizes))
    axes = "axis=0" if sample.ndim == 2 else f"axis={tuple(range(sample.ndim - 1))}"
    if most / least > 100:
        rule = f"the columns of `{where}` should have similar scales"
        seen = f"sizes from {least:.2g} to {most:.2g} (column {column})"
    else:
        rule = f"`{where}` should be of the order of 1"
        seen = f"sizes up to {most:.2g} (column {column})"
    fix = f"Write {where} = ({where} - {where}.mean({axes})) / {where}.std({axes})."
    report.add("HP304", where, rule, seen, fix)


# ---- validation_split


def check_split(report, model, y, y_validation) -> None:
    """Check that the classes of the rows that `validation_split` took are among those that are left."""
    objective = model._objective
    leaves, held = objective.align(y), objective.align(y_validation)
    for number, loss in enumerate(objective.losses):
        if loss_kind(loss) not in CROSSENTROPIES:
            continue
        train, validation = _classes(host(leaves[number])), _classes(host(held[number]))
        if train is None or validation is None:
            continue
        where = "y" if len(leaves) == 1 else f"y[{objective.names[number]!r}]"
        seen = _one_sided(where, train, validation)
        if seen is not None:
            fix = "Shuffle first: order = np.random.permutation(len(x)); x, y = x[order], y[order]."
            rule = f"the rows that `validation_split` takes from the end of `{where}` should hold the classes that are trained"
            report.add("HP401", where, rule, seen, fix)


def _one_sided(where, train, validation) -> str | None:
    """Return what is wrong with the classes of the rows held back, or None."""
    known, (found, counts) = np.unique(train), np.unique(validation, return_counts=True)
    if len(known) + len(found) > 1000:
        return None
    steps = np.diff(np.concatenate([train, validation]))
    ordered = len(steps) >= 10 and bool((steps >= 0).all() or (steps <= 0).all())
    unseen = ~np.isin(found, known)
    if counts[unseen].max(initial=0) >= (1 if ordered else 10):
        names = ", ".join(map(str, found[unseen][:10]))
        return f"classes {names} only there{', sorted targets' if ordered else ''}"
    if ordered and len(found) == 1 and len(known) > 1:
        return f"class {found[0]} alone, sorted targets"
    return None


def _classes(values):
    """Return class numbers of whole or one-hot targets, one a row, or None where they are something else."""
    if values is None or values.size == 0 or values.dtype.kind not in "biuf":
        return None
    if values.ndim == 2 and values.shape[1] > 1:
        rows = values[:512]
        if not (np.isin(rows, (0, 1)).all() and (rows.sum(1) == 1).all()):
            return None
        return values.argmax(1)
    if values.ndim > 2:
        return None
    flat = values.reshape(-1)
    if flat.dtype.kind == "f" and not np.array_equal(flat, np.round(flat)):
        return None
    return flat.astype("int64")
