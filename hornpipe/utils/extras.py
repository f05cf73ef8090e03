"""Packages that only some functions need: imported when they are called, and named exactly where they are missing."""

from __future__ import annotations

import importlib

from hornpipe.core.errors import message


def need(module: str, extra: str, who: str):
    """Return a module that belongs to an extra of this package.

    Args:
        module: its name, such as "matplotlib.figure".
        extra: the extra's name, such as "plot".
        who: the function that needs it.

    Raises:
        ImportError: it is not installed. The message has the command that installs it.

    Example:
        >>> from hornpipe.utils.extras import need
        >>> need("json", "plot", "draw").dumps([1])
        '[1]'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        if error.name is not None and error.name.partition(".")[0] != package:
            raise  # it is there, but something that it needs is not
        fix = f'Run: pip install "hornpipe[{extra}]".'
        raise ImportError(
            message(who, f"needs the package {package}", "", fix), name=package
        ) from None
