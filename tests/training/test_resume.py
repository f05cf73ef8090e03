"""A run that was interrupted and resumed ends with the bits of one that was not, whatever is in it; else there is a clear error."""

import os
import signal

import numpy as np
import pytest

import hornpipe as keras
from hornpipe import layers
from hornpipe.core.errors import FileFormatError
from hornpipe.engine import select
from hornpipe.training import checkpoint as checkpoint_module

ROWS = 90


class HaltError(Exception):
    """What a run is interrupted with."""


class StopAfter(keras.callbacks.Callback):
    """Raises `HaltError` when so many chunks of steps have ended."""

    def __init__(self, chunks):
        super().__init__()
        self.left = chunks

    def on_chunk_end(self, epoch, step):
        self.left -= 1
        if self.left == 0:
            raise HaltError


def data(rows=ROWS):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(rows, 6)).astype("float32")
    return x, (x[:, 0] > 0).astype("int32") + (x[:, 1] > 0)


def make_model(optimizer="adam", cls=keras.Sequential, units=8):
    keras.utils.set_random_seed(3)
    model = cls(
        [
            keras.Input((6,)),
            layers.Dense(units, activation="relu", name="first"),
            layers.Dropout(0.3),
            layers.Dense(3, activation="softmax", name="last"),
        ]
    )
    optimizer = optimizer() if callable(optimizer) else optimizer
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def fit(model, folder=None, callbacks=(), rows=None, **options):
    x, y = data()
    given = {"batch_size": 16, "epochs": 3, "verbose": 0, "validation_data": (x[:30], y[:30])}
    if rows is not None:
        given.pop("batch_size")
    given |= options
    callbacks = list(callbacks)
    if folder is not None:
        backup = keras.callbacks.BackupAndRestore(folder, save_freq=1, delete_checkpoint=False)
        callbacks.append(backup)
    return model.fit(*(rows() if rows is not None else (x, y)), callbacks=callbacks, **given)


def assert_same(first, second):
    for a, b in zip(first[0].get_weights(), second[0].get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert first[1].history == second[1].history and first[1].epoch == second[1].epoch


def chain(make, folder, every=7, **options):
    """Return (model, history) of a run that was interrupted after every few chunks, and how often that was."""
    for times in range(60):
        model = make()
        try:
            return (model, fit(model, folder, [StopAfter(every)], **options)), times
        except HaltError:
            continue
    raise AssertionError("the chain does not come to its end")


class Own(keras.Sequential):
    """A model whose step makes its own logs."""

    def train_step(self, batch):
        x, y, weight = batch

        def forward():
            return self.compute_loss(x, y, self(x, training=True), weight)

        loss, gradients = keras.value_and_grad(forward, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return {"loss": loss, "twice": 2 * loss}


def averaging():
    return keras.optimizers.SGD(0.1, momentum=0.9, use_ema=True, gradient_accumulation_steps=3)


def scheduled():
    return keras.optimizers.RMSprop(keras.optimizers.schedules.CosineDecay(0.01, 12))


class Dataset(keras.utils.PyDataset):
    def __len__(self):
        return 5

    def __getitem__(self, index):
        x, y = data()
        return x[16 * index : 16 * index + 16], y[16 * index : 16 * index + 16]


class Again:
    """An object that can be gone through many times, each time in another order."""

    def __init__(self):
        self.generator = np.random.default_rng(1)

    def __iter__(self):
        x, y = data()
        order = self.generator.permutation(len(x))
        for first in range(0, 80, 16):
            chosen = order[first : first + 16]
            yield x[chosen], y[chosen]


def sparse_rows():
    sparse = pytest.importorskip("scipy.sparse")
    x, y = data()
    return sparse.csr_matrix(x), y


CASES = {
    "plain": {},
    "batches shuffled": {"shuffle": "batch"},
    "in order, padded": {"shuffle": False, "validation_freq": 2},
    "weights": {"sample_weight": np.linspace(0.1, 2.0, ROWS).astype("float32")},
    "split": {"validation_data": None, "validation_split": 0.2},
    "few steps": {"steps_per_epoch": 3},
    "averages": {"make": lambda: make_model(averaging)},
    "schedule": {"make": lambda: make_model(scheduled)},
    "own step": {"make": lambda: make_model(cls=Own)},
    "data set": {"rows": lambda: (Dataset(),)},
    "iterable": {"rows": lambda: (Again(),)},
    "sparse": {"rows": sparse_rows, "batch_size": 16},
}


FAST = {"plain", "averages", "own step", "data set", "iterable"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in FAST else pytest.mark.slow) for n in CASES]
)
def test_interrupted_again_and_again(name, tmp_path):
    options = dict(CASES[name])
    make, every = options.pop("make", make_model), options.pop("every", 7)
    model = make()
    reference = model, fit(model, **options)
    found, times = chain(make, tmp_path, every, **options)
    assert times >= 2
    assert_same(reference, found)


