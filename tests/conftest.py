"""Fixtures of all tests: a fixed seed, and names of layers that start again."""

import os
import signal
import threading

import pytest

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# A shell's background jobs inherit a Ctrl-C that is ignored; the tests of Ctrl-C are about a program that was not started so.
if (
    threading.current_thread() is threading.main_thread()
    and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def fixed_seed():
    """Start every test from the same seeds and the same automatic names."""
    import hornpipe as keras
    from hornpipe.core import naming

    naming.reset_names()
    keras.utils.set_random_seed(42)
