"""Shapes: reshaping, joining, splitting, moving axes, padding, repeating.

>>> import hornpipe as keras
>>> keras.ops.concatenate([[1, 2], [3]]).tolist()
[1, 2, 3]
"""

from __future__ import annotations

import builtins
import itertools

import numpy as np

from hornpipe.core.errors import ShapeError, message
from hornpipe.core.op import convert, op, to_tensor
from hornpipe.core.refusal import guarded
from hornpipe.engine.select import active
from hornpipe.ops._common import all_axes, check_choice, count, int_tuple, one_axis


@guarded(tensors=1)
def ndim(x) -> int:
    """Return the number of axes.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.ndim([[1, 2]])
        2
    """
    return len(shape(x))


@guarded(tensors=1)
def shape(x) -> tuple:
    """Return the shape as a tuple of ints; a symbolic tensor's unknown sizes are None.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.shape([[1, 2, 3]])
        (1, 3)
    """
    return tuple(x.shape) if hasattr(x, "shape") else tuple(to_tensor(x).shape)


@guarded(tensors=1)
def size(x) -> int | None:
    """Return the number of elements; None where a symbolic tensor's shape is unknown.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.size([[1, 2, 3]])
        3
    """
    return count(shape(x))


@op(dtype="same")
def reshape(x, newshape):
    """Return the elements of `x`, row by row, in another shape.

    Args:
        x: tensor.
        newshape: int or sequence of ints; one may be -1, the size that is left. None (from a symbolic tensor's shape) also
            stands for the size that is left, or beside a -1 for the size of the same axis of `x`.
    Returns:
        That shape; dtype of `x`.
    Raises:
        ValueError: the number of elements differs, or more than one size is left open.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.reshape([1, 2, 3, 4], (2, -1)).tolist()
        [[1, 2], [3, 4]]
    """
    wanted = list(newshape) if isinstance(newshape, (tuple, list)) else [newshape]
    wanted = [size if size is None else int(size) for size in wanted]
    old = tuple(x.shape)
    if None in wanted and (-1 in wanted or wanted.count(None) > 1):
        wanted = [
            old[i] if size is None and i < len(old) else size for i, size in enumerate(wanted)
        ]
    elif None in wanted and count(old) is not None:
        wanted = [-1 if size is None else size for size in wanted]
    if wanted.count(-1) > 1 or builtins.any(size is not None and size < -1 for size in wanted):
        raise ValueError(
            message(
                "reshape",
                "`newshape` must hold sizes >= 0 and at most one -1",
                f"newshape={newshape}",
            )
        )
    total = count(old)
    if total is not None and None not in wanted:
        rest = count([size for size in wanted if size != -1])
        if total != rest if -1 not in wanted else (total % rest if rest else total):
            rule = f"`newshape` must keep the {total} elements of the shape {old}"
            raise ShapeError(message("reshape", rule, f"newshape={newshape}"))
        if -1 in wanted:
            wanted[wanted.index(-1)] = total // rest if rest else 0
    return active.engine.reshape(x, tuple(wanted))


@op(dtype="same")
def ravel(x):
    """Return the elements row by row along one axis.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.ravel([[1, 2], [3, 4]]).tolist()
        [1, 2, 3, 4]
    """
    return reshape(x, (-1,))


@op(dtype="same")
def transpose(x, axes=None):
    """Return `x` with its axes in another order.

    Args:
        x: tensor.
        axes: sequence with every axis once; None reverses them.
    Raises:
        ValueError: `axes` is not a permutation.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.transpose([[1, 2], [3, 4]]).tolist()
        [[1, 3], [2, 4]]
    """
    rank = len(x.shape)
    order = (
        tuple(range(rank))[::-1]
        if axes is None
        else tuple(one_axis("transpose", axis, rank) for axis in axes)
    )
    if sorted(order) != list(range(rank)):
        raise ShapeError(
            message("transpose", f"`axes` must hold each of the {rank} axes once", f"axes={axes}")
        )
    return active.engine.transpose(x, order)


