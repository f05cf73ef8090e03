"""Runs a script in which `import keras`, in any spelling since 2016, means hornpipe."""

from __future__ import annotations

import importlib.util
import runpy
import sys
from pathlib import Path

from hornpipe.compat.modules import hidden_package, install_as
from hornpipe.core.errors import message


def run_script(path: str, arguments: list[str]) -> None:
    """Run a script as `python PATH ARGUMENTS` does, with hornpipe in the place of Keras.

    What is hidden by that is said on the standard error output.

    Args:
        path: the script.
        arguments: what the script finds in `sys.argv[1:]`.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(message("hornpipe run", "the script must be a file", path))
    folder = str(Path(path).resolve().parent)
    sys.path[:1] = [folder]  # where Python itself puts the script's folder
    origin = hidden_package("keras")
    if origin is not None:
        print(
            f"hornpipe: keras is installed ({origin}); in this script `import keras` means hornpipe.",
            file=sys.stderr,
        )
    install_as("keras", quiet=True)
    if importlib.util.find_spec("tensorflow") is None:
        install_as("tensorflow.keras")
    sys.argv = [path, *arguments]
    runpy.run_path(path, run_name="__main__")