def endless():
    x, y = data()
    generator = np.random.default_rng(2)
    while True:
        chosen = generator.integers(0, len(x), 16)
        yield x[chosen], y[chosen]


@pytest.mark.filterwarnings("ignore:fit. `x` is a generator")
def test_generator_that_begins_where_it_began(tmp_path):
    options = {"rows": lambda: (endless(),), "steps_per_epoch": 5, "validation_data": None}
    model = make_model()
    reference = model, fit(model, **options)
    found, times = chain(make_model, tmp_path, **options)
    assert times >= 2
    assert_same(reference, found)


def test_generator_is_warned_of(tmp_path):
    options = {"rows": lambda: (endless(),), "steps_per_epoch": 5, "validation_data": None}
    with pytest.raises(HaltError):
        fit(make_model(), tmp_path, [StopAfter(2)], **options)
    with pytest.warns(UserWarning, match="has to begin where it began in the interrupted run"):
        fit(make_model(), tmp_path, **options)


def test_callbacks_go_on_counting(tmp_path):
    def callbacks():
        return [
            keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True),
            keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 1.5),
        ]

    options = {"epochs": 12}
    model, first = make_model(lambda: keras.optimizers.Adam(0.02)), callbacks()
    reference = model, fit(model, callbacks=first, **options)
    assert len(reference[1].epoch) < 12, "the case must stop early"
    for _ in range(60):
        model, again = make_model(lambda: keras.optimizers.Adam(0.02)), callbacks()
        try:
            history = fit(model, tmp_path, [*again, StopAfter(19)], **options)
            break
        except HaltError:
            continue
    assert_same(reference, (model, history))
    assert (again[0].wait, again[0].best, again[0].stopped_epoch) == (
        first[0].wait,
        first[0].best,
        first[0].stopped_epoch,
    )
    # It has stopped for good: more epochs change nothing.
    model = make_model(lambda: keras.optimizers.Adam(0.02))
    history = fit(model, tmp_path, callbacks(), epochs=20)
    assert_same(reference, (model, history))