@op(dtype="same")
def moveaxis(x, source, destination):
    """Move axes to other places; the rest keep their order.

    Args:
        x: tensor.
        source, destination: int or sequences of equal length.
    Raises:
        ValueError: the lengths differ or an axis does not exist.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.moveaxis(keras.ops.zeros((2, 3, 4)), 0, -1).shape == (3, 4, 2)
        True
    """
    rank = len(x.shape)
    given = [axis if isinstance(axis, (tuple, list)) else (axis,) for axis in (source, destination)]
    froms, tos = ([one_axis("moveaxis", axis, rank) for axis in axes] for axes in given)
    if len(froms) != len(tos) or len(set(froms)) < len(froms) or len(set(tos)) < len(tos):
        rule = "`source` and `destination` must name as many axes, each once"
        raise ValueError(message("moveaxis", rule, f"source={source}, destination={destination}"))
    order = [axis for axis in range(rank) if axis not in froms]
    for to, origin in sorted(zip(tos, froms, strict=True)):
        order.insert(to, origin)
    return active.engine.transpose(x, tuple(order))


@op(dtype="same")
def swapaxes(x, axis1, axis2):
    """Exchange two axes.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.swapaxes([[1, 2]], 0, 1).tolist()
        [[1], [2]]
    """
    rank = len(x.shape)
    first, second = one_axis("swapaxes", axis1, rank), one_axis("swapaxes", axis2, rank)
    order = list(range(rank))
    order[first], order[second] = second, first
    return active.engine.transpose(x, tuple(order))


@op(dtype="same")
def expand_dims(x, axis):
    """Insert axes of size 1.

    Args:
        x: tensor.
        axis: int or sequence of ints, places in the result.
    Raises:
        ValueError: a place does not exist or stands twice.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.expand_dims([1, 2], -1).tolist()
        [[1], [2]]
    """
    added = len(axis) if isinstance(axis, (tuple, list)) else 1
    places = all_axes("expand_dims", axis, len(x.shape) + added)
    sizes = list(x.shape)
    for place in places:
        sizes.insert(place, 1)
    return active.engine.reshape(x, tuple(sizes))


@op(dtype="same")
def squeeze(x, axis=None):
    """Drop axes of size 1.

    Args:
        x: tensor.
        axis: int, sequence of ints, or None for every axis of size 1.
    Raises:
        ValueError: a named axis has another size.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.squeeze([[1, 2]]).tolist()
        [1, 2]
    """
    sizes = tuple(x.shape)
    if axis is None:
        axes = tuple(i for i, each in enumerate(sizes) if each == 1)
    else:
        axes = all_axes("squeeze", axis, len(sizes))
        if builtins.any(sizes[i] not in (1, None) for i in axes):
            raise ShapeError(
                message("squeeze", "`axis` must name axes of size 1", f"axis={axis}, shape={sizes}")
            )
    return active.engine.reshape(x, tuple(each for i, each in enumerate(sizes) if i not in axes))


@op(dtype="same")
def broadcast_to(x, shape):
    """Repeat `x` along axes of size 1, and new leading ones, to a shape.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.broadcast_to([1, 2], (2, 2)).tolist()
        [[1, 2], [1, 2]]
    """
    return active.engine.broadcast_to(x, tuple(shape))


@op(lists=True)
def concatenate(xs, axis=0):
    """Join tensors along an axis they have.

    Args:
        xs: list of tensors, at least one; equal shapes but for `axis`. They meet in a common dtype.
        axis: int.
    Raises:
        ValueError: `xs` is empty, or shapes differ outside `axis`.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.concatenate([[[1], [2]], [[3], [4]]], axis=1).tolist()
        [[1, 3], [2, 4]]
    """
    return active.engine.concatenate(xs, axis=one_axis("concatenate", axis, len(xs[0].shape)))


