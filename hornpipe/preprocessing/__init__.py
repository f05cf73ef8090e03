"""Preparations of sequences and texts, as `keras.preprocessing`.

>>> from hornpipe.preprocessing import text
>>> text.text_to_word_sequence("The cat sat. The cat!")
['the', 'cat', 'sat', 'the', 'cat']
"""

from __future__ import annotations

import importlib

_MODULES = ("sequence", "text")

__all__ = list(_MODULES)


def __getattr__(name: str):
    if name not in _MODULES:
        from hornpipe.core.dialect import find_name

        return find_name(__name__, name, _MODULES)
    return importlib.import_module(f"{__name__}.{name}")


def __dir__():
    return sorted(__all__)
