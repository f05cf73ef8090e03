"""Random numbers, named and called as in `keras.random`; the same on every engine for the same seed.

>>> import hornpipe as keras
>>> keras.random.randint((3,), 0, 10, seed=1).shape == (3,)
True
"""

from __future__ import annotations

from hornpipe.core.random import SeedGenerator
from hornpipe.ops.random import (
    beta,
    binomial,
    categorical,
    dropout,
    gamma,
    normal,
    randint,
    shuffle,
    truncated_normal,
    uniform,
)

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]
