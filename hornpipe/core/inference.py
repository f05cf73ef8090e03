"""Shapes of structures of tensors, and shape inference on the real engine where the shapes engine can't follow."""

from __future__ import annotations

import numpy as np

from hornpipe.core import tree
from hornpipe.engine import select, shapes


def is_number_list(value) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value) and all(is_number_list(item) for item in value)
    return isinstance(value, (int, float, np.generic))


def has_tensor(value) -> bool:
    return any(hasattr(leaf, "shape") for leaf in tree.flatten(value))


def shapes_of(value):
    """Return the shapes of a structure of tensors, unknown sizes as None."""
    if hasattr(value, "shape"):
        return tuple(value.shape)
    if isinstance(value, dict):
        return {key: shapes_of(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [shapes_of(item) for item in value]
    return None


def as_shape(tensor):
    return shapes.Tensor(tensor.shape, tensor.dtype) if hasattr(tensor, "shape") else tensor


def infer_on_engine(layer, args, kwargs, failure):
    """Infer shapes by tracing on the real engine, for a `call` that uses the engine's own library.

    Unknown sizes are tried as two different numbers; output sizes that differ between the two are unknown.
    """
    engine = select.chosen()
    leaves = [leaf for leaf in tree.flatten([args, kwargs]) if isinstance(leaf, shapes.Tensor)]

    def run(*tensors):
        iterator = iter(tensors)
        given_args, given_kwargs = tree.map_tree(
            lambda leaf: next(iterator) if isinstance(leaf, shapes.Tensor) else leaf, [args, kwargs]
        )
        return layer.call(*given_args, **given_kwargs)

    results = []
    for size in (3, 5):
        specs = [
            (tuple(size if n is None else n for n in leaf.shape), leaf.dtype) for leaf in leaves
        ]
        try:
            with select.use(engine):
                results.append(engine.eval_shape(run, *specs))
        except Exception:
            raise failure from None
    return _join_specs(*results)


def _join_specs(first, second):
    if isinstance(first, tuple) and len(first) == 2 and isinstance(first[1], str):
        sizes = tuple(a if a == b else None for a, b in zip(first[0], second[0], strict=True))
        return shapes.Tensor(sizes, first[1])
    if isinstance(first, dict):
        return {key: _join_specs(first[key], second[key]) for key in first}
    return type(first)(_join_specs(a, b) for a, b in zip(first, second, strict=True))