def test_hooks_of_a_resumed_run(tmp_path):
    """A run resumed in the middle of an epoch begins that epoch; what its hooks change is put back."""
    seen = []

    class Hooks(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen.append("train")

        def on_epoch_begin(self, epoch, logs=None):
            seen.append(epoch)
            self.model.optimizer.learning_rate = self.model.optimizer.learning_rate.numpy() * 0.5

    with pytest.raises(HaltError):
        fit(make_model(), tmp_path, [Hooks(), StopAfter(11)])
    assert seen == ["train", 0, 1]
    seen.clear()
    model = make_model()
    fit(model, tmp_path, [Hooks()])
    assert seen == ["train", 1, 2]
    np.testing.assert_allclose(model.optimizer.learning_rate.numpy(), 0.001 / 8)


# ---- fit(checkpoint=, resume=)


def test_finished_run_returns_its_history_at_once(tmp_path):
    model = make_model(averaging)
    reference = model, fit(model, checkpoint=tmp_path)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == ["", ".json", ".safetensors"]

    class Never(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            raise AssertionError("nothing is left to train")

    again = make_model(averaging)
    history = fit(again, callbacks=[Never()], checkpoint=tmp_path, resume=True)
    assert_same(reference, (again, history))
    assert again._epochs_done == 3 and len(list(tmp_path.iterdir())) == 3


def test_more_epochs_go_on_as_one_long_run(tmp_path):
    """What the end of the first run changed, averages and best weights, does not reach the second."""

    def early():
        return [keras.callbacks.EarlyStopping(patience=50, restore_best_weights=True)]

    model = make_model(averaging)
    reference = model, fit(model, callbacks=early(), epochs=5)
    fit(make_model(averaging), callbacks=early(), checkpoint=tmp_path, epochs=2)
    again = make_model(averaging)
    history = fit(again, callbacks=early(), checkpoint=tmp_path, resume=True, epochs=5)
    assert_same(reference, (again, history))


def test_the_same_model_object_goes_on(tmp_path):
    model = make_model()
    reference = model, fit(model)
    other = make_model()
    with pytest.raises(HaltError):
        fit(other, tmp_path, [StopAfter(8)])
    assert_same(reference, (other, fit(other, tmp_path)))


def test_empty_folder_begins_at_the_beginning(tmp_path):
    model = make_model()
    reference = model, fit(model)
    again = make_model()
    assert_same(reference, (again, fit(again, checkpoint=tmp_path / "a" / "b", resume=True)))


def test_folder_with_a_run_is_not_overwritten(tmp_path):
    fit(make_model(), checkpoint=tmp_path)
    model = make_model()
    before, files = model.get_weights(), sorted(tmp_path.iterdir())
    with pytest.raises(FileExistsError, match="Write resume=True to go on with it, or choose"):
        fit(model, checkpoint=tmp_path)
    assert sorted(tmp_path.iterdir()) == files
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_wrong_arguments(tmp_path):
    model = make_model()
    with pytest.raises(ValueError, match='`resume` needs `checkpoint`.*checkpoint="run/"'):
        fit(model, resume=True)
    with pytest.raises(TypeError, match="`resume` must be True or False. Received: resume='yes'"):
        fit(model, checkpoint=tmp_path, resume="yes")
    with pytest.raises(TypeError, match="`checkpoint` must be the path of a folder. Received: ch"):
        fit(model, checkpoint=3)
    with pytest.raises(ValueError, match="a run has one folder for checkpoints"):
        fit(model, folder=tmp_path / "a", checkpoint=tmp_path / "b")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NotADirectoryError, match="`checkpoint` must be a folder, and this is a f"):
        fit(model, checkpoint=tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"
    with pytest.raises(NotADirectoryError, match="the checkpoint folder can't be made"):
        fit(model, checkpoint=tmp_path / "file" / "run")


@pytest.mark.parametrize(
    "change, text",
    [
        ({"batch_size": 8}, "batch_size: 8 now, 16 then"),
        ({"shuffle": False}, "shuffle: False now, True then"),
        ({"validation_data": None, "validation_split": 0.5}, "rows of data: 45 now, 90 then"),
        ({"steps_per_epoch": 2}, "steps in an epoch: 2 now, 6 then"),
        ({"optimizer": "sgd"}, "different|unexpected"),
        ({"optimizer": lambda: keras.optimizers.Adam(0.5)}, "learning_rate: '0.5' now, '0.001'"),
        ({"optimizer": lambda: keras.optimizers.Adam(beta_1=0.5)}, "optimizer.beta_1: '0.5' now"),
        ({"epochs": 1}, "`epochs` must be at least 2, so many are done"),
    ],
)
def test_changed_arguments(change, text, tmp_path):
    fit(make_model(), checkpoint=tmp_path, epochs=2)
    change = dict(change)
    model = make_model(change.pop("optimizer", "adam"))
    before = model.get_weights()
    with pytest.raises(ValueError, match=text):
        fit(model, checkpoint=tmp_path, resume=True, **change)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_another_architecture(tmp_path):
    fit(make_model(), checkpoint=tmp_path)
    model = make_model(units=9)
    before = model.get_weights()
    with pytest.raises(FileFormatError) as caught:
        fit(model, checkpoint=tmp_path, resume=True)
    text = str(caught.value)
    assert "first/kernel: (6, 8) float32 in the file, (6, 9) float32 in the model" in text
    assert "first/bias" in text and "last/kernel" in text and "Nothing was loaded" in text
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)

    keras.utils.set_random_seed(3)
    deep = keras.Sequential([keras.Input((6,)), *[layers.Dense(6, "softmax") for _ in range(8)]])
    deep.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(FileFormatError, match=r"missing: .*, and \d+ more"):
        fit(deep, checkpoint=tmp_path, resume=True)


def test_other_conditions_are_told(tmp_path, monkeypatch):
    with pytest.raises(HaltError):
        fit(make_model(), tmp_path, [StopAfter(4)])
    now = checkpoint_module.describe_environment()
    monkeypatch.setattr(
        checkpoint_module, "describe_environment", lambda: {**now, "cores": 64, "engine": "abacus"}
    )
    model = make_model()
    with pytest.warns(UserWarning, match=r"engine '.+' then, 'abacus' now; cores \d+ then, 64 n"):
        fit(model, tmp_path)


def test_kernels_are_part_of_the_conditions(monkeypatch):
    engine = select.chosen()
    before = checkpoint_module.describe_environment()
    assert isinstance(before["compiled kernels"], str)
    monkeypatch.setattr(engine, "active_kernels", lambda: "abacus", raising=False)
    with pytest.warns(UserWarning, match="compiled kernels '.+' then, 'abacus' now"):
        checkpoint_module.warn_of_changes(
            checkpoint_module.describe_environment(), before, "a checkpoint"
        )


# ---- interrupts


INT, TERM = (signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)


@pytest.mark.parametrize(
    "number, expected, hook",
    [
        (*INT, "on_chunk_end"),
        (*INT, "on_test_batch_end"),
        (*TERM, "on_epoch_end"),
        pytest.param(*INT, "on_epoch_end", marks=pytest.mark.slow),
        pytest.param(*TERM, "on_chunk_end", marks=pytest.mark.slow),
        pytest.param(*TERM, "on_test_batch_end", marks=pytest.mark.slow),
    ],
)
def test_signals_save_and_stop(number, expected, hook, tmp_path):
    model = make_model()
    reference = model, fit(model)

    class Send(keras.callbacks.Callback):
        left = 2

        def _count(self):
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), number)

    setattr(Send, hook, lambda self, *arguments: self._count())
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(expected) as caught:
        fit(make_model(), callbacks=[Send()], checkpoint=tmp_path)
    if number == signal.SIGTERM:
        assert caught.value.code == 143
    assert handlers == (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))
    assert len(list(tmp_path.glob("*.json"))) == 1
    again = make_model()
    assert_same(reference, (again, fit(again, checkpoint=tmp_path, resume=True)))


