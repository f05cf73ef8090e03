"""The migration guide, made of the table: `python -m hornpipe.compat.guide docs/migration.md`.

>>> from hornpipe.compat.guide import text
>>> "| `output_dim` | `units` |" in text()
True
"""

from __future__ import annotations

import sys
from pathlib import Path

from hornpipe.compat import keras1
from hornpipe.compat.backend_functions import FUNCTIONS

_TOP = """# From Keras 1 to today, and back

This page is made from the table in `hornpipe/compat/keras1.py` by `python -m hornpipe.compat.guide docs/migration.md`; do not edit it.

hornpipe understands both columns of every table below, in one process and in plain `import hornpipe as keras` programs. One call may
speak one dialect only: `Dense(output_dim=3, kernel_initializer="zeros")` is an error that names both. `hornpipe run script.py` runs a
script in which `import keras` (and `tensorflow.keras`, where TensorFlow is absent) means hornpipe; `hornpipe.install_as("keras")` does
the same inside a program.

**Defaults.** Where a default of 2016 differs from today's, the old one applies only to a call that uses an old argument name. A call in
which nothing is old, such as `LSTM(32)`, is today's. Three positional integers for `Convolution2D` are filters, rows and columns; for
`Conv2D` the third one is the strides, as in Keras 3.

**Metrics.** A model that was compiled or trained in the old spelling shows `acc` where today's shows `accuracy`; a history answers to
both. Under an alias the old names are the default, unless `fit` is called with `epochs=` and nothing in the process was old.

**Samples and steps.** `samples_per_epoch`, `nb_val_samples` and `val_samples` count samples: an epoch ends with the batch that reaches
the number. Today's `steps_per_epoch` counts batches: divide by the generator's batch size and round up.

**Data.** `boston_housing.load_data()` gives 404 and 102 rows, as Keras gave; texts that speak of 406 and 100 do not show its output.
`orthogonal` had the gain 1.1, `glorot_normal` and `he_normal` were not truncated: the distributions of today are used.
"""


def _table(titles, rows) -> str:
    lines = ["| " + " | ".join(titles) + " |", "| " + " | ".join("---" for _ in titles) + " |"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _code(text) -> str:
    return f"`{text}`" if text else ""


def _shown(value) -> str:
    return getattr(value, "__name__", None) or repr(value)


def _old_to_new() -> str:
    parts = ["## Arguments: Keras 1 to today"]
    for owner, spec in keras1.CALLS.items():
        rows = [(_code(row.old), _code(row.new) or "gone", row.note) for row in spec.rows]
        parts.append(f"### {owner}")
        if spec.signature:
            parts.append(f"By position in Keras 1: `{', '.join(spec.signature.split())}`.")
        if spec.defaults:
            given = ", ".join(f"`{name}={_shown(value)}`" for name, value in spec.defaults.items())
            parts.append(f"Defaults of an old call: {given}.")
        if rows:
            parts.append(_table(("Keras 1", "today", "value"), rows))
    rows = [(_code(row.old), "gone", row.note) for row in keras1.ANY_LAYER]
    parts += ["### every layer", _table(("Keras 1", "today", "value"), rows)]
    return "\n\n".join(parts)


def _new_to_old() -> str:
    found: dict[tuple, list] = {}
    for owner, spec in keras1.CALLS.items():
        for row in spec.rows:
            if row.new and row.new != row.old:
                found.setdefault((row.new, row.old), []).append(owner)
    rows = [
        (_code(new), _code(old), ", ".join(owners)) for (new, old), owners in sorted(found.items())
    ]
    return "## Arguments: today to Keras 1\n\n" + _table(("today", "Keras 1", "where"), rows)


def _target(target) -> str:
    if target.startswith("!"):
        return f"gone. {target[1:]}"
    module, _, name = target.partition(":")
    return (
        _code(f"keras.{module}.{name}".rstrip("."))
        if not module.startswith("compat")
        else "kept for old code"
    )


def _names() -> str:
    rows = [(_code(f"keras.{old}"), _code(f"keras.{new}") if not new.startswith("compat") else "kept for old code")
            for old, new in keras1.MODULES.items()]  # fmt: skip
    parts = ["## Modules", _table(("Keras 1", "today"), rows), "## Names in modules"]
    rows = [
        (_code(".".join(filter(None, ("keras", module, old)))), _target(target))
        for module, names in keras1.NAMES.items()
        for old, target in names.items()
    ]
    parts.append(_table(("Keras 1", "today"), rows))
    rows = [
        (kind, _code(repr(old)), _code(repr(new)))
        for kind, names in keras1.IDENTIFIERS.items()
        for old, new in names.items()
    ]
    parts += ["## Strings", _table(("kind", "Keras 1", "today"), rows)]
    rows = [(_code(new), _code(old)) for new, old in keras1.METRICS.items()]
    parts += ["## Metrics in logs and histories", _table(("today", "Keras 1"), rows)]
    rows = [
        (owner, _code(old), _code(new) if new[0] not in "?!" else "kept for old code")
        for owner, names in keras1.ATTRIBUTES.items()
        for old, new in names.items()
    ]
    parts += ["## Attributes and methods", _table(("of", "Keras 1", "today"), rows)]
    return "\n\n".join(parts)


def _backend() -> str:
    renamed = [
        (_code(f"K.{old}"), _code(f"keras.ops.{new}")) for old, new in keras1.BACKEND.items()
    ]
    kept = ", ".join(_code(name) for name in sorted(FUNCTIONS))
    gone = [(_code(f"K.{name}"), advice) for name, advice in keras1.BACKEND_GONE.items()]
    return "\n\n".join(
        [
            "## keras.backend",
            "Operations of today:",
            _table(("Keras 1", "today"), renamed),
            f"Kept with their old arguments: {kept}.",
            "Gone:",
            _table(("Keras 1", "what to do"), gone),
        ]
    )


def text() -> str:
    """Return the guide as Markdown."""
    return "\n\n".join([_TOP.strip(), _old_to_new(), _new_to_old(), _names(), _backend()]) + "\n"


def main(arguments: list[str]) -> None:
    """Write the guide to the file named first, or to the standard output."""
    if arguments:
        Path(arguments[0]).write_text(text(), encoding="utf-8")
    else:
        print(text(), end="")


if __name__ == "__main__":
    main(sys.argv[1:])
