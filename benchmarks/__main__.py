"""The driver: `python -m benchmarks [--quick] [--rounds N] [--only NAME ...] [--contenders NAME ...] [--readme]`."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import accuracy, goals, report, resources
from benchmarks.contenders import CONTENDERS, ROOT, chosen, environment
from benchmarks.worker import Worker, WorkerError
from benchmarks.workloads import WORKLOADS

_FOLDER = Path(__file__).resolve().parent
_SCRIPT, _RESOURCES, _ACCURACY = "boston_script", "resources", "accuracy"
_PARTS = (*WORKLOADS, _SCRIPT, _RESOURCES, _ACCURACY)
_SETTLE_SECONDS = 0.1  # between contenders: their threads spin a little before they sleep


def say(text: str) -> None:
    """Print progress to standard error."""
    print(text, file=sys.stderr, flush=True)


def in_turn(names: list[str], round_number: int) -> list[str]:
    """Return the order of a round: reversed in every second one, so that nobody always follows the same neighbour."""
    return names if round_number % 2 == 0 else names[::-1]


def measure_workload(name: str, options, versions: dict) -> dict:
    """Run one workload: start its contenders one by one, then ask them in turn, round after round."""
    contenders = chosen(name, options.contenders)
    found: dict[str, dict] = {}
    workers: dict[str, Worker] = {}
    with contextlib.ExitStack() as stack:
        for contender in contenders:
            say(f"{name}: starting {contender}")
            try:
                worker = stack.enter_context(Worker(contender, name, options.seconds))
                ready = worker.answer()
            except (WorkerError, OSError) as error:
                say(f"{name}: {error}")
                found[contender] = {"error": str(error)}
                continue
            workers[contender] = worker
            versions[contender] = ready.pop("versions")
            found[contender] = {**ready, "seconds": []}
        for number in range(options.rounds):
            say(f"{name}: round {number + 1} of {options.rounds}")
            for contender in in_turn(list(workers), number):
                time.sleep(_SETTLE_SECONDS)
                try:
                    answer = workers[contender].measure()
                except (WorkerError, OSError) as error:
                    say(f"{name}: {error}")
                    found[contender] = {"error": str(error)}
                    del workers[contender]
                    continue
                found[contender]["seconds"].append(answer["seconds"])
                found[contender]["last"] = answer["logs"]
    return {"title": WORKLOADS[name].title, "contenders": found}


def measure_script(options) -> dict:
    """Time a whole script in fresh processes; the first run of each contender, which fills the caches, does not count."""
    folder = ROOT / "build" / "benchmarks"  # for the contender that switches JAX's own cache on
    found: dict[str, dict] = {}

    def run(name):
        contender = CONTENDERS[name]
        command = [contender.python, "-m", "benchmarks.script", contender.library]
        environ = environment(contender)
        if name == "keras-jax-cached":
            environ["JAX_COMPILATION_CACHE_DIR"] = str(folder)
        began = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True)
        seconds = time.perf_counter() - began
        if done.returncode:
            raise WorkerError(
                f"{name} ended with code {done.returncode}: {done.stderr[-2000:].strip()}"
            )
        return seconds, done.stdout.splitlines()[-1]

    for name, contender in chosen(_SCRIPT, options.contenders).items():
        if not contender.library:
            continue
        say(f"{_SCRIPT}: first run of {name}")
        try:
            first, result = run(name)
            found[name] = {"units": 1, "note": result, "first_seconds": first, "seconds": []}
        except (WorkerError, OSError) as error:
            say(str(error))
            found[name] = {"error": str(error)}
    names = [name for name in found if "seconds" in found[name]]
    for number in range(options.rounds):
        say(f"{_SCRIPT}: round {number + 1} of {options.rounds}")
        for name in in_turn(names, number):
            found[name]["seconds"].append(run(name)[0])
    return {
        "title": "Boston housing: a whole script, 5 epochs, from process start to result",
        "contenders": found,
    }


def measure_accuracy(options) -> dict:
    """Return what the models of the contenders with a Keras interface reach; Keras once, for comparison."""
    found = {}
    for name in chosen(_ACCURACY, options.contenders):
        if name not in ("hornpipe-jax", "hornpipe-torch", "keras-jax"):
            continue
        say(f"accuracy: {name}")
        found[name] = _attempt(lambda name=name: accuracy.measure(name))
    return found


def _attempt(measure) -> dict:
    try:
        return measure()
    except subprocess.CalledProcessError as error:
        say(error.stderr)
        return {"error": error.stderr.strip()[-2000:]}


def machine() -> dict:
    """Return what the figures depend on."""
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = info.read_text().splitlines()
        processor = next(
            (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
            processor,
        )
    return {
        "processor": processor,
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def find_datasets() -> None:
    """Make HORNPIPE_DATASETS name a folder that holds the data sets, fetching them into hornpipe's cache if need be."""
    if os.environ.get("HORNPIPE_DATASETS"):
        return
    from hornpipe import datasets
    from hornpipe.core import settings

    for name in ("boston_housing", "mnist", "imdb", "reuters"):
        say(f"loading {name}")
        getattr(datasets, name).load_data()
    os.environ["HORNPIPE_DATASETS"] = str(settings.home() / "datasets")