def test_time_limit_can_be_resumed(tmp_path):
    model = make_model()
    reference = model, fit(model)
    parts = 0
    while True:
        again = make_model()
        limit = keras.callbacks.TimeLimit(1e-6 if parts < 4 else 1e6)
        history = fit(again, callbacks=[limit], checkpoint=tmp_path, resume=True)
        if not limit.reached:
            break
        parts += 1
    assert parts == 4
    assert_same(reference, (again, history))


# ---- what is saved, and when


def test_steps_are_counted_over_epochs(tmp_path, monkeypatch):
    places = []
    save = checkpoint_module.Checkpoints._save
    monkeypatch.setattr(
        checkpoint_module.Checkpoints,
        "_save",
        lambda self: (places.append((self.place.epoch, self.place.step)), save(self)),
    )
    backup = keras.callbacks.BackupAndRestore(tmp_path, save_freq=4)
    fit(make_model(), callbacks=[backup])  # 3 epochs of 6 steps
    assert places == [(0, 4), (1, 2), (1, 6), (2, 4)]
    assert os.listdir(tmp_path) == ["lock"]


def test_epochs_are_the_default_of_the_callback(tmp_path):
    class Files(keras.callbacks.Callback):
        counts = []

        def on_epoch_begin(self, epoch, logs=None):
            self.counts.append(len(list(tmp_path.glob("*.json"))))

    backup = keras.callbacks.BackupAndRestore(tmp_path, double_checkpoint=True)
    fit(make_model(), callbacks=[backup, Files()], epochs=4)
    assert Files.counts == [0, 1, 2, 2]


