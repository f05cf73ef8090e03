"""A sweep over every public name: what can't be right is refused in our words, by our code, whatever the name.

The names come from the name tables, so a new function or class is swept on its first day. What a name accepts although it looks
wrong is declared here with a reason; nothing is skipped silently.
"""

import inspect
import re
import traceback

import numpy as np
import pytest

import hornpipe as keras
from hornpipe import ops
from tests.layers.test_contract import CASES as LAYERS

DATASETS = "mnist fashion_mnist cifar10 cifar100 imdb reuters boston_housing california_housing digits".split()
MODULES = {
    **{
        name: getattr(keras, name)
        for name in "ops random layers losses metrics optimizers initializers regularizers constraints activations callbacks models "
        "utils saving tree".split()
    },
    **{f"datasets.{name}": getattr(keras.datasets, name) for name in DATASETS},
    "preprocessing.text": keras.preprocessing.text,
    "preprocessing.sequence": keras.preprocessing.sequence,
}
# Names that a module uses itself; they are not for users.
INNER = set(
    "guarded message near_miss register resolve check_number check_seed compute_fans module_getattr epsilon Any as_metric "
    "find_name op floatx annotations Configurable".split()
)
TEMPLATE = re.compile(r"^[\w.<>]+( '[^']*')?: ")
OURS = (TypeError, ValueError, RuntimeError)


def public(names=None):
    """Return {"module.name": function or class} of all public names, or of some modules."""
    found = {}
    for module, table in MODULES.items():
        for name in getattr(table, "__all__", dir(table)):
            item = getattr(table, name) if not name.startswith("_") and name not in INNER else None
            home = (
                table.__name__ if module.startswith(("datasets", "preprocessing")) else "hornpipe"
            )
            ours = getattr(item, "__module__", "").startswith(home)
            if callable(item) and ours and (names is None or module in names):
                found[f"{module}.{name}"] = item
    return found


def refused(function, *args, **kwargs):
    """Return (type, text) of the error of a call, checked to be in our words; None where there was none."""
    try:
        function(*args, **kwargs)
    except Exception as error:
        text, frame = str(error), traceback.extract_tb(error.__traceback__)[-1]
        seen = f"{type(error).__name__} from {frame.filename}: {text[:300]}"
        assert isinstance(error, OURS) and type(error).__module__ in (
            "builtins",
            "hornpipe.core.errors",
        ), seen
        assert "hornpipe" in frame.filename, seen
        assert TEMPLATE.match(text) and "Received" in text, seen
        assert "\n" not in text, seen
        return type(error), text
    return None


def check(calls):
    """Check the errors of many calls (name, function, args, kwargs, words that the text must hold)."""
    found = []
    for name, function, args, kwargs, *words in calls:
        try:
            error = refused(function, *args, **kwargs)
        except AssertionError as wrong:
            found.append(f"{name}: {str(wrong).splitlines()[0]}")
            continue
        if error is None:
            found.append(f"{name}: accepted {args} {kwargs}"[:200])
        elif not all(word in error[1] for word in words):
            found.append(f"{name}: {words} not in {error[1]}")
    assert not found, "\n".join(found)


def parameters(item):
    """Return the parameters of a call, without self."""
    function = item.__init__ if inspect.isclass(item) else item
    found = inspect.signature(function).parameters.values()
    return [each for each in found if each.name != "self"]


# ---- arguments that do not exist, or are missing

EVERYTHING = public()


def test_the_sweep_finds_the_library():
    assert len(EVERYTHING) > 600
    assert {"ops.matmul", "layers.Dense", "random.normal", "datasets.mnist.load_data"} <= set(
        EVERYTHING
    )


def needed(item):
    return [
        each.name
        for each in parameters(item)
        if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD
    ]


def takes_any_number(item):
    return any(each.kind is each.VAR_POSITIONAL for each in parameters(item))


@pytest.mark.parametrize("module", MODULES)
def test_names_of_arguments(module):
    items = public([module])
    wrong = [
        (name, item, (), {"unknown_argument": 1}, "unknown_argument")
        for name, item in items.items()
        if item is not keras.callbacks.LambdaCallback  # takes names of hooks
    ]
    wrong += [
        (name, item, (), {}, f"`{needed(item)[0]}`") for name, item in items.items() if needed(item)
    ]
    wrong += [
        (name, item, [object()] * 40, {})
        for name, item in items.items()
        if not takes_any_number(item)
    ]
    assert wrong or module == "tree"
    check(wrong)


