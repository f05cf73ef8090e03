"""Files of Keras 1 and 2: predictions are compared with NumPy on the old formulas."""

import numpy as np
import pytest

import hornpipe as keras
from hornpipe.core.errors import FileFormatError
from tests.saving.old_files import write_model, write_weights


def rand(*shape, seed=0):
    return np.random.RandomState(seed).normal(size=shape).astype("float32") * 0.5


def hard_sigmoid(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


def convolve(x, kernel):
    """Correlate `(rows, columns, channels)` with `(rows, columns, channels, filters)`, valid."""
    rows, columns = kernel.shape[:2]
    out = np.zeros((x.shape[0] - rows + 1, x.shape[1] - columns + 1, kernel.shape[3]))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = np.tensordot(x[i : i + rows, j : j + columns], kernel, 3)
    return out


def dense2(name, units, **more):
    return {"class_name": "Dense", "config": {"name": name, "trainable": True, "units": units, "activation": "linear", "use_bias": True,
            "kernel_initializer": {"class_name": "VarianceScaling", "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None}},
            "bias_initializer": {"class_name": "Zeros", "config": {}}, "kernel_regularizer": None, "bias_regularizer": None,
            "activity_regularizer": None, "kernel_constraint": None, "bias_constraint": None, **more}}  # fmt: skip


@pytest.mark.parametrize("as_list", [True, False], ids=["list", "dict"])
def test_sequential_of_keras_2(tmp_path, as_list):
    layers = [
        dense2("a", 3, batch_input_shape=[None, 4], dtype="float32", activation="relu"),
        dense2("b", 2),
    ]
    config = {
        "class_name": "Sequential",
        "config": layers if as_list else {"name": "seq", "layers": layers},
    }
    w = [rand(4, 3), rand(3), rand(3, 2), rand(2)]
    path = tmp_path / "m.h5"
    write_model(
        path,
        config,
        {
            "a": [("a/kernel:0", w[0]), ("a/bias:0", w[1])],
            "b": [("b/kernel:0", w[2]), ("b/bias:0", w[3])],
        },
    )
    model = keras.saving.import_keras_h5(path)
    x = rand(5, 4, seed=1)
    expected = np.maximum(x @ w[0] + w[1], 0) @ w[2] + w[3]
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, atol=1e-5)


def test_functional_of_keras_2_with_a_shared_layer_and_a_nested_model(tmp_path):
    inner = {"class_name": "Sequential", "name": "inner", "inbound_nodes": [[["both", 0, 0, {}]]],
             "config": {"name": "inner", "layers": [dense2("deep", 2, batch_input_shape=[None, 6])]}}  # fmt: skip
    inputs = [
        {
            "class_name": "InputLayer",
            "name": n,
            "config": {
                "batch_input_shape": [None, 4],
                "dtype": "float32",
                "sparse": False,
                "name": n,
            },
            "inbound_nodes": [],
        }
        for n in "ab"
    ]
    shared = {
        **dense2("shared", 3),
        "name": "shared",
        "inbound_nodes": [[["a", 0, 0, {}]], [["b", 0, 0, {}]]],
    }
    both = {"class_name": "Concatenate", "name": "both", "config": {"name": "both", "trainable": True, "axis": -1},
            "inbound_nodes": [[["shared", 0, 0, {}], ["shared", 1, 0, {}]]]}  # fmt: skip
    config = {"class_name": "Model", "config": {"name": "m", "layers": [*inputs, shared, both, inner],
              "input_layers": [["a", 0, 0], ["b", 0, 0]], "output_layers": [["inner", 1, 0]]}}  # fmt: skip
    config["config"]["output_layers"] = [["inner", 0, 0]]
    w = [rand(4, 3), rand(3), rand(6, 2), rand(2)]
    path = tmp_path / "m.h5"
    write_model(path, config, {"a": [], "b": [], "shared": [("shared/kernel:0", w[0]), ("shared/bias:0", w[1])], "both": [],
                               "inner": [("deep/kernel:0", w[2]), ("deep/bias:0", w[3])]})  # fmt: skip
    model = keras.saving.import_keras_h5(path)
    a, b = rand(5, 4, seed=1), rand(5, 4, seed=2)
    expected = np.concatenate([a @ w[0] + w[1], b @ w[0] + w[1]], 1) @ w[2] + w[3]
    np.testing.assert_allclose(model.predict([a, b], verbose=0), expected, atol=1e-5)


def dense1(name, units, **more):
    return {"class_name": "Dense", "config": {"name": name, "trainable": True, "output_dim": units, "init": "glorot_uniform", "activation": "linear",
            "W_regularizer": None, "b_regularizer": None, "activity_regularizer": None, "W_constraint": None, "b_constraint": None, "bias": True,
            "input_dim": None, **more}}  # fmt: skip


def conv1(name, filters, size, ordering, **more):
    return {"class_name": "Convolution2D", "config": {"name": name, "trainable": True, "nb_filter": filters, "nb_row": size, "nb_col": size,
            "init": "glorot_uniform", "activation": "linear", "border_mode": "valid", "subsample": [1, 1], "dim_ordering": ordering,
            "W_regularizer": {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.01}, "b_regularizer": None, "activity_regularizer": None,
            "W_constraint": None, "b_constraint": None, "bias": True, **more}}  # fmt: skip


def test_dense_of_keras_1(tmp_path):
    config = {
        "class_name": "Sequential",
        "config": [dense1("d", 3, batch_input_shape=[None, 4], input_dim=4, input_dtype="float32")],
    }
    w, b = rand(4, 3), rand(3)
    write_model(
        tmp_path / "m.h5", config, {"d": [("d_W", w), ("d_b", b)]}, version="1.2.2", backend=None
    )
    model = keras.saving.import_keras_h5(tmp_path / "m.h5")
    x = rand(5, 4, seed=1)
    np.testing.assert_allclose(model.predict(x, verbose=0), x @ w + b, atol=1e-5)


def test_images_of_keras_1_in_tensorflow_ordering(tmp_path):
    config = {
        "class_name": "Sequential",
        "config": [
            conv1("c", 3, 3, "tf", batch_input_shape=[None, 6, 6, 2], input_dtype="float32")
        ],
    }
    w, b = rand(3, 3, 2, 3), rand(3)
    write_model(
        tmp_path / "m.h5", config, {"c": [("c_W", w), ("c_b", b)]}, version="1.2.2", backend=None
    )
    model = keras.saving.import_keras_h5(tmp_path / "m.h5")
    x = rand(1, 6, 6, 2, seed=1)
    np.testing.assert_allclose(model.predict(x, verbose=0)[0], convolve(x[0], w) + b, atol=1e-5)


@pytest.mark.parametrize("backend", [None, "tensorflow"])
def test_images_of_keras_1_in_theano_ordering(tmp_path, backend):
    config = {
        "class_name": "Sequential",
        "config": [
            conv1("c", 3, 3, "th", batch_input_shape=[None, 2, 6, 6], input_dtype="float32")
        ],
    }
    w, b = rand(3, 2, 3, 3), rand(3)  # filters, channels, rows, columns
    write_model(
        tmp_path / "m.h5", config, {"c": [("c_W", w), ("c_b", b)]}, version="1.2.2", backend=None
    )
    model = keras.saving.import_keras_h5(tmp_path / "m.h5", backend=backend)
    kernel = np.transpose(w, (2, 3, 1, 0))
    kernel = kernel if backend else kernel[::-1, ::-1]  # Theano turns kernels
    x = rand(1, 2, 6, 6, seed=1)
    expected = convolve(np.transpose(x[0], (1, 2, 0)), kernel) + b
    np.testing.assert_allclose(
        model.predict(x, verbose=0)[0], np.transpose(expected, (2, 0, 1)), atol=1e-5
    )


def test_a_file_of_keras_2_that_was_written_on_theano_has_its_kernels_turned(tmp_path):
    model = keras.Sequential([keras.Input((6, 6, 2)), keras.layers.Conv2D(3, 3, name="c")])
    w, b = rand(3, 3, 2, 3), rand(3)
    write_weights(tmp_path / "w.h5", {"c": [("c/kernel:0", w), ("c/bias:0", b)]}, backend="theano")
    keras.saving.import_keras_h5_weights(model, tmp_path / "w.h5")
    np.testing.assert_array_equal(model.get_weights()[0], w[::-1, ::-1])


def old_lstm(x, gates):
    """LSTM of Keras 1: gates is a dict letter -> (kernel, recurrent kernel, bias)."""
    h = c = np.zeros((x.shape[0], gates["i"][1].shape[0]))
    for t in range(x.shape[1]):
        pre = {k: x[:, t] @ w + h @ u + b for k, (w, u, b) in gates.items()}
        i, f, o = (hard_sigmoid(pre[k]) for k in "ifo")
        c = f * c + i * np.tanh(pre["c"])
        h = o * np.tanh(c)
    return h


def test_lstm_of_keras_1_kept_its_gates_one_by_one(tmp_path):
    gates = {
        k: (rand(3, 4, seed=n), rand(4, 4, seed=n + 9), rand(4, seed=n + 20))
        for n, k in enumerate("icfo")
    }
    config = {"class_name": "Sequential", "config": [{"class_name": "LSTM", "config": {"name": "l", "trainable": True, "output_dim": 4, "init": "glorot_uniform",
              "inner_init": "orthogonal", "forget_bias_init": "one", "activation": "tanh", "inner_activation": "hard_sigmoid", "W_regularizer": None,
              "U_regularizer": None, "b_regularizer": None, "dropout_W": 0.0, "dropout_U": 0.0, "return_sequences": False, "go_backwards": False,
              "stateful": False, "unroll": False, "consume_less": "cpu", "input_dim": 3, "input_length": None, "batch_input_shape": [None, 5, 3],
              "input_dtype": "float32"}}]}  # fmt: skip
    names = [(f"l_{part}_{k}", gates[k][n]) for k in "icfo" for n, part in enumerate("WUb")]
    write_model(tmp_path / "m.h5", config, {"l": names}, version="1.2.2", backend=None)
    model = keras.saving.import_keras_h5(tmp_path / "m.h5")
    x = rand(2, 5, 3, seed=40)
    np.testing.assert_allclose(model.predict(x, verbose=0), old_lstm(x, gates), atol=1e-5)


def test_weights_by_order_and_by_name(tmp_path):
    w = [rand(4, 3), rand(3), rand(3, 2), rand(2)]
    write_weights(
        tmp_path / "w.h5",
        {"x": [("k", w[0]), ("b", w[1])], "drop": [], "y": [("k", w[2]), ("b", w[3])]},
    )
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, name="x"), keras.layers.Dense(2, name="other")]
    )
    keras.saving.import_keras_h5_weights(model, tmp_path / "w.h5")
    for a, b in zip(model.get_weights(), w, strict=True):
        np.testing.assert_array_equal(a, b)
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, name="x"), keras.layers.Dense(2, name="other")]
    )
    before = model.get_weights()
    keras.saving.import_keras_h5_weights(model, tmp_path / "w.h5", by_name=True)
    np.testing.assert_array_equal(model.get_weights()[0], w[0])
    np.testing.assert_array_equal(model.get_weights()[2], before[2])


