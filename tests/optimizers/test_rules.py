"""Every rule against three independent sources: NumPy in float64, PyTorch's optimizers, values computed by Keras."""

import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

import hornpipe as keras

FOLDER = Path(__file__).parent
STEPS = 10


# ---- the rules in NumPy, written from the papers: (t, gradient, weight, state) -> weight; state starts empty


def sgd(t, g, w, s, lr=0.01, momentum=0.0, nesterov=False):
    s["m"] = momentum * s.get("m", 0 * w) + g
    return w - lr * (g + momentum * s["m"] if nesterov else s["m"])


def rmsprop(t, g, w, s, lr=0.001, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False):
    s["v"] = rho * s.get("v", 0 * w) + (1 - rho) * g**2
    s["a"] = rho * s.get("a", 0 * w) + (1 - rho) * g
    size = s["v"] - s["a"] ** 2 if centered else s["v"]
    s["m"] = momentum * s.get("m", 0 * w) + lr * g / np.sqrt(size + epsilon)
    return w - s["m"]


def adagrad(t, g, w, s, lr=0.001, initial_accumulator_value=0.1, epsilon=1e-7):
    s["a"] = s.get("a", 0 * w + initial_accumulator_value) + g**2
    return w - lr * g / np.sqrt(s["a"] + epsilon)


def adadelta(t, g, w, s, lr=0.001, rho=0.95, epsilon=1e-7):
    s["a"] = rho * s.get("a", 0 * w) + (1 - rho) * g**2
    d = g * np.sqrt((s.get("b", 0 * w) + epsilon) / (s["a"] + epsilon))
    s["b"] = rho * s.get("b", 0 * w) + (1 - rho) * d**2
    return w - lr * d


def _moments(g, w, s, beta_1, beta_2):
    s["m"] = beta_1 * s.get("m", 0 * w) + (1 - beta_1) * g
    s["v"] = beta_2 * s.get("v", 0 * w) + (1 - beta_2) * g**2


def adam(t, g, w, s, lr=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False):
    _moments(g, w, s, beta_1, beta_2)
    s["largest"] = np.maximum(s.get("largest", 0 * w), s["v"])
    v = s["largest"] if amsgrad else s["v"]
    # Epsilon is added before the correction of v ("epsilon hat").
    corrected = (np.sqrt(v) + epsilon) / np.sqrt(1 - beta_2**t)
    return w - lr * s["m"] / (1 - beta_1**t) / corrected


def adamw(t, g, w, s, lr=0.001, weight_decay=0.004, **options):
    return adam(t, g, w * (1 - lr * weight_decay), s, lr, **options)