# ---- values that are no numbers

NO_NUMBERS = {
    "strings": np.array(["a", "b"]),
    "text": "no numbers",
    "objects": np.array([object()]),
    "a dict": {"a": 1},
    "None": None,
    "an object": object(),
}
# What these take is no tensor, or not only.
ANYTHING = {
    "ops.convert_to_numpy": "NumPy holds strings and objects as well",
    "ops.is_tensor": "the question is whether it is one",
    "ops.associative_scan": "structures",
    "ops.map": "structures",
    "ops.scan": "structures",
    "ops.vectorized_map": "structures",
    "ops.copy": "None stays None",
    "ops.ndim": "of any array",
    "ops.shape": "of any array",
    "ops.size": "of any array",
    "activations.linear": "gives back what it is given",
    "ops.stop_gradient": "None stays None",
    "ops.convert_to_tensor": "tested below",
}


def tensor_functions():
    """Return the public functions whose first argument is a tensor that they can't do without."""
    firsts = ("x", "x1", "a", "inputs", "logits", "values", "y_true", "data", "image", "images")
    found = {}
    for name, item in public(["ops", "activations", "losses", "metrics"]).items():
        if inspect.isclass(item) or name in ANYTHING:
            continue
        names = [each.name for each in parameters(item)]
        if names and names[0] in firsts:
            found[name] = item
    return found


@pytest.mark.parametrize("kind", NO_NUMBERS)
def test_no_numbers(kind):
    value = NO_NUMBERS[kind]
    functions = tensor_functions()
    assert len(functions) > 250
    calls = []
    for name, item in functions.items():
        others = {key: np.ones((2, 2)) for key in needed(item)[1:] if key not in ("axis", "k")}
        if "dtype" in others:
            others["dtype"] = "float32"
        calls.append((name, item, (value,), others))
    check(calls)


# ---- shapes that do not fit

BINARY = set(
    "add subtract multiply divide true_divide floor_divide mod power maximum minimum logical_and logical_or logical_xor equal not_equal "
    "less less_equal greater greater_equal arctan2 hypot matmul dot inner logaddexp isclose".split()
)


@pytest.mark.parametrize("name", sorted(BINARY))
def test_shapes_that_do_not_broadcast(name):
    if not hasattr(ops, name):
        pytest.fail(f"{name} is no operation; take it out of the list")
    kind, text = refused(getattr(ops, name), np.ones((2, 3)), np.ones((5, 7)))
    assert issubclass(kind, ValueError)
    assert "(2, 3)" in text and "(5, 7)" in text


@pytest.mark.parametrize("kind", ["losses", "metrics"])
def test_shapes_of_losses_and_metrics(kind):
    calls = [
        (name, item, (np.ones((4, 3)), np.ones((4, 5))), {}, "(4, 5)")
        for name, item in public([kind]).items()
        if not inspect.isclass(item) and needed(item) == ["y_true", "y_pred"]
    ]
    assert len(calls) > 5
    check(calls)


def test_axes_that_do_not_exist():
    calls = [
        (name, item, (np.ones((2, 3)),), {"axis": axis})
        for name, item in public(["ops"]).items()
        if needed(item) in (["x"], ["x", "axis"])
        and "axis" in [each.name for each in parameters(item)]
        for axis in (9, -9, "last")
    ]
    assert len(calls) > 60
    check(calls)


# ---- layers, losses, metrics, optimizers as objects


@pytest.mark.parametrize("kind", ["strings", "objects"])
def test_layers_called_on_no_numbers(kind):
    value = np.full((3, 4), NO_NUMBERS[kind][0])
    calls = [
        (name, case.make(), ([value, value] if isinstance(case.shape, list) else value,), {})
        for name, case in LAYERS.items()
    ]
    check(calls)


# Their cases stand in a layer of the test's own, or run the user's function.
OWN = ("LSTMCell", "GRUCell", "SimpleRNNCell", "StackedRNNCells", "Lambda")


