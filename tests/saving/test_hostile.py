"""Files from strangers: under an audit hook, nothing happens but a `FileFormatError`, within 2 seconds and 50 MB."""

import base64
import json
import marshal
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

import hornpipe as keras
from hornpipe.core.errors import FileFormatError
from tests.saving import hostile
from tests.saving.hostile import archive, call, graph, h5, layer, safetensors, sequential, weights
from tests.saving.old_files import write_model

GUARD = Path(__file__).with_name("guard.py")
ROOT = Path(keras.__file__).parents[1]


def run_guard(folder, cases, warm=()):
    """Run cases in a child; returns name -> result."""
    (folder / "cases.json").write_text(json.dumps({"warm": list(warm), "hostile": cases}))
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, GUARD, folder],
        capture_output=True,
        text=True,
        env=environment,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


class Folder:
    """Collects cases, each made into files and calls under several entry points."""

    def __init__(self, path):
        self.path, self.cases = path, []
        self.canary = path / "canary"

    def add(self, name, call, data=None, ending=".keras", text=None):
        case = {"name": f"{name} ({call}{ending if data is not None else ''})", "call": call}
        if data is not None:
            file = self.path / f"{len(self.cases)}{ending}"
            file.write_bytes(data)
            case["path"] = str(file)
        else:
            case["text"] = text
        self.cases.append(case)

    def config(self, name, description, data=None):
        """Try a description through every entry point that takes one, and in old and new files."""
        text = json.dumps(description)
        self.add(name, "load_model", archive(text, weights() if data is None else data))
        self.add(name, "json", text=text)
        self.add(name, "deserialize", text=text)
        if description.get("class_name") == "Sequential" and "compile_config" not in description:
            self.add(name, "sequential", text=text)
        if description.get("class_name") == "Functional":
            self.add(name, "model", text=text)
        old = self.path / "old.h5"
        write_model(old, description, {})
        self.add(name, "import", old.read_bytes(), ".h5")


def payload(canary):
    """Return marshalled code that would touch the canary."""
    return marshal.dumps(compile(f"open({str(canary)!r}, 'w').close()", "x", "exec"))


def code(folder):
    """1: code in a Lambda or function, at any depth."""
    raw = payload(folder.canary)
    text = base64.b64encode(raw).decode()
    forms = {
        "marshal": {
            "class_name": "__lambda__",
            "config": {"code": text, "defaults": None, "closure": None},
        },
        "old list": [text, None, None],
        "text": text,
        "source": f"lambda x: open({str(folder.canary)!r}, 'w')",
    }
    for name, form in forms.items():
        folder.config(f"lambda {name}", sequential(layer("l", "Lambda", function=form)))
    folder.config(
        "lambda shape",
        sequential(layer("l", "Lambda", function="relu", output_shape=forms["marshal"])),
    )
    folder.config("lambda activation", sequential(layer("d", units=2, activation=forms["marshal"])))
    nested = sequential(
        layer("t", "TimeDistributed", layer=layer("l", "Lambda", function=forms["marshal"]))
    )
    folder.config("lambda nested", nested)
    folder.config(
        "lambda in model", sequential(sequential(layer("l", "Lambda", function=forms["old list"])))
    )
    for key in ("loss", "metrics", "optimizer"):
        value = {
            "optimizer": "sgd",
            "loss": "mse",
            key: [forms["marshal"]] if key == "metrics" else forms["marshal"],
        }
        whole = sequential(layer("d", units=2), compile_config=value)
        folder.add(f"lambda {key}", "load_model", archive(whole, weights()))
        folder.add(f"lambda {key}", "json", text=json.dumps(whole))
        folder.add(f"lambda {key}", "deserialize", text=json.dumps(whole))


