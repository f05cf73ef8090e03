"""What must hold. Times are compared round by round: the ratio of two contenders is the median of their ratios within a round."""

from __future__ import annotations

import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """A bound on a figure.

    Args:
        text: what the table says.
        figure: path of the figure in the results, or for a pair of contenders (workload, theirs, ours).
        least, most: bounds, or None.
    """

    text: str
    figure: tuple[str, ...]
    least: float | None = None
    most: float | None = None
    pair: bool = False

    def check(self, results: dict) -> dict:
        """Return {"goal", "wanted", "value", "low", "high", "met"}; value and met are None where it was not measured."""
        limits = ((">=", self.least), ("<=", self.most))
        bounds = [f"{sign} {limit:g}" for sign, limit in limits if limit is not None]
        found = {"goal": self.text, "wanted": " and ".join(bounds), "value": None, "met": None}
        if self.pair:
            values = ratios(results["workloads"].get(self.figure[0], {}), *self.figure[1:])
            if values is None:
                return found
            found |= {"low": min(values), "high": max(values)}
            value = statistics.median(values)
        else:
            value = _lookup(results, self.figure)
            if value is None:
                return found
        above = self.least is None or value >= self.least
        return found | {"value": value, "met": above and (self.most is None or value <= self.most)}


def ratios(workload: dict, above: str, below: str) -> list[float] | None:
    """Return the ratios of two contenders' times, one per round, or None where one of them did not run."""
    pair = [workload.get("contenders", {}).get(name, {}).get("seconds") for name in (above, below)]
    if not all(pair):
        return None
    return [a / b for a, b in zip(*pair, strict=True)]


def _lookup(results: dict, path: tuple[str, ...]):
    for key in path:
        if not isinstance(results, dict) or key not in results:
            return None
        results = results[key]
    return results


def _times_faster(workload: str, ours: str, theirs: str, least: float) -> Goal:
    return Goal(
        f"{workload}: {ours}, times faster than {theirs}",
        (workload, theirs, ours),
        least=least,
        pair=True,
    )


def _share_of(workload: str, ours: str, theirs: str, most: float) -> Goal:
    return Goal(
        f"{workload}: {ours}, time as a share of {theirs}",
        (workload, ours, theirs),
        most=most,
        pair=True,
    )


def _network(workload: str, portable: float | None = None, jax: float = 1.5) -> list[Goal]:
    """Return the goals of a network whose work is in compiled kernels: against every backend of Keras."""
    least = {"keras-jax": jax, "keras-tensorflow": 1.5, "keras-torch": 1.5}
    found = [_times_faster(workload, "hornpipe-jax", name, value) for name, value in least.items()]
    if portable is not None:
        name = "keras-tensorflow"
        found.append(_times_faster(workload, "hornpipe-portable", name, portable))
    return found


def _accuracy(figure: str, text: str, least: float, most: float | None = None) -> list[Goal]:
    return [
        Goal(f"{text}, {name}", ("accuracy", name, figure), least=least, most=most)
        for name in ("hornpipe-jax", "hornpipe-torch")
    ]


GOALS = [
    _times_faster("boston", "hornpipe-jax", "keras-jax", 60),
    _times_faster("boston", "hornpipe-jax", "keras-jax-tuned", 15),
    _share_of("boston", "hornpipe-jax", "hand-jax", 1.15),
    _times_faster("boston", "hornpipe-torch", "keras-torch", 3),
    _share_of("boston", "hornpipe-torch", "hand-torch", 1.3),
    _times_faster("mnist", "hornpipe-jax", "keras-jax", 1.25),
    _times_faster("mnist", "hornpipe-jax", "keras-tensorflow", 2),
    _times_faster("mnist", "hornpipe-jax", "keras-torch", 2),
    _share_of("mnist", "hornpipe-jax", "hand-jax", 1.1),
    _times_faster("mnist", "hornpipe-torch", "keras-torch", 1),
    _share_of("mnist", "hornpipe-torch", "hand-torch", 1.3),
    _times_faster("imdb", "hornpipe-jax", "keras-jax", 1.1),
    _share_of("imdb", "hornpipe-jax", "hand-jax", 1.1),
    _share_of("imdb", "hornpipe-torch", "hand-torch", 1.3),
    _times_faster("predict_row", "hornpipe-jax", "keras-jax", 8),
    _times_faster("boston_script", "hornpipe-jax", "keras-jax", 2),
    _times_faster("boston_script", "hornpipe-jax", "keras-jax-cached", 2),
    *_network("cnn", portable=0.8, jax=6),
    *_network("lstm"),
    *_network("gru"),
    *_network("separable"),
    Goal("import over jax alone, seconds", ("resources", "import", "package_seconds"), most=0.2),
    Goal("import, own modules", ("resources", "import", "package_modules"), most=60),
    *_accuracy("mnist", "MNIST test accuracy, 5 epochs", 0.975),
    *_accuracy("imdb", "IMDB test accuracy, 4 epochs", 0.86, 0.90),
    *_accuracy("reuters", "Reuters test accuracy, 9 epochs", 0.78),
    *_accuracy("boston", "Boston mean absolute error, four folds", 2, 3),
]


def check_all(results: dict) -> list[dict]:
    """Return the state of every goal."""
    return [goal.check(results) for goal in GOALS]
