"""What somebody asked for is done to its end, though the app is asked to end meanwhile."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.panel_app.conftest import Server, seen

pytestmark = [pytest.mark.ui, pytest.mark.slow]

SLOW = """
import sys, time
from pathlib import Path
from launch.submit import Submitter
real = Submitter.submit
def slow(self, *arguments, **named):
    Path("begun").touch()
    time.sleep(3)
    done = real(self, *arguments, **named)
    Path("done").write_text(done.handle.run_id)
    return done
Submitter.submit = slow
sys.argv = ["app", "--port", "0", "--tracking-uri", sys.argv[1]]
from panel_app.__main__ import main
sys.exit(main())
"""


class SlowServer(Server):
    """An app whose submissions take three seconds longer."""

    def __init__(self, uri: str, folder: Path) -> None:
        self.folder, self.log = folder, folder / "server.log"
        with self.log.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SLOW, uri], cwd=folder, stdout=out, stderr=out
            )
        end = time.monotonic() + 90
        while "http://127" not in self.log.read_text():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end
            time.sleep(0.1)
        self.url = self.log.read_text().split()[3]


def test_a_run_that_is_being_launched_is_handed_over(page, tmp_path, monkeypatch) -> None:
    from launch.launchers import get_launcher
    from launch.ledger import Ledger

    monkeypatch.setenv("LAKESIGHT_STATE_DIR", str(tmp_path / "state"))
    uri = f"sqlite:///{tmp_path}/mlruns.db"
    server = SlowServer(uri, tmp_path)
    page.goto(f"{server.url}?page=train")
    seen(page, "Train on the built-in digits").click()
    end = time.monotonic() + 60
    while not (tmp_path / "begun").exists():
        assert time.monotonic() < end, server.log.read_text()
        time.sleep(0.05)
    code, seconds = server.stop(signal.SIGTERM)
    assert (code, seconds < 15) == (0, True)
    run = Ledger(uri).get((tmp_path / "done").read_text())
    try:
        # Handed over: its launcher knows it.
        assert get_launcher("local").poll([run.handle])[run.run_id].state is not None
        assert run.handle.external_id
    finally:
        get_launcher("local").cancel(run.handle)
