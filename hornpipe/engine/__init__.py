"""Engines: the only code that names a tensor library. `contract.py` says what an engine supplies."""

import hornpipe
from hornpipe.engine.select import active, current, use

__path__.append(hornpipe.__path__[-1])
__all__ = ["active", "current", "use"]


def __getattr__(name):
    from hornpipe.core.dialect import find_name

    return find_name(__name__, name)
