"""Results as text: Markdown tables for `results.md`, the README and the terminal."""

from __future__ import annotations

import statistics
from pathlib import Path

from benchmarks.contenders import CONTENDERS
from benchmarks.goals import ratios

START, END = "<!-- benchmarks:start -->", "<!-- benchmarks:end -->"
_OURS = "hornpipe-jax"


def duration(seconds: float) -> str:
    """Return seconds with three digits and a fitting unit.

    >>> duration(0.0017), duration(2.1), duration(8.1e-05)
    ('1.70 ms', '2.10 s', '81.0 µs')
    """
    unit, scale = ("s", 1) if seconds >= 1 else ("ms", 1e3) if seconds >= 1e-3 else ("µs", 1e6)
    return f"{_digits(seconds * scale)} {unit}"


def _digits(value: float) -> str:
    magnitude = abs(value)
    return (
        f"{value:.0f}"
        if magnitude >= 100
        else f"{value:.1f}"
        if magnitude >= 10
        else f"{value:.2f}"
    )


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _spread(values: list[float]) -> str:
    return f"{_digits(statistics.median(values))} ({_digits(min(values))}–{_digits(max(values))})"


def workload_table(name: str, workload: dict) -> str:
    """Return the table of one workload: medians and paired ratios, with their range over the rounds."""
    rows = []
    for contender, found in workload["contenders"].items():
        label = CONTENDERS[contender].label
        if "error" in found:
            rows.append([label, "did not run", "", "", found["error"].splitlines()[-1][:100]])
            continue
        seconds = found["seconds"]
        span = f"{duration(statistics.median(seconds))} ({duration(min(seconds))}–{duration(max(seconds))})"
        compared = [
            ratios(workload, contender, ours) for ours in ("hornpipe-jax", "hornpipe-torch")
        ]
        rows.append(
            [
                label,
                span,
                *["" if values is None else _spread(values) for values in compared],
                found["note"],
            ]
        )
    head = ["", "median (range)", "time / hornpipe (JAX)", "time / hornpipe (PyTorch)", "note"]
    return f"### {workload['title']}\n\n{_table(head, rows)}"


def goals_table(goals: list[dict]) -> str:
    """Return the table of goals."""
    rows = []
    for goal in goals:
        value = goal["value"]
        shown = "" if value is None else f"{value:.3g}"
        if "low" in goal:
            shown += f" ({goal['low']:.3g}–{goal['high']:.3g})"
        state = {True: "met", False: "**missed**", None: "not measured"}[goal["met"]]
        rows.append([goal["goal"], goal["wanted"], shown, state])
    return f"### Goals\n\n{_table(['', 'wanted', 'measured', ''], rows)}"


def accuracy_table(accuracy: dict) -> str:
    """Return what the models of each contender reach."""
    columns = {
        "mnist": "MNIST, 5 epochs, accuracy",
        "imdb": "IMDB, 4 epochs, accuracy",
        "reuters": "Reuters, 9 epochs, accuracy",
        "boston": "Boston, four folds, mean absolute error",
    }
    rows = [
        [
            CONTENDERS[name].label,
            *["did not run" if "error" in found else f"{found[key]:.3f}" for key in columns],
        ]
        for name, found in accuracy.items()
    ]
    return f"### What the models reach\n\n{_table(['', *columns.values()], rows)}"


def resources_table(resources: dict) -> str:
    """Return imports, compile time and memory."""
    if "error" in resources:
        return f"### Imports, compile time, memory\n\nDid not run: {resources['error']}"
    imports = resources["import"]
    rows = [
        ["`import jax`", duration(imports["jax_seconds"])],
        ["`import hornpipe` after it", f"{duration(max(imports['package_seconds'], 0))}"],
        [
            "the same with all that a first model needs",
            f"{duration(imports['seconds'])}, {imports['modules']} own modules",
        ],
    ]
    for steps in (10, 10_000):
        compiled = resources[f"compile_{steps}"]["compile"]
        rows.append(
            [
                f"compile time without a cache, first epoch of {steps:,} steps",
                duration(max(compiled, 0)),
            ]
        )
    for key, what in (
        ("predict", "calls of `predict`"),
        ("cycles", "cycles of build, fit, delete"),
    ):
        for engine in ("jax", "torch"):
            if found := resources.get(f"{key}_{engine}"):
                count = found.get("calls") or found["cycles"]
                text = f"{found['growth_mb']:+.1f} MB"
                if "seconds_per_cycle" in found:
                    text += f", {duration(found['seconds_per_cycle'])} a cycle"
                rows.append([f"{count:,} {what} ({engine})", text])
    return f"### Imports, compile time, memory\n\n{_table(['', 'measured'], rows)}"


def conditions(results: dict) -> str:
    """Return one paragraph on the machine, the versions and the way of measuring."""
    machine = results["machine"]
    versions: dict[str, set[str]] = {}  # more than one where the two environments differ
    for installed in results["versions"].values():
        for name, version in installed.items():
            versions.setdefault(name, set()).add(version)
    packages = ", ".join(
        f"{name} {' and '.join(sorted(found))}" for name, found in sorted(versions.items())
    )
    return (
        f"Measured on {results['date']}, {machine['processor']}, {machine['cores']} cores, {machine['system']}, "
        f"Python {machine['python']}; {packages}. One process per contender, all alive at once, asked in turn: "
        f"{results['rounds']} rounds, the order reversed in every second one. Ratios are taken within a round; "
        f"shown are medians and ranges."
    )


def full(results: dict, *, complete: bool = True) -> str:
    """Return everything, as Markdown; of an incomplete run without the goals that were not measured."""
    parts = ["# Benchmarks", "Written by `python -m benchmarks`.", conditions(results)]
    parts += [workload_table(name, workload) for name, workload in results["workloads"].items()]
    if results.get("resources"):
        parts.append(resources_table(results["resources"]))
    if results.get("accuracy"):
        parts.append(accuracy_table(results["accuracy"]))
    parts.append(
        goals_table([goal for goal in results["goals"] if complete or goal["met"] is not None])
    )
    return "\n\n".join(parts) + "\n"


def short(results: dict) -> str:
    """Return the README's table: a row per workload, a column per contender, medians and ratios."""
    names = [
        n
        for n in CONTENDERS
        if any("seconds" in w["contenders"].get(n, {}) for w in results["workloads"].values())
    ]
    rows = []
    for workload in results["workloads"].values():
        row = [workload["title"]]
        for name in names:
            seconds = workload["contenders"].get(name, {}).get("seconds")
            cell = "" if not seconds else duration(statistics.median(seconds))
            values = ratios(workload, name, _OURS)
            if values and name != _OURS:
                cell += f" ({_digits(statistics.median(values))}x)"
            row.append(cell)
        rows.append(row)
    head = ["", *[CONTENDERS[name].label for name in names]]
    note = "In brackets: time divided by that of hornpipe (JAX). Ranges, goals and all other figures: `benchmarks/results.md`."
    return f"{_table(head, rows)}\n\n{conditions(results)} {note}"


def check_markers(readme: Path) -> None:
    """Raise a ValueError unless the README has both markers, in order."""
    text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    if not 0 <= text.find(START) < text.find(END):
        raise ValueError(f"{readme} must hold the lines {START} and {END}, in this order.")


def write_readme(readme: Path, results: dict) -> None:
    """Replace what stands between the markers."""
    check_markers(readme)
    text = readme.read_text(encoding="utf-8")
    before, after = text[: text.find(START) + len(START)], text[text.find(END) :]
    readme.write_text(f"{before}\n{short(results)}\n{after}", encoding="utf-8")
