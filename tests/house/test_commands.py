"""The commands that CONTRIBUTING and the README name find what they run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["check", "Makefile", ".ci/run", "README.md", "CONTRIBUTING.md"])
def test_paths_exist(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    paths = re.findall(r"(?<![\w/.])(?:tests|examples|docs|benchmarks)/[\w/.]*\w", text)
    missing = [path for path in paths if not (ROOT / path).exists()]
    assert not missing


def test_make_targets_exist():
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    for name in ("README.md", "CONTRIBUTING.md", ".ci/run"):
        text = (ROOT / name).read_text(encoding="utf-8")
        named = re.findall(r"(?:`|^)make ([a-z]+)", text, re.M)
        assert set(named) <= set(targets), name
