"""Old module paths in plain programs, and programs in which `import keras` means hornpipe."""

import importlib.machinery
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hornpipe
import hornpipe as keras
from hornpipe.compat import guide, keras1
from hornpipe.compat.translate import find_target

ROOT = Path(hornpipe.__file__).parent.parent


def run(*arguments, cwd, code=0, path=()):
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.pathsep.join([str(ROOT), *map(str, path)]),
    }
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        cwd=cwd,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


# ---- plain programs


def test_old_paths_without_an_alias():
    for name in ("core", "convolutional", "embeddings", "noise", "advanced_activations", "local"):
        assert getattr(keras.layers, name).Dense is keras.layers.Dense
    assert keras.layers.recurrent.LSTM is keras.layers.LSTM
    assert keras.objectives.mse is keras.losses.mean_squared_error
    assert keras.utils.np_utils.to_categorical is keras.utils.to_categorical
    assert keras.engine.topology.Layer is keras.layers.Layer
    assert keras.engine.training.Model is keras.models.Model
    assert keras.engine.Layer is keras.layers.Layer
    assert keras.initializations.get("he_normal")((3, 2)).shape == (3, 2)


@pytest.mark.parametrize("module", sorted(keras1.NAMES))
def test_every_name_leads_somewhere(module):
    for old, target in keras1.NAMES[module].items():
        place = keras if not module else getattr(keras, module)
        if target.startswith("!"):
            with pytest.raises(AttributeError, match=rf"{old!r} of Keras 1 is gone"):
                getattr(place, old)
        else:
            assert getattr(place, old) is not None
            assert find_target(target) is not None


def test_unknown_names_are_still_errors():
    for module, name in (
        (keras.losses, "mean_squard_error"),
        (keras, "Sequentail"),
        (keras.optimizers, "SDG"),
    ):
        with pytest.raises(AttributeError, match=r"Did you mean"):
            getattr(module, name)
    assert not hasattr(keras.initializers, "nonsense_of_2016")


@pytest.mark.parametrize(
    ("kind", "old"), [(kind, old) for kind, names in keras1.IDENTIFIERS.items() for old in names]
)
def test_every_identifier_resolves(kind, old):
    module = {
        "constraint": keras.constraints,
        "regularizer": keras.regularizers,
        "loss": keras.losses,
    }.get(kind, keras.metrics)
    assert module.get(old) is not None


def test_cosine_proximity_is_a_mean():
    a, b = np.array([[3.0, 4.0]], "float32"), np.array([[4.0, 3.0]], "float32")
    assert float(keras.losses.get("cosine_proximity")(a, b)[0]) == pytest.approx(
        -0.96 / 2, rel=1e-5
    )


def test_initializations():
    i = keras.initializations
    for name in (
        "glorot_uniform",
        "glorot_normal",
        "he_uniform",
        "he_normal",
        "lecun_uniform",
        "uniform",
        "normal",
        "orthogonal",
        "zero",
        "one",
    ):
        made = i.get(name)((4, 4), name=f"a/{name}")
        assert made.shape == (4, 4)
    assert i.identity((2, 2), scale=3).numpy().tolist() == [[3.0, 0.0], [0.0, 3.0]]
    assert np.abs(i.uniform((50, 50), scale=0.5).numpy()).max() <= 0.5
    gram = i.orthogonal((4, 4)).numpy()
    np.testing.assert_allclose(gram @ gram.T, 1.21 * np.eye(4), atol=1e-5)
    assert i.get_fans((8, 3, 5, 5)) == (75, 200)
    assert i.get_fans((5, 5, 3, 8), dim_ordering="tf") == (75, 200)
    with pytest.raises(ValueError, match=r"name is unknown"):
        i.get("glorot_unifrom")


def test_labels_of_2016():
    u = keras.utils.np_utils
    assert u.probas_to_classes(np.array([[0.1, 0.9], [0.8, 0.2]])).tolist() == [1, 0]
    assert u.probas_to_classes(np.array([[0.1], [0.8]])).tolist() == [0, 1]
    assert u.categorical_probas_to_classes(np.array([[0.1, 0.9]])).tolist() == [1]


