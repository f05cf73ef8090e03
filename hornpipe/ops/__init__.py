"""Operations on tensors, named and called as in `keras.ops`; the same on every engine.

>>> import hornpipe as keras
>>> keras.ops.mean(keras.ops.square([1.0, 3.0])).tolist()
5.0
"""

from __future__ import annotations

import types as _types

from hornpipe.ops import control as _control
from hornpipe.ops import conv as _conv
from hornpipe.ops import create as _create
from hornpipe.ops import index as _index
from hornpipe.ops import linalg as _linalg
from hornpipe.ops import math as _math
from hornpipe.ops import nn as _nn
from hornpipe.ops import norm as _norm
from hornpipe.ops import order as _order
from hornpipe.ops import pool as _pool
from hornpipe.ops import reduce as _reduce
from hornpipe.ops import shape as _shape

_FAMILIES = (
    _math,
    _shape,
    _create,
    _reduce,
    _index,
    _order,
    _linalg,
    _nn,
    _norm,
    _conv,
    _pool,
    _control,
)


def _public(module):
    for name, value in vars(module).items():
        own = getattr(value, "__module__", "") == module.__name__ or hasattr(value, "op_name")
        if own and isinstance(value, _types.FunctionType) and not name.startswith("_"):
            yield name, value


for _family in _FAMILIES:
    globals().update(_public(_family))

from hornpipe.ops.random import random_bits  # noqa: E402
