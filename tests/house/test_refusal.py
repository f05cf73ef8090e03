"""Errors told again in our words: which are, and which must stay as they are."""

import numpy as np
import pytest

import hornpipe as keras
from hornpipe import ops
from hornpipe.core.errors import ShapeError
from hornpipe.core.refusal import guarded


def test_the_outermost_operation_is_named():
    with pytest.raises(ShapeError) as caught:
        ops.allclose(np.ones((2, 3)), np.ones((5, 7)))
    text = str(caught.value)
    assert text.startswith(
        "allclose: can't work with these arguments. Received: x1=<array of shape (2, 3)"
    )
    assert "x2=<array of shape (5, 7)" in text and "The reason: " in text
    assert caught.value.__cause__ is not None


def test_names_of_arguments():
    with pytest.raises(TypeError) as caught:
        ops.sum(np.ones(3), axes=0)
    assert (
        str(caught.value)
        == "sum: `axes` is no argument of it. Received: axes=0. Did you mean 'axis'?"
    )
    with pytest.raises(TypeError) as caught:
        ops.reshape(np.ones(3))
    expected = (
        "reshape: `newshape` must be given. Received: 1 argument. Its arguments are x, newshape."
    )
    assert str(caught.value) == expected
    with pytest.raises(TypeError) as caught:
        keras.layers.Dense()
    assert str(caught.value).startswith("Dense: `units` must be given. Received: 0 arguments.")


def test_values_that_are_no_tensors():
    with pytest.raises(TypeError) as caught:
        ops.exp("text")
    expected = "exp: `x` must be a tensor, an array or a number. Received: x='text'. Convert it to numbers first."
    assert str(caught.value) == expected


def test_layers_add_their_path():
    inner = keras.layers.Dense(2, name="inner")
    model = keras.Sequential([keras.Input((4,)), inner], name="outer")
    with pytest.raises(ShapeError, match="outer"):
        model(np.ones((2, 5)))


def test_errors_of_the_users_own_code_stay():
    def broken(x):
        return x["no such key"] if isinstance(x, dict) else {}["mine"]

    with pytest.raises(KeyError, match="mine"):
        ops.cond(True, lambda: broken(1), lambda: broken(2))

    class Mine(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            raise ValueError("my own words")

    with pytest.raises(ValueError, match="^my own words$"):
        Mine()


def test_errors_in_our_words_stay():
    with pytest.raises(ValueError) as caught:
        keras.layers.Dense(-3)
    assert "can't work" not in str(caught.value) and "`units` must be" in str(caught.value)


def test_guarded_keeps_what_works():
    @guarded()
    def double(x, *, times=2):
        """Doc."""
        return times * x

    assert double(3) == 6 and double.__doc__ == "Doc." and double.__name__ == "double"
    with pytest.raises(
        TypeError, match="double: `tims` is no argument of it.*Did you mean 'times'"
    ):
        double(3, tims=1)


def test_a_value_asked_for_while_tracing_keeps_the_engines_words():
    from hornpipe.engine import select

    engine = select.chosen()

    def branch(x):
        return ops.reshape(x, (int(x[0]), 2))

    if engine.name != "jax":
        pytest.skip("only JAX traces without values")
    with pytest.raises(Exception) as caught:
        engine.compile(branch)(engine.asarray(np.ones(2, "float32")))
    assert type(caught.value).__module__.startswith("jax")