@op(lists=True)
def stack(x, axis=0):
    """Join tensors of one shape along a new axis.

    Args:
        x: list of tensors, at least one. They meet in a common dtype.
        axis: int. Place of the new axis.
    Raises:
        ValueError: `x` is empty, or shapes differ.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.stack([[1, 2], [3, 4]], axis=1).tolist()
        [[1, 3], [2, 4]]
    """
    axis = one_axis("stack", axis, len(x[0].shape) + 1)
    return active.engine.concatenate([expand_dims(each, axis) for each in x], axis=axis)


def _pieces(who, x, indices_or_sections, axis, uneven):
    """Return the borders at which `x` is cut along `axis`."""
    total = x.shape[axis]
    if isinstance(indices_or_sections, (int, np.integer)):
        sections = int(indices_or_sections)
        if sections < 1:
            raise ValueError(
                message(
                    who, "the number of sections must be >= 1", f"indices_or_sections={sections}"
                )
            )
        if total is None:
            return [None] * (sections - 1)
        base, extra = divmod(total, sections)
        if extra and not uneven:
            rule = f"axis {axis} of size {total} must divide into {sections} equal sections"
            raise ShapeError(message(who, rule, f"shape={tuple(x.shape)}"))
        widths = [base + 1] * extra + [base] * (sections - extra)
        return list(itertools.accumulate(widths))[:-1]
    return [int(border) for border in indices_or_sections]


def _split(who, x, indices_or_sections, axis, uneven=False):
    axis = one_axis(who, axis, len(x.shape))
    borders = [0, *_pieces(who, x, indices_or_sections, axis, uneven), None]
    before = (slice(None),) * axis
    return [
        active.engine.getitem(x, (*before, slice(a, b))) for a, b in itertools.pairwise(borders)
    ]


@op(dtype="same")
def split(x, indices_or_sections, axis=0):
    """Cut `x` along an axis into a list of tensors.

    Args:
        x: tensor.
        indices_or_sections: int, the number of equal pieces; or a sequence of places to cut at.
        axis: int.
    Raises:
        ValueError: the axis does not divide into that many equal pieces.

    Example:
        >>> import hornpipe as keras
        >>> [part.tolist() for part in keras.ops.split([1, 2, 3, 4], [1, 3])]
        [[1], [2, 3], [4]]
    """
    return _split("split", x, indices_or_sections, axis)


@op(dtype="same")
def array_split(x, indices_or_sections, axis=0):
    """Cut `x` along an axis into a list of tensors; the first pieces are one longer where it does not divide.

    Example:
        >>> import hornpipe as keras
        >>> [part.tolist() for part in keras.ops.array_split([1, 2, 3], 2)]
        [[1, 2], [3]]
    """
    return _split("array_split", x, indices_or_sections, axis, uneven=True)


@op(dtype="same")
def unstack(x, num=None, axis=0):
    """Return a list of the slices of `x` along an axis, without it.

    Args:
        x: tensor.
        num: int, the size of that axis, needed only where a symbolic tensor's size is unknown.
        axis: int.
    Raises:
        ValueError: the size is unknown and `num` is not given, or differs from it.

    Example:
        >>> import hornpipe as keras
        >>> [row.tolist() for row in keras.ops.unstack([[1, 2], [3, 4]])]
        [[1, 2], [3, 4]]
    """
    axis = one_axis("unstack", axis, len(x.shape))
    total = x.shape[axis]
    if (num is None and total is None) or (None not in (num, total) and num != total):
        rule = f"`num` must be the size of axis {axis}"
        raise ValueError(message("unstack", rule, f"num={num}, shape={tuple(x.shape)}"))
    before = (slice(None),) * axis
    return [active.engine.getitem(x, (*before, i)) for i in range(total if num is None else num)]


@op(dtype="same")
def flip(x, axis=None):
    """Reverse the order of elements along axes (None for all).

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.flip([1, 2, 3]).tolist()
        [3, 2, 1]
    """
    axes = all_axes("flip", axis, len(x.shape))
    return active.engine.flip(x, axis=axes) if axes else x


