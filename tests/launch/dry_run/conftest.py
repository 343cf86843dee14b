import shutil
import sys
from pathlib import Path

import pytest

# The list of faults is a module beside the tests.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def ledger(tmp_path_factory) -> Path:
    """A ledger whose tables are made, which takes seconds: tests copy it."""
    from mlflow import MlflowClient

    file = tmp_path_factory.mktemp("ledger") / "ledger.db"
    MlflowClient(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture(scope="session")
def small_run(cache_dir) -> list[str]:
    """Overrides of a run that works."""
    return [
        "task=classification",
        "model=classification/resnet_micro",
        "data.num_train=32",
        "data.num_val=16",
        "data.num_test=16",
        "monitoring.system_metrics=false",
        "tracking.num_images=0",
        f"data.cache_dir={cache_dir}",
    ]


@pytest.fixture
def folder(tmp_path, monkeypatch, ledger):
    """A folder with a ledger of its own; the current one is inside."""
    shutil.copy(ledger, tmp_path / "ledger.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/ledger.db")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path
