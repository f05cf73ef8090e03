"""Nested structures of lists, tuples and dicts: flatten, rebuild, map."""

from __future__ import annotations

from typing import Any


def flatten(tree) -> list:
    """Return the leaves in order; a dict's in the order of its keys as inserted. None is a leaf."""
    if isinstance(tree, dict):
        return [leaf for value in tree.values() for leaf in flatten(value)]
    if isinstance(tree, (list, tuple)):
        return [leaf for value in tree for leaf in flatten(value)]
    return [tree]


def map_tree(function, tree) -> Any:
    """Return the same structure with `function` applied to every leaf."""
    if isinstance(tree, dict):
        return {key: map_tree(function, value) for key, value in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(map_tree(function, value) for value in tree))
    if isinstance(tree, (list, tuple)):
        return type(tree)(map_tree(function, value) for value in tree)
    return function(tree)


def pack_like(tree, leaves):
    """Return the structure of `tree` with its leaves replaced by `leaves`, in order."""
    iterator = iter(leaves)
    return map_tree(lambda _: next(iterator), tree)


def map_shapes(function, shapes):
    """Return the structure with `function` applied to every shape (a tuple or list of ints and None)."""
    if is_shape(shapes):
        return function(tuple(shapes))
    if isinstance(shapes, dict):
        return {key: map_shapes(function, value) for key, value in shapes.items()}
    return type(shapes)(map_shapes(function, value) for value in shapes)


def is_shape(value) -> bool:
    """Return whether `value` is one shape rather than a structure of shapes."""
    return isinstance(value, (tuple, list)) and all(
        size is None or isinstance(size, int) for size in value
    )