def test_data_sets_take_the_old_names(monkeypatch):
    seen = {}

    def load_data(path="imdb.npz", num_words=None, skip_top=0):
        seen.update(path=path, num_words=num_words)

    from hornpipe.core.dialect import spoken

    spoken("imdb.load_data")(load_data)(path="imdb_full.pkl", nb_words=100)
    assert seen == {"path": "imdb.npz", "num_words": 100}
    for data_set in (keras.datasets.imdb, keras.datasets.reuters):
        with pytest.raises(ValueError, match=r"num_words"):
            data_set.load_data(nb_words=0)
        with pytest.raises(TypeError, match=r"mixes Keras 1"):
            data_set.load_data(nb_words=10, num_words=10)
    with pytest.raises(TypeError, match=r"`test_split` is gone.*fixed split"):
        keras.datasets.imdb.load_data(nb_words=10, test_split=0.1)


def test_the_guide_is_up_to_date():
    text = (ROOT / "docs" / "migration.md").read_text(encoding="utf-8")
    assert text == guide.text(), "run: python -m hornpipe.compat.guide docs/migration.md"
    for spec in keras1.CALLS.values():
        for row in spec.rows:
            assert f"`{row.old}`" in text


# ---- aliases, each in a process of its own


def test_importing_aliases_nothing_and_new_code_never_loads_the_dialect(tmp_path):
    script = """
import sys
before = list(sys.meta_path)
import hornpipe as keras, numpy as np
model = keras.Sequential([keras.layers.Dense(3, activation="relu", input_shape=(2,)), keras.layers.Dropout(0.5), keras.layers.Dense(1)])
model.compile(keras.optimizers.RMSprop(learning_rate=0.01), "mse", metrics=["mae"])
history = model.fit(np.ones((8, 2)), np.ones((8, 1)), epochs=1, verbose=0, validation_split=0.5)
history.history["val_mae"], model.evaluate(np.ones((8, 2)), np.ones((8, 1)), verbose=0), model.predict(np.ones((8, 2)), verbose=0)
print([name for name in sys.modules if name.startswith(("hornpipe.compat", "keras", "tensorflow"))], before == sys.meta_path)
"""
    (tmp_path / "new.py").write_text(script)
    assert run("new.py", cwd=tmp_path).stdout.strip() == "[] True"


SCRIPT = """
import sys
import keras
from keras import backend as K
from keras import layers, losses, metrics, models, optimizers
from keras.datasets import boston_housing, imdb, mnist, reuters
from keras.engine import Input, Layer, Model
from keras.engine.topology import InputSpec
from keras.layers import Convolution2D, Dense, merge
from keras.layers.advanced_activations import LeakyReLU
from keras.layers.convolutional import MaxPooling2D
from keras.layers.core import Activation, Dropout, Flatten
from keras.layers.embeddings import Embedding
from keras.layers.noise import GaussianNoise
from keras.layers.normalization import BatchNormalization
from keras.layers.pooling import GlobalMaxPooling1D
from keras.layers.recurrent import GRU, LSTM
from keras.layers.wrappers import Bidirectional, TimeDistributed
from keras.objectives import mse
from keras.preprocessing import sequence
from keras.preprocessing.text import Tokenizer
from keras.regularizers import activity_l2, l1l2
from keras.utils.data_utils import get_file
from keras.utils.generic_utils import Progbar
from keras.utils.np_utils import to_categorical
import keras.utils.np_utils as np_utils
import tensorflow.keras
from tensorflow import keras as other
from tensorflow.keras.layers import Dense as Dense2
import numpy as np

assert Dense2 is Dense is other.layers.Dense is keras.layers.core.Dense and issubclass(Dense, Layer)
print(sys.argv, __name__, keras.__version__ == tensorflow.keras.__version__)
import tensorflow
try:
    tensorflow.constant
except AttributeError as error:
    print(error)
try:
    import keras.nonsense
except ImportError as error:
    print(type(error).__name__)
model = models.Sequential()
model.add(Dense(8, activation="relu", input_shape=(4,)))
model.add(Dense(2, activation="softmax"))
model.compile(optimizer=optimizers.RMSprop(lr=0.001), loss=losses.categorical_crossentropy, metrics=["accuracy"])
x, y = np.random.rand(20, 4), to_categorical(np.arange(20) % 2)
history = model.fit(x, y, nb_epoch=1, batch_size=5, validation_data=(x, y))
print(list(history.history.keys()), len(history.history["acc"]), len(model.evaluate(x, y, verbose=0)))
"""


