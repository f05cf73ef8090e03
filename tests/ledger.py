"""Print where the lines stand: per folder, the core path to `fit`, and files and functions over their targets."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent / "hornpipe"
CORE_PATH = [
    "core",
    "models",
    "training",
    "callbacks/base.py",
    "callbacks/history.py",
    "optimizers/base.py",
    "engine/contract.py",
    "engine/select.py",
    "engine/jax.py",
    "engine/shapes.py",
    "saving",
]


def lines(path):
    return len(path.read_text(encoding="utf-8").splitlines())


def files(place):
    path = ROOT / place
    return sorted(path.rglob("*.py")) if path.is_dir() else [path] if path.exists() else []


def main():
    for folder in sorted(
        path for path in ROOT.iterdir() if path.is_dir() and path.name != "__pycache__"
    ):
        print(f"{sum(map(lines, files(folder.name))):7d}  {folder.name}/")
    print(f"{sum(map(lines, ROOT.rglob('*.py'))):7d}  all of hornpipe/")
    print(
        f"{sum(lines(path) for place in CORE_PATH for path in files(place)):7d}  core path to fit (target 6500)"
    )
    for path in sorted(ROOT.rglob("*.py")):
        if lines(path) > 800:
            print(f"over 800 lines: {path.relative_to(ROOT)} {lines(path)}")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                if body and node.end_lineno - body[0].lineno >= 60:
                    print(f"over 60 lines: {path.relative_to(ROOT)} {node.name}")


if __name__ == "__main__":
    main()
