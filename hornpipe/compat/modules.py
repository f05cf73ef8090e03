"""`install_as("keras")`: from then on `import keras` and what lies below it mean hornpipe.

>>> import hornpipe
>>> hornpipe.install_as("keras_of_doctest", quiet=True)
>>> from keras_of_doctest.layers.core import Dense
>>> from keras_of_doctest.utils.np_utils import to_categorical
>>> to_categorical([1], nb_classes=2)
array([[0., 1.]])
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
import warnings

from hornpipe.compat.keras1 import MODULES
from hornpipe.core.dialect import hearing
from hornpipe.core.errors import message

# names below a package that were files for some time, but are functions to those who import them from the package
_FUNCTIONS_TOO = ("hornpipe.layers.merge",)


class _Alias(types.ModuleType):
    """A module that has another one's names; new attributes stay its own."""

    def __init__(self, name, target, below=()):
        super().__init__(name, target.__doc__)
        self.__dict__.update(
            _target=target, __path__=[], __file__=getattr(target, "__file__", None), _below=below
        )
        if hasattr(target, "__version__"):
            self.__version__ = target.__version__
        self.__all__ = list(getattr(target, "__all__", ()))

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        path = f"{self.__name__}.{name}"
        if f"{self._target.__name__}.{name}" in _FUNCTIONS_TOO:
            return getattr(self._target, name)
        if path in sys.modules:
            return sys.modules[path]
        if importlib.util.find_spec(path) is not None:
            return importlib.import_module(path)
        return getattr(self._target, name)

    def __dir__(self):
        return sorted({*super().__dir__(), *dir(self._target)})


class _TensorFlow(types.ModuleType):
    """Stands for TensorFlow where it is absent: it has `keras` and nothing else."""

    def __init__(self, name):
        super().__init__(
            name,
            "hornpipe stands in for tensorflow.keras; the rest of TensorFlow is not installed.",
        )
        self.__path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "keras":
            return importlib.import_module(f"{self.__name__}.keras")
        raise AttributeError(
            f"module 'tensorflow' has no attribute {name!r}: TensorFlow is not installed, hornpipe supplies only tensorflow.keras."
        )


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the modules below one alias."""

    def __init__(self, name: str):
        self.name = name

    def find_spec(self, fullname, path=None, target=None):
        """Return a spec for the alias and what exists below it, else None."""
        root = self.name.partition(".")[0]
        if root != self.name and fullname == root:
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        if fullname != self.name and not fullname.startswith(self.name + "."):
            return None
        if self._target(fullname) is None:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def _target(self, fullname) -> str | None:
        """Return today's module for a path below the alias, or None."""
        rest = fullname[len(self.name) + 1 :]
        if not rest:
            return "hornpipe"
        if rest in MODULES:
            return f"hornpipe.{MODULES[rest]}"
        parts = rest.split(".")
        if parts[0] in ("core", "compat", "training") or parts[-1].startswith("_"):
            return None
        own = f"hornpipe.{rest}"
        try:
            return own if importlib.util.find_spec(own) is not None else None
        except (ModuleNotFoundError, ValueError):
            return None

    def create_module(self, spec):
        """Return the module for a spec."""
        if spec.name == self.name.partition(".")[0] != self.name:
            return _TensorFlow(spec.name)
        return _Alias(spec.name, importlib.import_module(self._target(spec.name)))

    def exec_module(self, module):
        """Do nothing: an alias has no code."""


class _OldPathLoader(importlib.abc.Loader):
    """Makes the module for an old path below hornpipe itself."""

    def create_module(self, spec):
        """Return a module that has the names of today's."""
        target = MODULES[spec.name.removeprefix("hornpipe.")]
        return _Alias(spec.name, importlib.import_module(f"hornpipe.{target}"))

    def exec_module(self, module):
        """Do nothing: it has no code."""


def find_old_path(name: str):
    """Return a spec for a module path of 2016 below hornpipe, such as `hornpipe.layers.core`, else None."""
    if name in _FUNCTIONS_TOO or name.removeprefix("hornpipe.") not in MODULES:
        return None
    return importlib.machinery.ModuleSpec(name, _OldPathLoader(), is_package=True)


def install_as(name: str = "keras", quiet: bool = False) -> None:
    """Let `import {name}`, and all modules below it in any spelling since 2016, mean hornpipe in this process.

    A model that is trained shows its metrics as Keras 1 did ("acc"), unless `fit` is called with `epochs=` and nothing in the process
    was in the old spelling.

    Args:
        name: str. "keras", or "tensorflow.keras", which is only possible where TensorFlow is absent.
        quiet: bool. Whether nothing is said where an installed package of this name is hidden.

    Raises:
        ValueError: the name is not one or two identifiers.
        ImportError: a package of this name was imported already, or TensorFlow is installed.

    Example:
        >>> import hornpipe
        >>> hornpipe.install_as("keras_example", quiet=True)
        >>> from keras_example.layers import Dense
        >>> Dense(output_dim=3).units
        3
    """
    parts = name.split(".") if isinstance(name, str) else []
    if (
        not 1 <= len(parts) <= 2
        or not all(part.isidentifier() for part in parts)
        or parts[0] == "hornpipe"
    ):
        raise ValueError(
            message("install_as", "`name` must be a module name", f"name={name!r}", 'Pass "keras".')
        )
    if any(isinstance(finder, _Finder) and finder.name == name for finder in sys.meta_path):
        return
    if len(parts) == 2 and importlib.util.find_spec(parts[0]) is not None:
        fix = f"Import it as it is, or write `import hornpipe as {parts[1]}`."
        raise ImportError(
            message(
                "install_as", f"{parts[0]} is installed and stays what it is", f"name={name!r}", fix
            )
        )
    if name in sys.modules:
        where = getattr(sys.modules[name], "__file__", "?")
        fix = f"Call install_as before the first `import {name}`."
        raise ImportError(message("install_as", f"{name!r} was imported already", str(where), fix))
    hidden = importlib.util.find_spec(name) if len(parts) == 1 else None
    if hidden is not None and not quiet:
        text = f"{name} is installed ({hidden.origin}); in this process `import {name}` means hornpipe instead."
        warnings.warn(text, stacklevel=2)
    sys.meta_path.insert(0, _Finder(name))
    hearing.all = True


def hidden_package(name: str) -> str | None:
    """Return where an installed package of this name lies, or None."""
    spec = importlib.util.find_spec(name)
    return None if spec is None else str(spec.origin)
