"""Nested structures, under the names of `keras.tree`.

>>> import hornpipe as keras
>>> keras.tree.flatten({"a": 1, "b": [2, 3]})
[1, 2, 3]
"""

from __future__ import annotations

from hornpipe.core import tree as _tree
from hornpipe.core.refusal import guarded
from hornpipe.core.tree import map_tree, pack_like

__all__ = ["flatten", "map_structure", "pack_sequence_as"]


flatten = guarded()(_tree.flatten)


@guarded()
def map_structure(function, structure):
    """Return the same structure with `function` applied to every leaf."""
    return map_tree(function, structure)


@guarded()
def pack_sequence_as(structure, flat_sequence):
    """Return the structure with its leaves replaced, in order, by `flat_sequence`."""
    return pack_like(structure, flat_sequence)
