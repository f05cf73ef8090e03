"""Seeds: one host generator that every unseeded layer draws from, and generators that live inside a model's state.

Random numbers are stateless: `random_bits(key, size)` in `hornpipe/ops/random.py` hashes (seed, counter, element). A
`SeedGenerator` holds that key as a variable; each `next` gives the key and moves the counter by one.
"""

from __future__ import annotations

import random as _python_random

import numpy as np

from hornpipe.core.errors import message
from hornpipe.core.refusal import guarded
from hornpipe.core.variable import Variable
from hornpipe.engine.select import active

_host = _python_random.Random()
_host_seed: list = [None]


def set_seed(seed: int) -> None:
    """Seed the host generator: layers, initializers and shuffles that were given no seed follow from it."""
    _host.seed(seed)
    _host_seed[0] = seed
    _global_generator.clear()


def draw_seed() -> int:
    """Return a fresh seed in [0, 2**31) from the host generator."""
    return _host.randrange(2**31)


def check_seed(seed, who: str) -> int:
    """Return `seed` as an int in [0, 2**31); None draws one.

    Raises:
        ValueError: it is neither None nor an integer.
    """
    if seed is None:
        return draw_seed()
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise ValueError(message(who, "`seed` must be an integer or None", f"seed={seed!r}"))
    return int(seed) % 2**31


def get_state() -> dict:
    """Return where the host generator and the global generator stand, as plain data."""
    _, words, gauss = _host.getstate()
    keys = [generator.state.numpy() for generator in _global_generator]
    return {"words": np.array(words, "uint32"), "gauss": gauss, "global": keys}


def set_state(state: dict) -> None:
    """Go on from where `get_state` said.

    Raises:
        ValueError, TypeError, KeyError: it is nothing that `get_state` returned.
    """
    keys = [np.asarray(key, "int32").reshape(2) for key in state["global"][:1]]
    _host.setstate((3, tuple(map(int, state["words"])), state["gauss"]))
    _global_generator[:] = [SeedGenerator(0) for _ in keys]
    for generator, key in zip(_global_generator, keys, strict=True):
        generator.state.assign(key)


class SeedGenerator:
    """Gives a new key at every call of `next`, reproducibly, also inside compiled steps.

    Args:
        seed: int or None (drawn from the host generator, see `utils.set_random_seed`).
        name: str or None.

    Raises:
        ValueError: `seed` is not an integer.

    Example:
        >>> import hornpipe as keras
        >>> generator = keras.random.SeedGenerator(7)
        >>> [generator.next().tolist() for _ in range(2)]
        [[7, 0], [7, 1]]
    """

    @guarded("SeedGenerator")
    def __init__(self, seed=None, name=None, **kwargs):
        if kwargs:
            raise TypeError(message("SeedGenerator", "got an unknown argument", next(iter(kwargs))))
        self.name = name or "seed_generator"
        self.seed = seed
        start = np.array([check_seed(seed, "SeedGenerator"), 0], "int32")
        self.state = Variable(start, name="seed_generator_state", trainable=False, dtype="int32")

    def next(self, ordered=True):
        """Return the current key, an int32 tensor `(2,)`, and move on."""
        key = self.state.value
        if ordered:
            engine = active.engine
            self.state.assign(engine.add(key, engine.asarray(np.array([0, 1], "int32"))))
        return key

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {"seed": self.seed}

    @classmethod
    def from_config(cls, config: dict):
        """Return the generator that `get_config` described."""
        return cls(**config)


_global_generator: list[SeedGenerator] = []


def global_generator() -> SeedGenerator:
    """Return the generator behind `keras.random` functions that were given no seed."""
    if not _global_generator:
        _global_generator.append(SeedGenerator(draw_seed()))
    return _global_generator[0]


def reset_global_generator() -> None:
    """Forget the global generator; the next one is seeded from the host generator."""
    _global_generator.clear()
