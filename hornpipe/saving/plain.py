"""Plain data with arrays in it, as JSON and named arrays: what callbacks and loops keep.

Everything comes back as it was, to the bit: tuples, NumPy scalars, NaN and infinity, keys that are no strings. Reading makes plain
data only, whatever the file says.

>>> import numpy as np
>>> from hornpipe.saving.plain import pack, unpack
>>> arrays = {}
>>> tree = pack({"best": float("inf"), "weights": [np.zeros(3)]}, arrays, "callback")
>>> tree
{'best': {'$float': 'inf'}, 'weights': [{'$array': 'callback/0'}]}
>>> unpack(tree, arrays, "a checkpoint")
{'best': inf, 'weights': [array([0., 0., 0.])]}
"""

from __future__ import annotations

import math

import numpy as np

from hornpipe.core.errors import message
from hornpipe.saving.validate import refuse

_LONG = 16  # lists of so many floats are written as an array
_MARK = "$"
_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def pack(value, arrays: dict, where: str):
    """Return `value` as JSON data; its arrays are put into `arrays` under names that begin with `where`.

    Args:
        value: None, bool, int, float, str, NumPy array or scalar, tensor, or lists, tuples and dicts of these.
        arrays: dict name -> array, added to.
        where: str. Whose data they are; also for the error.

    Raises:
        TypeError: something else.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float) and not isinstance(value, np.generic):
        return value if math.isfinite(value) else {"$float": str(value)}
    if isinstance(value, dict):
        if all(isinstance(key, str) and not key.startswith(_MARK) for key in value):
            return {str(key): pack(item, arrays, where) for key, item in value.items()}
        pairs = [
            [pack(key, arrays, where), pack(item, arrays, where)] for key, item in value.items()
        ]
        return {"$dict": pairs}
    if isinstance(value, (list, tuple)):
        if len(value) >= _LONG and all(type(item) is float for item in value):
            packed = {"$floats": _put(np.array(value, "float64"), arrays, where)}
        else:
            packed = [pack(item, arrays, where) for item in value]
        return {"$tuple": packed} if isinstance(value, tuple) else packed
    if hasattr(value, "__array__"):
        array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
        if array.dtype.kind in "biufV" and not array.dtype.names:
            name = _put(array, arrays, where)
            return {"$number": name} if isinstance(value, np.generic) else {"$array": name}
    fix = "Return numbers, texts, NumPy arrays, and lists and dicts of these."
    raise TypeError(message(where, "`get_state` must return plain data", f"{value!r}", fix))


def _put(array, arrays, where):
    name = f"{where}/{len(arrays)}"
    arrays[name] = array
    return name


def unpack(tree, arrays, who: str):
    """Return the value that `pack` turned into `tree`.

    Args:
        tree: JSON data.
        arrays: mapping name -> array.
        who: what is read, for errors.

    Raises:
        FileFormatError: it is nothing that `pack` returns, or an array is missing.
    """
    if isinstance(tree, list):
        return [unpack(item, arrays, who) for item in tree]
    if not isinstance(tree, dict):
        return tree
    mark = next(iter(tree), "")
    if not mark.startswith(_MARK):
        return {key: unpack(item, arrays, who) for key, item in tree.items()}
    content = tree[mark]
    if len(tree) == 1:
        if mark in ("$array", "$number", "$floats"):
            return _as(mark, _get(content, arrays, who), who)
        if mark == "$float" and isinstance(content, str) and content in _FLOATS:
            return _FLOATS[content]
        inner = unpack(content, arrays, who)
        if mark == "$tuple" and isinstance(inner, list):
            return tuple(inner)
        if mark == "$dict" and isinstance(inner, list) and all(map(_is_pair, inner)):
            return dict(inner)
    raise refuse(who, "holds data of an unknown kind", f"{tree!r}")


def _get(name, arrays, who):
    if not isinstance(name, str) or name not in arrays:
        raise refuse(who, "names an array that it does not hold", f"{name!r}")
    return arrays[name]


def _as(mark, array, who):
    if mark == "$array":
        return array
    if mark == "$number" and array.ndim == 0:
        return array[()]
    if mark == "$floats" and array.ndim == 1 and array.dtype == np.float64:
        return array.tolist()
    raise refuse(who, "holds an array of another shape or dtype than its data", f"{array.shape}")


def _is_pair(item) -> bool:
    return (
        isinstance(item, list) and len(item) == 2 and isinstance(item[0], (str, int, float, tuple))
    )
