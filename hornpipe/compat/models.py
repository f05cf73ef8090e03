"""Methods and attributes of models and layers that are gone today; the table's entries "!name" and "?name".

>>> import numpy as np
>>> import hornpipe as keras
>>> model = keras.Sequential([keras.layers.Dense(3, input_dim=2, activation="softmax")])
>>> model.predict_classes(np.ones((4, 2)), verbose=0).shape
(4,)
"""

from __future__ import annotations

import numpy as np

from hornpipe.compat.convert import ordering_name
from hornpipe.compat.translate import translate
from hornpipe.core import tree
from hornpipe.core.errors import message

# ---- computed attributes


def dim_ordering(layer) -> str:
    """Return "tf" or "th" for a layer with an image layout."""
    if "data_format" not in layer.__dict__:
        raise AttributeError(
            f"{type(layer).__name__} has no `data_format`, which `dim_ordering` was called in Keras 1."
        )
    return ordering_name(layer.data_format)


def uses_learning_phase(layer) -> bool:
    """Return whether a layer, or one inside, does something else while training."""
    return any(
        "training" in each._call_names
        for each in layer._flatten_layers()
        if not hasattr(each, "compile")
    )


# ---- predictions


def predict_classes(model, x, batch_size=32, verbose=1):
    """Return class numbers: of the largest output, or whether a single output exceeds 0.5."""
    probabilities = model.predict(x, batch_size=batch_size, verbose=verbose)
    if probabilities.shape[-1] > 1:
        return probabilities.argmax(axis=-1)
    return (probabilities > 0.5).astype("int32")


def predict_proba(model, x, batch_size=32, verbose=1):
    """Return what `predict` returns; Keras 1 warned where that were no probabilities."""
    return model.predict(x, batch_size=batch_size, verbose=verbose)


# ---- generators


class SampleStream:
    """Batches of a generator; an epoch ends with the batch that reaches a number of samples, as in Keras 1.

    Args:
        generator: an iterator of batches; it goes on where the epoch before ended.
        samples: int >= 1.
        who: the caller, for errors.

    Raises:
        ValueError: `samples` is not an integer >= 1; the generator ends too early.
    """

    def __init__(self, generator, samples, who):
        if isinstance(samples, bool) or not isinstance(samples, (int, np.integer)) or samples < 1:
            raise ValueError(
                message(who, "the number of samples must be an integer >= 1", repr(samples))
            )
        self._batches, self._samples, self._who = iter(generator), int(samples), who
        self._first = self._next(0)
        self._steps = -(-self._samples // max(_rows(self._first), 1))

    def __len__(self):
        return self._steps

    def _next(self, seen):
        try:
            return next(self._batches)
        except StopIteration:
            rule = f"the generator ended after {seen} of {self._samples} samples of an epoch"
            raise ValueError(
                message(self._who, rule, "", "Let it run for ever: `while True`.")
            ) from None

    def __iter__(self):
        seen = 0
        while seen < self._samples:
            batch, self._first = (
                (self._first, None) if self._first is not None else (self._next(seen), None)
            )
            seen += _rows(batch)
            yield tuple(batch) if isinstance(batch, list) else batch


def _rows(batch) -> int:
    first = batch[0] if isinstance(batch, (tuple, list)) else batch
    leaves = tree.flatten(first)
    return len(leaves[0]) if leaves else 0


_QUEUE = (
    "max_q_size",
    "nb_worker",
    "pickle_safe",
    "max_queue_size",
    "workers",
    "use_multiprocessing",
)
_TODAY = {
    "fit_generator": "steps_per_epoch epochs validation_steps",
    "evaluate_generator": "steps",
    "predict_generator": "steps",
}


def _old_names(who, order, args, kwargs):
    """Return the arguments by name, and whether they are in the spelling of Keras 1 (samples) or 2 (steps)."""
    order = order.split()
    if len(args) > len(order):
        raise TypeError(
            message(who, f"takes at most {len(order)} arguments by position", f"{len(args)}")
        )
    given = {**dict(zip(order, args, strict=False)), **kwargs}
    known = dict.fromkeys(_TODAY[who].split())
    translate(who, known, (), given)  # refuses a mixture
    for name in _QUEUE:
        given.pop(name, None)  # batches are read ahead without being told
    return given


def _stream(given, samples_name, steps_name, data, who):
    """Return (data, steps): a stream of samples, or the data and a number of steps."""
    if samples_name in given:
        return SampleStream(data, given.pop(samples_name), who), None
    return data, given.pop(steps_name, None)


def fit_generator(model, *args, **kwargs):
    """Train on batches of a generator. `samples_per_epoch` and `nb_val_samples` count samples.

    Args:
        model: a compiled model.
        args, kwargs: as in Keras 1 (`generator, samples_per_epoch, nb_epoch, verbose, callbacks, validation_data, nb_val_samples,
            class_weight, ...`) or Keras 2 (`steps_per_epoch, epochs, validation_steps`, by name).

    Raises:
        TypeError: both spellings in one call.
    """
    who = "fit_generator"
    order = "generator samples_per_epoch nb_epoch verbose callbacks validation_data nb_val_samples class_weight"
    given = _old_names(who, order, args, kwargs)
    x, steps = _stream(given, "samples_per_epoch", "steps_per_epoch", given.pop("generator"), who)
    validation = given.pop("validation_data", None)
    is_arrays = isinstance(validation, (tuple, list))
    if validation is not None and not is_arrays and "nb_val_samples" in given:
        validation, validation_steps = _stream(
            given, "nb_val_samples", "validation_steps", validation, who
        )
    else:
        validation_steps = given.pop("validation_steps", None)
        given.pop("nb_val_samples", None)
    epochs = "epochs" if "epochs" in given else "nb_epoch"
    given.setdefault("verbose", 1)
    return model.fit(
        x,
        steps_per_epoch=steps,
        validation_data=validation,
        validation_steps=validation_steps,
        **{epochs: given.pop(epochs, 1)},
        **given,
    )


def evaluate_generator(model, *args, **kwargs):
    """Return the loss and metrics over `val_samples` samples (or `steps` batches) of a generator."""
    given = _old_names("evaluate_generator", "generator val_samples", args, kwargs)
    x, steps = _stream(given, "val_samples", "steps", given.pop("generator"), "evaluate_generator")
    return model.evaluate(x, steps=steps, verbose=given.pop("verbose", 0), **given)


def predict_generator(model, *args, **kwargs):
    """Return the predictions for `val_samples` samples (or `steps` batches) of a generator."""
    given = _old_names("predict_generator", "generator val_samples", args, kwargs)
    x, steps = _stream(given, "val_samples", "steps", given.pop("generator"), "predict_generator")
    return model.predict(x, steps=steps, verbose=given.pop("verbose", 0), **given)
