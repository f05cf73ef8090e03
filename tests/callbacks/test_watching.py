"""Callbacks that watch, send, show or swap: NaN, a web server, progress, moving averages."""

from __future__ import annotations

import http.server
import json
import re
import threading
import urllib.parse

import numpy as np
import pytest

import hornpipe as keras
from hornpipe.callbacks import (
    CallbackList,
    ModelCheckpoint,
    ProgbarLogger,
    RemoteMonitor,
    SwapEMAWeights,
    TerminateOnNaN,
)

NAN, INF = float("nan"), float("inf")


def make(optimizer=None):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(optimizer or keras.optimizers.SGD(0.05), "mse")
    return model


def data(rows=16):
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, 2)).astype("float32")
    return x, x @ np.array([[1.0], [-2.0]], "float32")


# ---- NaN


# `fit` itself warns about it, with where it began.
@pytest.mark.filterwarnings("ignore:fit. the loss is not finite")
def test_training_ends_at_the_first_loss_that_is_no_number(capsys):
    x, y = data(64)
    y[40] = 1e30  # squared it is beyond float32, and the mean in two parts becomes inf - inf
    model = make()
    stop = TerminateOnNaN()
    assert not CallbackList([stop]).needs_single_train_steps
    history = model.fit(x, y, batch_size=4, epochs=3, shuffle=False, callbacks=[stop], verbose=0)
    assert history.epoch == [0]
    out = capsys.readouterr().out
    assert out == "The loss is nan in epoch 1, batch 11: training stops.\n"


def test_an_error_where_asked_for():
    x, y = data(64)
    y[40] = 1e30
    with pytest.raises(RuntimeError) as caught:
        make().fit(x, y, batch_size=4, shuffle=False, callbacks=[TerminateOnNaN(True)], verbose=0)
    assert str(caught.value) == (
        "TerminateOnNaN: the loss must stay finite, it did not in epoch 1, batch 11. Received: "
        "loss=nan. Try a smaller learning rate, clipnorm=1.0, or look for NaN in the data."
    )


@pytest.mark.parametrize(("loss", "stops"), [(1.0, False), (NAN, True), (INF, True), (-INF, True)])
def test_what_stops(loss, stops):
    class Model:
        stop_training = False

    stop = TerminateOnNaN()
    stop.set_model(Model())
    stop.on_epoch_begin(0)
    stop.on_train_batch_end(0, {"loss": loss})
    stop.on_train_batch_end(1, {})
    assert stop.model.stop_training is stops


def test_training_is_the_same_while_all_is_well():
    results = []
    for callbacks in ([], [TerminateOnNaN()]):
        keras.utils.set_random_seed(3)
        model = make()
        model.fit(*data(), batch_size=4, epochs=3, callbacks=callbacks, verbose=0)
        results.append(model.get_weights())
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


# ---- a web server


