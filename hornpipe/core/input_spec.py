"""`InputSpec`: what a layer accepts, as a rule on shapes."""

from __future__ import annotations

from hornpipe.core.refusal import guarded


class InputSpec:
    """What a layer accepts: checked at every call.

    Args:
        dtype: dtype name or None.
        shape: tuple of ints and None, or None.
        ndim: exact number of axes or None.
        max_ndim, min_ndim: bounds on the number of axes or None.
        axes: dict axis -> size, or None.
        allow_last_axis_squeeze: bool. A missing last axis of size 1 is accepted.
        name: expected key where inputs are a dict.
        optional: bool. The input may be None.

    Example:
        >>> import hornpipe as keras
        >>> keras.layers.InputSpec(ndim=2, axes={-1: 8}).ndim
        2
    """

    @guarded("InputSpec")
    def __init__(
        self,
        dtype=None,
        shape=None,
        ndim=None,
        max_ndim=None,
        min_ndim=None,
        axes=None,
        allow_last_axis_squeeze=False,
        name=None,
        optional=False,
    ):
        self.dtype, self.name, self.optional = dtype, name, optional
        self.shape = None if shape is None else tuple(shape)
        self.ndim = len(self.shape) if shape is not None else ndim
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        self.allow_last_axis_squeeze = allow_last_axis_squeeze

    def problem(self, shape) -> str | None:
        """Return what is wrong with an input's `shape`, or None."""
        rank = len(shape)
        squeezable = self.allow_last_axis_squeeze and self.ndim == rank + 1
        if self.ndim is not None and rank != self.ndim and not squeezable:
            return f"needs inputs with {self.ndim} axes"
        if self.max_ndim is not None and rank > self.max_ndim:
            return f"needs inputs with at most {self.max_ndim} axes"
        if self.min_ndim is not None and rank < self.min_ndim:
            return f"needs inputs with at least {self.min_ndim} axes"
        wanted = dict(self.axes)
        wanted.update(enumerate(self.shape or ()))
        for axis, size in wanted.items():
            if size is not None and -rank <= axis < rank and shape[axis] not in (size, None):
                return f"needs inputs of size {size} on axis {axis}"
        return None
