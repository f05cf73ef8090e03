"""`TensorBoard`: logs, weights and the model's graph as files that TensorBoard shows."""

from __future__ import annotations

import os
import re
import secrets
import time
from pathlib import Path

import numpy as np

from hornpipe.callbacks import event_file
from hornpipe.callbacks.base import Callback
from hornpipe.callbacks.files import as_text, make_folder
from hornpipe.core.errors import message
from hornpipe.core.tree import flatten

_MAX_TILES = 64


class TensorBoard(Callback):
    """Writes event files for TensorBoard; look at them with `tensorboard --logdir logs`.

    Two runs are written: "train", and "validation" where there is some. Tags are `epoch_<name>` by
    epoch; with an `update_freq`, `batch_<name>` by step and `evaluation_<name>_vs_iterations` too.
    A resumed run cuts what was written after its checkpoint, so that no point stands there twice.
    To write the files needs no package; to look at them, `pip install "hornpipe[tensorboard]"`.

    Args:
        log_dir: path of a folder; made where it is missing. Default "logs".
        histogram_freq: int >= 0. Every how many epochs the distribution of each weight is written;
            0 is never. Default 0.
        write_graph: bool. Whether the model's graph is written. Default True.
        write_images: bool. Whether weights are written as images too, with `histogram_freq`.
            Default False.
        write_steps_per_second: bool. Whether the speed of each epoch is written. Default False.
        update_freq: "epoch", "batch", or int >= 1: every how many steps their logs are written. The
            logs of all steps are looked at after some at a time, so training keeps its speed.
        profile_batch: 0. The engine's own profiler does that.
        embeddings_freq: 0.
        embeddings_metadata: None.

    Raises:
        ValueError, TypeError: an argument out of range or of another type.
        OSError: before training, the folder can't be written.

    Example:
        >>> import os, tempfile
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> model = keras.Sequential([keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> folder = tempfile.mkdtemp()
        >>> board = keras.callbacks.TensorBoard(folder, histogram_freq=1)
        >>> history = model.fit(np.ones((4, 1)), np.ones((4, 1)), callbacks=[board], verbose=0)
        >>> os.listdir(folder)
        ['train']
    """

    observes_only = True

    def __init__(
        self,
        log_dir="logs",
        histogram_freq=0,
        write_graph=True,
        write_images=False,
        write_steps_per_second=False,
        update_freq="epoch",
        profile_batch=0,
        embeddings_freq=0,
        embeddings_metadata=None,
    ):
        super().__init__()
        self.log_dir = as_text(log_dir, "log_dir", "TensorBoard")
        self.histogram_freq = _count("histogram_freq", histogram_freq, 0)
        self.write_graph, self.write_images = bool(write_graph), bool(write_images)
        self.write_steps_per_second = bool(write_steps_per_second)
        self.update_freq = update_freq
        if update_freq != "epoch":
            self._every = 1 if update_freq == "batch" else _count("update_freq", update_freq, 1)
            self.on_train_batch_end = self._after_batch
        _refuse("profile_batch", profile_batch, 0, "Use jax.profiler.trace or torch.profiler.")
        _refuse("embeddings_freq", embeddings_freq, 0, "Embeddings are not written.")
        _refuse("embeddings_metadata", embeddings_metadata, None, "Embeddings are not written.")
        self._begin()

    def _begin(self):
        self._writers: dict[str, event_file.EventWriter] = {}
        self._token = secrets.token_hex(4)  # marks the files of this run
        self._step, self._steps_before, self._began = 0, 0, 0.0
        self._has_graph, self._training = False, False
        self._finished: dict[str, int] = {}  # file of a part that was resumed -> its length

    # ---- files

    def _writer(self, run: str) -> event_file.EventWriter:
        if run not in self._writers:
            folder = make_folder(Path(self.log_dir) / run, "TensorBoard")
            self._writers[run] = event_file.EventWriter(folder, self._token)
        return self._writers[run]

    def on_train_begin(self, logs=None):
        """Check that files can be written.

        Raises:
            OSError: they can't.
        """
        self._close()
        self._begin()
        self._training = True
        make_folder(self.log_dir, "TensorBoard")

    def on_train_end(self, logs=None):
        """End the files."""
        self._close()
        self._training = False

    def _close(self):
        for name, writer in self._writers.items():
            self._finished[f"{name}/{writer.path.name}"] = writer.flush()
            writer.close()
        self._writers = {}

    # ---- logs

    def on_epoch_begin(self, epoch, logs=None):
        """Write the graph before the first epoch, and begin to measure the speed."""
        if self.write_graph and not self._has_graph:
            self._has_graph = True
            nodes = graph_nodes(self.model)
            if nodes:
                self._writer("train").add_graph(nodes)
        if self.write_steps_per_second:
            self._began, self._steps_before = time.perf_counter(), self._iterations()

    def _iterations(self) -> int:
        return int(self.model.optimizer.iterations.numpy())

    def _after_batch(self, batch, logs=None):
        self._step += 1
        if self._step % self._every == 0:
            self._write("train", logs or {}, "batch_{}", self._step)

    def on_test_end(self, logs=None):
        """Write the logs of validation by the number of steps so far."""
        if self.update_freq != "epoch" and self._training:
            self._write("validation", logs or {}, "evaluation_{}_vs_iterations", self._step)

    def on_epoch_end(self, epoch, logs=None):
        """Write the epoch's logs, and weights where they are due."""
        logs = dict(logs or {})
        validation = {
            name.removeprefix("val_"): logs.pop(name)
            for name in list(logs)
            if name.startswith("val_")
        }
        if self.write_steps_per_second:
            seconds = max(time.perf_counter() - self._began, 1e-9)
            logs["steps_per_second"] = (self._iterations() - self._steps_before) / seconds
        self._write("train", logs, "epoch_{}", epoch)
        if validation:
            self._write("validation", validation, "epoch_{}", epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        for writer in self._writers.values():
            writer.flush()

    def _write(self, run, logs, pattern, step):
        summaries = []
        for name, value in logs.items():
            values = value if isinstance(value, list) else [value]
            tags = [name] if value is not values else [f"{name}_{i}" for i in range(len(values))]
            summaries += [
                event_file.scalar_value(pattern.format(tag), each)
                for tag, each in zip(tags, values, strict=True)
                if isinstance(each, float)
            ]
        self._writer(run).add(summaries, step)

    def _write_weights(self, epoch):
        for weight in self.model.weights:
            values = weight.numpy()
            summaries = [event_file.histogram_value(f"{weight.path}/histogram", values)]
            pixels = weight_image(values) if self.write_images else None
            if pixels is not None:
                summaries.append(event_file.image_value(f"{weight.path}/image", pixels))
            self._writer("train").add(summaries, epoch)

    # ---- state

    def get_state(self):
        """Return the run's files and their lengths, and the number of steps."""
        lengths = {f"{run}/{each.path.name}": each.flush() for run, each in self._writers.items()}
        lengths = {**self._finished, **lengths}
        return {
            "step": self._step,
            "token": self._token,
            "has_graph": self._has_graph,
            "names": list(lengths),
            "lengths": list(lengths.values()),
        }

    def set_state(self, state):
        """Go on with the run: cut its files to the lengths they had, and remove later ones."""
        for writer in self._writers.values():  # of the run that was about to begin
            writer.close()
            writer.path.unlink()
        self._begin()
        self._training = True
        self._step, self._token = int(state["step"]), str(state["token"])
        self._has_graph = bool(state["has_graph"])
        lengths = dict(zip(state["names"], map(int, state["lengths"]), strict=True))
        for path in Path(self.log_dir).glob(f"*/events.out.tfevents.*.{self._token}"):
            name = f"{path.parent.name}/{path.name}"
            if name not in lengths:
                path.unlink()
            elif path.stat().st_size > lengths[name]:
                os.truncate(path, lengths[name])
        self._finished = lengths


# ---- weights and graphs


def weight_image(values) -> np.ndarray | None:
    """Return a weight as a grey image of bytes: from its least value, black, to its greatest, white.

    A vector is one row; a matrix stands so that it is wider than high; of a kernel with more axes
    the first two are shown for up to 64 pairs of channels, side by side in a square. None for a single number.
    """
    values = np.asarray(values, "float64")
    if values.ndim == 0 or not values.size:
        return None
    if values.ndim > 3:
        values = values.reshape(*values.shape[:2], -1)
    if values.ndim == 3:
        height, width = values.shape[:2]
        count = min(values.shape[2], _MAX_TILES)
        across = int(np.ceil(np.sqrt(count)))
        down = -(-count // across)
        sheet = np.full((down * (height + 1) - 1, across * (width + 1) - 1), np.nan)
        for number in range(count):
            top, left = number // across * (height + 1), number % across * (width + 1)
            sheet[top : top + height, left : left + width] = values[:, :, number]
        values = sheet
    values = np.atleast_2d(values)
    if values.shape[0] > values.shape[1]:
        values = values.T
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    scaled = (values - low) / (high - low if high > low else 1.0) * 255
    return np.nan_to_num(scaled, nan=0.0, posinf=255, neginf=0).round().astype(np.uint8)


def graph_nodes(model) -> list[bytes]:
    """Return the nodes of a model's graph, models inside as groups."""
    from hornpipe.utils.model_graph import model_graph

    graph = model_graph(model, expand_nested=True)
    names: list[str] = []
    for box in graph.boxes:
        parts = [*(name for name, _ in box.group), box.name]
        name = "/".join(re.sub(r"[^A-Za-z0-9_.\\-]", "_", part) for part in parts)
        names.append(name if name not in names else f"{name}_{len(names)}")
    return [
        event_file.graph_node(
            name,
            box.kind,
            dict.fromkeys(names[source] for source, target in graph.edges if target == index),
            [tensor.shape for tensor in flatten(box.outputs)],
        )
        for index, (name, box) in enumerate(zip(names, graph.boxes, strict=True))
    ]


# ---- arguments


def _count(name, value, least) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        rule = f"`{name}` must be an integer >= {least}"
        if name == "update_freq":
            rule = "`update_freq` must be 'epoch', 'batch' or an integer >= 1"
        raise ValueError(message("TensorBoard", rule, f"{name}={value!r}"))
    return int(value)


def _refuse(name, value, only, fix):
    if value is not only and not (isinstance(value, int) and value == only):
        raise ValueError(
            message("TensorBoard", f"`{name}` must be {only}", f"{name}={value!r}", fix)
        )
