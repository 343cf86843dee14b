"""A real tracking server is killed and comes back: every point arrives, once and in order."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient
from tracking_server import Proxy, Server, until

from cvcore.metrics.tracker import Tracker

pytestmark = pytest.mark.usefixtures("warm")


@pytest.mark.slow
def test_server_killed_and_restarted(tmp_path: Path) -> None:
    server = Server(tmp_path)
    try:
        server.start()
        proxy = Proxy(server.port)
        client = MlflowClient(server.uri)
        run_id = client.create_run("0").info.run_id
        tracker = Tracker(tmp_path / "run", proxy.uri, run_id)
        for step in range(20):
            tracker.log({"train/loss": 1.0 / (step + 1)}, step)
        until(lambda: tracker.spool.num_pending() == 0)
        # A batch is stored, and its answer lost.
        proxy.cuts = 1
        for step in range(20, 40):
            tracker.log({"train/loss": 1.0 / (step + 1)}, step)
        until(lambda: proxy.cuts == 0 and tracker.spool.num_pending() == 0)
        server.kill()
        for step in range(40, 60):
            tracker.log({"train/loss": 1.0 / (step + 1)}, step)
        assert tracker.spool.num_pending() == 20
        server.start()
        for step in range(60, 70):
            tracker.log({"train/loss": 1.0 / (step + 1)}, step)
        assert tracker.finish("FINISHED", wait_s=90.0)
        history = client.get_metric_history(run_id, "train/loss")
        assert [m.step for m in history] == list(range(70))
        assert [m.value for m in history] == [1.0 / (s + 1) for s in range(70)]
        # The database would ignore a point that is sent again; other stores need not.
        assert len(proxy.stored) == len(set(proxy.stored)) == 70
        assert client.get_run(run_id).info.status == "FINISHED"
        proxy.close()
    finally:
        server.kill()
