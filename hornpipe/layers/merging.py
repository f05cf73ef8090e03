"""Layers that take several inputs and give one: sums, products, joins.

>>> import numpy as np
>>> import hornpipe as keras
>>> keras.layers.Add()([np.ones((1, 2)), np.ones((1, 2))]).tolist()
[[2.0, 2.0]]
"""

from __future__ import annotations

from hornpipe import ops
from hornpipe.core.config import register
from hornpipe.core.errors import ShapeError, message
from hornpipe.core.layer import Layer
from hornpipe.core.refusal import guarded
from hornpipe.engine.shapes import broadcast_shapes
from hornpipe.layers._support import shape_error


def _shapes_in(layer, input_shape, least: int = 1, exact: int | None = None) -> list[tuple]:
    """Return the shapes of a list of inputs.

    Raises:
        ShapeError: it is not a list, or has fewer entries than needed.
    """
    several = isinstance(input_shape, (list, tuple)) and all(
        isinstance(each, (list, tuple)) for each in input_shape
    )
    count = len(input_shape) if several else 0
    if not several or count < least or (exact is not None and count != exact):
        number = f"exactly {exact}" if exact is not None else f"at least {least}"
        fix = f"Call it on a list, for example keras.layers.{type(layer).__name__}(...)([x1, x2])."
        raise shape_error(layer, f"takes a list of {number} inputs", input_shape, fix)
    return [tuple(shape) for shape in input_shape]


class Merge(Layer):
    """Base of the elementwise ones: inputs of any shapes that broadcast behind the batch axis."""

    supports_masking = True
    row_independent = True

    def build(self, input_shape):
        shapes = _shapes_in(self, input_shape)
        try:
            broadcast_shapes(*(self._lift(shape, max(map(len, shapes))) for shape in shapes))
        except ShapeError:
            rule = "needs inputs whose shapes broadcast"
            fix = "Sizes must be equal, or 1, on every axis behind the batch."
            raise shape_error(self, rule, shapes, fix) from None
        self.built = True

    @staticmethod
    def _lift(shape, rank):
        """Return a shape with ones behind the batch axis so that it has `rank` axes."""
        return (shape[0], *(1,) * (rank - len(shape)), *shape[1:]) if shape else (1,) * rank

    def _level(self, inputs):
        """Return the inputs with equal numbers of axes."""
        rank = max(len(x.shape) for x in inputs)
        return [
            x
            if len(x.shape) == rank
            else ops.expand_dims(x, tuple(range(1, rank - len(x.shape) + 1)))
            for x in inputs
        ]

    def _merge(self, first, second):
        raise NotImplementedError

    def _merge_all(self, inputs):
        result = inputs[0]
        for x in inputs[1:]:
            result = self._merge(result, x)
        return result

    def call(self, inputs):
        return self._merge_all(self._level(inputs))

    def compute_mask(self, inputs, previous_mask):
        return _all_masks(previous_mask)


def _all_masks(masks):
    """Return where all masks are True; None where an input has none."""
    if not isinstance(masks, (list, tuple)) or not masks or any(mask is None for mask in masks):
        return None
    rank = max(len(mask.shape) for mask in masks)
    result = None
    for mask in masks:
        for _ in range(rank - len(mask.shape)):
            mask = ops.expand_dims(mask, -1)
        result = mask if result is None else ops.logical_and(result, mask)
    return result


_DOC = """{what} of its inputs, element by element.

    Args:
        kwargs: the arguments of `Layer`.
    Input shape:
        A list of {count} tensors `(batch, ...)` whose shapes broadcast; missing axes are put behind the batch.
    Output shape:
        The shape they broadcast to. Its mask is True where those of all inputs are.
    Raises:
        ShapeError: not a list of {count}, or shapes that do not broadcast.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.{name}()([np.array([[1.0, 4.0]]), np.array([[3.0, 2.0]])]).tolist()
        {result}
    """


def _describe(what, result, count="at least one"):
    """Give an elementwise layer its docstring: they differ in a few words only."""

    def decorate(cls):
        cls.__doc__ = _DOC.format(what=what, result=result, name=cls.__name__, count=count)
        return cls

    return decorate


@register("layer")
@_describe("Compute the sum", "[[4.0, 6.0]]")
class Add(Merge):
    def _merge(self, first, second):
        return ops.add(first, second)


@register("layer")
@_describe("Compute the difference", "[[-2.0, 2.0]]", count="two")
class Subtract(Merge):
    def build(self, input_shape):
        _shapes_in(self, input_shape, exact=2)
        super().build(input_shape)

    def _merge(self, first, second):
        return ops.subtract(first, second)