@op(dtype="same")
def pad(x, pad_width, mode="constant", constant_values=None):
    """Add elements before and after each axis.

    Args:
        x: tensor.
        pad_width: int, a pair (before, after) for every axis, or a sequence of pairs, one an axis.
        mode: "constant", "reflect" (mirrored without the edge), "symmetric" (with it), "edge" or "wrap".
        constant_values: number; only for "constant". Default 0.
    Raises:
        ValueError: a width is negative, the number of pairs differs from the rank, or a mirrored width exceeds the axis.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.pad([1, 2, 3], 1, mode="reflect").tolist()
        [2, 1, 2, 3, 2]
    """
    check_choice("pad", "mode", mode, ("constant", "reflect", "symmetric", "edge", "wrap"))
    widths = _pad_widths(pad_width, len(x.shape))
    if mode == "constant":
        return active.engine.pad(x, widths, value=0 if constant_values is None else constant_values)
    if constant_values is not None:
        raise ValueError(
            message("pad", '`constant_values` goes with mode="constant" only', f"mode={mode!r}")
        )
    for axis, (before, after) in enumerate(widths):
        if before or after:
            x = _pad_from_inside(x, axis, before, after, mode)
    return x


def _pad_widths(pad_width, rank):
    if isinstance(pad_width, (int, np.integer)):
        pairs = [(pad_width, pad_width)] * rank
    else:
        listed = np.asarray(pad_width).tolist()
        if listed and not isinstance(listed[0], list):
            pairs = [(listed * 2)[:2]] * rank
        elif len(listed) == 1:
            pairs = listed * rank
        else:
            pairs = listed
    sound = builtins.all(
        len(pair) == 2 and int(pair[0]) == pair[0] >= 0 and pair[1] >= 0 for pair in pairs
    )
    if len(pairs) != rank or not sound:
        rule = f"`pad_width` must hold {rank} pairs of integers >= 0"
        raise ValueError(message("pad", rule, f"pad_width={pad_width!r}"))
    return [(int(before), int(after)) for before, after in pairs]


def _pad_from_inside(x, axis, before, after, mode):
    """Pad one axis with elements of `x`, whose places are known from the sizes alone."""
    total = x.shape[axis]
    if total is None:
        return active.engine.pad(
            x, [(before, after) if i == axis else (0, 0) for i in range(len(x.shape))]
        )
    if total == 0:
        raise ShapeError(
            message(
                "pad", f"axis {axis} must not be empty for mode={mode!r}", f"shape={tuple(x.shape)}"
            )
        )
    numpy_mode = {"edge": "edge", "wrap": "wrap", "reflect": "reflect", "symmetric": "symmetric"}[
        mode
    ]
    order = np.pad(np.arange(total, dtype="int32"), (before, after), mode=numpy_mode)
    return active.engine.take(x, active.engine.asarray(order), axis=axis)


@op(dtype="same")
def repeat(x, repeats, axis=None):
    """Repeat each element.

    Args:
        x: tensor.
        repeats: int, or a sequence of ints (known numbers, not tensors of a compiled function), one for each element of the axis.
        axis: int; None works on the elements row by row.
    Raises:
        ValueError: a negative count, or a sequence of another length.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.repeat([1, 2], 2).tolist()
        [1, 1, 2, 2]
    """
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    axis = one_axis("repeat", axis, len(x.shape))
    total = x.shape[axis]
    counts = np.asarray(repeats).reshape(-1)
    if (counts < 0).any() or (counts.size != 1 and total is not None and counts.size != total):
        rule = f"`repeats` must be an integer >= 0 or {total} of them"
        raise ValueError(message("repeat", rule, f"repeats={repeats!r}"))
    if counts.size == 1:
        times = int(counts[0])
        sizes = tuple(x.shape)
        wide = expand_dims(x, axis + 1)
        wide = active.engine.broadcast_to(wide, (*sizes[: axis + 1], times, *sizes[axis + 1 :]))
        grown = None if total is None else total * times
        return active.engine.reshape(wide, (*sizes[:axis], grown, *sizes[axis + 1 :]))
    order = np.repeat(np.arange(counts.size, dtype="int32"), counts)
    return active.engine.take(x, active.engine.asarray(order), axis=axis)