def test_weights_that_do_not_fit_change_nothing(tmp_path):
    write_weights(tmp_path / "w.h5", {"x": [("k", rand(4, 5)), ("b", rand(5))]})
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="x")])
    before = model.get_weights()
    with pytest.raises(
        FileFormatError, match=r"1 of another shape: x: \[\(4, 5\), \(5,\)\] in the file"
    ):
        keras.saving.import_keras_h5_weights(model, tmp_path / "w.h5")
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def test_a_lambda_with_code_is_refused(tmp_path):
    code = ["4wEAAAAAAAAAAAAAAAEAAAAFAAAAQwAAAHMLAAAAZAF9AHwAUwApAk7pAQAAAA==", None, None]
    layer = {
        "class_name": "Lambda",
        "config": {
            "name": "l",
            "function": code,
            "function_type": "lambda",
            "batch_input_shape": [None, 4],
        },
    }
    write_model(tmp_path / "m.h5", {"class_name": "Sequential", "config": [layer]}, {"l": []})
    with pytest.raises(FileFormatError, match="Files hold no code"):
        keras.saving.import_keras_h5(tmp_path / "m.h5")


def test_load_model_names_the_import_function(tmp_path):
    with pytest.raises(ValueError, match=r"Use keras.saving.import_keras_h5\(filepath\)"):
        keras.models.load_model(tmp_path / "m.h5")


def test_a_file_of_weights_is_no_model(tmp_path):
    write_weights(tmp_path / "w.h5", {"x": []})
    with pytest.raises(FileFormatError, match="has no `model_config`"):
        keras.saving.import_keras_h5(tmp_path / "w.h5")


def test_backend_is_checked(tmp_path):
    write_weights(tmp_path / "w.h5", {"x": []})
    with pytest.raises(ValueError, match='`backend` must be "theano", "tensorflow" or None'):
        keras.saving.import_keras_h5(tmp_path / "w.h5", backend="cntk")