def names(folder):
    """2, 3, 4: modules, functions and utilities as classes; colliding names; settings."""
    for module, cls in [
        ("os", "system"), ("builtins", "eval"), ("builtins", "exec"), ("subprocess", "Popen"), ("keras.utils", "get_file"),
        ("hornpipe.utils", "get_file"), ("keras.models", "load_model"), ("hornpipe.models", "load_model"), ("keras.config", "set_floatx"),
        ("keras.saving", "enable_unsafe_deserialization"), ("hornpipe.core.dtypes", "set_dtype_policy"), ("os", "Dense"),
        ("keras.losses", "Dense"), ("hornpipe.utils", "set_random_seed"), ("importlib", "import_module"), ("torch", "load"),
        ("keras.ops", "save"), ("keras.layers", "__class__"), ("keras.layers", "relu"), ("keras.layers", "Layer.__init__"),
    ]:  # fmt: skip
        evil = {
            "module": module,
            "class_name": cls,
            "config": {"name": "d", "units": 2},
            "registered_name": None,
        }
        folder.config(f"class {module}.{cls}", sequential(evil))
        folder.config(f"whole {module}.{cls}", evil)
        function = {
            "module": module,
            "class_name": "function",
            "config": cls,
            "registered_name": "function",
        }
        if cls not in ("relu", "Dense"):
            folder.config(
                f"function {module}.{cls}", sequential(layer("d", units=2, activation=function))
            )
    folder.config("collision", sequential(layer("d", registered="evil>Dense", units=2)))
    folder.config("collision 2", sequential(layer("d", cls="evil>Dense", units=2)))
    for setting in (
        {"floatx": "float64"},
        {"dtype": {"class_name": "set_dtype_policy", "config": {"name": "float16"}}},
        {"backend": "torch"},
    ):
        folder.config(f"setting {setting}", sequential(layer("d", units=2, **setting)))
    folder.config(
        "class_name no text", sequential({**layer("d", units=2), "class_name": ["Dense"]})
    )
    folder.config("config no object", sequential({**layer("d"), "config": "Dense"}))


def paths(folder):
    """5: texts that could be opened."""
    secret = folder.path / "secret.txt"
    secret.write_text("secret")
    for key in ("vocabulary", "weights", "path", "url", "file"):
        for value in (str(secret), f"file://{secret}", "http://127.0.0.1:9/x"):
            folder.config(f"{key} {value[:8]}", sequential(layer("d", units=2, **{key: value})))
    folder.config("sub-model", sequential(layer("m", "TimeDistributed", layer=str(secret))))
    folder.config("initializer", sequential(layer("d", units=2, kernel_initializer=str(secret))))
    folder.config(
        "layers", {"class_name": "Sequential", "config": {"name": "s", "layers": str(secret)}}
    )


def endings(folder):
    """6: the same payload under every extension."""
    data = archive(
        sequential(
            layer("l", "Lambda", function=[base64.b64encode(payload(folder.canary)).decode()])
        ),
        weights(),
    )
    pickled = b"cos\nsystem\n(S'touch " + str(folder.canary).encode() + b"'\ntR."
    for name, content in {
        "zip": data,
        "pickle": pickled,
        "empty": b"",
        "zeros": bytes(4096),
        "text": b"{}",
    }.items():
        folder.add(name, "load_model", content, ".keras")
        folder.add(name, "import", content, ".h5")
        folder.add(name, "import_weights", content, ".hdf5")
        for ending in (".weights.h5", ".safetensors", ".keras"):
            folder.add(name, "load_weights", content, ending)


