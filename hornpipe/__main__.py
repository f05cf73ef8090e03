"""The command `hornpipe`, and `python -m hornpipe`.

hornpipe run SCRIPT.py [ARGS]   run a Keras script, of 2016 or of today, unchanged
hornpipe info                   say which engine runs, on which devices
hornpipe kernels [--build]      say whether the compiled CPU kernels are active and why; build them
"""

from __future__ import annotations

import argparse
import sys


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="hornpipe", description="Deep learning in the manner of Keras."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser(
        "run", help="run a Keras script unchanged: `import keras` means hornpipe"
    )
    run.add_argument("script", metavar="SCRIPT.py")
    run.add_argument(
        "args", nargs=argparse.REMAINDER, metavar="ARGS", help="arguments of the script"
    )
    commands.add_parser("info", help="engine, devices and settings")
    kernels = commands.add_parser("kernels", help="the compiled CPU kernels: active, and why not")
    kernels.add_argument(
        "--build", action="store_true", help="build them into the user's cache folder"
    )
    given = parser.parse_args(arguments)
    if given.command == "kernels":
        return _kernels(given.build)
    if given.command == "info":
        from hornpipe import backend

        for name, value in backend.describe().items():
            print(f"{name}: {value}")
        return 0
    from hornpipe.compat.run import run_script

    try:
        run_script(given.script, given.args)
    except FileNotFoundError as error:
        if error.errno is not None:
            raise  # the script's own
        print(error, file=sys.stderr)
        return 2
    return 0


def _kernels(build) -> int:
    """Build the compiled kernels where asked, and print one line about them; returns the exit code."""
    from hornpipe.engine.select import chosen_name

    if chosen_name() != "jax":
        print(f"compiled kernels: not active: the engine {chosen_name()!r} has its own")
        return 2 if build else 0
    from hornpipe.engine import jax_kernels
    from hornpipe.kernels.build import BuildError

    if build:
        try:
            print(f"built: {jax_kernels.build()}")
        except BuildError as error:
            print(error, file=sys.stderr)
            return 1
    print(jax_kernels.status())
    return 0


if __name__ == "__main__":
    sys.exit(main())
