"""Pictures of logs: what is drawn, where it goes, and what is said where it can't be."""

from __future__ import annotations

import struct
import subprocess
import sys
import types

import matplotlib
import numpy as np
import pytest

import hornpipe as keras
from hornpipe.callbacks import CallbackList, History, LearningCurves

matplotlib.use("Agg")


def history(epochs=3, every=1):
    found = History()
    for epoch in range(epochs):
        logs = {"loss": 1.0 / (epoch + 1), "mae": 0.5}
        if (epoch + 1) % every == 0:
            logs.update(val_loss=2.0 / (epoch + 1), val_mae=0.75)
        found.on_epoch_end(epoch, logs)
    return found


def lines(figure):
    """Return title -> label -> (epochs, values)."""
    return {
        axes.get_title(): {
            line.get_label(): (line.get_xdata().tolist(), line.get_ydata().tolist())
            for line in axes.lines
        }
        for axes in figure.axes
    }


def is_png(path):
    return path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.fixture(autouse=True)
def close_figures():
    yield
    from matplotlib import pyplot

    pyplot.close("all")


# ---- history.plot


def test_what_is_drawn():
    figure = history().plot()
    assert lines(figure) == {
        "loss": {
            "training": ([1, 2, 3], [1.0, 0.5, 1 / 3]),
            "validation": ([1, 2, 3], [2.0, 1.0, 2 / 3]),
        },
        "mae": {
            "training": ([1, 2, 3], [0.5] * 3),
            "validation": ([1, 2, 3], [0.75] * 3),
        },
    }
    assert [axes.get_xlabel() for axes in figure.axes] == ["epoch", "epoch"]
    assert all(axes.get_legend() is not None for axes in figure.axes)


def test_validation_stands_at_its_epochs():
    figure = history(epochs=5, every=2).plot(names="loss")
    assert lines(figure) == {
        "loss": {
            "training": ([1, 2, 3, 4, 5], [1.0, 1 / 2, 1 / 3, 1 / 4, 1 / 5]),
            "validation": ([2, 4], [1.0, 0.5]),
        }
    }


def test_names_and_order():
    assert list(lines(history().plot(names=["val_mae", "loss", "mae"]))) == ["mae", "loss"]
    with pytest.raises(ValueError) as caught:
        history().plot(names=["los"])
    assert str(caught.value) == (
        "History.plot: `names` must hold names in the logs: loss, mae. Received: 'los'. "
        "Did you mean 'loss'?"
    )


def test_one_epoch_is_a_point_and_lists_are_left_out():
    found = History()
    found.on_epoch_end(0, {"loss": 1.0, "f1": [0.5, 0.25], "only": "text"})
    figure = found.plot()
    assert list(lines(figure)) == ["loss"]
    assert figure.axes[0].lines[0].get_marker() == "o" and figure.axes[0].get_legend() is None


def test_many_plots_stand_in_rows_of_three():
    found = History()
    found.on_epoch_end(0, {f"m{i}": 1.0 for i in range(7)})
    assert found.plot().axes[0].get_subplotspec().get_gridspec().get_geometry() == (3, 3)


