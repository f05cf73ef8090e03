"""The house rules: imports point down, importing costs little, one engine is the only one to name its library."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import hornpipe

ROOT = Path(hornpipe.__file__).parent
# Lower numbers may not import higher ones. The foundation is what engines may use as well.
FOUNDATION = {f"core/{name}" for name in ("errors", "settings", "dtypes", "tree", "naming")}
RANKS = {
    "engine": 1,
    "core": 2,
    "ops": 3,
    "random": 4,
    "activations": 4,
    "initializers": 4,
    "regularizers": 4,
    "constraints": 4,
    "losses": 5,
    "metrics": 5,
    "optimizers": 5,
    "layers": 6,
    "callbacks": 7,
    "training": 8,
    "saving": 9,
    "models": 10,
    "compat": 11,
}


def rank(module):
    """Return the rank of a path such as "core/layer", or None where the rule does not speak of it."""
    return 0 if module in FOUNDATION else RANKS.get(module.split("/")[0])


def module_level_imports(path):
    """Yield the own modules that a file imports at its top level, as paths such as "core/layer"."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if (
            isinstance(node, ast.ImportFrom)
            and node.module
            and node.module.split(".")[0] == "hornpipe"
        ):
            base = node.module.split(".")[1:]
            for alias in node.names:
                parts = [*base, alias.name]
                while parts and not (
                    ROOT.joinpath(*parts).with_suffix(".py").exists()
                    or ROOT.joinpath(*parts).is_dir()
                ):
                    parts.pop()
                if parts:
                    yield "/".join(parts)


FILES = sorted(
    path for path in ROOT.rglob("*.py") if path.name != "__init__.py" or path.parent != ROOT
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path):
    own = str(path.relative_to(ROOT).with_suffix("")).removesuffix("/__init__")
    own_rank = rank(own)
    if own_rank is None:
        return
    for imported in module_level_imports(path):
        other = rank(imported)
        assert other is None or other <= own_rank, (
            f"{own} imports {imported}, which stands above it"
        )


def test_only_engines_name_a_tensor_library():
    for path in FILES:
        if path.parent.name == "engine":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            roots = {name.split(".")[0] for name in names}
            assert not roots & {"jax", "torch", "tensorflow", "pytensor"}, path


def run(code):
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    return done.stdout.strip()


HEAVY = "('h5py', 'scipy', 'matplotlib', 'rich', 'pandas', 'torch')"


@pytest.mark.parametrize("use, most", [("", 60), ("; keras.Sequential; keras.layers.Dense", 70)])
def test_few_modules_are_loaded(use, most):
    code = (
        f"import sys, jax; before = set(sys.modules); import hornpipe as keras{use}; "
        "new = set(sys.modules) - before; print(len([m for m in new if m.startswith('hornpipe')])); "
        f"print([m for m in {HEAVY} if m in new])"
    )
    count, heavy = run(code).splitlines()
    assert int(count) <= most
    assert heavy == "[]"


def test_importing_alone_loads_one_module():
    code = "import sys, hornpipe; print([m for m in sys.modules if m.startswith(('hornpipe', 'jax', 'torch', 'numpy'))])"
    assert run(code) == "['hornpipe']"


def test_every_public_name_exists():
    for name in hornpipe.__all__:
        assert getattr(hornpipe, name) is not None


def test_unknown_name_offers_the_nearest():
    with pytest.raises(AttributeError, match="Did you mean 'Sequential'"):
        hornpipe.Sequentail  # noqa: B018
