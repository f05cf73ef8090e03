"""Every way of passing data gives the same training."""

import numpy as np
import pandas
import pytest
import scipy.sparse

import hornpipe as keras
from hornpipe import layers

X = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
Y = (X @ np.array([1.0, -2.0, 0.5, 3.0], "float32"))[:, None]


def model():
    keras.utils.set_random_seed(1)
    network = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, activation="tanh"), layers.Dense(1)]
    )
    network.compile("sgd", "mse", metrics=["mae"])
    return network


def trained(*args, **options):
    network = model()
    history = network.fit(*args, epochs=2, shuffle=False, verbose=0, **options)
    return network.get_weights(), history.history


REFERENCE = None


def assert_like_arrays(result, tolerance=1e-6):
    weights, history = trained(X, Y, batch_size=8)
    for a, b in zip(result[0], weights, strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance)
    np.testing.assert_allclose(result[1]["loss"], history["loss"], rtol=1e-4)
    np.testing.assert_allclose(result[1]["mae"], history["mae"], rtol=1e-4)


def batches():
    return [(X[i : i + 8], Y[i : i + 8]) for i in range(0, 40, 8)]


class Pieces(keras.utils.PyDataset):
    def __len__(self):
        return 5

    def __getitem__(self, index):
        return batches()[index]


class Iterable:
    def __iter__(self):
        return iter(batches())


def endless():
    while True:
        yield from batches()


@pytest.mark.parametrize(
    "x, y",
    [
        (X.astype("float64"), Y.astype("float64")),
        (X.tolist(), Y.tolist()),
        (X.tolist(), Y[:, 0].tolist()),
        (pandas.DataFrame(X), pandas.Series(Y[:, 0])),
        (scipy.sparse.csr_matrix(X), Y),
        (keras.ops.convert_to_tensor(X), keras.ops.convert_to_tensor(Y)),
    ],
    ids=["float64", "lists", "flat targets", "pandas", "scipy sparse", "engine tensors"],
)
def test_arrays(x, y):
    assert_like_arrays(trained(x, y, batch_size=8))


def test_streams():
    assert_like_arrays(trained(endless(), steps_per_epoch=5))
    assert_like_arrays(trained(Iterable()))
    assert_like_arrays(trained(Pieces()))


def test_torch_loader():
    torch = pytest.importorskip("torch")
    dataset = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    assert_like_arrays(trained(torch.utils.data.DataLoader(dataset, batch_size=8)))


def test_uneven_stream_has_exact_means():
    class Uneven:
        def __iter__(self):
            return iter([(X[:7], Y[:7]), (X[7:9], Y[7:9]), (X[9:], Y[9:])])

    network = model()
    loss, mae = network.evaluate(Uneven(), verbose=0)
    error = network.predict(X, verbose=0) - Y
    np.testing.assert_allclose(loss, np.mean(error**2), rtol=1e-5)
    np.testing.assert_allclose(mae, np.mean(np.abs(error)), rtol=1e-5)


def test_predict_on_every_kind_of_input():
    network = model()
    expected = network.predict(X, verbose=0)
    np.testing.assert_allclose(
        network.predict(scipy.sparse.csr_matrix(X), verbose=0), expected, atol=1e-6
    )
    np.testing.assert_allclose(network.predict(Iterable(), verbose=0), expected, atol=1e-6)
    np.testing.assert_allclose(network.predict(Pieces(), verbose=0), expected, atol=1e-6)
    np.testing.assert_allclose(network.predict(X, batch_size=7, verbose=0), expected, atol=1e-6)
    np.testing.assert_allclose(network.predict_on_batch(X), expected, atol=1e-6)
    np.testing.assert_allclose(np.asarray(network(X)), expected, atol=1e-6)
    for rows in (1, 2, 3, 17):
        np.testing.assert_allclose(network.predict(X[:rows], verbose=0), expected[:rows], atol=1e-6)


