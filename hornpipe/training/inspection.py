"""The look at data and model that `fit` and `check` begin with; see `docs/checks.md`.

The budget is 50 ms for 60,000 rows of 784 numbers: labels are read in full, inputs by sample. It is imported when data come.
"""

from __future__ import annotations

from hornpipe.core import tree
from hornpipe.training import checks
from hornpipe.training.check_inputs import check_scales, check_split, check_values, host
from hornpipe.training.check_model import (
    check_accuracy,
    check_outputs,
    check_ranges,
    check_trainable,
)
from hornpipe.training.check_targets import check_class_weight, check_targets, check_weights
from hornpipe.training.findings import Report


def check_data(model, source, outputs, who) -> Report:
    """Check targets, weights and inputs against the model, its outputs and its losses; returns what is left to warn of.

    Raises:
        ShapeError: targets whose shape does not fit the output.
        ValueError: any other finding that is an error. The text holds all of them.
    """
    report = Report(who)
    example = source.example()
    full = getattr(source, "structure", example)
    check_targets(report, model, example[1], full[1], tree.flatten(outputs))
    check_weights(report, model, example, full[2])
    if ("outputs" not in model._told or who == "check") and not _own_loss(model):
        check_outputs(report, model)
        model._told.add("outputs")
    check_values(report, model, full[0])
    report.stop()
    return report


def _own_loss(model) -> bool:
    """Whether the user's code decides what the losses of `compile` mean."""
    from hornpipe.training.trainer import Trainer

    own = type(model).compute_loss is not Trainer.compute_loss
    return own or model._makes_own_logs("train")


def advise(model, source, who, *, class_weight=None, held_back=None) -> Report:
    """Return a report of what is likely a mistake; `held_back` are the targets that `validation_split` took.

    Args:
        model: a model whose data `check_data` has passed.
        source: the training data.
        who: "fit" or "check".
        class_weight: as in `fit`.
        held_back: targets, or None.

    Raises:
        ValueError: a finding that is an error.
    """
    report = Report(who)
    structure = getattr(source, "structure", source.example())
    check_trainable(report, model)
    check_scales(report, model, structure[0])
    if _own_loss(model):
        report.stop()
        return report
    targets = [host(leaf) for leaf in model._objective.align(structure[1])]
    check_ranges(report, model, targets)
    check_accuracy(report, model, targets)
    check_class_weight(report, model, class_weight, targets)
    if held_back is not None:
        check_split(report, model, structure[1], held_back)
    report.stop()
    return report


def look(model, x, y, sample_weight, class_weight, validation_split) -> list:
    """Return the findings that are warnings; the work of `Model.check`, see there."""
    model._require_compiled("check")
    held_back = None
    if validation_split:
        checks.check_fit_numbers(1, 0, None, validation_split, 1, True)
        x, y, sample_weight, held = checks.split(x, y, sample_weight, validation_split)
        held_back = held[1]
    source = model._make_source(x, y, sample_weight, None, who="check", class_weight=class_weight)
    found = model._prepare(source, "check")
    advice = advise(model, source, "check", class_weight=class_weight, held_back=held_back)
    return [*found.warnings, *advice.warnings]