@op(dtype="same")
def tile(x, repeats):
    """Repeat the whole of `x` along its axes.

    Args:
        x: tensor.
        repeats: int, or a sequence of ints; the shorter of `repeats` and the shape is filled with ones in front.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.tile([1, 2], 2).tolist()
        [1, 2, 1, 2]
    """
    times = list(repeats) if isinstance(repeats, (tuple, list)) else [repeats]
    times = list(int_tuple("tile", "repeats", times, len(times), least=0))
    sizes = list(x.shape)
    times = [1] * (len(sizes) - len(times)) + times
    sizes = [1] * (len(times) - len(sizes)) + sizes
    paired = [part for each in sizes for part in (1, each)]
    wide = active.engine.reshape(x, tuple(paired))
    wide = active.engine.broadcast_to(
        wide, tuple(v for n, each in zip(times, sizes, strict=True) for v in (n, each))
    )
    grown = tuple(None if each is None else n * each for n, each in zip(times, sizes, strict=True))
    return active.engine.reshape(wide, grown)


@op(dtype="same")
def roll(x, shift, axis=None):
    """Move elements along axes; what falls off one end comes in at the other.

    Args:
        x: tensor.
        shift: int, or as many as axes.
        axis: int, sequence of ints, or None for the elements row by row.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.roll([1, 2, 3], 1).tolist()
        [3, 1, 2]
    """
    if axis is None:
        return reshape(roll(reshape(x, (-1,)), shift, 0), tuple(x.shape))
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    shifts = shift if isinstance(shift, (tuple, list)) else (shift,) * len(axes)
    if len(shifts) != len(axes):
        raise ValueError(
            message("roll", "`shift` and `axis` must be as many", f"shift={shift}, axis={axis}")
        )
    for one, moved in zip(axes, shifts, strict=True):
        one = one_axis("roll", one, len(x.shape))
        if x.shape[one]:
            cut = -int(moved) % x.shape[one]
            before = (slice(None),) * one
            parts = [(*before, slice(cut, None)), (*before, slice(0, cut))]
            x = (
                active.engine.concatenate(
                    [active.engine.getitem(x, part) for part in parts], axis=one
                )
                if cut
                else x
            )
    return x


@op(dtype="same")
def rot90(array, k=1, axes=(0, 1)):
    """Turn the plane of two axes by 90 degrees, `k` times, from the first axis towards the second.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.rot90([[1, 2], [3, 4]]).tolist()
        [[2, 4], [1, 3]]
    """
    first, second = (one_axis("rot90", axis, len(array.shape)) for axis in axes)
    if first == second:
        raise ValueError(message("rot90", "`axes` must be two different axes", f"axes={axes}"))
    turns = k % 4
    if turns == 2:
        return flip(array, (first, second))
    if turns == 1:
        return swapaxes(flip(array, second), first, second)
    return flip(swapaxes(array, first, second), second) if turns == 3 else array


def _at_least_1d(xs, axis=0):
    return [each if len(each.shape) else reshape(each, (1,)) for each in xs]


@op(lists=True)
def hstack(xs):
    """Join tensors side by side: along the second axis, or the only one.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.hstack([[1], [2, 3]]).tolist()
        [1, 2, 3]
    """
    xs = _at_least_1d(xs)
    return active.engine.concatenate(xs, axis=0 if len(xs[0].shape) == 1 else 1)


@op(lists=True)
def vstack(xs):
    """Join tensors below each other; vectors count as rows.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.vstack([[1, 2], [3, 4]]).tolist()
        [[1, 2], [3, 4]]
    """
    rows = [each if len(each.shape) > 1 else reshape(each, (1, -1)) for each in xs]
    return active.engine.concatenate(rows, axis=0)