def test_layers_called_on_what_is_no_array():
    calls = [
        (name, case.make(), (value,), {})
        for name, case in LAYERS.items()
        if name not in OWN
        for value in (None, object(), "text")
    ]
    check(calls)


def test_a_built_layer_called_on_another_width():
    layer = keras.layers.Dense(2, name="head")
    layer(np.ones((3, 4)))
    kind, text = refused(layer, np.ones((3, 5)))
    assert issubclass(kind, ValueError) and "head" in text and "5" in text


def objects(module, *abstract):
    """Return name -> object of the classes of a module that can be made without arguments."""
    return {
        name: item()
        for name, item in public([module]).items()
        if inspect.isclass(item) and not needed(item) and name.split(".")[-1] not in abstract
    }


def test_losses_called_on_nonsense():
    made = objects("losses", "Loss")
    assert len(made) > 20
    good, bad = np.ones((4, 3)), (np.ones((4, 5)), np.array([["a"] * 3] * 4), None, "text")
    calls = [(name, loss, (good, value), {}) for name, loss in made.items() for value in bad]
    calls += [(name, loss, (value, good), {}) for name, loss in made.items() for value in bad[1:]]
    check(calls)


def test_initializers_called_on_nonsense():
    made = objects("initializers", "Initializer", "RandomInitializer", "SeedGenerator")
    assert len(made) > 10
    shapes = ("ab", (-1, 2), (2.5, 3), None, object())
    calls = [(name, each, (shape,), {}) for name, each in made.items() for shape in shapes]
    calls += [(name, each, ((2, 3),), {"dtype": "float7"}) for name, each in made.items()]
    check(calls)


@pytest.mark.parametrize("rate", [-1.0, "fast", object(), float("nan")])
def test_learning_rates(rate):
    calls = [
        (name, item, (), {"learning_rate": rate})
        for name, item in public(["optimizers"]).items()
        if inspect.isclass(item) and "learning_rate" in [each.name for each in parameters(item)]
    ]
    assert len(calls) > 10
    check(calls)


@pytest.mark.parametrize(
    "module",
    "losses metrics optimizers initializers regularizers constraints activations layers".split(),
)
def test_unknown_identifiers(module):
    get = getattr(keras, module).get
    kind, text = refused(get, "no such name")
    assert kind is ValueError and "no such name" in text
    assert refused(get, 3.5)[0] is TypeError


# ---- models


def model(loss="mse", **options):
    made = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    made.compile("sgd", loss, **options)
    return made


X, Y = np.ones((8, 4), "float32"), np.ones((8, 1), "float32")


def of(*batches):
    yield from batches


DATA = {
    "strings": (np.array([["a"] * 4] * 8), Y),
    "objects": (np.array([[object()] * 4] * 8), Y),
    "ragged": ([[1.0, 2.0], [1.0]], Y),
    "another width": (X[:, :3], Y),
    "another rank": (X[None], Y[None]),
    "other rows": (X, Y[:5]),
    "no rows": (X[:0], Y[:0]),
    "a number": (3.0, Y),
    "text": ("text", Y),
    "an object": (object(), None),
    "a function": (len, None),
    "strings in y": (X, np.array(["a"] * 8)),
    "None": (None, None),
    "two inputs": ([X, X], Y),
    "a name that is no input": ({"other": X}, Y),
    "two outputs": (X, [Y, Y]),
    "an empty stream": (of(), None),
    "a stream of strings": (of((np.array(["a"] * 8), Y)), None),
    "a stream of tuples of four": (of((X, Y, Y, Y)), None),
    "a stream of other widths": (of((X[:, :2], Y)), None),
    "a stream of other rows": (of((X, Y[:3])), None),
    "a stream of None": (of(None), None),
}


@pytest.mark.parametrize("case", DATA)
@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_data(method, case):
    x, y = DATA[case]
    if inspect.isgenerator(x):
        if method.endswith("on_batch"):
            return  # a generator is no batch; tested as "an object"
        x = of(*STREAMS[case])
    made = model()
    before = made.get_weights()
    kept = [np.array(each, copy=True) for each in (X, Y)]
    options = {} if method.endswith("on_batch") else {"verbose": 0}
    assert refused(getattr(made, method), x, y, **options) is not None
    for a, b in zip([*before, *kept], [*made.get_weights(), X, Y], strict=True):
        np.testing.assert_array_equal(a, b)
    assert not [key for key in made._programs if key[0] in ("train", "test")]


