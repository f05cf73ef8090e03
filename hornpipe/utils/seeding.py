"""One seed for every source of random numbers."""

from __future__ import annotations

import numbers
import random

import numpy as np

from hornpipe.core.errors import message
from hornpipe.core.refusal import guarded


@guarded()
def set_random_seed(seed):
    """Seed Python's `random`, NumPy's global generator and hornpipe's own generator.

    Args:
        seed: int in [0, 2**32 - 1].

    Raises:
        ValueError: `seed` is no int, or outside that range.

    Example:
        >>> import random
        >>> import hornpipe as keras
        >>> keras.utils.set_random_seed(7)
        >>> first = random.random()
        >>> keras.utils.set_random_seed(7)
        >>> random.random() == first
        True
    """
    whole = isinstance(seed, numbers.Integral) and not isinstance(seed, bool)
    if not whole or not 0 <= int(seed) < 2**32:
        rule = "`seed` must be an integer from 0 to 2**32 - 1"
        raise ValueError(message("set_random_seed", rule, f"seed={seed!r}", "For example seed=42."))
    from hornpipe.core.random import set_seed

    seed = int(seed)
    random.seed(seed)
    np.random.seed(seed)
    set_seed(seed)