def test_run_a_script(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "old.py").write_text(SCRIPT + "\nimport neighbour\n")
    (tmp_path / "below" / "neighbour.py").write_text("print('neighbour')")
    done = run("-m", "hornpipe", "run", "below/old.py", "a", "--b", cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert lines[0] == "['below/old.py', 'a', '--b'] __main__ True"
    assert "TensorFlow is not installed, hornpipe supplies only tensorflow.keras" in lines[1]
    assert lines[2:4] == ["ModuleNotFoundError", "Epoch 1/1"]
    assert (
        lines[4].startswith("20/20 [==============================] - ") and " - acc: " in lines[4]
    )
    assert lines[5:] == ["['loss', 'acc', 'val_loss', 'val_acc'] 1 2", "neighbour"]
    installed = importlib.machinery.PathFinder.find_spec("keras") is not None
    assert ("keras is installed" in done.stderr) == installed  # it is hidden, but not silently
    missing = run("-m", "hornpipe", "run", "nothing.py", cwd=tmp_path, code=2)
    assert "the script must be a file" in missing.stderr


def test_a_keras_that_is_installed_is_not_hidden_in_silence(tmp_path):
    site = tmp_path / "site"
    (site / "keras").mkdir(parents=True)
    (site / "keras" / "__init__.py").write_text("REAL = True")
    (site / "tensorflow").mkdir()
    (site / "tensorflow" / "__init__.py").write_text("REAL = True")
    (tmp_path / "a.py").write_text(
        "import keras, tensorflow\nprint(keras.__doc__[:9], tensorflow.REAL)"
    )
    done = run("-m", "hornpipe", "run", "a.py", cwd=tmp_path, path=[site])
    assert done.stdout.strip() == "hornpipe: True"
    assert "hornpipe: keras is installed (" in done.stderr and "means hornpipe" in done.stderr
    (tmp_path / "b.py").write_text(
        "import warnings, hornpipe, keras\nassert keras.REAL\n"
        "for name in ('keras', 'tensorflow.keras', 'no-name', 'hornpipe'):\n"
        "    try:\n        hornpipe.install_as(name)\n"
        "    except (ImportError, ValueError) as error:\n        print(error)\n"
    )
    lines = run("b.py", cwd=tmp_path, path=[site]).stdout.splitlines()
    assert (
        "'keras' was imported already" in lines[0]
        and "tensorflow is installed and stays what it is" in lines[1]
    )
    assert "must be a module name" in lines[2] and "must be a module name" in lines[3]
    (tmp_path / "c.py").write_text(
        "import warnings, hornpipe\nwith warnings.catch_warnings(record=True) as seen:\n    warnings.simplefilter('always')\n"
        "    hornpipe.install_as('keras')\n    hornpipe.install_as('keras')\nimport keras\n"
        "print(len(seen), seen[0].message, keras.layers.Dense(output_dim=3).units)"
    )
    text = run("c.py", cwd=tmp_path, path=[site]).stdout
    assert text.startswith("1 keras is installed (") and text.strip().endswith(
        "means hornpipe instead. 3"
    )


def test_code_of_today_under_an_alias_keeps_its_names(tmp_path):
    (tmp_path / "today.py").write_text(
        "import keras, numpy as np\nmodel = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation='sigmoid')])\n"
        "model.compile('adam', 'binary_crossentropy', metrics=['accuracy'])\nx, y = np.ones((8, 2)), np.ones((8, 1))\n"
        "print(list(model.fit(x, y, epochs=1, verbose=0).history), list(model.fit(x, y, verbose=0).history))\n"
        "print(list(model.fit(x, y, nb_epoch=1, verbose=0).history))"
    )
    lines = run("-m", "hornpipe", "run", "today.py", cwd=tmp_path).stdout.splitlines()
    assert lines == ["['loss', 'accuracy'] ['loss', 'acc']", "['loss', 'acc']"]
