"""Who did what: real processes write at once, the launch layer's own functions write, words find."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from databricks.sdk.service.catalog import VolumeType

from cvcore.cli.main import main
from launch.activity.entry import Entry
from launch.activity.export import exported
from launch.activity.log import VARIABLE, ActivityLog
from launch.activity.record import acting, recorded
from launch.errors import LaunchError
from launch.serving.local.endpoints import LocalEndpoints
from launch.workspace import FakeWorkspace

WRITER = """
import sys
from launch.activity.record import recorded
for number in range(40):
    with recorded("launch", f"run {sys.argv[1]}-{number}", sys.argv[1]) as told:
        told["words"] = "x" * 3000
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ActivityLog:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "activity"))
    return ActivityLog()


def test_processes_that_write_at_once_lose_nothing(log: ActivityLog) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, who]) for who in ("ann", "bob")]
    assert [one.wait(60) for one in writers] == [0, 0]
    found = log.find(most=None)
    assert len({one.subject for one in found}) == len(found) == 80
    assert len(log.find(user="ann")) == 40
    assert [one.at for one in found] == sorted((one.at for one in found), reverse=True)


def test_half_a_line_of_a_killed_writer_hides_no_other(log: ActivityLog) -> None:
    log.add(Entry(1.0, "ann", "launch", "run a"))
    (file,) = Path(log.place).iterdir()
    with file.open("a") as out:
        out.write('{"at": 2.0, "us')
    log.add(Entry(3.0, "bob", "cancel", "run a"))
    assert [one.user for one in log.find()] == ["bob", "ann"]


def test_what_was_refused_says_why_and_who_acted(log: ActivityLog) -> None:
    with acting("eva@example.com"), pytest.raises(LaunchError):
        LocalEndpoints().delete("nowhere")
    (one,) = log.find("nowhere")
    assert (one.user, one.action, one.outcome) == ("eva@example.com", "delete", "refused")
    assert "no endpoint 'nowhere'" in one.detail["error"]


def test_it_is_searched_and_exported_by_the_command(
    log: ActivityLog, capsys: pytest.CaptureFixture[str]
) -> None:
    with recorded("deploy", "endpoint parts", "ann") as told:
        told["model"] = "=HYPERLINK(1)"
    with recorded("promote", "model parts", "=bob"):
        pass
    assert main(["activity", "PARTS", "--action", "deploy"]) == 0
    shown = capsys.readouterr().out
    assert "endpoint parts" in shown
    assert "bob" not in shown
    assert main(["activity", "--format", "csv"]) == 0
    assert ",'=bob," in capsys.readouterr().out  # no spreadsheet computes it
    lines = exported(log.find(), "jsonl").splitlines()
    assert [json.loads(line)["action"] for line in lines] == ["promote", "deploy"]
    assert main(["activity", "--action", "deply"]) == 2
    assert "Did you mean 'deploy'" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file"))
    with recorded("launch", "run a"):
        pass
    assert "not in the activity log" in caplog.text


def test_an_app_keeps_it_on_its_volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with FakeWorkspace(tmp_path / "ws") as ws:
        ws.client().volumes.create("main", "default", "runs", VolumeType.MANAGED)
        for name, value in ws.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("DATABRICKS_APP_NAME", "lakesight")
        monkeypatch.setenv("LAKESIGHT_VOLUME", "/Volumes/main/default/runs")
        with recorded("promote", "model parts", "ann@example.com"):
            pass
        ActivityLog().add(Entry(1.0, "bob", "launch", "run a"))
        assert [one.user for one in ActivityLog().find()] == ["ann@example.com", "bob"]
        assert [one.subject for one in ActivityLog().find("parts")] == ["model parts"]
        assert len(list((ws.root / "Volumes/main/default/runs/activity").rglob("*.json"))) == 2