@pytest.mark.parametrize(
    ("ending", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_a_path_is_written(tmp_path, ending, start):
    from matplotlib import pyplot

    figure = history().plot(tmp_path / f"curves.{ending}")
    assert (tmp_path / f"curves.{ending}").read_bytes().startswith(start)
    assert len(figure.axes) == 2 and pyplot.get_fignums() == []
    assert [path.name for path in tmp_path.iterdir()] == [f"curves.{ending}"]


def test_pyplot_knows_figures_that_are_not_written():
    from matplotlib import pyplot

    figure = history().plot()
    assert pyplot.figure(pyplot.get_fignums()[-1]) is figure
    width, height = struct.unpack(">II", figure._repr_png_()[16:24])
    assert width > height > 100


def test_in_fit():
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.ones((8, 2)), np.ones((8, 1))
    found = model.fit(x, y, epochs=4, validation_split=0.5, validation_freq=3, verbose=0)
    drawn = lines(found.plot())["loss"]
    assert drawn["training"] == ([1, 2, 3, 4], found.history["loss"])
    assert drawn["validation"] == ([3], found.history["val_loss"])


def test_the_epochs_are_part_of_the_state():
    first, second = history(epochs=4, every=2), History()
    second.set_state(first.get_state())
    second.on_epoch_end(4, {"loss": 0.1})
    assert second.curves()["val_loss"] == ([1, 3], [1.0, 0.5])
    assert second.curves()["loss"][0] == [0, 1, 2, 3, 4]


def test_mistakes(tmp_path):
    with pytest.raises(ValueError, match="History.plot: an epoch must have ended"):
        History().plot()
    with pytest.raises(
        ValueError, match="`path` must end in one of .*.png.*Received: path='a.xyz'"
    ):
        history().plot("a.xyz")
    with pytest.raises(OSError, match="History.plot: can't write its file"):
        history().plot(tmp_path / "none" / "a.png")


def test_without_matplotlib():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import hornpipe as keras, numpy as np\n"
        "history = keras.callbacks.History(); history.on_epoch_end(0, {'loss': 1.0})\n"
        "try: history.plot()\n"
        "except ImportError as error: print(error)\n"
        "model = keras.Sequential([keras.layers.Dense(1)]); model.compile('sgd', 'mse')\n"
        "curves = keras.callbacks.LearningCurves()\n"
        "try: model.fit(np.ones((4, 1)), np.ones((4, 1)), callbacks=[curves], verbose=0)\n"
        "except ImportError as error: print(error, int(model.optimizer.iterations.numpy()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    text = 'plot: needs the package matplotlib. Run: pip install "hornpipe[plot]".'
    assert done.stdout.splitlines() == [text, f"{text} 0"]


def test_matplotlib_is_not_imported_before_it_is_needed():
    code = (
        "import sys, numpy as np, hornpipe as keras\n"
        "keras.callbacks.LearningCurves(), keras.callbacks.History(), keras.utils.plot_model\n"
        "model = keras.Sequential([keras.layers.Dense(1)]); model.compile('sgd', 'mse')\n"
        "model.fit(np.ones((4, 1)), np.ones((4, 1)), verbose=0)\n"
        "print([name for name in ('matplotlib', 'graphviz') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# ---- LearningCurves


def run(curves, epochs=3):
    callbacks = CallbackList([curves])
    callbacks.on_train_begin()
    for epoch in range(epochs):
        callbacks.on_epoch_end(epoch, {"loss": 1.0 / (epoch + 1), "val_loss": 2.0})
    callbacks.on_train_end()
    return callbacks


def test_a_file_that_is_written_again(tmp_path):
    path = tmp_path / "new" / "curves.png"
    curves = LearningCurves(path, interval_seconds=0)
    callbacks = CallbackList([curves])
    callbacks.on_train_begin()
    assert not path.exists()
    callbacks.on_epoch_end(0, {"loss": 1.0})
    first = path.read_bytes()
    callbacks.on_epoch_end(1, {"loss": 0.5})
    callbacks.on_train_end()
    assert is_png(path) and path.read_bytes() != first
    assert lines(curves._figure) == {"loss": {"training": ([1, 2], [1.0, 0.5])}}
    assert [each.name for each in path.parent.iterdir()] == ["curves.png"]


def test_drawing_now_and_then(tmp_path, monkeypatch):
    drawn = []
    curves = LearningCurves(tmp_path / "curves.png", interval_seconds=3600)
    monkeypatch.setattr(curves, "_draw", lambda draw=curves._draw: (drawn.append(1), draw()))
    run(curves, epochs=20)
    assert len(drawn) == 2  # the first epoch and the last one
    assert lines(curves._figure)["loss"]["training"][0] == list(range(1, 21))


def test_the_file_in_a_script(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(LearningCurves())
    assert is_png(tmp_path / "learning_curves.png")


def test_in_a_notebook(tmp_path, monkeypatch):
    shown = []

    class Handle:
        def update(self, content, raw):
            shown.append(("update", sorted(content), raw))

    def display(content, raw, display_id):
        shown.append(("display", sorted(content), raw))
        assert content["image/png"][:4] == b"\x89PNG" and display_id
        return Handle()

    class Stream:
        __module__ = "ipykernel.iostream"

        def write(self, text):
            pass

        def flush(self):
            pass

    package, module = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    module.display = display
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    monkeypatch.setattr(sys, "stdout", Stream())
    monkeypatch.chdir(tmp_path)
    run(LearningCurves(interval_seconds=0))
    kinds = [kind for kind, content, raw in shown]
    assert kinds[0] == "display" and set(kinds[1:]) == {"update"}
    assert list(tmp_path.iterdir()) == []
    run(LearningCurves("curves.svg"))
    assert (tmp_path / "curves.svg").exists()
    figure = history().plot()
    monkeypatch.undo()
    from matplotlib import pyplot

    assert pyplot.get_fignums() == []  # else it would be shown twice
    assert figure._repr_png_()[:4] == b"\x89PNG"


@pytest.mark.parametrize("saved", [1, 2])
def test_a_resumed_run_draws_whole_curves(tmp_path, saved):
    first = LearningCurves(tmp_path / "curves.png")
    state = run(first, epochs=saved).get_state()
    second = LearningCurves(tmp_path / "curves.png")
    callbacks = CallbackList([second])
    callbacks.on_train_begin()
    assert callbacks.set_state(state) == []
    for epoch in range(saved, 4):
        callbacks.on_epoch_end(epoch, {"loss": 1.0 / (epoch + 1), "val_loss": 2.0})
    callbacks.on_train_end()
    whole = LearningCurves(tmp_path / "whole.png")
    run(whole, epochs=4)
    assert lines(second._figure) == lines(whole._figure)


def fit(curves):
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    model.fit(np.ones((8, 2)), np.ones((8, 1)), epochs=2, callbacks=[curves], verbose=0)
    return model


def test_names_are_checked_before_training(tmp_path):
    curves = LearningCurves(tmp_path / "curves.png", names=["mae"])
    fit(curves)
    assert list(lines(curves._figure)) == ["mae"]
    with pytest.raises(
        ValueError, match="`names` must hold names in the logs: .*Did you mean 'mae'"
    ):
        fit(LearningCurves(tmp_path / "other.png", names=["mea"]))
    assert not (tmp_path / "other.png").exists()


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"path": 3}, TypeError, "`path` must be a path. Received: path=3."),
        ({"names": 3}, TypeError, "`names` must be a list of names in the logs, or None."),
        ({"interval_seconds": -1}, ValueError, "`interval_seconds` must be a number >= 0."),
        ({"interval_seconds": float("nan")}, ValueError, "`interval_seconds` must be a number"),
    ],
)
def test_wrong_arguments(arguments, error, text):
    with pytest.raises(error) as caught:
        LearningCurves(**arguments)
    assert str(caught.value).startswith("LearningCurves: " + text)


def test_wrong_places_are_told_before_training(tmp_path):
    with pytest.raises(ValueError, match="LearningCurves: `path` must end in one of"):
        fit(LearningCurves(tmp_path / "curves.xyz"))
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="LearningCurves: must be able to write into its folder"):
        fit(LearningCurves(tmp_path / "file" / "curves.png"))
