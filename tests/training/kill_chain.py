"""A run that is killed again and again, beside one that is not; a program of its own, started by `test_kills.py`.

    python tests/training/kill_chain.py KILLS [SEED]

Every run is a forked child of this process, which has imported everything but computed nothing, so that starting one costs little.
A child that is to die is told how: at a moment of the clock, while a chunk is computed, between chunks, in the middle of writing a
checkpoint, or in validation. It kills itself with SIGKILL, which nothing can catch. The runs that follow resume from what it left,
until one comes to the end; then weights and history are compared, bit by bit, and the next chain begins. Prints one JSON line.
"""

import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import numpy as np

warnings.filterwarnings("ignore", message=r"os\.fork\(\) was called")

import hornpipe as keras  # noqa: E402
from hornpipe import layers  # noqa: E402
from hornpipe.engine import select  # noqa: E402
from hornpipe.saving import atomic, checkpoints  # noqa: E402
from hornpipe.training import checkpoint, executor  # noqa: E402

CLASSES = 3
WAYS = ("clock", "chunk", "between", "save", "validation")
MOST_SECONDS = 100  # for a single child
MANY = 100  # kills from which on everything is tried, with shorter chains


def load_everything():
    """Import what the runs will need: names load their modules on first use."""
    select.chosen()
    for module in (keras.callbacks, layers, keras.optimizers, keras.losses, keras.metrics):
        for name in dir(module):
            getattr(module, name)


# ---- the runs


def make_dense():
    rate = keras.callbacks.ReduceLROnPlateau(patience=1, factor=0.5, min_lr=1e-4)
    inner = [layers.Dense(16, activation="relu"), layers.Dropout(0.3)]
    return inner, keras.optimizers.Adam(0.01), [rate], {"save_freq": 3, "double_checkpoint": True}


def make_convolutional():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.05, 10, 0.9)
    inner = [
        layers.Reshape((3, 2, 1)),
        layers.Conv2D(4, 2, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.Dropout(0.2),
        layers.Flatten(),
    ]
    return inner, keras.optimizers.SGD(schedule, momentum=0.9), [], {"seconds": 0}


def make_recurrent():
    rate = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9)
    inner = [layers.Reshape((6, 1)), layers.LSTM(5, dropout=0.2)]
    return inner, keras.optimizers.RMSprop(0.01, use_ema=True), [rate], {"save_freq": 2}


MODELS = {"dense": make_dense, "convolutional": make_convolutional, "recurrent": make_recurrent}