def adamax(t, g, w, s, lr=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    s["m"] = beta_1 * s.get("m", 0 * w) + (1 - beta_1) * g
    s["u"] = np.maximum(beta_2 * s.get("u", 0 * w), np.abs(g))
    return w - lr / (1 - beta_1**t) * s["m"] / (s["u"] + epsilon)


def nadam(t, g, w, s, lr=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    _moments(g, w, s, beta_1, beta_2)
    factors = [beta_1 * (1 - 0.5 * 0.96**i) for i in range(1, t + 2)]
    now, ahead = math.prod(factors[:-1]), math.prod(factors)
    mean = factors[-1] * s["m"] / (1 - ahead) + (1 - factors[-2]) * g / (1 - now)
    return w - lr * mean / (np.sqrt(s["v"] / (1 - beta_2**t)) + epsilon)


def lamb(t, g, w, s, lr=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    _moments(g, w, s, beta_1, beta_2)
    move = s["m"] / (1 - beta_1**t) / (np.sqrt(s["v"] / (1 - beta_2**t)) + epsilon)
    norms = np.linalg.norm(w), np.linalg.norm(move)
    return w - lr * (norms[0] / norms[1] if min(norms) > 0 else 1.0) * move


def lion(t, g, w, s, lr=0.001, beta_1=0.9, beta_2=0.99):
    m = s.get("m", 0 * w)
    s["m"] = beta_2 * m + (1 - beta_2) * g
    return w - lr * np.sign(beta_1 * m + (1 - beta_1) * g)


def ftrl(t, g, w, s, lr=0.001, power=-0.5, initial=0.1, l1=0.0, l2=0.0, shrinkage=0.0, beta=0.0):
    before = s.get("n", 0 * w + initial)
    s["n"] = before + g**2
    s["z"] = (
        s.get("z", 0 * w) + g + 2 * shrinkage * w - (s["n"] ** -power - before**-power) / lr * w
    )
    scale = (beta + s["n"] ** -power) / lr + 2 * l2
    return np.where(np.abs(s["z"]) <= l1, 0.0, (np.sign(s["z"]) * l1 - s["z"]) / scale)


def adafactor(t, g, w, s, lr=0.001, decay=-0.8, epsilon_2=1e-3, threshold=1.0, relative_step=True):
    beta = 1 - t**decay
    square = g**2 + 1e-30
    if w.ndim >= 2:
        s["r"] = beta * s.get("r", 0) + (1 - beta) * square.mean(-1)
        s["c"] = beta * s.get("c", 0) + (1 - beta) * square.mean(-2)
        size = np.einsum("...i,...j->...ij", s["r"], s["c"]) / s["r"].mean(-1)[..., None, None]
    else:
        size = s["v"] = beta * s.get("v", 0) + (1 - beta) * square
    u = g / np.sqrt(size)
    u = u / max(1, np.sqrt((u**2).mean()) / threshold)
    rate = min(lr, t**-0.5) if relative_step else lr
    return w - rate * max(epsilon_2, np.sqrt((w**2).mean())) * u


FTRL_NAMES = {
    "power": "learning_rate_power",
    "initial": "initial_accumulator_value",
    "l1": "l1_regularization_strength",
    "l2": "l2_regularization_strength",
    "shrinkage": "l2_shrinkage_regularization_strength",
}
ADAFACTOR_NAMES = {"decay": "beta_2_decay", "threshold": "clip_threshold"}
RULES = [
    ("SGD", sgd, {}),
    ("SGD", sgd, {"lr": 0.005, "momentum": 0.9}),
    ("SGD", sgd, {"lr": 0.005, "momentum": 0.9, "nesterov": True}),
    ("RMSprop", rmsprop, {}),
    ("RMSprop", rmsprop, {"lr": 0.02, "momentum": 0.9, "rho": 0.5}),
    ("RMSprop", rmsprop, {"lr": 0.02, "centered": True, "epsilon": 1e-2}),
    ("RMSprop", rmsprop, {"lr": 0.02, "centered": True, "momentum": 0.5, "epsilon": 1e-2}),
    ("Adagrad", adagrad, {}),
    ("Adagrad", adagrad, {"lr": 0.1, "initial_accumulator_value": 0.0, "epsilon": 1e-3}),
    ("Adadelta", adadelta, {"lr": 1.0}),
    ("Adadelta", adadelta, {"lr": 1.0, "rho": 0.8, "epsilon": 1e-3}),
    ("Adam", adam, {}),
    ("Adam", adam, {"lr": 0.1, "beta_1": 0.5, "beta_2": 0.6, "epsilon": 0.1}),
    ("Adam", adam, {"lr": 0.1, "beta_1": 0.0, "beta_2": 0.5, "amsgrad": True}),
    ("AdamW", adamw, {"lr": 0.1, "weight_decay": 0.2}),
    ("Adamax", adamax, {"lr": 0.02, "beta_2": 0.7}),
    ("Nadam", nadam, {}),
    ("Nadam", nadam, {"lr": 0.05, "beta_1": 0.7, "beta_2": 0.8}),
    ("Lamb", lamb, {"lr": 0.05}),
    ("Lion", lion, {"lr": 0.02}),
    ("Lion", lion, {"lr": 0.02, "beta_1": 1.0, "beta_2": 0.5}),
    ("Ftrl", ftrl, {}),
    ("Ftrl", ftrl, {"lr": 0.2, "power": -0.7, "l1": 0.2, "l2": 0.3, "shrinkage": 0.1, "beta": 0.5}),
    ("Adafactor", adafactor, {"lr": 0.02}),
    ("Adafactor", adafactor, {"lr": 0.9, "decay": -0.5, "threshold": 0.5}),
    ("Adafactor", adafactor, {"lr": 0.9, "relative_step": False, "epsilon_2": 0.1}),
]


def parabola(weight, step):
    return 2 * np.arange(1, weight.size + 1).reshape(weight.shape) * (weight - 0.3)


def rosenbrock(weight, step):
    x, y = weight[..., 0], weight[..., 1]
    return np.stack([-2 * (1 - x) - 40 * x * (y - x**2), 20 * (y - x**2)], -1)


def noise(weight, step):
    return np.random.default_rng(step).normal(size=weight.shape) * 10.0 ** ((step % 3) - 1)


PROBLEMS = [
    (parabola, np.array([1.0, -2.0, 0.5])),
    (rosenbrock, np.array([[-0.7, 0.6], [0.4, -0.3]])),
    (noise, np.array([[[1.0, -2.0, 0.5], [0.1, 0.2, 3.0]]])),
    (noise, np.array(0.7)),
]


def make(name, options):
    renames = {"lr": "learning_rate", **(FTRL_NAMES if name == "Ftrl" else ADAFACTOR_NAMES)}
    return getattr(keras.optimizers, name)(
        **{renames.get(key, key): v for key, v in options.items()}
    )


@pytest.mark.parametrize(
    ("problem", "start"), PROBLEMS, ids=["parabola", "rosenbrock", "noise", "scalar"]
)
@pytest.mark.parametrize(("name", "rule", "options"), RULES)
def test_against_numpy(name, rule, options, problem, start):
    optimizer = make(name, options)
    variable = keras.Variable(start.astype("float32"), name="weight")
    weight, state = start.astype("float64"), {}
    for step in range(1, STEPS + 1):
        gradient = problem(weight, step)
        weight = np.asarray(rule(step, gradient, weight, state, **options))
        optimizer.apply([gradient.astype("float32")], [variable])
    assert np.isfinite(weight).all()
    # Measured against the way travelled, so that a wrong step can't hide behind a large weight.
    travelled, scale = np.abs(weight - start).max(), max(np.abs(weight).max(), 1)
    assert travelled > 1e-4
    assert np.abs(variable.numpy() - weight).max() <= 2e-4 * travelled + 2e-6 * scale
    assert int(optimizer.iterations) == STEPS


TORCH = [
    ("SGD", {"learning_rate": 0.1}, "SGD", {"lr": 0.1}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9}, "SGD", {"lr": 0.1, "momentum": 0.9}),
    (
        "SGD",
        {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True},
        "SGD",
        {"lr": 0.1, "momentum": 0.9, "nesterov": True},
    ),
    (
        "RMSprop",
        {"learning_rate": 0.1, "epsilon": 0.0},
        "RMSprop",
        {"lr": 0.1, "alpha": 0.9, "eps": 0.0},
    ),
    (
        "RMSprop",
        {"learning_rate": 0.1, "epsilon": 0.0, "momentum": 0.5, "rho": 0.7},
        "RMSprop",
        {"lr": 0.1, "alpha": 0.7, "eps": 0.0, "momentum": 0.5},
    ),
    (
        "Adagrad",
        {"learning_rate": 0.1, "epsilon": 0.0},
        "Adagrad",
        {"lr": 0.1, "initial_accumulator_value": 0.1, "eps": 0.0},
    ),
    (
        "Adadelta",
        {"learning_rate": 1.0, "epsilon": 1e-3, "rho": 0.9},
        "Adadelta",
        {"lr": 1.0, "rho": 0.9, "eps": 1e-3},
    ),
    ("Adam", {"learning_rate": 0.1, "epsilon": 0.0}, "Adam", {"lr": 0.1, "eps": 0.0}),
    (
        "Adam",
        {"learning_rate": 0.1, "epsilon": 0.0, "amsgrad": True, "beta_2": 0.5},
        "Adam",
        {"lr": 0.1, "eps": 0.0, "amsgrad": True, "betas": (0.9, 0.5)},
    ),
    (
        "AdamW",
        {"learning_rate": 0.1, "epsilon": 0.0, "weight_decay": 0.2},
        "AdamW",
        {"lr": 0.1, "eps": 0.0, "weight_decay": 0.2},
    ),
    ("Adamax", {"learning_rate": 0.1, "epsilon": 0.0}, "Adamax", {"lr": 0.1, "eps": 0.0}),
    ("Nadam", {"learning_rate": 0.1}, "NAdam", {"lr": 0.1, "eps": 1e-7, "momentum_decay": 1.0}),
]


@pytest.mark.parametrize(("name", "options", "torch_name", "torch_options"), TORCH)
def test_against_torch(name, options, torch_name, torch_options):
    start = np.array([[1.0, -2.0, 0.5], [0.3, 0.7, -0.4]])
    theirs = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    torch_optimizer = getattr(torch.optim, torch_name)([theirs], **torch_options)
    ours = keras.Variable(start.astype("float32"), name="weight")
    optimizer = getattr(keras.optimizers, name)(**options)
    for step in range(1, STEPS + 1):
        gradient = noise(start, step)
        theirs.grad = torch.tensor(gradient, dtype=torch.float64)
        torch_optimizer.step()
        optimizer.apply([gradient.astype("float32")], [ours])
    np.testing.assert_allclose(ours.numpy(), theirs.detach().numpy(), rtol=1e-4, atol=1e-4)


def _keras_values():
    spec = importlib.util.spec_from_file_location(
        "make_keras_values", FOLDER / "make_keras_values.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, json.loads((FOLDER / "keras_values.json").read_text())


SCRIPT, GOLDEN = _keras_values()


@pytest.mark.parametrize("case", SCRIPT.CASES)
def test_against_keras(case):
    name, options = SCRIPT.CASES[case]
    optimizer = getattr(keras.optimizers, name)(**options)
    variables = [
        keras.Variable(np.array(w, "float32"), name=key) for key, w in SCRIPT.WEIGHTS.items()
    ]
    for step in range(SCRIPT.STEPS):
        gradients = [np.array(SCRIPT.gradient(key, step), "float32") for key in SCRIPT.WEIGHTS]
        optimizer.apply(gradients, variables)
    for variable, expected in zip(variables, GOLDEN["weights"][case], strict=True):
        # Keras computes 1 - beta**t in float32, which costs Adam five digits at the first steps.
        np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-5, atol=1e-5)


def test_bias_correction_keeps_its_digits():
    from hornpipe.optimizers.adam import one_minus_power

    step = keras.ops.convert_to_tensor(1.0)
    assert abs(float(one_minus_power(0.999, step)) / 0.001 - 1) < 3e-7
    assert float(one_minus_power(0.0, step)) == 1.0


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam", "Lamb", "Adafactor", "Lion"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_weights_stay_half(name, dtype):
    optimizer = getattr(keras.optimizers, name)(0.125)
    variable = keras.Variable(np.array([[1.0, -2.0]], "float32"), dtype=dtype, name="weight")
    optimizer.apply([keras.ops.convert_to_tensor(np.array([[4.0, -4.0]], "float32"))], [variable])
    assert variable.dtype == dtype
    after = variable.numpy().astype("float32")
    assert np.isfinite(after).all()
    assert after[0, 0] < 1.0 and after[0, 1] > -2.0


@pytest.mark.parametrize(
    "name", ["SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam", "Lamb", "Lion"]
)
def test_zero_gradients_move_nothing(name):
    variable = keras.Variable(np.zeros(3, "float32"), name="weight")
    getattr(keras.optimizers, name)(0.1).apply([np.zeros(3, "float32")], [variable])
    assert variable.numpy().tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("name", ["SGD", "Adam", "Lamb", "Adafactor"])
def test_weights_without_elements(name):
    variable = keras.Variable(np.zeros((0, 3), "float32"), name="weight")
    other = keras.Variable(np.ones(2, "float32"), name="other")
    getattr(keras.optimizers, name)(0.1).apply(
        [np.zeros((0, 3), "float32"), np.ones(2, "float32")], [variable, other]
    )
    assert variable.numpy().shape == (0, 3)
    assert np.isfinite(other.numpy()).all() and other.numpy()[0] < 1