@register("layer")
@_describe("Compute the product", "[[3.0, 8.0]]")
class Multiply(Merge):
    def _merge(self, first, second):
        return ops.multiply(first, second)


@register("layer")
@_describe("Compute the mean", "[[2.0, 3.0]]")
class Average(Merge):
    def _merge_all(self, inputs):
        total = inputs[0]
        for x in inputs[1:]:
            total = ops.add(total, x)
        return ops.divide(total, len(inputs))


@register("layer")
@_describe("Compute the largest", "[[3.0, 4.0]]")
class Maximum(Merge):
    def _merge(self, first, second):
        return ops.maximum(first, second)


@register("layer")
@_describe("Compute the smallest", "[[1.0, 2.0]]")
class Minimum(Merge):
    def _merge(self, first, second):
        return ops.minimum(first, second)


@register("layer")
class Concatenate(Layer):
    """Joins its inputs along an axis.

    Args:
        axis: int. Default -1.
    Input shape:
        A list of tensors with equal shapes, except along `axis`.
    Output shape:
        The same, with the sum of the sizes along `axis`. Masks are joined where they lie along `axis`, else it is True where those
        of all inputs are.
    Raises:
        ValueError: `axis` is not an integer (at construction).
        ShapeError: not a list, ranks that differ, or sizes that differ outside of `axis`.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.Concatenate()([np.ones((2, 3)), np.zeros((2, 1))]).shape
        (2, 4)
    """

    supports_masking = True

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        if isinstance(axis, bool) or not isinstance(axis, int):
            raise ValueError(message(self.who, "`axis` must be an integer", f"axis={axis!r}"))
        self.axis = axis
        self.row_independent = axis != 0 and self.activity_regularizer is None

    def build(self, input_shape):
        shapes = _shapes_in(self, input_shape)
        rank = len(shapes[0])
        if any(len(shape) != rank for shape in shapes):
            raise shape_error(self, "needs inputs with equal numbers of axes", shapes)
        if not -rank <= self.axis < rank:
            raise shape_error(self, f"`axis` {self.axis} does not exist in its inputs", shapes)
        for axis in range(rank):
            sizes = {shape[axis] for shape in shapes} - {None}
            if axis != self.axis % rank and len(sizes) > 1:
                rule = f"needs inputs of equal sizes except along axis {self.axis}; axis {axis} has {sorted(sizes)}"
                raise shape_error(self, rule, shapes)
        if self.axis % rank == 0:
            self.row_independent = False
        self.built = True

    def call(self, inputs):
        return ops.concatenate(list(inputs), axis=self.axis)

    def compute_mask(self, inputs, previous_mask):
        masks = previous_mask
        if not isinstance(masks, (list, tuple)) or all(mask is None for mask in masks):
            return None
        rank = len(inputs[0].shape)
        axis = self.axis % rank
        full = []
        for x, mask in zip(inputs, masks, strict=True):
            if mask is None:
                mask = ops.ones(tuple(x.shape), dtype="bool")
            for _ in range(rank - len(mask.shape)):
                mask = ops.expand_dims(mask, -1)
            full.append(ops.broadcast_to(mask, tuple(x.shape)))
        joined = ops.concatenate(full, axis=axis)
        known = max(len(mask.shape) for mask in masks if mask is not None)
        for _ in range(rank - known):
            joined = ops.all(joined, axis=-1)
        return joined


