"""Models: layers put together, with `compile`, `fit`, `evaluate` and `predict`."""

from hornpipe.models.model import Model
from hornpipe.models.sequential import Sequential

__all__ = ["Model", "Sequential"]