@op(lists=True)
def dstack(xs):
    """Join tensors along the third axis, which vectors and matrices are given.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.dstack([[1, 2], [3, 4]]).tolist()
        [[[1, 3], [2, 4]]]
    """
    rows = [each if len(each.shape) > 1 else reshape(each, (1, -1)) for each in xs]
    return active.engine.concatenate(
        [each if len(each.shape) > 2 else expand_dims(each, 2) for each in rows], axis=2
    )


@op(tensors=2)
def append(x1, x2, axis=None):
    """Join two tensors along an axis; None joins their elements row by row.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.append([[1, 2]], 3).tolist()
        [1, 2, 3]
    """
    x1, x2 = (to_tensor(x) for x in (x1, x2))
    x1, x2 = convert([x1, x2], "promote")
    if axis is None:
        x1, x2, axis = reshape(x1, (-1,)), reshape(x2, (-1,)), 0
    return concatenate([x1, x2], axis)


@op(lists=True)
def _meshed(xs, indexing):
    rank = len(xs)
    flat = [reshape(x, (-1,)) for x in xs]
    places = list(range(rank))
    if indexing == "xy" and rank > 1:
        places[0], places[1] = 1, 0
    sizes = [None] * rank
    for x, place in zip(flat, places, strict=True):
        sizes[place] = x.shape[0]
    out = []
    for x, place in zip(flat, places, strict=True):
        line = active.engine.reshape(x, tuple(x.shape[0] if i == place else 1 for i in range(rank)))
        out.append(active.engine.broadcast_to(line, tuple(sizes)))
    return out


@guarded(tensors=1)
def meshgrid(*x, indexing="xy"):
    """Return coordinate grids of vectors.

    Args:
        x: vectors.
        indexing: "xy" (the second vector runs along the first axis) or "ij" (each runs along its own).
    Returns:
        list of tensors, one a vector, each with one axis a vector.
    Raises:
        ValueError: `indexing` is neither.

    Example:
        >>> import hornpipe as keras
        >>> [grid.tolist() for grid in keras.ops.meshgrid([1, 2], [3, 4, 5])]
        [[[1, 2], [1, 2], [1, 2]], [[3, 3], [4, 4], [5, 5]]]
    """
    check_choice("meshgrid", "indexing", indexing, ("xy", "ij"))
    return _meshed(list(x), indexing) if x else []


@guarded(tensors=1)
def fliplr(x):
    """Return `x` reversed along its second axis.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.fliplr([[1, 2]]).tolist()
        [[2, 1]]
    """
    return flip(x, 1)


@guarded(tensors=1)
def flipud(x):
    """Return `x` reversed along its first axis.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.flipud([1, 2]).tolist()
        [2, 1]
    """
    return flip(x, 0)


@guarded(tensors=1)
def hsplit(x, indices_or_sections):
    """Return `split` along the second axis, or the only one.

    Example:
        >>> import hornpipe as keras
        >>> [part.tolist() for part in keras.ops.hsplit([[1, 2]], 2)]
        [[[1]], [[2]]]
    """
    return split(x, indices_or_sections, 0 if ndim(x) == 1 else 1)


@guarded(tensors=1)
def vsplit(x, indices_or_sections):
    """Return `split` along the first axis.

    Example:
        >>> import hornpipe as keras
        >>> [part.tolist() for part in keras.ops.vsplit([[1], [2]], 2)]
        [[[1]], [[2]]]
    """
    return split(x, indices_or_sections, 0)


@guarded(tensors=1)
def dsplit(x, indices_or_sections):
    """Return `split` along the third axis.

    Example:
        >>> import hornpipe as keras
        >>> [part.tolist() for part in keras.ops.dsplit([[[1, 2]]], 2)]
        [[[[1]]], [[[2]]]]
    """
    return split(x, indices_or_sections, 2)