def test_time_between_checkpoints_follows_their_cost(tmp_path, monkeypatch):
    class Clock:
        now = 0.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(checkpoint_module, "time", clock)
    places = []

    def save(self):
        places.append(clock.now)
        began = clock.now
        clock.now += 1.0  # what saving costs
        self._arm(clock.now - began)

    monkeypatch.setattr(checkpoint_module.Checkpoints, "_save", save)

    class Tick(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            clock.now += 5.0

    fit(make_model(), callbacks=[Tick()], checkpoint=tmp_path, epochs=6)
    assert places == [10.0, 81.0, 152.0]


def test_seeds_of_the_host_come_along(tmp_path):
    from hornpipe.core.random import draw_seed

    def hook(drawn):
        return keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: drawn.append(
                (float(keras.random.normal(())), draw_seed())
            )
        )

    whole, parts = [], []
    fit(make_model(), callbacks=[hook(whole)])
    with pytest.raises(HaltError):
        fit(make_model(), tmp_path, [hook(parts), StopAfter(11)])
    keras.utils.set_random_seed(77)
    model = make_model()
    keras.utils.set_random_seed(78)
    fit(model, tmp_path, [hook(parts)])
    assert whole == parts


def test_state_that_is_no_plain_data_is_told_before_training(tmp_path):
    class Odd(keras.callbacks.Callback):
        def get_state(self):
            return {"file": object()}

    with pytest.raises(TypeError, match="callbacks: `get_state` must return plain data. Received"):
        fit(make_model(), tmp_path, [Odd()])
    assert list(tmp_path.glob("*.json")) == []


def test_state_that_nobody_takes_is_told(tmp_path):
    with pytest.raises(HaltError):
        fit(make_model(), tmp_path, [keras.callbacks.EarlyStopping(patience=9), StopAfter(4)])
    with pytest.warns(UserWarning, match="the state of EarlyStopping, which this run does not h"):
        fit(make_model(), tmp_path)


def test_failed_restore_leaves_everything_as_it_was(tmp_path):
    class Refuses(keras.callbacks.Callback):
        def get_state(self):
            return {"n": 1}

        def set_state(self, state):
            raise ValueError("no such state")

    with pytest.raises(HaltError):
        fit(make_model(), tmp_path, [Refuses(), StopAfter(4)])
    model = make_model()
    before = [variable.numpy() for variable in (*model.variables, *model.optimizer.variables)]
    with pytest.raises(FileFormatError, match="no such state"):
        fit(model, tmp_path, [Refuses()])
    after = [variable.numpy() for variable in (*model.variables, *model.optimizer.variables)]
    for a, b in zip(before, after, strict=False):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "arguments, kind, text",
    [
        ({"backup_dir": 3}, TypeError, "`backup_dir` must be the path of a folder. Received"),
        ({"backup_dir": ""}, TypeError, "`backup_dir` must be the path of a folder. Received"),
        ({"save_freq": 0}, ValueError, "`save_freq` must be 'epoch' or an integer >= 1"),
        ({"save_freq": "batch"}, ValueError, "`save_freq` must be 'epoch' or an integer >= 1"),
        ({"save_freq": True}, ValueError, "`save_freq` must be 'epoch' or an integer >= 1"),
        ({"seconds": -1}, ValueError, "`seconds` must be a number >= 0, 'auto' or None"),
        ({"seconds": float("nan")}, ValueError, "`seconds` must be a number >= 0, 'auto' or None"),
        ({"save_freq": 3, "seconds": 3}, ValueError, "only one of `save_freq` and `seconds`"),
    ],
)
def test_callback_refuses(arguments, kind, text):
    with pytest.raises(kind, match=text):
        keras.callbacks.BackupAndRestore(**{"backup_dir": "run", **arguments})
