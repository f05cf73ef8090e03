"""Runs that are killed at any moment end like the one that was not.

    HORNPIPE_KILLS=1000 python -m pytest -m slow tests/training/test_kills.py

Without the variable the slow test is left out; the ordinary suite has 25 kills.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MANY = int(os.environ.get("HORNPIPE_KILLS", "0"))

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system can't fork processes")


def run(kills, seed):
    script = Path(__file__).with_name("kill_chain.py")
    done = subprocess.run(
        [sys.executable, str(script), str(kills), str(seed)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    print(report)
    assert report["failed"] == [] and report["different"] == [], (report, done.stderr)
    assert report["kills"] == kills
    return report


def test_killed_runs_end_like_the_one_that_was_not():
    kills = 25 if os.environ.get("HORNPIPE_ENGINE", "jax") == "jax" else 10
    report = run(kills, seed=1)
    assert report["chains"] >= 3
    assert report["resumed"]["train"] >= kills // 3, report
    assert sum(map(bool, report["ways"].values())) >= 4, report  # a run may end before its turn


@pytest.mark.slow
@pytest.mark.skipif(not MANY, reason="HORNPIPE_KILLS says how many")
def test_many_kills():
    report = run(MANY, seed=int(os.environ.get("HORNPIPE_SEED", "2")))
    if MANY >= 200:
        assert all(report["resumed"].values()), report