def hdf5(folder):
    """7: HDF5's ways out of the file, and sizes out of all bounds."""
    target = folder.path / "target.h5"
    target.write_bytes(weights())
    raw = folder.path / "target.bin"
    raw.write_bytes(bytes(64))

    def huge(file):
        file.create_dataset("layers/dense/vars/0", shape=(10**7, 10**7), dtype="f4")

    def chunked(file):
        file.create_dataset(
            "layers/dense/vars/0",
            shape=(10**6, 10**6),
            dtype="f4",
            chunks=(1, 1000),
            compression="gzip",
        )

    def bomb(file):
        file.create_dataset("layers/dense/vars/0", data=np.zeros(10**6, "f4"), compression="gzip")

    def external(file):
        file["layers/dense/vars/0"] = h5py.ExternalLink(str(target), "/layers/dense/vars/0")

    def external_group(file):
        file["layers"] = h5py.ExternalLink(str(target), "/layers")

    def soft(file):
        file.create_dataset("other", data=np.ones((2, 2), "f4"))
        file["layers/dense/vars/0"] = h5py.SoftLink("/other")

    def soft_group(file):
        file.create_dataset("other/vars/0", data=np.ones((2, 2), "f4"))
        file["layers/dense"] = h5py.SoftLink("/other")

    def hard_cycle(file):
        group = file.create_group("layers/dense/vars")
        group["loop"] = file["layers"]

    def storage(file):
        file.create_dataset(
            "layers/dense/vars/0", shape=(4, 4), dtype="f4", external=[(str(raw), 0, 64)]
        )

    def virtual(file):
        layout = h5py.VirtualLayout((2, 2), "f4")
        layout[:] = h5py.VirtualSource(str(target), "layers/dense/vars/0", (2, 2))
        file.create_virtual_dataset("layers/dense/vars/0", layout)

    def reference(file):
        file.create_dataset("layers/dense/vars/0", data=[file.ref], dtype=h5py.ref_dtype)

    def strings(file):
        file.create_dataset("layers/dense/vars/0", data=[str(raw)], dtype=h5py.string_dtype())

    def compound(file):
        file.create_dataset("layers/dense/vars/0", data=np.zeros(2, [("a", "f4"), ("b", "i4")]))

    def deep(file):
        file.create_group("/".join("a" * 200))

    def many(file):
        group = file.create_group("layers/dense/vars")
        for number in range(300):
            group[str(number)] = np.ones((2, 2), "f4")

    builders = [
        huge,
        chunked,
        bomb,
        external,
        external_group,
        soft,
        soft_group,
        hard_cycle,
        storage,
        virtual,
        reference,
        strings,
        compound,
        deep,
        many,
    ]
    for build in builders:
        data = h5(build)
        folder.add(build.__name__, "load_weights", data, ".weights.h5")
        folder.add(build.__name__, "load_model", archive(sequential(layer("d", units=2)), data))
        folder.add(build.__name__, "import_weights", data, ".h5")
        folder.add(build.__name__, "import", data, ".h5")
    for name in (b"..\0", b".\0\0", b"a/\0", b"\xff\xfe\0"):
        data = hostile.raw_names(weights("layers/xy/vars"), b"xy\0", name)
        folder.add(f"name {name!r}", "load_weights", data, ".weights.h5")


