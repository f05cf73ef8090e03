"""Programs as people wrote them in 2016, each line of API of the book's chapters 2 and 3, run away from the project.

The programs in `listings/` check shapes, dtypes, keys and values themselves. They are run by `hornpipe run`, after
`install_as("keras")`, and with every `keras` in them replaced by `hornpipe`.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import hornpipe

ROOT = Path(hornpipe.__file__).parent.parent
LISTINGS = Path(__file__).parent / "listings"
REAL = ["mnist.npz", "imdb.npz", "reuters.npz", "boston_housing.npz"]
PROGRAMS = {
    "tensors": [],
    "first_look": ["2000", "1"],
    "texts": ["400", "2"],
    "house_prices": ["3"],
    "anatomy": [],
}
FAST = [("house_prices", "run"), ("anatomy", "renamed"), ("first_look", "installed")]

pytestmark = pytest.mark.skipif(
    not all((Path(os.environ.get("HORNPIPE_DATASETS", "?")) / name).is_file() for name in REAL),
    reason="HORNPIPE_DATASETS names no folder with the real data sets",
)


def command(way, text, program, folder):
    """Return what to run, after writing the program in one of the three ways."""
    if way == "installed":
        text = text.replace(
            "\nimport ", "\nimport hornpipe\nhornpipe.install_as('keras', quiet=True)\nimport ", 1
        )
    if way == "renamed":
        text = re.sub(r"^from keras\b", "from hornpipe", text, flags=re.MULTILINE)
        text = re.sub(r"^import keras$", "import hornpipe as keras", text, flags=re.MULTILINE)
        text = re.sub(r"^import keras\b", "import hornpipe", text, flags=re.MULTILINE)
    (folder / f"{program}.py").write_text(text, encoding="utf-8")
    run = ["-m", "hornpipe", "run"] if way == "run" else []
    return [sys.executable, *run, f"{program}.py", *PROGRAMS[program]]


@pytest.mark.parametrize(
    ("program", "way"),
    [
        pytest.param(program, way, marks=() if (program, way) in FAST else pytest.mark.slow)
        for program in PROGRAMS
        for way in ("run", "installed", "renamed")
    ],
)
def test_a_program_of_2016(program, way, tmp_path):
    text = (LISTINGS / f"{program}.py").read_text(encoding="utf-8")
    done = subprocess.run(
        command(way, text, program, tmp_path),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith(": ok")
    if program == "first_look":
        lines = done.stdout.splitlines()
        assert lines[0] == "Epoch 1/1"
        number = r"\d+\.\d{4}"
        assert re.fullmatch(
            rf"2000/2000 \[={{30}}\] - \d+s - loss: {number} - acc: {number}", lines[1]
        )
        assert re.fullmatch(r"10000/10000 \[={30}\] - \d+s", lines[2])
    if program == "tensors":
        assert (tmp_path / "digit.png").stat().st_size > 1000
