"""Where nobody names a tracking server, the app brings one up for the runs of its folder."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from cvcore.errors import ConfigError
from launch.ledger import Ledger
from launch.local import process
from launch.tracking_server import TrackingServer
from panel_app.tracking import Tracking
from tests.panel_app.conftest import Server


def records(state: Path) -> dict[str, dict[str, str]]:
    found = (state / "tracking").glob("*/server-*.json")
    return {path.stem: json.loads(path.read_text()) for path in found}


def wait_for(true, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.2)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAKESIGHT_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path / "state"


@pytest.mark.slow
def test_the_runs_of_a_folder_have_a_server_whatever_is_killed(
    state, tmp_path, monkeypatch
) -> None:
    app = Server("", tmp_path)
    with urllib.request.urlopen(app.url, timeout=30) as page:
        assert page.status == 200
    wait_for(lambda: records(state))
    [left] = [one["server"] for one in records(state).values()]
    app.stop(signal.SIGKILL)
    assert process.is_alive(left)

    monkeypatch.chdir(tmp_path)
    tracking = Tracking()
    tracking.start()
    try:
        served = Ledger(tracking.uri, tracking.via)
        run_id = served.create("cells", "by the app", {})
        assert not process.is_alive(left)
        assert served.uri == f"sqlite:///{tmp_path}/mlruns.db"
        # As the command line opens it, without any server.
        by_file = Ledger()
        assert by_file.get(run_id).title == "by the app"
        assert by_file.client.get_run(run_id).info.artifact_uri.startswith(f"{tmp_path}/mlruns")
        before = tracking.via()
        [known] = records(state).values()
        process.signal_group(known["server"], signal.SIGKILL)
        wait_for(lambda: [one["server"] for one in records(state).values()] != [known["server"]])
        assert tracking.via() == before
        assert served.get(run_id).title == "by the app"
        assert tracking.pages() == f"{before}/#"
    finally:
        tracking.stop()
    assert not records(state)


def test_the_server_of_another_app_of_this_folder_stays(tmp_path) -> None:
    sleepers = [
        subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True
        )
        for _ in range(2)
    ]
    try:
        stays, goes = (process.identity(one.pid) for one in sleepers)
        for name, owner, server in (
            ("other", process.identity(os.getppid()), stays),
            ("killed", "1:1:of-another-boot", goes),
        ):
            record = {"owner": owner, "server": server}
            (tmp_path / f"server-{name}.json").write_text(json.dumps(record))
        (tmp_path / "server-torn.json").write_text("{")
        TrackingServer(tmp_path, "sqlite:///x.db", "x").end_orphans()
        assert sleepers[1].wait(10) == -signal.SIGKILL
        assert process.is_alive(stays)
        assert [path.name for path in tmp_path.iterdir()] == ["server-other.json"]
    finally:
        for one in sleepers:
            one.kill()
            one.wait()


def test_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="no address of a tracking server"):
        Tracking("htp://localhost:5000")
    assert Tracking("https://u:p@mlflow.example.org/x/").pages() == "https://mlflow.example.org/x/#"
    assert Tracking("sqlite:///x.db").pages() == ""
    monkeypatch.setenv("DATABRICKS_HOST", "https://w.cloud.databricks.com/")
    assert Tracking("databricks").pages() == "https://w.cloud.databricks.com/ml"
    assert Tracking("databricks").server is None