def measure(options) -> dict:
    """Measure the parts that `options` asks for."""
    find_datasets()
    versions: dict = {}
    results: dict = {
        "date": datetime.date.today().isoformat(),
        "rounds": options.rounds,
        "machine": machine(),
        "versions": versions,
        "workloads": {},
    }
    for name in options.only:
        if name in WORKLOADS:
            results["workloads"][name] = measure_workload(name, options, versions)
        elif name == _SCRIPT:
            results["workloads"][name] = measure_script(options)
        elif name == _RESOURCES:
            say("resources")
            results["resources"] = _attempt(lambda: resources.measure(options.quick))
        else:
            results["accuracy"] = measure_accuracy(options)
    results["goals"] = goals.check_all(results)
    return results


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, help="measurements of each contender (default 7, quick 2)"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=_PARTS,
        metavar="PART",
        help=f"parts to run: {', '.join(_PARTS)}",
    )
    parser.add_argument(
        "--contenders", nargs="+", choices=CONTENDERS, default=[], metavar="NAME", help="contenders"
    )
    parser.add_argument(
        "--quick", action="store_true", help="a rough look: two short rounds, no accuracy"
    )
    parser.add_argument(
        "--readme", action="store_true", help="write the table into README.md as well"
    )
    parser.add_argument(
        "--saved", action="store_true", help="measure nothing: make the tables from results.json"
    )
    options = parser.parse_args(arguments)
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be at least 1")
    partial = bool(options.only or options.contenders or options.quick)
    if partial and (options.readme or options.saved):
        parser.error(
            "--readme and --saved need all of the figures: not with --only, --contenders or --quick"
        )
    options.complete = not partial
    options.seconds = 0.3 if options.quick else 1.0
    options.rounds = options.rounds or (2 if options.quick else 7)
    options.only = options.only or [
        part for part in _PARTS if not (options.quick and part == _ACCURACY)
    ]
    return options


def main(arguments: list[str]) -> int:
    """Measure, print, write; 1 if a contender did not run."""
    options = parse(arguments)
    readme, saved = ROOT / "README.md", _FOLDER / "results.json"
    if options.readme:
        try:
            report.check_markers(readme)
        except ValueError as error:
            raise SystemExit(str(error)) from None
    if importlib.util.find_spec("hornpipe") is None:
        raise SystemExit("hornpipe cannot be imported: run this from the checkout.")
    results = json.loads(saved.read_text(encoding="utf-8")) if options.saved else measure(options)
    if options.complete:
        saved.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        (_FOLDER / "results.md").write_text(report.full(results), encoding="utf-8")
    if options.readme:
        report.write_readme(readme, results)
    print(report.full(results, complete=options.complete))
    if not options.complete:
        say("A partial or quick run: results.json and results.md are left as they were.")
    return int('"error"' in json.dumps(results))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
