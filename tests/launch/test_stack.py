"""Where torch is not installed, as in a Databricks App, what needs it is refused in words."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from launch.registry import child
from launch.registry.errors import RegistryError
from launch.serving.local.endpoints import LocalEndpoints
from launch.serving.types import EndpointError, ModelRef, Wish

HIDDEN = (
    "import sys; sys.modules['torch'] = None; from cvcore.cli.main import main; sys.exit(main())"
)


@pytest.mark.slow
def test_a_run_here_is_refused(tmp_path: Path) -> None:
    words = ["submit", "task=classification", f"run.dir={tmp_path}/run"]
    environment = {**os.environ, "LAKESIGHT_STATE_DIR": str(tmp_path / "state")}
    done = subprocess.run(
        [sys.executable, "-c", HIDDEN, *words],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "A run on this machine needs torch" in done.stderr
    assert "compute=databricks_job" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_registration_and_an_endpoint_here_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(RegistryError, match="The registration needs torch"):
        child.run(["cvcore.serve.register"], "the registration")
    wish = Wish("cells", ModelRef("cells", "1", "models:/cells/1"))
    with pytest.raises(EndpointError, match="An endpoint on this machine needs torch"):
        LocalEndpoints(tmp_path).deploy(wish)
    assert not any(tmp_path.iterdir())
