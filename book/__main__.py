"""Runs the book's programs in both spellings and prints one table: workflow, the book's figure, ours, seconds.

python -m book                           # in full, a few minutes
python -m book --epochs 1 --rows 500     # a trial of everything
python -m book --only first_look tensors
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAMS = ["tensors", "first_look", "movie_reviews", "newswires", "house_prices"]


def run(program: str, old: bool, output: Path, options: list[str]) -> dict:
    """Run a program and return what it wrote: rows, notes, seconds.

    Raises:
        SystemExit: the program failed.
    """
    script = HERE / "keras1" / f"{program}.py" if old else HERE / f"{program}.py"
    command = [sys.executable, *(["-m", "hornpipe", "run"] if old else []), str(script)]
    if program == "tensors":  # trains nothing
        options = [each for each in options if not each.startswith("--epochs")]
    print(f"== {script.relative_to(HERE.parent)}", flush=True)
    path = os.pathsep.join(filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [*command, *options, f"--output={output}"],
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{script.name} ended with the code {done.returncode}")
    return json.loads((output / f"{program}.json").read_text(encoding="utf-8"))


def table(results: list[tuple[dict, dict]]) -> str:
    """Return the Markdown table of all programs; `results` holds (today's spelling, that of 2016)."""
    lines = [
        "| workflow | measured | the book | ours | ours, 2016 spelling | seconds |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for today, old in results:
        name, seconds = today["workflow"], f"{today['seconds']:.0f}, {old['seconds']:.0f}"
        for new, second in zip(today["rows"], old["rows"], strict=True):
            cells = [name, new["what"], new["book"], new["ours"], second["ours"], seconds]
            lines.append("| " + " | ".join(cells) + " |")
            name = seconds = ""
    return "\n".join(lines)


def main():
    """Run what the command line names, then print the table and write it into the output folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=PROGRAMS, default=PROGRAMS)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--output", type=Path, default=Path("output/book"))
    given = parser.parse_args()
    options = [
        f"--{name}={getattr(given, name)}"
        for name in ("epochs", "rows")
        if getattr(given, name) is not None
    ]
    results = []
    for program in given.only:
        today = run(program, False, given.output, options)
        results.append((today, run(program, True, given.output / "keras1", options)))
    shown = table(results)
    notes = dict.fromkeys(note for today, _ in results for note in today["notes"])
    text = "\n\n".join([shown, *(f"Note: {note}" for note in notes)])
    print(f"\n{text}")
    if options:
        print(f"\nShortened ({' '.join(options)}): these are not the book's workflows in full.")
    (given.output / "table.md").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
