"""Event files, read back with TensorBoard's own reader."""

from __future__ import annotations

import struct
import warnings
import zlib

import numpy as np
import pytest

import hornpipe as keras
from hornpipe.callbacks import CallbackList, TensorBoard, event_file
from hornpipe.callbacks.tensorboard import graph_nodes, weight_image

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of other packages, while they are imported
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.compat.proto import event_pb2, graph_pb2, summary_pb2


def read(folder):
    found = EventAccumulator(
        str(folder), size_guidance=dict.fromkeys(("scalars", "histograms", "images"), 0)
    )
    found.Reload()
    return found


def scalars(folder):
    """Return tag -> list of (step, value)."""
    found = read(folder)
    return {
        tag: [(event.step, event.value) for event in found.Scalars(tag)]
        for tag in found.Tags()["scalars"]
    }


def make():
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(1, name="b")],
        name="net",
    )
    model.compile(keras.optimizers.SGD(0.05), "mse", metrics=["mae"])
    return model


def data(rows=20):
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, 2)).astype("float32")
    return x, x @ np.array([[1.0], [-2.0]], "float32")


def fit(board, **options):
    options = {"epochs": 3, "batch_size": 4, "validation_split": 0.2, **options}
    model = make()
    model.fit(*data(), callbacks=[board], verbose=0, **options)
    return model


def pairs(values, first=0):
    return [(step, pytest.approx(value)) for step, value in enumerate(values, first)]


# ---- the format


def test_checksums():
    # RFC 3720, appendix B.4
    assert event_file.crc32c(b"\x00" * 32) == 0x8A9136AA
    assert event_file.crc32c(b"\xff" * 32) == 0x62A8AB43
    assert event_file.crc32c(bytes(range(32))) == 0x46DD794E
    assert event_file.crc32c(b"") == 0


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, 2**31, 2**63 - 1, -1, -(2**63)])
def test_integers(number):
    event = event_pb2.Event.FromString(event_file.integer_field(2, number))
    assert event.step == number


def test_messages_are_those_of_tensorboard():
    content = summary_pb2.Summary.FromString(event_file.scalar_value("täg", 0.1))
    assert content.value[0].tag == "täg"
    assert content.value[0].simple_value == np.float32(0.1)
    huge = summary_pb2.Summary.FromString(event_file.scalar_value("x", 1e300))
    assert np.isinf(huge.value[0].simple_value)


@pytest.mark.parametrize(
    ("values", "count"),
    [
        ([1.0, 2.05, 4.0], 3),
        ([5.0], 1),
        ([5.0, 5.0], 2),
        ([1.0, np.nan, np.inf], 1),
        ([], 1),
        (np.arange(12).reshape(3, 4), 12),
    ],
)
def test_histograms(values, count):
    message = summary_pb2.Summary.FromString(event_file.histogram_value("w", values)).value[0]
    kept = np.asarray(values, "float64").ravel()
    kept = kept[np.isfinite(kept)] if np.isfinite(kept).any() else np.zeros(1)
    histogram = message.histo
    assert histogram.num == sum(histogram.bucket) == count
    assert (histogram.min, histogram.max) == (kept.min(), kept.max())
    assert histogram.sum == kept.sum() and histogram.sum_squares == (kept**2).sum()
    assert len(histogram.bucket_limit) == 30 and histogram.bucket_limit[-1] >= kept.max()
    inside = np.searchsorted(histogram.bucket_limit, 2.05)
    if count == 3:
        assert histogram.bucket[inside] == 1


def test_png():
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    data = event_file.encode_png(pixels)
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    import io

    import matplotlib.image

    shown = matplotlib.image.imread(io.BytesIO(data), format="png")
    np.testing.assert_allclose(shown * 255, pixels, atol=1e-4)
    width, height = struct.unpack(">II", data[16:24])
    assert (width, height) == (4, 3) and zlib.crc32(data[12:29]) == struct.unpack(
        ">I", data[29:33]
    )[0]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((), None),
        ((0,), None),
        ((5,), (1, 5)),
        ((3, 5), (3, 5)),
        ((5, 3), (3, 5)),
        ((3, 3, 2), (3, 7)),
        ((3, 3, 1, 4), (7, 7)),
        ((2, 2, 10, 10), (23, 23)),
    ],
)
def test_images_of_weights(shape, expected):
    pixels = weight_image(np.random.default_rng(0).normal(size=shape))
    assert (None if pixels is None else pixels.shape) == expected
    if expected:
        assert pixels.dtype == np.uint8
        assert pixels.max() == 255 and pixels.min() == 0


def test_images_of_odd_weights():
    assert weight_image([[2.0, 2.0]]).tolist() == [[0, 0]]
    assert weight_image([0.0, np.nan, 1.0, np.inf, -np.inf]).tolist() == [[0, 0, 255, 255, 0]]


# ---- in fit


