"""`MonitorCallback`: the base of callbacks that follow one name in the logs and know which way it should go."""

from __future__ import annotations

import re

from hornpipe.callbacks.base import Callback, check_monitor
from hornpipe.core.errors import message, near_miss
from hornpipe.core.naming import snake_case

MODES = ("auto", "min", "max")
# Names, or ends of names, of the metrics in this library; `mode="auto"` looks here after the metric object itself.
_UP = (
    "acc",
    "accuracy",
    "auc",
    "precision",
    "recall",
    "f1_score",
    "fbeta_score",
    "io_u",
    "iou",
    "r2_score",
    "cosine_similarity",
    "true_positives",
    "true_negatives",
    "precision_at_recall",
    "recall_at_precision",
    "sensitivity_at_specificity",
    "specificity_at_sensitivity",
    "pearson_correlation",
    "concordance_correlation",
)
_DOWN = (
    "loss",
    "error",
    "mse",
    "mae",
    "mape",
    "msle",
    "rmse",
    "hinge",
    "crossentropy",
    "ce",
    "kl_divergence",
    "poisson",
    "huber",
    "log_cosh",
    "false_positives",
    "false_negatives",
)


class MonitorCallback(Callback):
    """Follows one name in the logs.

    Args:
        monitor: str. The name in the logs, for example "val_loss".
        mode: "min", "max", or "auto": the loss goes down, a metric the way it says, or else the way
            its name tells.
        min_delta: float. The least change that counts as better; its sign does not matter.

    Raises:
        ValueError: an unknown `mode`; at the end of the first epoch, a `monitor` that is not in the
            logs, or whose direction "auto" can't tell.
        TypeError: `monitor` is no string or `min_delta` no number.
    """

    def __init__(self, monitor="val_loss", mode="auto", *, min_delta=0):
        super().__init__()
        kind = type(self).__name__
        if not isinstance(monitor, str):
            raise TypeError(
                message(kind, "`monitor` must be a name in the logs", f"monitor={monitor!r}")
            )
        if mode not in MODES:
            fix = near_miss(mode, MODES).strip()
            raise ValueError(
                message(kind, f"`mode` must be one of {', '.join(MODES)}", f"mode={mode!r}", fix)
            )
        try:
            self.min_delta = abs(float(min_delta))
        except (TypeError, ValueError):
            raise TypeError(
                message(kind, "`min_delta` must be a number", f"min_delta={min_delta!r}")
            ) from None
        self.monitor, self.mode = monitor, mode
        self._seen = False

    def monitored_names(self):
        """Return the monitored name."""
        return [self.monitor]

    def on_train_begin(self, logs=None):
        """Forget what was seen."""
        self._seen = False

    def monitored_value(self, logs):
        """Return the monitored value as a float, or None in an epoch without validation.

        Raises:
            ValueError: it is not in the logs, or not a number.
        """
        logs = logs or {}
        if self.monitor not in logs:
            every = (self.params or {}).get("validation_freq", 1) == 1
            if self.monitor.startswith("val_") and (self._seen or not every):
                return None
            check_monitor(self.monitor, logs, type(self).__name__)
        value = logs[self.monitor]
        try:
            value = float(value)
        except (TypeError, ValueError):
            rule = f"`monitor` must name a single number, {self.monitor!r} has several"
            raise ValueError(message(type(self).__name__, rule, repr(value))) from None
        self._seen = True
        return value

    def is_better(self, value: float, best: float | None) -> bool:
        """Return whether `value` is better than `best` by more than `min_delta`; anything is better than None."""
        if best is None:
            return True
        return (
            value + self.min_delta < best
            if self.direction() == "min"
            else value - self.min_delta > best
        )

    def direction(self) -> str:
        """Return "min" or "max".

        Raises:
            ValueError: `mode` is "auto" and neither the metric nor its name tells.
        """
        if self.mode != "auto":
            return self.mode
        name = self.monitor.removeprefix("val_")
        metric = next(
            (each for each in _metrics(self.model) if getattr(each, "name", None) == name), None
        )
        told = {"up": "max", "down": "min"}.get(getattr(metric, "_direction", ""))
        found = (
            told
            or _by_name(name)
            or (_by_name(snake_case(type(metric).__name__)) if metric is not None else None)
        )
        if found is None:
            rule = f"`mode` 'auto' can't tell whether {self.monitor!r} should grow or shrink"
            raise ValueError(
                message(type(self).__name__, rule, "", "Pass mode='max' or mode='min'.")
            )
        return found


def _metrics(model) -> list:
    """Return the metrics of a model, those inside containers of metrics too."""
    found, stack = [], list(getattr(model, "metrics", None) or ())
    while stack:
        metric = stack.pop(0)
        found.append(metric)
        inner = getattr(metric, "metrics", None)
        stack.extend(inner if isinstance(inner, (list, tuple)) else ())
    return found


def _by_name(name: str) -> str | None:
    """Return the direction of a metric called `name`, or `<output>_<name>`, or `<name>_<number>`."""
    name = re.sub(r"_\d+$", "", name.lower())
    for direction, names in (("max", _UP), ("min", _DOWN)):
        if any(name == each or name.endswith("_" + each) for each in names):
            return direction
    return None