class Batches(keras.utils.PyDataset):
    """The same rows as a data set that makes its batches when asked, and deals them anew after every epoch."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.y, self.generator = x, y, np.random.default_rng(5)
        self.order = np.arange(len(x))

    def __len__(self):
        return len(self.x) // 8

    def __getitem__(self, index):
        rows = self.order[8 * index : 8 * index + 8]
        return self.x[rows], self.y[rows]

    def on_epoch_end(self):
        self.order = self.generator.permutation(len(self.x))


def train(kind, stream, folder):
    """Run to the end, resuming from `folder` where that is not None; returns (weights, history)."""
    data = np.random.default_rng(0)
    x = data.normal(size=(140, 6)).astype("float32")
    y = ((x[:, 0] > 0).astype("int32") + (x[:, 1] > 0)) % CLASSES
    y[::5] = 0
    keras.utils.set_random_seed(3)
    inner, optimizer, callbacks, saving = MODELS[kind]()
    model = keras.Sequential(
        [keras.Input((6,)), *inner, layers.Dense(CLASSES, activation="softmax")]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    callbacks.append(keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True))
    if folder is not None:
        backup = keras.callbacks.BackupAndRestore(folder, delete_checkpoint=False, **saving)
        callbacks.append(backup)
    rows = (Batches(x[:100], y[:100]),) if stream else (x[:100], y[:100])
    history = model.fit(
        *rows,
        batch_size=None if stream else 8,
        epochs=6,
        validation_data=(x[100:], y[100:]),
        validation_batch_size=8,
        callbacks=callbacks,
        verbose=0,
    )
    return model.get_weights(), history.history


def write_result(path, weights, history):
    arrays = {f"w{i}": weight for i, weight in enumerate(weights)}
    arrays |= {f"h_{name}": np.array(values, "float64") for name, values in history.items()}
    np.savez(path, **arrays)


def same(first, second):
    a, b = np.load(first), np.load(second)
    return a.files == b.files and all(
        a[name].dtype == b[name].dtype and a[name].tobytes() == b[name].tobytes()
        for name in a.files
    )


# ---- ways to die


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def die_after(seconds):
    timer = threading.Timer(seconds, die)
    timer.daemon = True
    timer.start()


def counted(function, number):
    """Return a function that dies instead of returning from its call of this number."""
    left = [number]

    def call(*args, **kwargs):
        left[0] -= 1
        if left[0] == 0:
            die()
        return function(*args, **kwargs)

    return call


def arrange(way, dice):
    """Let this process die in one of the `WAYS`; what is patched dies with it."""
    number = dice.randint(1, 12)
    if way == "clock":  # counted from the first chunk on, so that compiling is not all that is hit
        first = threading.Event()
        seconds, run = dice.uniform(0, 0.4), executor.Executor.run

        def begin(*args, **kwargs):
            if not first.is_set():
                first.set()
                die_after(seconds)
            return run(*args, **kwargs)

        executor.Executor.run = begin
    elif way == "chunk":
        learn = executor.Program.learn

        def near(self, steps, seconds):
            # The next chunk begins at once after this one; it takes about as long.
            learn(self, steps, seconds)
            number_left[0] -= 1
            if number_left[0] == 0:
                die_after(dice.uniform(0, 1.2 * seconds))

        number_left = [number]
        executor.Program.learn = near
    elif way == "between":
        checkpoint.Checkpoints.after = counted(checkpoint.Checkpoints.after, number)
    elif way == "save":
        name = dice.choice(("fsync", "replace", "chmod", "write"))
        if name == "write":
            cls = checkpoints._HashingFile
            cls.write = counted(cls.write, dice.randint(1, 60))
        else:
            real = getattr(os, name)
            setattr(atomic.os, name, counted(real, number))
    else:
        real = executor.Executor.run
        number_left = [dice.randint(1, 2)]

        def run(self, *args, **kwargs):
            if self.mode == "test":
                number_left[0] -= 1
                if number_left[0] == 0:
                    die_after(dice.uniform(0, 0.004))
            return real(self, *args, **kwargs)

        executor.Executor.run = run


# ---- the chain


def note_places(path):
    """Write down where resumed runs begin."""
    begin = checkpoint.Checkpoints.begin

    def noted(self, *executors):
        resumed = self._found is not None
        place = begin(self, *executors)
        with open(path, "a") as file:
            file.write(f"{resumed} {place.stage} {place.epoch} {place.step}\n")
        return place

    checkpoint.Checkpoints.begin = noted


def in_child(function):
    """Run `function` in a forked process; returns None where it was killed, else whether it came to its end."""
    process = os.fork()
    if process == 0:
        code = 1
        try:
            die_after(MOST_SECONDS)
            function()
            code = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    status = os.waitpid(process, 0)[1]
    return None if os.WIFSIGNALED(status) else os.WEXITSTATUS(status) == 0


def chains(kills, seed):
    """Return a report of `kills` kills, and of the chains they belong to."""
    dice = random.Random(seed)
    folder = Path(tempfile.mkdtemp(prefix="hornpipe-kills-"))
    report = {
        "kills": 0,
        "chains": 0,
        "different": [],
        "failed": [],
        "ways": dict.fromkeys(WAYS, 0),
    }
    kinds = [(kind, False) for kind in MODELS]
    if kills >= MANY:
        kinds.append(("dense", True))
    places = folder / "places"
    began = time.monotonic()
    try:
        number = starts = 0
        while report["kills"] < kills and not report["failed"] and not report["different"]:
            kind, stream = kinds[number % len(kinds)]
            name = kind + "-stream" * stream
            reference, result = folder / f"{name}.npz", folder / "result.npz"
            if not reference.exists():
                ended = in_child(lambda: write_result(reference, *train(kind, stream, None)))  # noqa: B023
                if not ended:
                    report["failed"].append(name)
                    break
            run, hits = folder / f"run{number}", 0
            # A chain has a share of the kills, so that all kinds of models get some.
            share = 12 if kills >= MANY else -(-kills // len(kinds))
            while True:
                more = hits < share and report["kills"] < kills
                way = WAYS[starts % len(WAYS)] if more else None
                starts += 1
                own = random.Random(dice.random())

                def child():
                    note_places(places)
                    if way is not None:  # noqa: B023
                        arrange(way, own)  # noqa: B023
                    write_result(result, *train(kind, stream, run))  # noqa: B023

                ended = in_child(child)
                if ended is None:
                    hits += 1
                    report["kills"] += 1
                    report["ways"][way] += 1
                elif not ended:
                    report["failed"].append(name)
                    break
                else:
                    report["chains"] += 1
                    if not same(reference, result):
                        report["different"].append(name)
                    break
            shutil.rmtree(run, ignore_errors=True)
            number += 1
        begun = [line.split() for line in places.read_text().splitlines()]
        stages = [stage for resumed, stage, _, _ in begun if resumed == "True"]
        report["resumed"] = {stage: stages.count(stage) for stage in ("begin", "train", "validate")}
        report["seconds"] = round(time.monotonic() - began, 1)
        return report
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    load_everything()
    print(json.dumps(chains(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)))
