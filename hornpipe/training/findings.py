"""What the checks before training can find: the table of codes, the findings, and how they are told.

>>> from hornpipe.training.findings import CODES
>>> CODES["HP102"].level
'error'
"""

from __future__ import annotations

import dataclasses
import sys
import warnings

from hornpipe.core.errors import Message, ShapeError, message


class CheckWarning(UserWarning):
    """Something in data or model is likely, but not certainly, a mistake. Its text ends with the code of the check."""


@dataclasses.dataclass(frozen=True)
class Code:
    """One row of the table in `docs/checks.md`.

    Args:
        level: "error" (stops before anything is compiled) or "warning" (told once for each `compile`).
        meaning: what was found.
        fix: what to write instead.
    """

    level: str
    meaning: str
    fix: str


_PERMUTE = "`order = np.random.permutation(len(x)); x, y = x[order], y[order]`"
CODES = {
    "HP101": Code(
        "error",
        "Targets whose shape is not that of the output.",
        "Reshape the targets, or change the units of the output layer.",
    ),
    "HP102": Code(
        "error",
        "One-hot targets for a loss that takes class numbers.",
        '`loss="categorical_crossentropy"`, or `y.argmax(-1)`.',
    ),
    "HP103": Code(
        "error",
        "Class numbers for a loss that takes one-hot targets.",
        '`loss="sparse_categorical_crossentropy"`, or `keras.utils.to_categorical(y)`.',
    ),
    "HP104": Code(
        "error",
        "A class number below 0, or beyond the units of the output.",
        "Count classes from 0; give the output layer a unit for each class.",
    ),
    "HP105": Code(
        "error", "Class numbers that are not whole.", 'For numbers to predict use `loss="mse"`.'
    ),
    "HP106": Code("error", "NaN or infinity in the targets.", "Drop or fill these rows."),
    "HP107": Code(
        "error",
        "Targets outside [0, 1] for a cross-entropy.",
        'For class numbers `loss="sparse_categorical_crossentropy"`, for numbers `"mse"`.',
    ),
    "HP108": Code(
        "error",
        "Sample weights of a shape that does not fit the targets.",
        "One weight a row: `(rows,)`; for sequences `(rows, steps)`.",
    ),
    "HP109": Code("error", "NaN or infinity in the sample weights.", "Fill them, or leave them 0."),
    "HP110": Code(
        "warning",
        "`class_weight` misses a class of the data, or names one that the output does not have.",
        "Give each class its weight; a missing one counts 1.0.",
    ),
    "HP201": Code(
        "error",
        "`from_logits=True` for an output that is a probability already.",
        "Leave `from_logits` out, or the output layer's activation.",
    ),
    "HP202": Code(
        "warning",
        "A cross-entropy of probabilities for an output layer that does not give any.",
        '`activation="softmax"` or `"sigmoid"`, or a loss with `from_logits=True`.',
    ),
    "HP203": Code(
        "error",
        "A softmax over one unit: the output is 1 whatever the weights are.",
        '`Dense(1, activation="sigmoid")` with `loss="binary_crossentropy"`.',
    ),
    "HP204": Code(
        "warning",
        "A relu before the loss's own softmax or sigmoid: units that die never come back.",
        "Leave the output layer's activation out.",
    ),
    "HP205": Code(
        "warning",
        "Targets that the activation of the output layer can't reach.",
        "Leave the activation out, or scale the targets into its range.",
    ),
    "HP206": Code(
        "warning",
        "`binary_crossentropy` over a softmax: the classes are taken for decisions of their own.",
        '`loss="categorical_crossentropy"`, or `activation="sigmoid"` where labels do not exclude each other.',
    ),
    "HP207": Code(
        "error",
        "A categorical cross-entropy over one unit: the loss is the same whatever the weights are.",
        '`Dense(1, activation="sigmoid")` with `loss="binary_crossentropy"`.',
    ),
    "HP301": Code(
        "error",
        "NaN or infinity in the inputs; a warning where the model is not made of layers that are known.",
        "Fill or drop them, for example `x = np.nan_to_num(x)`.",
    ),
    "HP302": Code(
        "error",
        "Token ids below 0 or beyond the vocabulary of an `Embedding`.",
        "`Embedding(largest id + 1, ...)`, or cut the vocabulary of the data.",
    ),
    "HP303": Code(
        "warning",
        "Pixels from 0 to 255 go into a layer of weights.",
        '`x = x.astype("float32") / 255`.',
    ),
    "HP304": Code(
        "warning",
        "Input columns of very different, or very large, scales.",
        "`x = (x - x.mean(axis=0)) / x.std(axis=0)`, with mean and deviation of the training data.",
    ),
    "HP401": Code(
        "warning",
        "Sorted data with `validation_split`: classes are validated that are not trained.",
        _PERMUTE,
    ),
    "HP402": Code(
        "warning",
        "`trainable` was changed after `compile`. It takes effect here; the optimizer's state stays.",
        "Call `model.compile(...)` again after changing `trainable`.",
    ),
    "HP403": Code(
        "warning",
        "The model has no trainable weights.",
        "`layer.trainable = True` for what should learn, then `model.compile(...)`.",
    ),
    "HP404": Code(
        "warning",
        '"accuracy" beside a loss for numbers, with targets that are no classes.',
        '`metrics=["mae"]`.',
    ),
    "HP405": Code(
        "error",
        "A callback watches a value that will not exist.",
        "One of the names in the message.",
    ),
    "HP501": Code(
        "warning",
        "The loss stopped being finite while training; the text names the step, the layer and the value as far as they are known.",
        "As the text says: fill the inputs, a smaller learning rate, `clipnorm=1.0`.",
    ),
}


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that a check found.

    Args:
        code: key of `CODES`, such as "HP102".
        level: "error" or "warning".
        who: the function that looked: "fit", "check".
        where: the argument or layer: "y", "x", "layer 'dense_1'".
        rule: what was expected.
        seen: what came instead.
        fix: the line to write instead.
    """

    code: str
    level: str
    who: str
    where: str
    rule: str
    seen: str
    fix: str
    shape: bool = False

    def __str__(self):
        return f"{message(self.who, self.rule, self.seen, self.fix)} [{self.code}]"


class Report:
    """Collects findings of one look at data and model.

    Args:
        who: the function that looks, for the texts.
    """

    def __init__(self, who: str):
        self.who = who
        self.findings: list[Finding] = []

    def add(self, code, where, rule, seen="", fix="", *, level=None, shape=False) -> None:
        """Note a finding; its level is that of the table unless it is given."""
        level = CODES[code].level if level is None else level
        self.findings.append(Finding(code, level, self.who, where, rule, seen, fix, shape))

    @property
    def errors(self) -> list[Finding]:
        """The findings that stop."""
        return [finding for finding in self.findings if finding.level == "error"]

    @property
    def warnings(self) -> list[Finding]:
        """The findings that do not stop."""
        return [finding for finding in self.findings if finding.level == "warning"]

    def stop(self) -> None:
        """Raise one error with all findings that stop, if there are any.

        Raises:
            ShapeError: shapes alone do not fit.
            ValueError: there are others.
        """
        errors = self.errors
        if errors:
            kind = ShapeError if all(finding.shape for finding in errors) else ValueError
            raise kind(Message("\n".join(map(str, errors))))

    def tell(self, told: set) -> None:
        """Warn of what is not in `told` yet, and note it there."""
        for finding in self.warnings:
            key = (finding.code, finding.where)
            if key not in told:
                told.add(key)
                warnings.warn(CheckWarning(str(finding)), stacklevel=outside_level())


def outside_level() -> int:
    """Return the `stacklevel` at which a warning of the caller points to the user's line."""
    level, frame = 1, sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] == "hornpipe":
        level, frame = level + 1, frame.f_back
    return level


def table() -> str:
    """Return the rows of `docs/checks.md`."""
    rows = [
        f"| {code} | {each.level} | {each.meaning} | {each.fix} |" for code, each in CODES.items()
    ]
    return "\n".join(
        ["| code | level | what was found | what to do |", "| --- | --- | --- | --- |", *rows]
    )
