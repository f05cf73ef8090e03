"""Pictures of models: real files, the source's structure, and what is said where something is missing."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import sys
import xml.etree.ElementTree

import numpy as np
import pytest

import hornpipe as keras
from hornpipe import layers
from hornpipe.utils import model_to_dot, plot_model

SYSTEM_DOT = shutil.which("dot")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def dot(tmp_path_factory, monkeypatch):
    """Put a `dot` program first on the path: that of the package graphviz-pure, or the system's."""
    beside = os.path.join(os.path.dirname(sys.executable), "graphviz-pure")
    program = beside if os.path.exists(beside) else SYSTEM_DOT
    if program is None:
        pytest.skip("needs the package graphviz-pure, or Graphviz")
    folder = tmp_path_factory.mktemp("bin")
    (folder / "dot").symlink_to(program)
    monkeypatch.setenv("PATH", str(folder))


@pytest.fixture
def no_dot(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("PATH", str(tmp_path_factory.mktemp("empty")))


def nested():
    inner = keras.Sequential(
        [keras.Input((3,)), layers.Dense(2, name="d1"), layers.Dense(3, name="d2")], name="inner"
    )
    x = keras.Input((4,), name="x")
    a = layers.Dense(3, activation="relu", name="a", trainable=False)(x)
    both = layers.Add(name="add")([inner(a), a])
    return keras.Model(x, [both, inner(both)], name="outer")


def edges(drawing):
    return sorted(re.findall(r"(\w+) -> (\w+)", drawing.source))


def labels(drawing):
    """Return node -> its texts, without the table around them."""
    found = re.findall(r"^\s*(\w+) \[label=<(.*)>\]$", drawing.source, re.MULTILINE)
    return {
        node: [each for each in re.split(r"<[^>]*>", table) if each.strip()]
        for node, table in found
    }


# ---- the source


def test_boxes_and_arrows():
    drawing = model_to_dot(nested())
    assert edges(drawing) == [("n0", "n1"), ("n1", "n2"), ("n1", "n3"), ("n2", "n3"), ("n3", "n4")]
    assert labels(drawing) == {
        "n0": ["x", " (InputLayer)"],
        "n1": ["a", " (Dense)"],
        "n2": ["inner[0]", " (Sequential)"],
        "n3": ["add", " (Add)"],
        "n4": ["inner[1]", " (Sequential)"],
    }


def test_everything_that_can_be_shown():
    drawing = model_to_dot(
        nested(),
        show_shapes=True,
        show_dtype=True,
        show_layer_names=False,
        show_layer_activations=True,
        show_trainable=True,
    )
    found = labels(drawing)
    assert found["n0"] == ["InputLayer", "Input", "Output: (None, 4)", "Output dtype: float32"]
    assert found["n1"] == [
        "Dense",
        "Activation: relu",
        "Input: (None, 4)",
        "Output: (None, 3)",
        "Output dtype: float32",
        "Non-trainable",
    ]
    assert found["n2"][-1] == "Trainable"
    assert found["n3"][1] == "Input: (None, 3), (None, 3)"


def test_nested_models_stand_in_frames():
    drawing = model_to_dot(nested(), expand_nested=True)
    frames = re.findall(r'subgraph "?(cluster_.+?)"? \{[^}]*?label="([^"]*)"', drawing.source)
    assert [label for _, label in frames] == ["inner[0] (Sequential)", "inner[1] (Sequential)"]
    assert len({name for name, _ in frames}) == 2
    assert [texts[0] for texts in labels(drawing).values()] == [
        "x",
        "a",
        "add",
        "d1",
        "d2",
        "d1",
        "d2",
    ]
    assert len(edges(drawing)) == 7


def test_attributes_of_the_drawing():
    source = model_to_dot(nested(), rankdir="LR", dpi=96, splines="polyline").source
    assert "rankdir=LR" in source and "dpi=96" in source and "splines=polyline" in source


def test_highlight():
    source = model_to_dot(nested(), highlight=["add", "inner"]).source
    marked = [line for line in source.splitlines() if "#ffd27f" in line]
    assert len(marked) == 3 and all("add" in line or "inner" in line for line in marked)
    assert "#ffd27f" not in model_to_dot(nested()).source
    with pytest.raises(ValueError) as caught:
        model_to_dot(nested(), highlight="ad")
    assert str(caught.value) == (
        "plot_model: `highlight` must hold names of layers in the drawing. Received: 'ad'. "
        "Did you mean 'add'?"
    )


def test_a_drawing_inside_another():
    import graphviz

    outer = graphviz.Digraph()
    for name in ("one", "two"):
        model = keras.Sequential([keras.Input((2,)), layers.Dense(1)], name=name)
        outer.subgraph(model_to_dot(model, subgraph=True))
    assert edges(outer) == [("one_0", "one_1"), ("two_0", "two_1")]
    assert "subgraph cluster_one" in outer.source


def test_names_that_mean_something_in_html(dot, tmp_path):
    model = keras.Sequential(
        [keras.Input((2,), name="a<b>&"), layers.Dense(1, name='q"u')], name="odd name"
    )
    plot_model(model, tmp_path / "m.svg", show_layer_names=True)
    tree = xml.etree.ElementTree.parse(tmp_path / "m.svg")
    texts = "".join("".join(each.itertext()) for each in tree.iter(SVG + "text"))
    assert "a<b>&" in texts and 'q"u' in texts


# ---- files


@pytest.mark.parametrize("expand_nested", [False, True])
def test_svg(dot, tmp_path, expand_nested):
    drawing = plot_model(
        nested(),
        tmp_path / "m.svg",
        show_shapes=True,
        show_layer_names=True,
        expand_nested=expand_nested,
    )
    tree = xml.etree.ElementTree.parse(tmp_path / "m.svg")
    groups = [each.get("class") for each in tree.iter(SVG + "g")]
    assert groups.count("node") == len(labels(drawing)) == (7 if expand_nested else 5)
    assert groups.count("edge") == len(edges(drawing))
    assert groups.count("cluster") == (2 if expand_nested else 0)
    texts = ["".join(each.itertext()).strip() for each in tree.iter(SVG + "text")]
    assert "Output: (None, 4)" in texts


def test_png(dot, tmp_path):
    sizes = []
    for dpi in (50, 100):
        plot_model(nested(), str(tmp_path / "m.png"), dpi=dpi)
        data = (tmp_path / "m.png").read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        sizes.append(struct.unpack(">II", data[16:24]))
    assert np.allclose(np.array(sizes[1]) / sizes[0], 2, rtol=0.05)
    import matplotlib.image

    pixels = matplotlib.image.imread(tmp_path / "m.png")
    assert pixels.shape[:2] == sizes[1][::-1] and pixels[..., :3].min() < 0.5  # something is drawn


@pytest.mark.skipif(SYSTEM_DOT is None, reason="needs Graphviz itself: graphviz-pure has no PDF")
def test_pdf(tmp_path):
    plot_model(nested(), tmp_path / "m.pdf")
    assert (tmp_path / "m.pdf").read_bytes().startswith(b"%PDF")


def test_the_source_needs_no_program(no_dot, tmp_path):
    drawing = plot_model(nested(), tmp_path / "m.dot")
    assert (tmp_path / "m.dot").read_text() == drawing.source
    assert (
        plot_model(nested(), None).source == model_to_dot(nested(), show_layer_names=False).source
    )


def test_notebooks_show_it(dot):
    drawing = model_to_dot(nested())
    shown = drawing._repr_mimebundle_()
    assert shown["image/svg+xml"].count("<svg") == 1
    assert drawing.create(prog="dot", format="svg").startswith(b"<?xml")


# ---- what is missing


def test_without_the_program_the_model_is_drawn_in_characters(no_dot, tmp_path, capsys):
    with pytest.raises(RuntimeError) as caught:
        plot_model(nested(), tmp_path / "m.png")
    text = str(caught.value)
    assert text.startswith(
        "plot_model: needs the program `dot`, which was not found; the model is drawn in characters instead. Install"
    )
    for command in (
        "sudo apt-get install graphviz",
        "sudo dnf install graphviz",
        "brew install graphviz",
        "winget install graphviz",
    ):
        assert command in text
    assert capsys.readouterr().out == keras.utils.model_to_text(nested()) + "\n"
    assert list(tmp_path.iterdir()) == []
    shown = model_to_dot(nested())._repr_mimebundle_()
    assert list(shown) == ["text/plain"] and "inner[0] (Sequential)" in shown["text/plain"]


def test_a_program_that_fails(tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "dot").write_text("#!/bin/sh\necho 'no such font' >&2\nexit 3\n")
    (folder / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "m.png").write_text("old")
    with pytest.raises(RuntimeError) as caught:
        plot_model(nested(), tmp_path / "m.png")
    assert str(caught.value) == (
        "plot_model: the program `dot` failed to draw a PNG picture. Received: no such font. "
        "Try to_file='model.svg'."
    )
    assert (tmp_path / "m.png").read_text() == "old"


def test_without_the_package():
    code = (
        "import sys; sys.modules['graphviz'] = None\n"
        "import hornpipe as keras\n"
        "try: keras.utils.plot_model(keras.Sequential([keras.Input((2,))]), 'm.png')\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == (
        'plot_model: needs the package graphviz. Run: pip install "hornpipe[plot]".\n'
    )


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"to_file": "m.bmp"}, ValueError, "`to_file` must end in one of .png, .svg, .pdf, .jpg"),
        ({"to_file": "m"}, ValueError, "`to_file` must end in one of"),
        ({"to_file": 3}, TypeError, "`to_file` must be a path or None. Received: to_file=3."),
        ({"rankdir": "up"}, ValueError, "`rankdir` must be one of TB, LR, BT, RL. Received: rankd"),
        ({"dpi": 0}, ValueError, "`dpi` must be an integer >= 1. Received: dpi=0."),
    ],
)
def test_wrong_arguments(arguments, error, text):
    with pytest.raises(error) as caught:
        plot_model(nested(), **{"to_file": "m.svg", **arguments})
    assert str(caught.value).startswith("plot_model: " + text)


def test_a_folder_that_is_not_there(dot, tmp_path):
    with pytest.raises(FileNotFoundError, match="plot_model: the folder must exist"):
        plot_model(nested(), tmp_path / "none" / "m.svg")


def test_the_spelling_of_keras_1(dot, tmp_path):
    from hornpipe.utils.visualize_util import plot

    drawing = plot(nested(), str(tmp_path / "m.png"), True)
    assert labels(drawing)["n1"][0] == "a"  # names are shown by default
    assert "Output: (None, 3)" in labels(drawing)["n1"]
    assert (tmp_path / "m.png").exists()
