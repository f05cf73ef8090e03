"""`compile`, `fit`, `evaluate`, `predict`: arguments are checked and turned into sources here; the executor does the work."""

from __future__ import annotations

import collections
import dataclasses
import functools
from typing import Any

import numpy as np

from hornpipe.callbacks.base import CallbackList
from hornpipe.callbacks.progress import make_display
from hornpipe.core import dialect, tree
from hornpipe.core.config import resolve
from hornpipe.core.errors import message
from hornpipe.core.random import draw_seed
from hornpipe.core.refusal import guarded
from hornpipe.core.scope import Scope
from hornpipe.training import checks
from hornpipe.training.data import ArraySource, StreamSource, count_rows, is_stream, to_arrays
from hornpipe.training.executor import BatchHooks, Executor, deferred_interrupts
from hornpipe.training.objective import Objective
from hornpipe.training.step import State, value_and_grad


class Trainer:
    """Training, evaluation and prediction; the half of `Model` that is not a layer."""

    # What the other half, `Layer`, and `Model` supply.
    optimizer: Any
    history: Any
    dtype_policy: Any
    run_eagerly: bool
    weights: list
    variables: list
    trainable_weights: list
    trainable_variables: list
    losses: list
    output_names: list[str]
    __call__: Any
    _objective: Any
    _programs: dict
    _graph: Any
    _output_specs: Any
    _clear_losses: Any
    _flatten_layers: Any
    _inner_metrics: Any
    _build_for: Any
    _outputs_for: Any
    _name_outputs: Any

    def _reset_trainer(self):
        self.__dict__.update(
            _objective=None,
            _programs={},
            _predictor=None,
            optimizer=None,
            stop_training=False,
            history=None,
            _shuffle_seed=None,
            _compile_arguments=None,
            _epochs_done=0,
            _told=set(),
            _trainable_then={},
        )

    # ---- compile

    @dialect.spoken("Model.compile")
    def compile(
        self,
        optimizer="rmsprop",
        loss=None,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        run_eagerly=False,
        steps_per_execution=1,
        jit_compile="auto",
        auto_scale_loss=True,
    ):
        """Choose what training minimises, how, and what it reports.

        Args:
            optimizer: name or `Optimizer`. Default "rmsprop".
            loss: name, function, class or object; a list or dict of these, one an output. Several losses are added up to the
                one scalar that is minimised. None where layers call `add_loss`.
            loss_weights: list or dict of floats, one an output.
            metrics: list of names, functions or objects, one list an output. Sample weights do not reach them.
            weighted_metrics: the same, with sample weights.
            run_eagerly: bool. Whether steps run one by one without being compiled, for debugging.
            steps_per_execution: int >= 1 or "auto"; accepted for Keras's sake: many steps run as one program anyway.
            jit_compile: accepted for Keras's sake.
            auto_scale_loss: bool. Whether a float16 policy wraps the optimizer with loss scaling.

        Raises:
            ValueError: an unknown name, or a wrong kind of argument.

        Example:
            >>> import hornpipe as keras
            >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
            >>> model.compile(optimizer="adam", loss="mse", metrics=["mae"])
            >>> model.metrics_names
            ['loss', 'mae']
        """
        checks.check_compile(loss, metrics, weighted_metrics, steps_per_execution)
        found = resolve("optimizer", optimizer)
        if not hasattr(found, "apply"):
            fix = 'Pass a name such as "adam" or an object such as keras.optimizers.Adam(1e-3).'
            raise TypeError(
                message("compile", "`optimizer` must be an optimizer", repr(optimizer), fix)
            )
        if (
            auto_scale_loss
            and self.dtype_policy.name == "mixed_float16"
            and not hasattr(found, "inner_optimizer")
        ):
            found = resolve("optimizer", "LossScaleOptimizer", inner_optimizer=found)
        self.optimizer = found
        self.run_eagerly = bool(run_eagerly)
        self.loss, self.jit_compile, self.steps_per_execution = (
            loss,
            jit_compile,
            steps_per_execution,
        )
        self._objective = Objective(loss, loss_weights, metrics, weighted_metrics)
        self._objective.rename = dialect.renamer(self, found, *self._layers())
        self._programs, self._predictor = {}, None
        self.stop_training = False
        self._told = set()
        self._trainable_then = {id(layer): layer.trainable for layer in self._flatten_layers()}
        self._compile_arguments = {
            "optimizer": found,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }
        if self._shuffle_seed is None:
            self._shuffle_seed = draw_seed()
        if self._graph is not None or self._output_specs is not None:
            checks.check_output_names(self, self._objective)

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._objective is not None

    def _require_compiled(self, who):
        if self._objective is None:
            fix = 'Call model.compile(optimizer="rmsprop", loss=...) first.'
            raise ValueError(message(who, "the model is not compiled", "", fix))

    @property
    def metrics(self) -> list:
        """The loss, the metrics of `compile`, and those that layers own."""
        inner = self._inner_metrics()
        if self._objective is None:
            return inner
        mine = {id(metric) for metric in self._objective.metrics}
        return [*self._objective.metrics, *(metric for metric in inner if id(metric) not in mine)]

    @property
    def metrics_names(self) -> list[str]:
        """Names of the loss and the metrics, in the order in which `evaluate` returns them."""
        if self._objective is None:
            return [metric.name for metric in self.metrics]
        if not self._objective.built and (
            self._graph is not None or self._output_specs is not None
        ):
            given = self._objective._given["metrics"] or []
            plain = isinstance(given, list) and not any(
                isinstance(item, (list, tuple, dict)) for item in given
            )
            if plain and len(self.output_names) == 1:
                names = [
                    item
                    if isinstance(item, str)
                    else getattr(item, "name", getattr(item, "__name__", ""))
                    for item in given
                ]
                return ["loss", *map(self._objective.rename or str, names)]
        return list(self._result_names())

    def _result_names(self):
        objective = self._objective
        outputs = [tracker.name for tracker in objective.output_trackers if tracker is not None]
        inner = [m.name for m in self.metrics[len(objective.metrics) :]]
        return ["loss", *outputs, *(name for _, _, name, _ in objective.watched), *inner]

    # ---- what a step does; users may override

    def train_step(self, data) -> dict:
        """Do one step of training on one batch. Override it to train in your own way; the same source runs on every engine.

        Args:
            data: (x, y, sample_weight) of one batch.

        Returns:
            dict name -> scalar.

        Example:
            >>> import numpy as np
            >>> import hornpipe as keras
            >>> class Clipped(keras.Sequential):
            ...     def train_step(self, data):
            ...         x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
            ...         def forward():
            ...             y_pred = self(x, training=True)
            ...             return self.compute_loss(x, y, y_pred, sample_weight), y_pred
            ...         (loss, y_pred), gradients = keras.value_and_grad(forward, self.trainable_variables)
            ...         gradients = [keras.ops.clip(gradient, -1.0, 1.0) for gradient in gradients]
            ...         self.optimizer.apply(gradients, self.trainable_variables)
            ...         return {"loss": loss}
            >>> model = Clipped([keras.layers.Dense(1)])
            >>> model.compile("sgd", "mse")
            >>> history = model.fit(np.ones((8, 2)), np.ones((8, 1)), verbose=0)
            >>> list(history.history)
            ['loss']
        """
        x, y, sample_weight = data
        optimizer, objective = self.optimizer, self._objective

        def forward():
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, sample_weight, training=True)
            scaled = optimizer.scale_loss(loss) if hasattr(optimizer, "scale_loss") else loss
            return scaled, (loss, y_pred)

        variables = self.trainable_variables
        (_, (loss, y_pred)), gradients = value_and_grad(forward, variables)
        objective.loss_tracker.update_state(loss, sample_weight=objective.count(tree.flatten(x)[0]))
        if variables:
            optimizer.apply(gradients, variables)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def test_step(self, data) -> dict:
        """Evaluate one batch; see `train_step`."""
        x, y, sample_weight = data
        y_pred = self(x, training=False)
        loss = self.compute_loss(x, y, y_pred, sample_weight, training=False)
        self._objective.loss_tracker.update_state(
            loss, sample_weight=self._objective.count(tree.flatten(x)[0])
        )
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def predict_step(self, data):
        """Return the outputs for one batch; see `train_step`."""
        return self(data[0], training=False)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Return the scalar to minimise for one batch: the losses of `compile` and the penalties of layers."""
        return self._objective.loss(y, y_pred, sample_weight, self.losses)

    def compute_metrics(self, x, y, y_pred, sample_weight=None) -> dict:
        """Update the metrics with one batch; returns name -> current value."""
        self._objective.update(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict:
        """Return name -> current value of the loss and all metrics."""
        results = self._objective.results()
        for metric in self.metrics[len(self._objective.metrics) :]:
            value = metric.result()
            results.update(value if isinstance(value, dict) else {metric.name: value})
        return results

    def reset_metrics(self) -> None:
        """Start all metrics again."""
        for metric in self.metrics:
            metric.reset_state()

    def _makes_own_logs(self, mode) -> bool:
        """Whether logs come out of the step rather than out of the metrics: the user wrote the step."""
        name = f"{mode}_step"
        return any(
            getattr(type(self), each) is not getattr(Trainer, each)
            for each in (name, "compute_metrics")
        )

    def _rows_apart(self, mode) -> bool:
        """Whether a padded row changes nothing for the others, so that the last batch can be padded."""
        own = {"train": "train_step", "test": "test_step", "predict": "predict_step"}[mode]
        steps = [own] if mode == "predict" else [own, "compute_loss", "compute_metrics"]
        if any(getattr(type(self), name) is not getattr(Trainer, name) for name in steps):
            return False
        for layer in self._flatten_layers():
            if not (
                layer.row_independent is True
                or (mode != "train" and layer.row_independent == "inference")
            ):
                return False
            if mode != "predict" and layer.activity_regularizer is not None:
                return False
        return mode == "predict" or (self._objective.row_independent and not self._inner_metrics())

    # ---- sources

    def _make_source(
        self, x, y, sample_weight, batch_size, *, who, shuffle=False, class_weight=None, steps=None
    ):
        """Return a source for what the user passed."""
        checks.check_counts(who, steps=steps)
        if is_stream(x):
            if y is not None or sample_weight is not None:
                name = "y" if y is not None else "sample_weight"
                fix = f"Let `x` give (inputs, targets{', weights' if name != 'y' else ''})."
                raise ValueError(
                    message(
                        who,
                        f"`{name}` must be None where `x` is a stream of batches",
                        f"x={x!r}",
                        fix,
                    )
                )
            transform = None
            if class_weight is not None:

                def transform(x, y, weight):
                    return x, y, checks.class_weights(class_weight, y, weight, self, who)

            return StreamSource(
                x,
                steps=steps,
                shuffle=shuffle is True,
                seed=self._shuffle_seed or 0,
                transform=transform,
                who=who,
            )
        arrays = [
            to_arrays(x, who, "x"),
            to_arrays(y, who, "y"),
            to_arrays(sample_weight, who, "sample_weight"),
        ]
        if arrays[0] is None:
            raise ValueError(message(who, "`x` must not be None", "x=None"))
        count_rows(dict(zip(("x", "y", "sample_weight"), arrays, strict=True)), who)
        if class_weight is not None:
            arrays[2] = checks.class_weights(class_weight, arrays[1], arrays[2], self, who)
        size = checks.check_batch_size(batch_size, who)
        return ArraySource(
            *arrays, batch_size=size, shuffle=shuffle, seed=self._shuffle_seed or 0, max_steps=steps
        )

    def _prepare(self, source, who):
        """Build the model, the losses and metrics for a source's data, and check them; returns the checks' report."""
        x, y, sample_weight = source.example()
        self._build_for(x, who)
        if who == "predict":
            return None
        self._require_compiled(who)
        outputs = self._outputs_for(x)
        self._objective.build(y, outputs, self._name_outputs(outputs))
        from hornpipe.training.inspection import check_data

        report = check_data(self, source, outputs, who)
        if isinstance(source, ArraySource):
            source.exact_last = not self._rows_apart("train" if who == "fit" else "test")
        return report

    @guarded()
    def check(self, x, y=None, sample_weight=None, *, class_weight=None, validation_split=0.0):
        """Look for mistakes in data and model, without training; `fit` does the same before it trains.

        Args:
            x, y, sample_weight, class_weight, validation_split: see `fit`.

        Returns:
            list of findings that are likely mistakes, each with `code`, `where`, `rule`, `seen` and `fix`; `str` gives the
            text. `docs/checks.md` explains the codes. What is certainly a mistake raises.

        Raises:
            ValueError, TypeError: what `fit` would raise. The text holds all findings.

        Example:
            >>> import numpy as np
            >>> import hornpipe as keras
            >>> model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(3)])
            >>> model.compile("sgd", "sparse_categorical_crossentropy")
            >>> x = np.random.default_rng(0).integers(0, 256, (100, 64))
            >>> [finding.code for finding in model.check(x, np.arange(100) % 3)]
            ['HP202', 'HP303']
        """
        from hornpipe.training.inspection import look

        return look(self, x, y, sample_weight, class_weight, validation_split)

    # ---- fit

    @dialect.spoken("Model.fit")
    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
        checkpoint=None,
        resume=False,
    ):
        """Train for a number of epochs.

        Args:
            x: inputs: an array (NumPy, list, pandas, SciPy sparse, engine tensor), a list or dict of them, or a stream of
                batches (generator, iterable, `PyDataset`, `tf.data.Dataset`, PyTorch `DataLoader`) that gives
                (inputs, targets) or (inputs, targets, sample weights).
            y: targets, structured like the outputs. None for a stream.
            batch_size: int >= 1. Default 32. Streams bring their own.
            epochs: int >= 1. The epoch to stop after.
            verbose: 0 silent, 1 bar, 2 a line an epoch, "auto".
            callbacks: list of `Callback`.
            validation_split: float in [0, 1). The last part of the rows, taken before shuffling, is for validation.
            validation_data: (x, y), (x, y, sample_weight) or a stream.
            shuffle: bool, or "batch": whole batches are permuted.
            class_weight: dict class -> float; for several outputs a dict output name -> such a dict.
            sample_weight: array `(rows,)` or, for sequences, `(rows, steps)`; structured like the outputs.
            initial_epoch: int. The number of the first epoch.
            steps_per_epoch: int or None. Batches in an epoch; needed for an endless stream.
            validation_steps, validation_batch_size: the same for validation.
            validation_freq: int, or list of epoch numbers (from 1) after which validation is run.
            checkpoint: path of a folder, or None. The whole state of training is saved there from time to time and at the end,
                seldom enough to take at most about 2 % of the time; the newest three are kept. Ctrl-C and SIGTERM save as
                well. `callbacks.BackupAndRestore` has more settings; `docs/resume.md` tells what is guaranteed.
            resume: bool. Whether to go on from the newest checkpoint in that folder, to the same bits as a run that was never
                interrupted. An empty folder begins at the beginning; a finished run returns its history.

        Returns:
            `History`: `history.history` is a dict name -> list of one float an epoch.

        Raises:
            ValueError, TypeError: data that do not fit each other or the model. Nothing is compiled or changed then.
            FileExistsError: `checkpoint` holds a run, and `resume` is False.
            FileFormatError: the checkpoints are damaged, or of another model. The model is as it was.
            RuntimeError: another run writes into the folder.
            OSError: the folder can't be written, or the last checkpoint could not be.

        Example:
            >>> import numpy as np
            >>> import hornpipe as keras
            >>> model = keras.Sequential([keras.layers.Dense(1)])
            >>> model.compile("sgd", "mse")
            >>> history = model.fit(np.ones((8, 2)), np.ones((8, 1)), epochs=3, verbose=0)
            >>> history.epoch
            [0, 1, 2]
        """
        from hornpipe.training.pauses import make_pauses, validates  # not loaded with the package

        self._require_compiled("fit")
        checks.check_fit_numbers(
            epochs, initial_epoch, steps_per_epoch, validation_split, validation_freq, shuffle
        )
        checks.check_counts(
            "fit", validation_steps=validation_steps, validation_batch_size=validation_batch_size
        )
        held_back = None
        if validation_split and validation_data is None:
            x, y, sample_weight, validation_data = checks.split(
                x, y, sample_weight, validation_split
            )
            held_back = validation_data[1]
        source = self._make_source(
            x,
            y,
            sample_weight,
            batch_size,
            who="fit",
            shuffle=shuffle,
            class_weight=class_weight,
            steps=steps_per_epoch,
        )
        found = self._prepare(source, "fit")
        validation = None
        if validation_data is not None:
            xv, yv, wv = checks.unpack_validation(validation_data)
            validation = self._make_source(
                xv,
                yv,
                wv,
                validation_batch_size or batch_size,
                who="validation_data",
                steps=validation_steps,
            )
            self._prepare(validation, "validation_data")
        from hornpipe.training.inspection import advise

        advice = advise(self, source, "fit", class_weight=class_weight, held_back=held_back)
        if not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)
        callbacks = CallbackList(
            callbacks,
            self,
            add_history=True,
            epochs=epochs,
            steps=source.steps,
            verbose=verbose,
            validation_freq=validation_freq,
        )
        self.history = callbacks.history
        checks.check_monitors(callbacks, self, validation is not None)
        found.tell(self._told)
        advice.tell(self._told)
        make = dialect.display_for(self, source) or make_display
        display = callbacks.display = make(verbose, epochs=epochs)
        self.stop_training = False
        pauses = make_pauses(
            callbacks,
            initial_epoch,
            epochs,
            checkpoint=checkpoint,
            resume=resume,
            model=self,
            source=source,
            validation=validation,
            validates=functools.partial(validates, frequency=validation_freq),
        )
        with deferred_interrupts(terminate=pauses.saves), pauses:
            if not pauses.finished:
                self._run_epochs(
                    source, validation, callbacks, display, epochs, validation_freq, pauses
                )
        return self.history

    def _run_epochs(self, source, validation, callbacks, display, epochs, validation_freq, pauses):
        from hornpipe.training.diagnose import LossWatch, values_of  # not needed to predict
        from hornpipe.training.pauses import validates

        before = [values_of(self)]
        train = Executor(self, "train")
        train.watch = LossWatch(train, before.pop())
        test = None if validation is None else Executor(self, "test")
        hooks = BatchHooks.of(callbacks, "train")
        test_hooks = None if validation is None else BatchHooks.of(callbacks, "test")
        callbacks.on_train_begin()
        place = pauses.begin(train, test)
        logs, paused = place.logs, False
        # Where nobody but the history listens, an epoch's logs are read while the next one runs.
        listeners = test, pauses.waits, display.verbose, train.user_logs
        alone = not any(listeners) and callbacks.only_keeps_history
        late = collections.deque()

        def tell_late():
            nonlocal logs
            while late:
                epoch, read = late.popleft()
                logs = read()
                train.watch.epoch_end(source, epoch, logs)
                self._epochs_done = epoch + 1
                callbacks.on_epoch_end(epoch, logs)

        try:
            for epoch in () if place.is_end(epochs) else range(place.epoch, epochs):
                if place.stage == "begin":
                    callbacks.on_epoch_begin(epoch)
                display.epoch_begin(epoch)
                if alone:
                    read = train.run(source, epoch, between=pauses, wait=False)
                    tell_late()
                    late.append((epoch, read))
                    if self.stop_training:
                        break
                    continue
                if place.stage != "validate":
                    logs = train.run(
                        source,
                        epoch,
                        hooks=hooks,
                        display=display,
                        start=place.step,
                        between=pauses,
                    )
                    paused = train.paused or pauses.reached(
                        epoch, train.steps_done, "validate", logs, self.stop_training
                    )
                    if paused:
                        break
                    train.watch.epoch_end(source, epoch, logs)
                if test is not None and validates(epoch, validation_freq):
                    callbacks.on_test_begin()
                    found = test.run(validation, epoch, hooks=test_hooks, between=pauses)
                    callbacks.on_test_end(found)
                    logs = {**logs, **{f"val_{name}": value for name, value in found.items()}}
                self._epochs_done = epoch + 1
                callbacks.on_epoch_end(epoch, logs)
                display.epoch_end(epoch, logs)
                paused = pauses.reached(epoch + 1, 0, "begin", logs, self.stop_training)
                place = pauses.place
                if paused or self.stop_training:
                    break
            pauses.end()
        finally:
            tell_late()
            train.watch = None  # each holds the other, and this one a copy of all variables
            self._clear_losses()
            display.end()
            self.optimizer.finalize_variable_values(self.trainable_variables)
            callbacks.on_train_end(logs)
        if not paused:
            pauses.finish()

    # ---- evaluate and predict

    @dialect.spoken("Model.evaluate")
    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
    ):
        """Return the loss and the metrics for data the model is not trained on.

        Args:
            x, y, batch_size, verbose, sample_weight, callbacks: see `fit`.
            steps: int or None. How many batches to use.
            return_dict: bool. Whether to return a dict name -> float instead of a list.

        Returns:
            A float where there is only a loss, else a list in the order of `metrics_names`, or a dict.

        Raises:
            ValueError, TypeError: see `fit`.
        """
        self._require_compiled("evaluate")
        source = self._make_source(x, y, sample_weight, batch_size, who="evaluate", steps=steps)
        self._prepare(source, "evaluate").tell(self._told)
        callbacks = CallbackList(
            callbacks, self, epochs=1, steps=source.steps, verbose=verbose, add_history=False
        )
        make = dialect.display_for(self, source) or make_display
        display = callbacks.display = make(verbose, epochs=None, who="evaluate")
        executor = Executor(self, "test")
        callbacks.on_test_begin()
        display.epoch_begin(0)
        with deferred_interrupts():
            logs = executor.run(source, hooks=BatchHooks.of(callbacks, "test"), display=display)
        self._clear_losses()
        display.epoch_end(0, logs)
        display.end()
        callbacks.on_test_end(logs)
        if return_dict:
            return logs
        values = list(logs.values())
        return values[0] if len(values) == 1 else values

    @dialect.spoken("Model.predict")
    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """Return the outputs for `x` as NumPy arrays, computed batch by batch.

        Args:
            x, batch_size, verbose, callbacks: see `fit`.
            steps: int or None. How many batches to use.

        Returns:
            An array `(rows, ...)`, or a structure of arrays like the model's outputs.

        Raises:
            ValueError, TypeError: see `fit`.

        Example:
            >>> import numpy as np
            >>> import hornpipe as keras
            >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
            >>> model.predict(np.ones((5, 3)), verbose=0).shape
            (5, 2)
        """
        plain = type(x) is np.ndarray and not verbose and callbacks is None and steps is None
        if plain and self.built:
            known = Executor.for_prediction(self).known.get((x.shape, x.dtype, batch_size))
            if known is not None:
                return known(x)
        source = self._make_source(x, None, None, batch_size, who="predict", steps=steps)
        self._prepare(source, "predict")
        structure = self._outputs_for(source.example()[0])
        if callbacks or verbose not in (0,):
            callbacks = CallbackList(
                callbacks, self, epochs=1, steps=source.steps, verbose=verbose, add_history=False
            )
            make = dialect.display_for(self, source) or make_display
            display = callbacks.display = make(verbose, epochs=None, who="predict")
        else:
            callbacks = display = None
        hooks = None if callbacks is None else BatchHooks.of(callbacks, "predict")
        executor = Executor.for_prediction(self)
        if isinstance(source, ArraySource) and not source.sparse:
            source = source.for_inference(executor.rows_apart)
        if callbacks is not None:
            callbacks.on_predict_begin()
            display.epoch_begin(0)
        outputs = executor.run(source, hooks=hooks, display=display)
        if plain and source.steps == 1 and not source.streamed:
            executor.remember(x, batch_size, source, structure)
        if callbacks is not None:
            display.epoch_end(0, {})
            display.end()
            callbacks.on_predict_end({})
        if source.rows is not None:
            outputs = [output[: source.rows] for output in outputs]
        return tree.pack_like(structure, outputs)

    # ---- one batch

    @dialect.spoken("Model.train_on_batch")
    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """Train on one batch; returns the loss and metrics of all batches since `reset_metrics`, see `evaluate`."""
        return self._on_batch("train", x, y, sample_weight, class_weight, return_dict)

    @dialect.spoken("Model.test_on_batch")
    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """Evaluate one batch; returns the loss and metrics of all batches since `reset_metrics`, see `evaluate`."""
        return self._on_batch("test", x, y, sample_weight, None, return_dict)

    def _on_batch(self, mode, x, y, sample_weight, class_weight, return_dict):
        who = f"{mode}_on_batch"
        self._require_compiled(who)
        source = self._make_source(
            x, y, sample_weight, 2**31 - 1, who=who, class_weight=class_weight
        )
        self._prepare(source, who).tell(self._told)
        if mode == "train" and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)
        executor = Executor(self, mode)
        executor.reset_metrics = lambda: None
        logs = executor.run(source)
        self._clear_losses()
        if return_dict:
            return logs
        values = list(logs.values())
        return values[0] if len(values) == 1 else values

    @guarded()
    def predict_on_batch(self, x):
        """Return the outputs for one batch as NumPy arrays."""
        return self.predict(x, batch_size=2**31 - 1, verbose=0)

    # ---- leaving `fit`

    @property
    def state(self) -> State:
        """All values training reads and changes. Training takes over their memory: use the state before the next `fit`."""
        trainable = self.trainable_variables
        own = {id(variable) for variable in trainable}
        metrics = [variable for metric in self.metrics for variable in metric.variables]
        weights = self.weights
        hidden = {id(variable) for variable in (*weights, *metrics)}

        def values(variables):
            return [variable.value for variable in variables]

        return State(
            trainable=values(trainable),
            non_trainable=values(v for v in weights if id(v) not in own),
            optimizer=values(self.optimizer.variables if self.optimizer is not None else []),
            metrics=values(metrics),
            seed=values(v for v in self.variables if id(v) not in hidden),
            epoch=self._epochs_done,
        )

    def apply(self, state: State, x, training=False):
        """Return (outputs, new state) for inputs, as a pure function: no variable changes.

        Args:
            state: from `model.state`, with values of your own in it where you like.
            x: inputs of the model.
            training: bool.
        """
        trainable = self.trainable_variables
        own = {id(variable) for variable in trainable}
        others = [v for v in self.weights if id(v) not in own]
        weights = {id(variable) for variable in self.weights}
        metrics = {id(v) for metric in self.metrics for v in metric.variables}
        seeds = [v for v in self.variables if id(v) not in weights and id(v) not in metrics]
        variables = [*trainable, *others, *seeds]
        with Scope(variables, [*state.trainable, *state.non_trainable, *state.seed]) as scope:
            outputs = self(x, training=training)
            self._clear_losses()

        def new(group):
            return [scope.values[id(variable)] for variable in group]

        return outputs, dataclasses.replace(
            state, trainable=new(trainable), non_trainable=new(others), seed=new(seeds)
        )
