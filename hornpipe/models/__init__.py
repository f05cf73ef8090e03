"""Models: layers put together, with `compile`, `fit`, `evaluate` and `predict`; copying, saving and loading them."""

from hornpipe.core.dialect import find_name
from hornpipe.models.model import Model
from hornpipe.models.sequential import Sequential

_SAVING = ("load_model", "model_from_json", "save_model")

__all__ = ["Model", "Sequential", "clone_model", *_SAVING]


def __getattr__(name):
    # Reading and writing files is loaded on first use.
    if name == "clone_model":
        from hornpipe.models.cloning import clone_model as value
    elif name in _SAVING:
        from hornpipe.saving import archive

        value = getattr(archive, name)
    else:
        return find_name(__name__, name, __all__)
    globals()[name] = value
    return value
