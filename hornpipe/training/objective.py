"""What `compile` asked for: one scalar to minimise, and the metrics to watch, over all outputs of a model.

Losses and metrics are matched to outputs by position or by name, resolved once the shapes of targets and predictions are known.
`rows` is set while a padded batch is computed: the padding rows weigh nothing and means are taken over the real rows.
"""

from __future__ import annotations

import contextlib

from hornpipe import ops
from hornpipe.core import masking, tree
from hornpipe.core.errors import message, near_miss
from hornpipe.losses.base import as_loss
from hornpipe.metrics.base import Mean, Metric
from hornpipe.metrics.choose import as_metric


class Objective:
    """Losses and metrics of a compiled model.

    Args:
        loss: a name, function, class or object; a list or dict of these, one an output; or None.
        loss_weights: list or dict of floats, one an output, or None.
        metrics, weighted_metrics: a list; a list of lists or a dict of lists, one an output; or None.

    Raises:
        ValueError: a list's length or a dict's key does not fit the model's outputs (when the outputs are known).
    """

    def __init__(self, loss, loss_weights, metrics, weighted_metrics):
        self._given = {
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }
        for argument in ("metrics", "weighted_metrics"):
            value = self._given[argument]
            if value is not None and not isinstance(value, (list, tuple, dict)):
                self._given[argument] = [value]
        self.loss_tracker = Mean(name="loss")
        self.rename = None  # function name -> shown name, for models that speak an older dialect
        self.built = False
        self.rows = None  # (mask (batch,), number of real rows) while a padded batch is computed
        self.losses: list = []
        self.weights: list = []
        self.output_trackers: list[Metric] = []
        self.watched: list = []  # (output number, metric, name, takes sample weights)

    # ---- matching to outputs

    def build(self, y, y_pred, output_names) -> None:
        """Resolve losses and metrics for the outputs; `y` and `y_pred` are structures of anything with a shape."""
        if self.built:
            return
        self.names = output_names
        many = len(output_names) > 1
        predictions = tree.flatten(y_pred)
        targets = self.align(y)
        losses = self._per_output("loss", None)
        self.losses = [None if loss is None else as_loss(loss) for loss in losses]
        for name, loss, target in zip(output_names, losses, targets, strict=True):
            if loss is not None and target is None:
                what = "`y`" if not many else f"`y[{name!r}]`"
                raise ValueError(
                    message("fit", f"output {name!r} has a loss, so {what} must be given", "y=None")
                )
        weights = self._per_output("loss_weights", None)
        for name, weight in zip(output_names, weights, strict=True):
            if weight is not None and (
                isinstance(weight, bool) or not isinstance(weight, (int, float))
            ):
                raise ValueError(
                    message("compile", "`loss_weights` must be numbers", f"{name!r}: {weight!r}")
                )
        self.weights = weights
        if many and sum(loss is not None for loss in self.losses) > 1:
            self.output_trackers = [
                Mean(name=f"{name}_loss") if loss is not None else None
                for name, loss in zip(output_names, self.losses, strict=True)
            ]
        watched = []
        for argument, weighted in (("metrics", False), ("weighted_metrics", True)):
            for number, given in enumerate(self._per_output(argument, [], lists=True)):
                for identifier in given if isinstance(given, (list, tuple)) else [given]:
                    if identifier is None:
                        continue
                    if targets[number] is None:
                        raise ValueError(
                            message(
                                "compile",
                                "metrics need targets",
                                f"`{argument}`={identifier!r}, y=None",
                            )
                        )
                    metric = as_metric(
                        identifier,
                        tuple(targets[number].shape),
                        tuple(predictions[number].shape),
                        self.losses[number],
                    )
                    watched.append((number, metric, self._shown(number, metric.name), weighted))
        self.watched = watched
        self.built = True

    def _shown(self, number, name) -> str:
        name = name if self.rename is None else self.rename(name)
        return f"{self.names[number]}_{name}" if len(self.names) > 1 else name

    def set_rename(self, rename) -> None:
        """Show metrics under other names from now on; None for their own."""
        self.rename = rename
        self.watched = [
            (number, metric, self._shown(number, metric.name), weighted)
            for number, metric, _, weighted in self.watched
        ]

    def _per_output(self, argument, default, lists=False) -> list:
        """Return the entries of one of `compile`'s arguments, one for each output."""
        given, names = self._given[argument], self.names
        if given is None:
            return [default] * len(names)
        if isinstance(given, dict):
            for key in given:
                if key not in names:
                    fix = f"The outputs are {', '.join(map(repr, names))}.{near_miss(key, names)}"
                    raise ValueError(
                        message(
                            "compile", f"`{argument}` has a key that is no output", f"{key!r}", fix
                        )
                    )
            return [given.get(name, default) for name in names]
        if isinstance(given, (list, tuple)):
            nested = any(isinstance(item, (list, tuple, dict)) for item in given)
            if lists and len(names) == 1:
                return [given[0] if nested and len(given) == 1 else list(given)]
            if lists and not nested and len(given) != len(names):
                rule = f"`{argument}` for {len(names)} outputs must be a list of {len(names)} lists, or a dict"
                raise ValueError(
                    message("compile", rule, f"{given!r}", f"Keys of a dict: {', '.join(names)}.")
                )
            if len(given) != len(names):
                rule = f"`{argument}` must have an entry for each of the {len(names)} outputs"
                raise ValueError(
                    message(
                        "compile", rule, f"{len(given)} entries", f"Outputs: {', '.join(names)}."
                    )
                )
            return list(given)
        return [given] * len(names)

    def align(self, structure) -> list:
        """Return targets or sample weights as a list, one entry an output; dicts are matched by the outputs' names.

        Raises:
            ValueError: a key is no output, or the number of entries differs.
        """
        names = self.names
        if structure is None:
            return [None] * len(names)
        if isinstance(structure, dict):
            for key in structure:
                if key not in names:
                    fix = f"The outputs are {', '.join(map(repr, names))}.{near_miss(key, names)}"
                    raise ValueError(
                        message("fit", "`y` has a key that is no output", f"{key!r}", fix)
                    )
            return [structure.get(name) for name in names]
        leaves = tree.flatten(structure)
        if len(leaves) == 1 and len(names) > 1 and not isinstance(structure, (list, tuple)):
            leaves = leaves * len(names) if not hasattr(leaves[0], "shape") else leaves
        if len(leaves) != len(names):
            rule = f"the model has {len(names)} outputs, `y` must have as many entries"
            raise ValueError(
                message("fit", rule, f"{len(leaves)} entries", f"Outputs: {', '.join(names)}.")
            )
        return leaves

    def _align_weights(self, sample_weight) -> list:
        if sample_weight is not None and not isinstance(sample_weight, (dict, list, tuple)):
            return [sample_weight] * len(self.names)
        return self.align(sample_weight)

    # ---- computing

    @contextlib.contextmanager
    def padded(self, mask, count):
        """Count only the rows where `mask` (bool `(batch,)`) holds, `count` of them, for a while."""
        self.rows = (mask, count)
        try:
            yield
        finally:
            self.rows = None

    def _row_weight(self, values_like, weight, *, mean: bool):
        """Return sample weights that leave out padding rows; with `mean`, scaled so that a mean over all rows is right."""
        if self.rows is None:
            return weight
        mask, count = self.rows
        rows = ops.cast(mask, "float32")
        if mean:
            rows = rows * (float(mask.shape[0]) / ops.cast(count, "float32"))
        if weight is None:
            return rows
        return weight * ops.reshape(rows, (-1,) + (1,) * (len(weight.shape) - 1))

    def loss(self, y, y_pred, sample_weight, extra):
        """Return the scalar to minimise: weighted losses of all outputs, and `extra` (penalties), in float32."""
        total = None
        targets, weights = self.align(y), self._align_weights(sample_weight)
        predictions = tree.flatten(y_pred)
        for number, loss in enumerate(self.losses):
            if loss is None:
                continue
            prediction = self._mask_padding(predictions[number])
            mean = (
                loss.reduction in ("sum_over_batch_size", "mean")
                and masking.get_mask(prediction) is None
            )
            value = loss(
                targets[number],
                prediction,
                self._row_weight(prediction, weights[number], mean=mean),
            )
            if self.output_trackers and self.output_trackers[number] is not None:
                self.output_trackers[number].update_state(
                    ops.stop_gradient(value), sample_weight=self.count(prediction)
                )
            if self.weights[number] is not None:
                value = value * self.weights[number]
            total = value if total is None else total + value
        for penalty in extra:
            penalty = ops.cast(ops.sum(penalty), "float32")
            total = penalty if total is None else total + penalty
        if total is None:
            fix = 'Pass one to compile, for example loss="mse", or call add_loss in a layer.'
            raise ValueError(message("fit", "there is no loss to minimise", "loss=None", fix))
        return total

    def _mask_padding(self, prediction):
        """Let a prediction's mask leave out padding rows as well."""
        mask = masking.get_mask(prediction)
        if mask is None or self.rows is None:
            return prediction
        rows = ops.reshape(self.rows[0], (-1,) + (1,) * (len(mask.shape) - 1))
        masked = prediction + 0.0
        masking.set_mask(masked, ops.logical_and(mask, rows))
        return masked

    def count(self, leaf):
        """Return the number of real rows of a batch."""
        return self.rows[1] if self.rows is not None else leaf.shape[0]

    def update(self, y, y_pred, sample_weight) -> None:
        """Update the metrics with one batch."""
        targets, weights = self.align(y), self._align_weights(sample_weight)
        predictions = tree.flatten(y_pred)
        for number, metric, _, weighted in self.watched:
            weight = self._row_weight(
                predictions[number], weights[number] if weighted else None, mean=False
            )
            prediction = self._mask_padding(predictions[number])
            if weight is None:
                metric.update_state(targets[number], prediction)
            else:
                metric.update_state(targets[number], prediction, sample_weight=weight)

    # ---- what the outside sees

    @property
    def metrics(self) -> list[Metric]:
        """All metrics in the order in which they are shown, the loss first."""
        outputs = [tracker for tracker in self.output_trackers if tracker is not None]
        return [self.loss_tracker, *outputs, *(metric for _, metric, _, _ in self.watched)]

    def results(self) -> dict:
        """Return name -> current value of the loss and all metrics."""
        values = {"loss": self.loss_tracker.result()}
        values.update(
            {
                tracker.name: tracker.result()
                for tracker in self.output_trackers
                if tracker is not None
            }
        )
        for _, metric, name, _ in self.watched:
            result = metric.result()
            values.update(result if isinstance(result, dict) else {name: result})
        return values

    @property
    def row_independent(self) -> bool:
        """Whether a padded row with weight 0 changes no loss and no metric."""
        losses = all(loss is None or _is_ours(loss) for loss in self.losses)
        return losses and all(_is_ours(metric) for _, metric, _, _ in self.watched)


def _is_ours(item) -> bool:
    return bool(getattr(item, "row_independent", False))