def zips(folder):
    """8: zip archives."""
    config, data = sequential(layer("d", units=2)), weights()
    good = archive(config, data)
    for name in (
        "../evil",
        "/etc/evil",
        "C:\\evil",
        "a\\b",
        "Config.json",
        "assets/x",
        "config.json/x",
        "model.weights.h5\\",
        "a" * 300,
    ):
        folder.add(f"member {name[:20]}", "load_model", archive(config, data, extra=[(name, b"x")]))
        folder.add(f"only {name[:20]}", "load_model", archive(config, extra=[(name, b"x")]))
    folder.add("NUL", "load_model", hostile.raw_names(good, b"config.json", b"confi\0.json"))
    folder.add("case", "load_model", hostile.raw_names(good, b"config.json", b"CONFIG.JSON"))
    folder.add("backslash", "load_model", hostile.raw_names(good, b"config.json", b"..\\fig.json"))
    folder.add("drive", "load_model", hostile.raw_names(good, b"config.json", b"C:/fig.json"))
    link = zipfile.ZipInfo("model.weights.h5")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    folder.add("link", "load_model", archive(config, extra=[(link, b"/etc/passwd")]))
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = archive(config, data, extra=[("config.json", b"{}")])
    folder.add("twice", "load_model", twice)
    folder.add(
        "bomb", "load_model", archive(b" " * 300_000_000, data, compression=zipfile.ZIP_DEFLATED)
    )
    folder.add(
        "bomb in weights",
        "load_model",
        archive(config, bytes(200_000_000), compression=zipfile.ZIP_DEFLATED),
    )
    lying = bytearray(good)
    place = good.index(b"PK\1\2")
    lying[place + 24 : place + 28] = (2**31 - 1).to_bytes(4, "little")
    folder.add("lying size", "load_model", bytes(lying))
    folder.add("comment", "load_model", good[:-2] + b"\4\0abcd")
    folder.add("prefix", "load_model", b"x" * 100 + good)
    folder.add("no config", "load_model", archive(config, data)[: len(good) // 2])
    many = [(f"m{number}", b"") for number in range(2000)]
    folder.add("many members", "load_model", archive(config, data, extra=many))


def tensors(folder):
    """9: safetensors."""

    def entry(dtype="F32", shape=(2, 2), offsets=(0, 16)):
        return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}

    kernel, bias = "layers/dense/vars/0", "layers/dense/vars/1"
    cases = {
        "dtype": ({kernel: entry("F31")}, 16), "object": ({kernel: entry("O")}, 16), "wide": ({kernel: entry("F64")}, 16),
        "overflow": ({kernel: entry(shape=(2**62, 4), offsets=(0, 0))}, 0), "huge": ({kernel: entry(shape=(2**20, 2**20), offsets=(0, 2**42))}, 16),
        "overlap": ({kernel: entry(), bias: entry(shape=(2,), offsets=(8, 16))}, 16), "hole": ({kernel: entry(offsets=(8, 24))}, 24),
        "hole 2": ({kernel: entry(), bias: entry(shape=(2,), offsets=(20, 28))}, 28), "short": ({kernel: entry()}, 8), "long": ({kernel: entry()}, 99),
        "negative": ({kernel: entry(shape=(-2, -2))}, 16), "backwards": ({kernel: entry(offsets=(16, 0))}, 16), "float": ({kernel: entry(shape=(2.0, 2))}, 16),
        "bool": ({kernel: entry(shape=(True, 4))}, 16), "no list": ({kernel: {**entry(), "shape": "22"}}, 16), "field": ({kernel: {**entry(), "x": 1}}, 16),
        "name": ({"../../x": entry()}, 16), "NUL": ({"a\0b": entry()}, 16), "empty name": ({"": entry()}, 16), "list": ([], 0), "number": (3, 0),
        "metadata": ({"__metadata__": {"a": 1}, kernel: entry()}, 16), "newer": ({"__metadata__": {"hornpipe_format": "99"}, kernel: entry()}, 16),
    }  # fmt: skip
    for name, (header, size) in cases.items():
        folder.add(name, "load_weights", safetensors(header, bytes(size)), ".safetensors")
    for name, text in {
        "no json": b"{",
        "twice": b'{"a": 1, "a": 2}',
        "deep": b"[" * 100_000,
        "blank": b"",
    }.items():
        folder.add(name, "load_weights", safetensors(text), ".safetensors")
    for length in (2**63, 2**64 - 1, 10**6, 0):
        folder.add(
            f"length {length}",
            "load_weights",
            safetensors({kernel: entry()}, bytes(16), length),
            ".safetensors",
        )


def texts(folder):
    """10: JSON."""
    good = json.dumps(sequential(layer("d", units=2)))
    cases = {
        "deep": "[" * 1_000_000, "deep objects": '{"a":' * 500_000, "deep and closed": "[" * 2000 + "]" * 2000, "long": '"' + "x" * 50_000_000 + '"',
        "many": "[" + "{}," * 2_000_000 + "{}]", "twice": good[:-1] + ', "config": {}}', "NaN": good.replace('"units": 2', '"units": NaN'),
        "infinite": good.replace('"units": 2', '"units": Infinity'), "overflow": good.replace('"units": 2', '"units": 1e999'),
        "digits": good.replace('"units": 2', '"units": ' + "9" * 100_000), "unknown": good[:-1] + ', "extra": 1}',
        "unknown setting": good.replace('"units": 2', '"units": 2, "evil": true'), "no json": good[:-1], "list": "[]", "number": "3", "null": "null",
        "empty": "", "half a character": '"\\ud800', "class only": '{"class_name": "Sequential"}', "strings": '{"class_name": "Sequential", "config": "x"}',
    }  # fmt: skip
    for name, text in cases.items():
        folder.add(name, "json", text=text)
        folder.add(name, "load_model", archive(text.encode("utf-8", "replace"), weights()))
        folder.add(
            f"metadata {name}",
            "load_model",
            archive(good, weights(), metadata=text.encode("utf-8", "replace")),
        )
    for version in ("2.15.0", "4.0", "", 3):
        folder.add(
            f"version {version}",
            "load_model",
            archive(good, weights(), metadata=json.dumps({"keras_version": version})),
        )
    newer = json.dumps({"keras_version": "3.15.0", "hornpipe_format": 2})
    folder.add("newer format", "load_model", archive(good, weights(), metadata=newer))
    weights_text = json.dumps(
        sequential(
            layer("d", units=2), compile_config={"optimizer": "sgd", "loss": "mse", "evil": 1}
        )
    )
    folder.add("compile setting", "load_model", archive(weights_text, weights()))


def graphs(folder):
    """11: graphs."""
    folder.config("cycle", graph(call("a", ["b", 0, 0]), call("b", ["a", 0, 0]), output="b"))
    folder.config("self", graph(call("a", ["a", 0, 0]), output="a"))
    folder.config("missing", graph(call("a", ["ghost", 0, 0]), output="a"))
    folder.config("missing call", graph(call("a", ["in", 7, 0]), output="a"))
    folder.config("missing output", graph(call("a", ["in", 0, 5]), output="a"))
    folder.config("negative", graph(call("a", ["in", 0, -1]), output="a"))
    folder.config("no such output layer", graph(call("a", ["in", 0, 0]), output="ghost"))
    folder.config("twice", graph(call("a", ["in", 0, 0]), call("a", ["in", 0, 0]), output="a"))
    folder.config("disconnected", graph(call("a"), output="a"))
    folder.config("odd reference", graph(call("a", ["in", "0", None]), output="a"))
    folder.config("short reference", graph(call("a", ["in"]), output="a"))
    million = {"class_name": "Sequential", "config": {"name": "s", "layers": [None] * 1_000_000}}
    folder.add("a million", "json", text=json.dumps(million))
    folder.add("a million", "load_model", archive(million, weights()))
    wide = {
        "class_name": "Sequential",
        "config": {"name": "s", "layers": [{"class_name": "ReLU", "config": {}}] * 60_000},
    }
    folder.add("60,000", "json", text=json.dumps(wide))
    folder.add("60,000", "deserialize", text=json.dumps(wide))


def layer_names(folder):
    """12: names of layers."""
    for name in ("..", ".", "a/b", "a\\b", "a\0b", "a" * 300, "", "a\nb", 3, None, ["x"]):
        if name is not None:
            folder.config(f"name {str(name)[:10]!r}", sequential(layer(name, units=2)))
        folder.config(
            f"graph name {str(name)[:10]!r}", graph(call(name, ["in", 0, 0]), output=name)
        )


def sizes(folder):
    """13: shapes that would allocate without bound."""
    for value in (10**6, 10**9, 10**12, 2**63, 10**30):
        folder.config(
            f"units {value}", sequential(layer("a", units=value), layer("d", units=value))
        )
        folder.config(
            f"embedding {value}",
            sequential(layer("e", "Embedding", input_dim=value, output_dim=value)),
        )
    folder.config("heads", sequential(layer("d", units=2), layer("l", "LSTM", units=10**9)))
    folder.config("not whole", sequential(layer("d", units=1e300)))
    folder.config("input", {"class_name": "Sequential", "config": {"name": "s", "layers": [
        layer("in", "InputLayer", batch_shape=[None, 10**12], dtype="float32"), layer("d", units=1000)]}})  # fmt: skip
    for metric in (
        {"class_name": "AUC", "config": {"name": "a", "num_thresholds": 10**9}},
        {"class_name": "MeanIoU", "config": {"name": "m", "num_classes": 10**6}},
    ):
        metric = {"module": "keras.metrics", "registered_name": None, **metric}
        settings = {"optimizer": "sgd", "loss": "mse", "metrics": [metric]}
        folder.add(
            f"metric {metric['class_name']}",
            "load_model",
            archive(sequential(layer("d", units=2), compile_config=settings), weights()),
        )
    folder.add(
        "more weights than the file",
        "load_model",
        archive(sequential(layer("d", units=20_000), layer("e", units=3000)), weights()),
    )


CLASSES = [code, names, paths, endings, hdf5, zips, tensors, texts, graphs, layer_names, sizes]


def warm_cases(path):
    """Return good cases for every call: what they import is not the files' doing."""
    description = sequential(
        layer("d", units=2), compile_config={"optimizer": "sgd", "loss": "mse", "metrics": ["mae"]}
    )
    functional = graph(call("d", ["in", 0, 0]), output="d")
    file, old, w, s = (
        path / name for name in ("warm.keras", "warm.h5", "warm.weights.h5", "warm.safetensors")
    )
    file.write_bytes(archive(description, weights()))
    w.write_bytes(weights())
    write_model(
        old,
        sequential(layer("d", units=2)),
        {"in": [], "d": [("k", np.ones((2, 2), "f4")), ("b", np.ones(2, "f4"))]},
    )
    entry = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}
    bias = {"dtype": "F32", "shape": [2], "data_offsets": [16, 24]}
    s.write_bytes(
        safetensors({"layers/dense/vars/0": entry, "layers/dense/vars/1": bias}, bytes(24))
    )
    calls = [
        ("load_model", file),
        ("import", old),
        ("import_weights", old),
        ("load_weights", w),
        ("load_weights", s),
    ]
    plain = json.dumps(description)
    return [{"call": name, "path": str(each), "name": "warm"} for name, each in calls] + [
        {"call": "json", "text": plain, "name": "warm"},
        {"call": "sequential", "text": json.dumps(sequential(layer("d", units=2))), "name": "warm"},
        {"call": "model", "text": json.dumps(functional), "name": "warm"},
        {
            "call": "deserialize",
            "text": json.dumps(
                layer("d", units=2, kernel_regularizer={"class_name": "L2", "config": {"l2": 0.1}})
            ),
            "name": "warm",
        },
        {"call": "layer", "text": json.dumps(layer("l", "LSTM", units=2)), "name": "warm"},
    ]