def test_sample_and_class_weights():
    labels = (X[:, 0] > 0).astype("int32")
    keras.utils.set_random_seed(2)
    start = keras.Sequential([keras.Input((4,)), layers.Dense(2, activation="softmax")])
    first = start.get_weights()

    def run(**options):
        network = keras.Sequential([keras.Input((4,)), layers.Dense(2, activation="softmax")])
        network.set_weights(first)
        network.compile("sgd", "sparse_categorical_crossentropy")
        network.fit(X, labels, batch_size=8, shuffle=False, verbose=0, **options)
        return network.get_weights()

    weighted = run(class_weight={0: 1.0, 1: 5.0})
    by_row = run(sample_weight=np.where(labels == 1, 5.0, 1.0))
    for a, b in zip(weighted, by_row, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert not np.allclose(run()[0], weighted[0])


def test_two_inputs_two_outputs_by_name_and_by_position():
    def build():
        keras.utils.set_random_seed(3)
        a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
        joined = layers.concatenate([a, b])
        out = {
            "price": layers.Dense(1, name="price")(joined),
            "kind": layers.Dense(2, name="kind", activation="softmax")(joined),
        }
        return a, b, out

    kinds = (X[:, 1] > 0).astype("int32")
    a, b, out = build()
    named = keras.Model({"a": a, "b": b}, out)
    named.compile(
        "sgd",
        {"price": "mse", "kind": "sparse_categorical_crossentropy"},
        loss_weights={"price": 0.5, "kind": 2.0},
        metrics={"kind": ["accuracy"]},
    )
    history = named.fit(
        {"a": X[:, :2], "b": X[:, 2:]},
        {"price": Y, "kind": kinds},
        batch_size=8,
        shuffle=False,
        verbose=0,
    )
    assert list(history.history) == ["loss", "price_loss", "kind_loss", "kind_accuracy"]
    values = history.history
    np.testing.assert_allclose(
        values["loss"][0], 0.5 * values["price_loss"][0] + 2 * values["kind_loss"][0], rtol=1e-5
    )

    a, b, out = build()
    placed = keras.Model([a, b], [out["price"], out["kind"]])
    placed.compile(
        "sgd",
        ["mse", "sparse_categorical_crossentropy"],
        loss_weights=[0.5, 2.0],
        metrics=[[], ["accuracy"]],
    )
    placed.fit([X[:, :2], X[:, 2:]], [Y, kinds], batch_size=8, shuffle=False, verbose=0)
    for first, second in zip(named.get_weights(), placed.get_weights(), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-6)
    outputs = placed.predict([X[:, :2], X[:, 2:]], verbose=0)
    assert [output.shape for output in outputs] == [(40, 1), (40, 2)]
    assert set(named.predict({"a": X[:, :2], "b": X[:, 2:]}, verbose=0)) == {"price", "kind"}


@pytest.mark.parametrize(("rows", "steps"), [(1, 1), (5, 1), (32, 1), (33, 2), (100, 4)])
def test_predict_shows_how_many_steps_it_took(rows, steps, capsys):
    model = keras.Sequential([keras.layers.Dense(3)])
    model.predict(np.ones((rows, 2)), verbose=2)
    assert capsys.readouterr().out.startswith(f"{steps}/{steps} - ")


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_wide_batches_are_gathered_on_the_host(dtype, monkeypatch):
    x = (np.random.default_rng(0).random((24, 300)) * 9).astype(dtype)
    y = x[:, :1].astype("float32")
    results = []
    for limit in (1, 2**60):
        monkeypatch.setattr("hornpipe.training.data._WIDE_BYTES", limit)
        keras.utils.set_random_seed(3)
        model = keras.Sequential([keras.layers.Dense(2, activation="tanh"), keras.layers.Dense(1)])
        model.compile("sgd", "mse", metrics=["mae"])
        history = model.fit(x, y, batch_size=5, epochs=3, verbose=0, validation_split=0.25).history
        scores = model.evaluate(x, y, batch_size=5, verbose=0)
        results.append((history, scores, model.get_weights(), model.predict(x, verbose=0)))
    for one, other in zip(*map(keras.tree.flatten, results), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-6)
    assert model.count_params() == 605
