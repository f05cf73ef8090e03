"""The programs in `book/`: shortened they run in both spellings; in full (slow) they reach what they should."""

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hornpipe

ROOT = Path(hornpipe.__file__).parent.parent
BOOK = ROOT / "book"
REAL = ["mnist.npz", "imdb.npz", "reuters.npz", "boston_housing.npz"]
FIGURES = {
    "tensors": ["2.2"],
    "first_look": ["2.2"],
    "movie_reviews": ["3.2", "3.3"],
    "newswires": ["3.4", "3.5"],
    "house_prices": ["3.7"],
}
SHORT = {
    "tensors": ["--rows=300"],
    "first_look": ["--rows=1000", "--epochs=1"],
    "movie_reviews": ["--rows=200", "--epochs=2"],
    "newswires": ["--rows=200", "--epochs=2"],
    "house_prices": ["--epochs=1"],
}
FAST = [("first_look", True), ("house_prices", False)]
needs_data = pytest.mark.skipif(
    not all((Path(os.environ.get("HORNPIPE_DATASETS", "?")) / name).is_file() for name in REAL),
    reason="HORNPIPE_DATASETS names no folder with the real data sets",
)


def run(arguments, folder):
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_program(program, old, folder, options=()):
    """Run one program away from the project; return what it printed, and its table by what was measured."""
    path = BOOK / "keras1" / f"{program}.py" if old else BOOK / f"{program}.py"
    start = ["-m", "hornpipe", "run", path] if old else [path]
    out = run([*start, *options, "--output=drawn"], folder)
    data = json.loads((folder / "drawn" / f"{program}.json").read_text(encoding="utf-8"))
    return out, data, {row["what"]: row["ours"] for row in data["rows"]}


def numbers(text):
    return [float(each) for each in re.findall(r"\d+(?:\.\d+)?", text)]


# ---- shortened


@needs_data
@pytest.mark.parametrize(
    ("program", "old"),
    [
        pytest.param(program, old, marks=() if (program, old) in FAST else pytest.mark.slow)
        for program in FIGURES
        for old in (False, True)
    ],
)
def test_a_program_runs_shortened(program, old, tmp_path):
    out, data, rows = run_program(program, old, tmp_path, SHORT[program])
    assert [figure.split("_")[1] for figure in data["figures"]] == FIGURES[program]
    for figure in data["figures"]:
        path = tmp_path / "drawn" / figure
        assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and path.stat().st_size > 2000
    assert "(shortened: not comparable)" in out
    assert data["shortened"] and len(rows) == len(data["rows"]) and data["seconds"] > 0
    for note in data["notes"]:
        assert f"Note: {note}" in out
    if program == "house_prices":
        assert "input columns" in data["notes"][0] and "404 and 102" in data["notes"][1]
    if program == "tensors":
        assert "5 of 5" in rows["usual slips that the check finds"]
        assert all(numbers(text)[0] < 10 for name, text in rows.items() if name.startswith("naive"))
    if old and program == "first_look":
        assert re.search(r"1000/1000 \[={30}\] - \d+s - loss: \S+ - acc: \S+\n", out)


@needs_data
@pytest.mark.slow
def test_the_table_of_all_programs(tmp_path):
    out = run(["-m", "book", "--only", "house_prices", "--epochs=1", "--output=drawn"], tmp_path)
    table = (tmp_path / "drawn" / "table.md").read_text(encoding="utf-8")
    assert table.strip() in out and "Shortened (--epochs=1)" in out
    lines = table.splitlines()
    assert lines[0] == "| workflow | measured | the book | ours | ours, 2016 spelling | seconds |"
    assert lines[2].startswith("| house prices (Boston) | validation MAE of each fold")
    assert (tmp_path / "drawn" / "keras1" / "house_prices.json").is_file()


# ---- in full: minutes, and one run's accuracy may fall out of a band by chance

in_full = pytest.mark.skipif(
    os.environ.get("HORNPIPE_BOOK") != "1",
    reason="the whole runs are `make book`; with HORNPIPE_BOOK=1 their results are held against the bands",
)


