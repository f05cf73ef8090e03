"""Names of metrics: what Keras 1 printed, and what a history answers to.

>>> from hornpipe.compat.names import find_log, shown_name
>>> shown_name("accuracy"), shown_name("mae")
('acc', 'mean_absolute_error')
>>> find_log("val_acc", ["loss", "binary_accuracy", "val_loss", "val_binary_accuracy"])
'val_binary_accuracy'
"""

from __future__ import annotations

from hornpipe.compat import keras1
from hornpipe.compat.translate import is_old, session
from hornpipe.core.dialect import hearing

_DEFAULT_OWNERS = ("Model.evaluate", "Model.fit", "Model.test_on_batch", "Model.train_on_batch")


def shown_name(name: str) -> str:
    """Return the name that Keras 1 gave to a metric."""
    return keras1.METRICS.get(name, name)


def find_log(name, known):
    """Return the key among `known` that an old (or today's) name of a log stands for, or None."""
    if not isinstance(name, str):
        return None
    known = list(known)
    head = "val_" if name.startswith("val_") else ""
    for candidate in _candidates(name.removeprefix("val_")):
        if head + candidate in known:
            return head + candidate
    return None


def _candidates(bare: str) -> list[str]:
    """Return the names that a metric may have in a log, for one of its names."""
    groups = [keras1.ACCURACIES] if bare in ("acc", "accuracy") else []
    old = shown_name(bare)
    groups.append([today for today, shown in keras1.METRICS.items() if shown == old])
    groups.append([old])
    found = [candidate for group in groups for candidate in group]
    for number in range(len(bare)):  # "output_acc": the output's name stands in front
        if bare[number] == "_" and bare[number + 1 :] in (
            "acc",
            "accuracy",
            *keras1.METRICS,
            *keras1.METRICS.values(),
        ):
            found += [
                bare[: number + 1] + candidate for candidate in _candidates(bare[number + 1 :])
            ]
    return found


def settle(model, owner: str, old: bool, today: bool) -> None:
    """Decide which names a model's metrics have from this call on.

    A call in the old spelling settles it. Where an alias is installed the old names are the default, unless `fit` is called with
    `epochs=` and nothing old was heard in this process.
    """
    if old:
        model.__dict__["_speaks_old"] = True
    objective = getattr(model, "_objective", None)
    if objective is None or owner not in _DEFAULT_OWNERS:
        return
    default = hearing.all and (session.heard or not today)
    objective_speaks = is_old(model) or default or (objective.rename is not None and not today)
    rename = shown_name if objective_speaks else None
    if objective.rename is not rename:
        objective.set_rename(rename)
        model.__dict__["_programs"] = {}