@pytest.fixture
def server(monkeypatch):
    """Give a server on this machine; `requests` is what came, `status` what it answers."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            running.requests.append((self.path, dict(self.headers), body))
            self.send_response(running.status)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    running = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    running.requests, running.status = [], 200
    running.root = f"http://127.0.0.1:{running.server_port}"
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


def test_logs_are_sent_as_a_form(server):
    monitor = RemoteMonitor(server.root, headers={"X-Run": "seven"})
    history = make().fit(*data(), epochs=2, callbacks=[monitor], verbose=0).history
    assert [path for path, _, _ in server.requests] == ["/publish/epoch/end/"] * 2
    for epoch, (_, headers, body) in enumerate(server.requests):
        assert headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert headers["X-Run"] == "seven"
        form = urllib.parse.parse_qs(body.decode())
        assert list(form) == ["data"]
        assert json.loads(form["data"][0]) == {"epoch": epoch, "loss": history["loss"][epoch]}


def test_logs_are_sent_as_json(server):
    monitor = RemoteMonitor(server.root, "/here", send_as_json=True)
    monitor.on_epoch_end(3, {"loss": NAN, "f1": [0.5, INF], "mae": 1.5})
    path, headers, body = server.requests[0]
    assert (path, headers["Content-Type"]) == ("/here", "application/json")
    assert json.loads(body) == {"epoch": 3, "loss": None, "f1": [0.5, None], "mae": 1.5}


def test_training_goes_on_without_the_server(server, capsys):
    server.status = 500
    history = make().fit(*data(), epochs=3, callbacks=[RemoteMonitor(server.root)], verbose=0)
    assert len(history.epoch) == len(server.requests) == 3
    assert capsys.readouterr().out == (
        f"RemoteMonitor: {server.root}/publish/epoch/end/ can't be reached "
        "(HTTP Error 500: Internal Server Error); training goes on.\n"
    )
    closed = RemoteMonitor("http://127.0.0.1:9")
    make().fit(*data(), epochs=2, callbacks=[closed], verbose=0)
    assert re.fullmatch(
        r"RemoteMonitor: http://127.0.0.1:9/publish/epoch/end/ can't be reached \(.*\); training goes on.\n",
        capsys.readouterr().out,
    )


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"root": "file:///etc"}, ValueError, "begins with http:// or https://. Received: root='f"),
        ({"root": "localhost:9000"}, ValueError, "`root` must be an address that begins with"),
        ({"root": "http://"}, ValueError, "`root` must be an address"),
        ({"path": None}, TypeError, "`path` must be a string. Received: path=None."),
        ({"field": 3}, TypeError, "`field` must be a string. Received: field=3."),
        ({"headers": {"a": 1}}, TypeError, "`headers` must be a dict of strings."),
    ],
)
def test_wrong_addresses(arguments, error, text):
    with pytest.raises(error) as caught:
        RemoteMonitor(**arguments)
    assert str(caught.value).startswith("RemoteMonitor: ") and text in str(caught.value)


# ---- progress in a loop of one's own


def test_progress_of_a_loop(capsys):
    callbacks = CallbackList([ProgbarLogger()], epochs=2, steps=2, verbose=2)
    callbacks.on_train_begin()
    for epoch in range(2):
        callbacks.on_epoch_begin(epoch)
        for batch in range(2):
            callbacks.on_train_batch_end(batch, {"loss": 1.0})
        callbacks.on_test_begin()
        callbacks.on_test_batch_end(0, {"loss": 9.0})
        callbacks.on_test_end({"loss": 9.0})
        callbacks.on_epoch_end(epoch, {"loss": 0.5, "val_loss": 9.0})
    callbacks.on_train_end()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("Epoch 2/2") and "2/2" in lines[1]
    assert lines[1].endswith("loss: 0.5000 - val_loss: 9.0000")


def test_progress_of_evaluation_and_prediction(capsys):
    callbacks = CallbackList(add_progbar=True, steps=3, verbose=2)
    callbacks.on_test_begin()
    for batch in range(3):
        callbacks.on_test_batch_end(batch, {"loss": 1.0})
    callbacks.on_test_end({"loss": 0.25})
    callbacks.on_predict_begin()
    callbacks.on_predict_batch_end(2, {"outputs": None})
    callbacks.on_predict_end()
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("3/3") and first.endswith("loss: 0.2500")
    assert second.startswith("3/3")


def test_silent_where_asked(capsys):
    callbacks = CallbackList([ProgbarLogger()], epochs=1, steps=1, verbose=0)
    callbacks.on_train_begin()
    callbacks.on_epoch_begin(0)
    callbacks.on_train_batch_end(0, {"loss": 1.0})
    callbacks.on_epoch_end(0, {"loss": 1.0})
    callbacks.on_train_end()
    assert capsys.readouterr().out == ""


def test_fit_shows_everything_once(capsys):
    model = make()
    model.fit(*data(), epochs=2, callbacks=[ProgbarLogger()], verbose=2)
    assert len(capsys.readouterr().out.splitlines()) == 2
    model.evaluate(*data(), callbacks=[ProgbarLogger()], verbose=2)
    model.predict(data()[0], callbacks=[ProgbarLogger()], verbose=2)
    assert len(capsys.readouterr().out.splitlines()) == 2


# ---- moving averages


MOMENTUM = 0.5


def reference(epochs, rate=0.05):
    """Return (own weight, average) after every epoch of one step: one weight, x = 1, y = 1, from 0."""
    weight, average, found = 0.0, 0.0, []
    for step in range(1, epochs + 1):
        weight += 2 * rate * (1 - weight)
        momentum = MOMENTUM * (step > 1)
        average = momentum * average + (1 - momentum) * weight
        found.append((weight, average))
    return found


def averaged():
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")]
    )
    model.compile(keras.optimizers.SGD(0.05, use_ema=True, ema_momentum=MOMENTUM), "mse")
    return model


ONE = np.ones((4, 1), "float32")


def test_validation_sees_the_averages_and_training_the_weights():
    model = averaged()
    history = model.fit(
        ONE, ONE, epochs=4, validation_data=(ONE, ONE), callbacks=[SwapEMAWeights()], verbose=0
    ).history
    expected = reference(4)
    before = [0.0, *(weight for weight, _ in expected[:-1])]
    np.testing.assert_allclose(history["loss"], [(1 - w) ** 2 for w in before], rtol=1e-5)
    np.testing.assert_allclose(history["val_loss"], [(1 - a) ** 2 for _, a in expected], rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[0], [[expected[-1][1]]], rtol=1e-5)


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_what_a_checkpoint_holds(tmp_path, swap_on_epoch):
    model = averaged()
    keep = ModelCheckpoint(tmp_path / "{epoch}.safetensors", save_weights_only=True)
    callbacks = [SwapEMAWeights(swap_on_epoch), keep]
    history = model.fit(ONE, ONE, epochs=3, callbacks=callbacks, verbose=0).history
    expected = reference(3)
    for epoch, (weight, average) in enumerate(expected, 1):
        twin = averaged()
        twin.load_weights(tmp_path / f"{epoch}.safetensors")
        wanted = average if swap_on_epoch else weight
        np.testing.assert_allclose(twin.get_weights()[0], [[wanted]], rtol=1e-5)
    before = [0.0, *(weight for weight, _ in expected[:-1])]
    np.testing.assert_allclose(history["loss"], [(1 - w) ** 2 for w in before], rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[0], [[expected[-1][1]]], rtol=1e-5)


def test_evaluate_and_predict_swap_and_swap_back():
    model = averaged()
    model.fit(ONE, ONE, epochs=3, verbose=0)
    own, average = 0.25, reference(3)[-1][1]
    model.set_weights([np.array([[own]], "float32")])
    swap = SwapEMAWeights()
    loss = model.evaluate(ONE, ONE, callbacks=[swap], verbose=0)
    np.testing.assert_allclose(loss, (1 - average) ** 2, rtol=1e-5)
    outputs = model.predict(ONE, callbacks=[swap], verbose=0)
    np.testing.assert_allclose(outputs, average * ONE, rtol=1e-5)
    assert model.get_weights()[0] == own
    np.testing.assert_allclose(model.predict(ONE, verbose=0), own * ONE)


def test_the_weights_themselves_are_in_the_state():
    model = averaged()
    model.fit(ONE, ONE, epochs=2, verbose=0)
    model.set_weights([np.array([[0.25]], "float32")])
    swap, again = SwapEMAWeights(swap_on_epoch=True), SwapEMAWeights(swap_on_epoch=True)
    for each in (swap, again):
        each.set_model(model)
    assert swap.get_state() is None
    swap.on_epoch_end(0)
    assert model.get_weights()[0] != 0.25
    state = swap.get_state()
    np.testing.assert_array_equal(state["own"], [[[0.25]]])
    again.on_train_begin()
    again.set_state(state)
    again.on_epoch_begin(1)
    assert model.get_weights()[0] == 0.25


def test_an_optimizer_without_averages_is_told_before_training():
    model = make()
    with pytest.raises(ValueError) as caught:
        model.fit(*data(), callbacks=[SwapEMAWeights()], verbose=0)
    assert str(caught.value) == (
        "SwapEMAWeights: the optimizer must keep moving averages of the weights. "
        "Received: the optimizer 'sgd'. Pass use_ema=True when it is made."
    )
    assert int(model.optimizer.iterations.numpy()) == 0
