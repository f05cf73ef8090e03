"""Finding what an object owns: the layers, variables and metrics among its attributes, inside lists and dicts too.

Attributes are looked through when somebody asks, so lists that grow later are seen. Order is that of assignment.
"""

from __future__ import annotations

_version = [0]  # counts changes of what layers own, so that lists of variables can be kept
PLAIN = (str, bytes, int, float, bool, complex, type(None))
_LONG = 1000
KEPT = "_owned_lists"  # the attribute that remembers what `owned_by` found


def changed() -> None:
    """Note that some layer has got a layer, a variable or a container of them."""
    _version[0] += 1


def forget(attributes: dict) -> None:
    """Note that an attribute is set or deleted: `owned_by` looks again."""
    attributes.pop(KEPT, None)


def version() -> int:
    """Return a number that is the same as long as no layer has got anything new."""
    return _version[0]


def owned_by(attributes: dict, kinds) -> list:
    """Return what `owned` does, remembered under `KEPT` until an attribute is set, where no container could grow unseen."""
    kept = attributes.get(KEPT)
    if kept is None:
        fixed = not any(
            isinstance(value, (list, dict, set))
            or (isinstance(value, tuple) and not all(isinstance(item, PLAIN) for item in value))
            for name, value in attributes.items()
            if name not in _IGNORED and name != "_weights_made"
        )
        kept = attributes[KEPT] = {} if fixed else False
    if kept is False:
        return owned(attributes, kinds)
    if kinds not in kept:
        kept[kinds] = owned(attributes, kinds)
    return kept[kinds]


def owned(attributes: dict, kinds) -> list:
    """Return the distinct objects of `kinds` (a class or tuple of classes) among attribute values, in order."""
    found: dict[int, object] = {}
    for name, value in attributes.items():
        if name in _IGNORED or isinstance(value, PLAIN):
            continue
        if isinstance(value, kinds):
            found.setdefault(id(value), value)
        elif isinstance(value, (list, tuple, dict, set)):
            _look_into(value, kinds, found, set())
    return list(found.values())


_IGNORED = {
    "_arguments",
    "_compile_arguments",
    "_kept_states",
    "_losses",
    "_nodes",
    "_programs",
    "_told",
    "_trainable_then",
    KEPT,
}


def _look_into(container, kinds, found, seen):
    if id(container) in seen:
        return
    seen.add(id(container))
    values = container.values() if isinstance(container, dict) else container
    if len(container) > _LONG and isinstance(next(iter(values)), PLAIN):
        return  # a vocabulary or a table of numbers, not a list of layers
    for value in values:
        if isinstance(value, PLAIN):
            continue
        if isinstance(value, kinds):
            found.setdefault(id(value), value)
        elif isinstance(value, (list, tuple, dict, set)):
            _look_into(value, kinds, found, seen)