def test_logs_by_epoch(tmp_path):
    model = fit(TensorBoard(tmp_path, write_graph=False))
    history = model.history.history
    assert scalars(tmp_path / "train") == {
        "epoch_loss": pairs(history["loss"]),
        "epoch_mae": pairs(history["mae"]),
    }
    assert scalars(tmp_path / "validation") == {
        "epoch_loss": pairs(history["val_loss"]),
        "epoch_mae": pairs(history["val_mae"]),
    }


class Steps(keras.callbacks.Callback):
    """Keeps the loss of every step, one step at a time."""

    def __init__(self):
        super().__init__()
        self.losses = []

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(logs["loss"])


@pytest.mark.parametrize(("update_freq", "every"), [("batch", 1), (1, 1), (3, 3)])
def test_logs_by_step(tmp_path, update_freq, every):
    steps = Steps()
    keras.utils.set_random_seed(0)
    make().fit(*data(), epochs=2, batch_size=4, validation_split=0.2, callbacks=[steps], verbose=0)
    keras.utils.set_random_seed(0)
    board = TensorBoard(tmp_path, update_freq=update_freq)
    assert not CallbackList([board]).needs_single_train_steps
    model = fit(board, epochs=2)
    train = scalars(tmp_path / "train")
    expected = [(step, pytest.approx(loss)) for step, loss in enumerate(steps.losses, 1)]
    assert train["batch_loss"] == [each for each in expected if each[0] % every == 0]
    assert set(train) == {"batch_loss", "batch_mae", "epoch_loss", "epoch_mae"}
    validation = scalars(tmp_path / "validation")
    losses = model.history.history["val_loss"]
    assert validation["evaluation_loss_vs_iterations"] == [
        (4, pytest.approx(losses[0])),
        (8, pytest.approx(losses[1])),
    ]


def test_nothing_by_step_where_epochs_are_written(tmp_path):
    assert not CallbackList([TensorBoard(tmp_path)]).needs_train_batches


def test_weights(tmp_path):
    model = fit(TensorBoard(tmp_path, histogram_freq=2, write_images=True))
    found = read(tmp_path / "train")
    paths = [weight.path for weight in model.weights]
    assert found.Tags()["histograms"] == [f"{path}/histogram" for path in paths]
    assert found.Tags()["images"] == [f"{path}/image" for path in paths]
    for weight in model.weights:
        events = found.Histograms(f"{weight.path}/histogram")
        assert [event.step for event in events] == [0, 2]
        values = weight.numpy()  # after the last epoch
        assert events[-1].histogram_value.num == values.size
        assert events[-1].histogram_value.sum == pytest.approx(values.astype("float64").sum())
    image = found.Images(f"{paths[0]}/image")[0]
    assert (image.height, image.width) == (2, 3)
    assert image.encoded_image_string[:4] == b"\x89PNG"


def test_the_graph(tmp_path):
    fit(TensorBoard(tmp_path), epochs=1)
    graph = graph_pb2.GraphDef.FromString(read(tmp_path / "train").Graph().SerializeToString())
    shown = [(node.name, node.op, list(node.input)) for node in graph.node]
    assert shown == [
        ("input_layer", "InputLayer", []),
        ("a", "Dense", ["input_layer"]),
        ("b", "Dense", ["a"]),
    ]
    shape = graph.node[1].attr["_output_shapes"].list.shape[0]
    assert [size.size for size in shape.dim] == [-1, 3]


def test_graphs_of_nested_models():
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, name="d e")], name="inner")
    x = keras.Input((3,), name="x")
    model = keras.Model(x, keras.layers.Add(name="sum")([inner(x), inner(inner(x))]))
    nodes = graph_pb2.GraphDef.FromString(b"".join(graph_nodes(model))).node
    assert [(node.name, list(node.input)) for node in nodes] == [
        ("x", []),
        ("inner_0_/d_e", ["x"]),
        ("inner_1_/d_e", ["x"]),
        ("inner_2_/d_e", ["inner_1_/d_e"]),
        ("sum", ["inner_0_/d_e", "inner_2_/d_e"]),
    ]


def test_speed(tmp_path):
    fit(TensorBoard(tmp_path, write_steps_per_second=True))
    speeds = scalars(tmp_path / "train")["epoch_steps_per_second"]
    assert [step for step, _ in speeds] == [0, 1, 2] and min(value for _, value in speeds) > 0


def test_no_validation_no_folder(tmp_path):
    fit(TensorBoard(tmp_path / "new"), validation_split=0.0)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["train"]


def test_values_with_axes_and_without_numbers(tmp_path):
    board = TensorBoard(tmp_path, write_graph=False)
    callbacks = CallbackList([board])
    callbacks.on_train_begin()
    callbacks.on_epoch_end(0, {"f1": np.array([0.25, 0.5]), "name": "x", "none": None})
    callbacks.on_train_end()
    assert scalars(tmp_path / "train") == {"epoch_f1_0": [(0, 0.25)], "epoch_f1_1": [(0, 0.5)]}