STREAMS = {
    "an empty stream": [],
    "a stream of strings": [(np.array(["a"] * 8), Y)],
    "a stream of tuples of four": [(X, Y, Y, Y)],
    "a stream of other widths": [(X[:, :2], Y)],
    "a stream of other rows": [(X, Y[:3])],
    "a stream of None": [None],
}


@pytest.mark.parametrize(
    "case",
    [name for name in DATA if "y" not in name and "output" not in name and name != "other rows"],
)
def test_data_of_predict(case):
    x = DATA[case][0]
    x = of(*STREAMS[case]) if inspect.isgenerator(x) else x
    if case in ("a stream of tuples of four", "a stream of other rows"):
        x = of((X, Y, Y, Y))
    assert refused(model().predict, x, verbose=0) is not None


COMPILE = {
    "optimizer": ["no such", 3, None, object(), "mse", keras.losses.MeanSquaredError],
    "loss": ["no such", 3, object(), keras.metrics.Mean(), ["mse", "mse"], {"other": "mse"}],
    "metrics": [["no such"], [3], 3, object(), {"other": ["mse"]}, [keras.optimizers.SGD()]],
    "loss_weights": ["heavy", [1.0, 2.0], {"other": 1.0}, [None, "a"]],
    "steps_per_execution": [0, "many", 1.5],
    "unknown_argument": [1],
}


@pytest.mark.parametrize(
    "argument, value", [(name, value) for name, values in COMPILE.items() for value in values]
)
def test_compile(argument, value):
    made = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])

    def run():
        made.compile(**{"optimizer": "sgd", "loss": "mse", argument: value})
        made.fit(X, Y, verbose=0)  # names are resolved once the shapes are known

    before = made.get_weights()
    assert refused(run) is not None
    for a, b in zip(before, made.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


FIT = {
    "batch_size": [0, -1, 2.5, "all"],
    "epochs": [0, -1, 1.5, "ten"],
    "initial_epoch": [-1, "x"],
    "verbose": ["loud", 7],
    "callbacks": [3, [3], "EarlyStopping", [keras.callbacks.EarlyStopping]],
    "validation_split": [1.0, -0.5, "half"],
    "validation_data": [3, (X,), (X, Y, Y, Y), (X[:, :2], Y), (X, Y[:3])],
    "validation_freq": [0, "x"],
    "shuffle": ["rows", 3],
    "class_weight": [3, {}, {"a": 1.0}, {0: "heavy"}],
    "sample_weight": [np.ones(3), np.array(["a"] * 8), np.ones((8, 5, 2)), "heavy"],
    "steps_per_epoch": [0, -1, "x"],
    "validation_steps": [0, "x"],
    "validation_batch_size": [0, "x"],
    "unknown_argument": [1],
}


@pytest.mark.parametrize("argument", FIT)
def test_arguments_of_fit(argument):
    made = model()
    before = made.get_weights()
    for value in FIT[argument]:
        options = {"verbose": 0, argument: value}
        if argument in ("validation_steps", "validation_batch_size", "validation_freq"):
            options["validation_data"] = (X, Y)
        assert refused(made.fit, X, Y, **options) is not None, value
    for a, b in zip(before, made.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_methods_of_models():
    made = model()
    for name in "fit evaluate predict train_on_batch test_on_batch predict_on_batch compile check summary save get_layer".split():
        assert refused(getattr(made, name), unknown_argument=1) is not None, name
    assert refused(made.get_layer, "no such") is not None
    assert refused(made.set_weights, [np.ones(3)]) is not None
    assert refused(made.set_weights, "text") is not None
    assert refused(made.add, 3) is not None
    assert refused(keras.Sequential, 3) is not None
    assert refused(keras.Model, 3, 4) is not None
    assert refused(made, np.ones((2, 9))) is not None
    assert refused(made, None) is not None
    assert refused(made, "text") is not None
    assert refused(keras.Sequential([keras.layers.Dense(1)]).build, "text") is not None