@register("layer")
class Dot(Layer):
    """Sums the products of two inputs along one axis of each.

    outputs[b, i, j] = sum over k of x1[b, i, k] * x2[b, k, j], for `axes=(2, 1)`.

    Args:
        axes: int >= 1 or < 0 for both inputs, or a pair of them: the axes that are summed over; never the batch.
        normalize: bool. Whether both inputs are divided by their length along that axis first: cosine similarity. Default False.
    Input shape:
        A list of two tensors `(batch, ...)`, rank >= 2, with equal sizes on `axes`.
    Output shape:
        `(batch, ...)`: the other axes of the first, then those of the second; `(batch, 1)` where none is left.
    Raises:
        ValueError: `axes` is of another form, or names the batch (at construction).
        ShapeError: not a list of two, or sizes that differ.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.Dot(axes=1)([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])]).tolist()
        [[11.0]]
    """

    supports_masking = True
    row_independent = True

    def __init__(self, axes, normalize=False, **kwargs):
        super().__init__(**kwargs)
        pair = list(axes) if isinstance(axes, (list, tuple)) else [axes]
        sound = len(pair) in (1, 2) and all(
            isinstance(axis, int) and not isinstance(axis, bool) for axis in pair
        )
        if not sound or (isinstance(axes, (list, tuple)) and len(pair) != 2):
            raise ValueError(
                message(self.who, "`axes` must be an integer or two of them", f"axes={axes!r}")
            )
        if 0 in pair:
            fix = "Axis 0 is the batch."
            raise ValueError(message(self.who, "`axes` must not be 0", f"axes={axes!r}", fix))
        self.axes = axes
        self.normalize = bool(normalize)

    def _pair(self, shapes) -> list[int]:
        pair = list(self.axes) if isinstance(self.axes, (list, tuple)) else [self.axes] * 2
        for axis, shape in zip(pair, shapes, strict=True):
            if not -len(shape) < axis < len(shape):
                raise shape_error(
                    self,
                    f"`axes` {self.axes} does not exist behind the batch of its inputs",
                    shapes,
                )
        return [axis % len(shape) for axis, shape in zip(pair, shapes, strict=True)]

    def build(self, input_shape):
        shapes = _shapes_in(self, input_shape, exact=2)
        if any(len(shape) < 2 for shape in shapes):
            raise shape_error(self, "needs inputs with at least 2 axes", shapes)
        first, second = self._pair(shapes)
        sizes = shapes[0][first], shapes[1][second]
        if None not in sizes and sizes[0] != sizes[1]:
            raise shape_error(
                self, f"`axes` {self.axes} have the sizes {sizes[0]} and {sizes[1]}", shapes
            )
        self.built = True

    def call(self, inputs):
        first, second = self._pair([tuple(x.shape) for x in inputs])
        x1, x2 = inputs
        if self.normalize:
            x1, x2 = _unit(x1, first), _unit(x2, second)
        letters = iter("bcdefghijklmnopqrstuvwxy")
        left = [
            "z" if i == first else "a" if i == 0 else next(letters) for i in range(len(x1.shape))
        ]
        right = [
            "z" if i == second else "a" if i == 0 else next(letters) for i in range(len(x2.shape))
        ]
        kept = [letter for letter in left + right if letter not in "az"]
        outputs = ops.einsum(f"{''.join(left)},{''.join(right)}->a{''.join(kept)}", x1, x2)
        return outputs if kept else ops.expand_dims(outputs, 1)

    def compute_mask(self, inputs, previous_mask):
        return None


def _unit(x, axis):
    length = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return ops.multiply(x, ops.rsqrt(ops.maximum(length, 1e-12)))


def _function(cls, what, result):
    @guarded(cls.__name__.lower())
    def merge(inputs, **kwargs):
        return cls(**kwargs)(inputs)

    name = cls.__name__.lower()
    merge.__name__ = merge.__qualname__ = name
    merge.__doc__ = f"""{what} of a list of tensors, element by element: the layer `{cls.__name__}` called on them.

    Args:
        inputs: list of tensors whose shapes broadcast.
        kwargs: the arguments of `{cls.__name__}`.
    Raises:
        ShapeError: as `{cls.__name__}`.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.{name}([np.array([[1.0, 4.0]]), np.array([[3.0, 2.0]])]).tolist()
        {result}
    """
    return merge


add = _function(Add, "Return the sum", "[[4.0, 6.0]]")
subtract = _function(Subtract, "Return the difference", "[[-2.0, 2.0]]")
multiply = _function(Multiply, "Return the product", "[[3.0, 8.0]]")
average = _function(Average, "Return the mean", "[[2.0, 3.0]]")
maximum = _function(Maximum, "Return the largest", "[[3.0, 4.0]]")
minimum = _function(Minimum, "Return the smallest", "[[1.0, 2.0]]")


@guarded()
def concatenate(inputs, axis=-1, **kwargs):
    """Join a list of tensors along an axis: the layer `Concatenate` called on them.

    Args:
        inputs: list of tensors with equal shapes, except along `axis`.
        axis: int. Default -1.
        kwargs: the arguments of `Layer`.
    Raises:
        ShapeError: as `Concatenate`.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.concatenate([np.ones((2, 3)), np.zeros((2, 1))]).shape
        (2, 4)
    """
    return Concatenate(axis=axis, **kwargs)(inputs)


@guarded()
def dot(inputs, axes=-1, **kwargs):
    """Sum the products of two tensors along one axis of each: the layer `Dot` called on them.

    Args:
        inputs: list of two tensors.
        axes: int or a pair. Default -1.
        kwargs: the arguments of `Dot`.
    Raises:
        ShapeError: as `Dot`.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.dot([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])]).tolist()
        [[11.0]]
    """
    return Dot(axes=axes, **kwargs)(inputs)
