"""Two places for data: the real files, and an empty cache with no network needed."""

import os

import pytest


@pytest.fixture
def real_data():
    """Real data, from the folder that HORNPIPE_DATASETS names."""
    if not os.environ.get("HORNPIPE_DATASETS"):
        pytest.skip("HORNPIPE_DATASETS names no folder with the real data sets")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, and no local folder."""
    monkeypatch.delenv("HORNPIPE_DATASETS", raising=False)
    monkeypatch.setenv("HORNPIPE_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "datasets"