def test_training_is_the_same(tmp_path):
    results = []
    for callbacks in ([], [TensorBoard(tmp_path, histogram_freq=1, update_freq=1)]):
        keras.utils.set_random_seed(3)
        model = make()
        model.fit(*data(), batch_size=4, epochs=3, callbacks=callbacks, verbose=0)
        results.append(model.get_weights())
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


# ---- resuming


def epochs(callbacks, numbers):
    for epoch in numbers:
        for batch in range(2):
            callbacks.on_train_batch_end(batch, {"loss": epoch + batch / 10})
        callbacks.on_test_end({"loss": epoch + 0.5})
        callbacks.on_epoch_end(epoch, {"loss": float(epoch), "val_loss": epoch + 0.5})


def start(folder, state=None):
    board = TensorBoard(folder, write_graph=False, update_freq=1)
    callbacks = CallbackList([board])
    callbacks.on_train_begin()
    if state is not None:
        assert callbacks.set_state(state) == []
    return callbacks


@pytest.mark.parametrize("saved", [0, 1, 2])
def test_a_resumed_run_has_no_point_twice(tmp_path, saved):
    whole = start(tmp_path / "whole")
    epochs(whole, range(4))
    whole.on_train_end()
    parted = tmp_path / "parted"
    first = start(parted)
    epochs(first, range(saved))
    state = first.get_state()
    epochs(first, range(saved, 3))  # after the checkpoint, then lost
    first.on_train_end()
    second = start(parted, state)
    epochs(second, range(saved, 2))  # lost again, without a checkpoint of its own
    second.on_train_end()
    third = start(parted, state)
    epochs(third, range(saved, 4))
    third.on_train_end()
    for run in ("train", "validation"):
        assert scalars(parted / run) == scalars(tmp_path / "whole" / run)


def test_writers_of_one_moment_have_files_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(event_file.time, "time_ns", lambda: 1_700_000_000_123_456_789)
    writers = [event_file.EventWriter(tmp_path, "token") for _ in range(3)]
    for writer in writers:
        writer.close()
    paths = [writer.path for writer in writers]
    assert sorted(set(paths)) == paths == sorted(tmp_path.iterdir())


def test_resuming_within_an_epoch_leaves_one_graph(tmp_path):
    first = TensorBoard(tmp_path)
    model = make()
    callbacks = CallbackList([first], model)
    callbacks.on_train_begin()
    callbacks.on_epoch_begin(0)
    state = callbacks.get_state()
    callbacks.on_train_end()
    second = CallbackList([TensorBoard(tmp_path)], model)
    second.on_train_begin()
    second.on_epoch_begin(0)  # begins the epoch that the checkpoint is in the middle of
    second.set_state(state)
    second.on_epoch_end(0, {"loss": 1.0})
    second.on_train_end()
    assert len(list(tmp_path.rglob("events*"))) == 2
    assert scalars(tmp_path / "train") == {"epoch_loss": [(0, 1.0)]}
    assert read(tmp_path / "train").Tags()["graph"]


def test_files_of_other_runs_are_left_alone(tmp_path):
    other = start(tmp_path)
    epochs(other, range(2))
    other.on_train_end()
    before = {path: path.read_bytes() for path in tmp_path.rglob("events*")}
    first = start(tmp_path)
    epochs(first, range(1))
    state = first.get_state()
    first.on_train_end()
    start(tmp_path, state).on_train_end()
    for path, content in before.items():
        assert path.read_bytes() == content


# ---- mistakes


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"log_dir": None}, TypeError, "`log_dir` must be a path. Received: log_dir=None."),
        ({"histogram_freq": -1}, ValueError, "`histogram_freq` must be an integer >= 0."),
        ({"histogram_freq": True}, ValueError, "`histogram_freq` must be an integer >= 0."),
        (
            {"update_freq": "step"},
            ValueError,
            "`update_freq` must be 'epoch', 'batch' or an integer >= 1. Received: update_freq='step'.",
        ),
        ({"update_freq": 0}, ValueError, "`update_freq` must be 'epoch', 'batch' or an"),
        (
            {"profile_batch": (1, 3)},
            ValueError,
            "`profile_batch` must be 0. Received: profile_batch=(1, 3). Use jax.profiler.trace",
        ),
        ({"embeddings_freq": 1}, ValueError, "`embeddings_freq` must be 0."),
        ({"embeddings_metadata": "m"}, ValueError, "`embeddings_metadata` must be None."),
    ],
)
def test_wrong_arguments(arguments, error, text):
    with pytest.raises(error) as caught:
        TensorBoard(**arguments)
    assert str(caught.value).startswith("TensorBoard: " + text)


def test_a_folder_that_cannot_be_written_is_told_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    model = make()
    with pytest.raises(OSError, match="TensorBoard: must be able to write into its folder"):
        model.fit(*data(), callbacks=[TensorBoard(tmp_path / "file")], verbose=0)
    assert int(model.optimizer.iterations.numpy()) == 0
