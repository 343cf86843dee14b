"""The app's process reads the ledger without pandas, pyarrow and SciPy."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.panel_app.conftest import seen

pytestmark = pytest.mark.slow


def python(words: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", words], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.ui
def test_a_server_that_shows_a_run_has_none_of_them(ledger, server, page) -> None:
    ids = ledger[1]
    page.goto(f"{server.url}?page=run&run={ids['first']}")
    seen(page, "0.625")
    mapped = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "/numpy/" in mapped
    assert not [name for name in ("pandas/", "pyarrow/", "scipy/", "cv2/") if name in mapped]


def test_they_can_be_imported_afterwards(tmp_path) -> None:
    said = python(
        "import sys\n"
        "from panel_app.lean import HEAVY, import_mlflow\n"
        "import_mlflow()\n"
        "print([name for name in HEAVY if name in sys.modules])\n"
        "import pandas, pyarrow, scipy.stats, mlflow\n"
        "print(mlflow.MlflowClient('sqlite:///a.db').search_experiments()[0].name)\n"
        "print(pandas.DataFrame({'a': [1]}).shape)",
        tmp_path,
    )
    assert said.splitlines() == ["[]", "Default", "(1, 1)"]


def test_an_mlflow_that_needs_them_gets_them(tmp_path) -> None:
    (tmp_path / "mlflow").mkdir()
    (tmp_path / "mlflow/__init__.py").write_text("import mlflow.part\n")
    (tmp_path / "mlflow/part.py").write_text("import pandas\nwhole = True\n")
    said = python(
        "from panel_app.lean import import_mlflow\n"
        "import_mlflow()\n"
        "import mlflow.part\n"
        "print(mlflow.part.whole)",
        tmp_path,
    )
    assert said == "True"