@in_full
@pytest.mark.parametrize("old", [False, True], ids=["today", "2016"])
def test_first_look_in_full(old, tmp_path):
    _, _, rows = run_program("first_look", old, tmp_path)
    assert numbers(rows["accuracy on the test images"])[0] >= 97.5


@in_full
@pytest.mark.parametrize("old", [False, True], ids=["today", "2016"])
def test_movie_reviews_in_full(old, tmp_path):
    _, _, rows = run_program("movie_reviews", old, tmp_path)
    assert 86 <= numbers(rows["accuracy on the test reviews, 4 epochs"])[0] <= 90
    assert 2 <= numbers(rows["epoch of the lowest validation loss"])[0] <= 8
    training, validation = numbers(rows["accuracy in the last epoch: training, validation"])
    assert training > 98.5 and validation < 89  # learned by heart


@in_full
@pytest.mark.parametrize("old", [False, True], ids=["today", "2016"])
def test_newswires_in_full(old, tmp_path):
    _, _, rows = run_program("newswires", old, tmp_path)
    assert numbers(rows["accuracy on the test newswires, 9 epochs"])[0] >= 78
    assert numbers(rows["the same, topics as whole numbers"])[0] >= 77
    assert 15 <= numbers(rows["shuffled labels"])[0] <= 23
    best = numbers(rows["best validation accuracy, 64 units"])[0]
    assert numbers(rows["with a bottleneck of 8 units"])[0] < best - 1
    assert numbers(rows["with a bottleneck of 4 units"])[0] < best - 5


@in_full
@pytest.mark.parametrize("old", [False, True], ids=["today", "2016"])
def test_house_prices_in_full(old, tmp_path):
    _, _, rows = run_program("house_prices", old, tmp_path)
    folds = numbers(rows["validation MAE of each fold, 100 epochs"].replace(",", " "))
    assert len(folds) == 4 and all(1.8 <= fold <= 3.5 for fold in folds)
    assert 1.8 <= numbers(rows["MAE on the test houses, 80 epochs"])[0] <= 3.5


# ---- the naive operations

naive = runpy.run_path(str(BOOK / "naive.py"))


@pytest.mark.parametrize("name", naive["CASES"])
def test_naive_operations_are_right(name):
    assert naive["faults"](name, naive["NAIVE"][name]) == []


@pytest.mark.parametrize("slip", naive["SLIPS"])
def test_every_slip_is_found(slip):
    name, function = naive["SLIPS"][slip]
    assert naive["faults"](name, function)


def test_square_matrices_hide_a_slip():
    """Why the check uses other shapes: on squares the wrong product is right."""
    _, function = naive["SLIPS"]["the result has the vector's length"]
    x, y = np.random.RandomState(0).randn(3, 3), np.ones(3)
    np.testing.assert_allclose(function(x, y), x @ y)


def test_edges_of_the_naive_operations():
    n = naive["NAIVE"]
    assert n["naive_relu"](np.zeros((0, 3))).shape == (0, 3)
    assert n["naive_relu"](np.array([-0.5, np.inf])).tolist() == [0.0, np.inf]
    assert n["naive_vector_dot"](np.zeros(0), np.zeros(0)) == 0.0
    assert n["naive_matrix_dot"](np.zeros((2, 0)), np.zeros((0, 3))).tolist() == [[0.0] * 3] * 2
    with pytest.raises(ValueError, match=r"shapes \(2, 3\), \(2, 3\) do not fit"):
        n["naive_matrix_dot"](np.zeros((2, 3)), np.zeros((2, 3)))


def test_functions_typed_from_the_page_are_checked(tmp_path):
    (tmp_path / "page.py").write_text(
        "def naive_relu(x):\n    x[x < 0] = 0\n    return x\n\ndef naive_add(x, y):\n    return x + y\n\n"
        "def naive_vector_dot(x, y):\n    assert x.shape == y.shape\n    return sum(x * y)\n"
    )
    lines = run([BOOK / "naive.py", "--printed", "page.py"], tmp_path).splitlines()
    assert "overwrites its argument" in lines[0] and lines[0].startswith("naive_relu: ")
    assert lines[1] == "naive_add: right"
    assert lines[2] == "naive_vector_dot: right" and len(lines) == 3
