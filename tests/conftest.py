"""Fixtures of every test: no network, one thread per process, tracking in a temporary folder."""

import os
import tempfile

# Before any import of torch or transformers: two xdist workers share two cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["DS_ACCELERATOR"] = "cpu"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"
os.environ.pop("LAKESIGHT_CONF_PATH", None)
# Recipes of whoever runs the tests are not theirs.
os.environ["XDG_CONFIG_HOME"] = f"{tempfile.gettempdir()}/lakesight-tests-no-config"

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import warm_python

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _own_tracking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test tracks into its own SQLite file, and leaves nothing of it to MLflow's globals."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlruns.db")
    yield
    if mlflow := sys.modules.get("mlflow"):
        mlflow.set_tracking_uri("")
        mlflow.set_registry_uri(None)
    os.environ.pop("MLFLOW_REGISTRY_URI", None)


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache shared by all tests of a session and all xdist workers."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    folder = shared / "lakesight-cache"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def bccd() -> Path:
    """The blood-cell detection set beside the checkout; the test is skipped without it."""
    root = ROOT.parent / "shared" / "data" / "bccd"
    if not root.is_dir():
        pytest.skip("the BCCD data set is not beside the checkout")
    return root


@pytest.fixture(scope="session")
def _warm_python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with warm_python.start(tmp_path_factory.mktemp("warm")) as executable:
        yield executable


@pytest.fixture(scope="module")
def warm(_warm_python: Path) -> Iterator[None]:
    """What a test starts with `sys.executable` is forked from a Python that has imported torch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", str(_warm_python))
        yield
