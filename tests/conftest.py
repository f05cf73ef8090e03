"""Fixtures of all tests: a fixed seed, and names of layers that start again."""

import os

import pytest

os.environ.setdefault("JAX_PLATFORMS", "cpu")


@pytest.fixture(autouse=True)
def fixed_seed():
    """Start every test from the same seeds and the same automatic names."""
    import hornpipe as keras
    from hornpipe.core import naming

    naming.reset_names()
    keras.utils.set_random_seed(42)
