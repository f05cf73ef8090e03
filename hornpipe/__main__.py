"""The command `hornpipe`, and `python -m hornpipe`.

hornpipe run SCRIPT.py [ARGS]   run a Keras script, of 2016 or of today, unchanged
hornpipe info                   say which engine runs, on which devices
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
    given = parser.parse_args(arguments)
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


if __name__ == "__main__":
    sys.exit(main())