@pytest.mark.parametrize("build", CLASSES, ids=lambda build: build.__name__)
def test_nothing_happens_but_a_clear_error(tmp_path, build):
    folder = Folder(tmp_path)
    build(folder)
    assert len(folder.cases) > 5
    results = run_guard(tmp_path, folder.cases, warm_cases(tmp_path))
    assert len(results) == len(folder.cases)
    bad = [
        each
        for each in results
        if not each["outcome"].startswith("refused: ")
        or each["events"]
        or each["seconds"] > 2
        or each["megabytes"] > 50
    ]
    assert not bad, "\n".join(str(each) for each in bad[:20])
    assert not folder.canary.exists()


def small_files():
    """Return ending -> bytes of small, good files for the target of `guard.py`."""
    entry = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}
    bias = {"dtype": "F32", "shape": [2], "data_offsets": [16, 24]}
    header = json.dumps({"layers/dense/vars/0": entry, "layers/dense/vars/1": bias}).encode()
    return {
        ".keras": ("load_model", archive(sequential(layer("d", units=2)), weights())),
        ".weights.h5": ("load_weights", weights()),
        ".safetensors": ("load_weights", safetensors(header, bytes(24))),
    }


@pytest.mark.parametrize("ending", [".keras", ".weights.h5", ".safetensors"])
def test_damage_gives_our_error_or_loads(tmp_path, ending):
    """Every 13th byte (all of them in the slow test): cut off there, and one bit flipped."""
    check_damage(tmp_path, ending, step=13 if ending != ".safetensors" else 1)


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".keras", ".weights.h5"])
def test_damage_at_every_byte(tmp_path, ending):
    check_damage(tmp_path, ending, step=1)


def check_damage(tmp_path, ending, step):
    name, data = small_files()[ending]
    path = tmp_path / f"damaged{ending}"
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, name="d")], name="s")
    load = keras.models.load_model if name == "load_model" else model.load_weights
    path.write_bytes(data)
    load(path)  # the file is good
    refused = 0
    for place in range(0, len(data), step):
        flipped = bytearray(data)
        flipped[place] ^= 1 << (place % 8)
        for content, cut in ((data[:place], True), (bytes(flipped), False)):
            path.write_bytes(content)
            try:
                load(path)
            except FileFormatError:
                refused += 1
            else:
                assert not cut, f"loaded although cut off at {place}"
    assert refused >= len(range(0, len(data), step))
