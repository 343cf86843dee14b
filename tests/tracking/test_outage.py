"""Real trainings whose tracking server is not there: in between, or from the very start."""

from __future__ import annotations

import functools
import json
import time
from pathlib import Path
from typing import Any

import pytest
import train_jobs as jobs
from mlflow import MlflowClient
from tracking_server import Proxy, Server, free_port, until

from cvcore.config.schema import Config

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("warm")]
STEPS = 30


def slowly() -> None:
    """Each step takes a quarter of a second."""
    from cvcore.train.callbacks.state import OwnState

    real = OwnState.on_step_end

    def on_step_end(self: Any, *args: Any, **kwargs: Any) -> None:
        time.sleep(0.25)
        real(self, *args, **kwargs)

    OwnState.on_step_end = on_step_end


def impatiently() -> None:
    """A server that is away at the end is waited for a second, not half a minute."""
    from cvcore.metrics.tracker import Tracker

    Tracker.finish = functools.partialmethod(Tracker.finish, wait_s=1.0)  # type: ignore


def spooled(config: Config) -> int:
    file = Path(config.run.dir or "") / "spool" / "entries.jsonl"
    if not file.is_file():
        return 0
    entries = [json.loads(line) for line in file.read_text().splitlines()]
    return sum(e.get("key") == "train/loss" for e in entries)


def test_server_killed_in_the_middle_of_a_training(tmp_path: Path) -> None:
    words = [f"trainer.max_steps={STEPS}", "trainer.eval_steps=15"]
    config = jobs.make_config(tmp_path, words)
    (tmp_path / "mlflow.db").rename(tmp_path / "server.db")
    server = Server(tmp_path)
    server.start()
    proxy = Proxy(server.port)
    config.tracking.uri = proxy.uri
    try:
        process = jobs.start(config, prepare=slowly)
        until(lambda: any(key == "train/loss" for key, _ in proxy.stored))
        proxy.cuts = 2
        until(lambda: proxy.cuts == 0)
        killed_at = spooled(config)
        server.kill()
        until(lambda: spooled(config) >= min(killed_at + 8, STEPS))
        assert process.is_alive(), "the training was over before the server was killed"
        server.start()
        assert jobs.wait(process) == 0
        client = MlflowClient(server.uri)
        [run] = client.search_runs([client.get_experiment_by_name("lakesight").experiment_id])
        assert run.info.status == "FINISHED"
        history = client.get_metric_history(run.info.run_id, "train/loss")
        assert [m.step for m in history] == list(range(1, STEPS + 1))
        assert [m.timestamp for m in history] == sorted(m.timestamp for m in history)
        losses = jobs.losses(config)
        assert [m.value for m in history] == [losses[step] for step in range(1, STEPS + 1)]
        assert len(proxy.stored) == len(set(proxy.stored))
        assert {"best/top1", "val/top1"} <= set(run.data.metrics)
        artifacts = {a.path for a in client.list_artifacts(run.info.run_id)}
        assert {"config.yaml", "report", "predictions"} <= artifacts
    finally:
        server.kill()
        proxy.close()


def test_no_server_and_no_run_is_refused_at_once(tmp_path: Path) -> None:
    config = jobs.make_config(tmp_path, ["trainer.max_steps=4"])
    config.tracking.uri = f"http://me:secret@127.0.0.1:{free_port()}"
    start = time.monotonic()
    assert jobs.run(config) == 2
    assert time.monotonic() - start < 40
    said = (tmp_path / "run" / "error.txt").read_text()
    assert "Connection refused. Start it" in said
    assert "can't be used" in said
    assert "tracking.uri=" in said
    assert "secret" not in said
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_no_server_but_a_given_run_trains_and_delivers_when_resumed(tmp_path: Path) -> None:
    config = jobs.make_config(tmp_path, ["trainer.max_steps=4", "trainer.eval_steps=2"])
    there = str(config.tracking.uri)
    client = MlflowClient(there)
    experiment = client.get_experiment_by_name("lakesight")
    run_id = client.create_run(experiment.experiment_id).info.run_id
    config.run.id = run_id
    config.tracking.uri = f"http://127.0.0.1:{free_port()}"
    assert jobs.run(config, prepare=impatiently) == 0
    assert json.loads((tmp_path / "run" / "result.json").read_text())["status"] == "FINISHED"
    assert client.get_run(run_id).data.metrics == {}
    config.tracking.uri = there
    assert jobs.run(config) == 0
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert [m.step for m in client.get_metric_history(run_id, "train/loss")] == [1, 2, 3, 4]
    assert [m.step for m in client.get_metric_history(run_id, "best/top1")] == [4]
    assert run.data.params["trainer.max_steps"] == "4"
    assert len(client.search_runs([experiment.experiment_id])) == 1


@pytest.mark.parametrize(
    "uri",
    ["nonsense://x", "postgresql://u:secret@127.0.0.1:1/db", "sqlite:////proc/none/x.db"],
)
def test_an_address_that_is_none_is_one_sentence(uri: str, tmp_path: Path) -> None:
    from cvcore.errors import ConfigError
    from cvcore.metrics.mlflow_run import open_run

    config = jobs.make_config(tmp_path, [])
    config.tracking.uri = uri
    with pytest.raises(ConfigError, match=r"can't be used: .*tracking\.uri=") as caught:
        open_run(config, tmp_path)
    assert "secret" not in str(caught.value)
