"""A batch as a Spark job of the fake workspace, and as a run of this machine.

There is no Spark here: its calls are a stub's, what runs on a partition is real.
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pandas as pd
import pytest
from databricks.sdk.service.catalog import VolumeType

from cvcore.batch.job import BatchError, BatchJob
from cvcore.batch.partition import predict_partition
from cvcore.batch.spark import columns
from cvcore.cli.main import main
from cvcore.serve.pyfunc import save_model
from launch.base import RunStatus
from launch.batch.submit import submit
from launch.databricks.launcher import DatabricksLauncher
from launch.launchers import get_launcher
from launch.workspace import FakeWorkspace, Timing
from tests.launch.batch.spark_code import code_with_spark

pytestmark = pytest.mark.slow
VOLUME = "/Volumes/main/default/runs"


def ended(launcher, handle, limit_s: float = 240) -> RunStatus:
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        status = launcher.poll([handle])[handle.run_id]
        if status.state.is_final:
            return status
        time.sleep(0.2)
    raise AssertionError(f"it did not end: {status}")


def test_a_batch_on_a_cluster(
    run_dir: Path,
    photos: Path,
    tmp_path: Path,
    ledger_uri: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LAKESIGHT_VOLUME", VOLUME)
    with FakeWorkspace(tmp_path / "ws", timing=Timing(grace_s=5.0)) as ws:
        client = ws.client()
        client.volumes.create("main", "default", "runs", VolumeType.MANAGED)
        here = ws.root / VOLUME.strip("/")
        shutil.copytree(photos, here / "photos")
        save_model(run_dir / "best", here / "model")
        launcher = DatabricksLauncher(client, code=code_with_spark(), log_interval_s=0.2)
        job = BatchJob(
            f"{VOLUME}/model", f"{VOLUME}/photos", f"{VOLUME}/answers", "delta", batch_size=8
        )
        one = submit(
            job,
            ["compute=databricks_cluster", "trainer.use_cpu=true"],
            launchers=lambda _: launcher,
        )
        status = ended(launcher, one.handle)
        log, _ = launcher.logs(one.handle)
        assert status.state == "SUCCEEDED", f"{status}\n{log}"
        assert f"written: {VOLUME}/answers" in log
        how = (here / "answers/how.txt").read_text()
        assert f"'txnAppId': 'lakesight-{one.handle.run_id}'" in how
        assert "from_json(answer" in how
        found = pd.read_parquet(here / "answers/part-0.parquet").set_index("image")
    assert len(found) == 40
    bad = found[found["error"].notna()]
    assert set(bad.index) == {"empty.png", "text.jpg", "torn.png"}
    assert "is not an image that can be read" in bad.loc["text.jpg", "error"]
    assert bad["answer"].isna().all()
    good = found[found["error"].isna()]["answer"].map(json.loads)
    assert all(answer["size"] == [40, 56] for answer in good)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"source": "photos"}, "a cluster can't reach it"),
        ({"out": "main.default.t", "format": "parquet"}, "is a table: give --format delta"),
        ({"format": "coco"}, "parquet or delta"),
        ({"model": "runs/latest"}, "is of this machine"),
    ],
)
def test_what_a_cluster_can_not_do_is_refused_before_it_starts(
    values: dict[str, str], says: str, ledger_uri: str
) -> None:
    given = {"model": "main.default.m", "source": f"{VOLUME}/a", "out": f"{VOLUME}/b"}
    with pytest.raises(BatchError, match=says):
        submit(BatchJob(**{**given, "format": "delta", **values}), ["compute=databricks_cluster"])


def test_a_fault_of_the_model_is_no_bad_image(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def predict(self, frame, params):
            raise RuntimeError("out of memory")

    monkeypatch.setattr("cvcore.batch.partition._loaded", lambda _: Broken())
    frame = pd.DataFrame({"image": ["a"], "content": [b"x"]})
    with pytest.raises(RuntimeError, match="out of memory"):
        list(predict_partition(iter([frame]), "model"))


def test_every_column_of_the_rows_comes_out_of_spark() -> None:
    from cvcore.batch import rows
    from cvcore.config.schema.data import TASKS

    for kind in TASKS:
        made = [text.rpartition(" AS ")[2] for text in columns(kind)]
        assert made == rows.schema(kind).names


def test_a_batch_in_the_background_is_a_run(
    state: Path, run_dir: Path, photos: Path, tmp_path: Path, ledger_uri: str
) -> None:
    job = BatchJob(str(run_dir), str(photos), "answers", workers=1)
    one = submit(job, ["trainer.use_cpu=true"])
    launcher = get_launcher("local")
    status = ended(launcher, one.handle)
    log, _ = launcher.logs(one.handle)
    assert status.state == "SUCCEEDED", log
    assert "40 images" in log
    assert len(pd.read_parquet(tmp_path / "answers")) == 40


def test_a_batch_that_was_canceled_goes_on(
    state: Path, run_dir: Path, photos: Path, tmp_path: Path, ledger_uri: str
) -> None:
    from cvcore.batch.parts import Parts
    from launch.batch.submit import job_of, resume
    from launch.ledger import Ledger
    from launch.submit import SubmitError
    from launch.watch import Watch

    job = BatchJob(str(run_dir), str(photos), "answers", workers=1, shard_size=2, batch_size=1)
    one = submit(job, ["trainer.use_cpu=true"])
    launcher, ledger = get_launcher("local"), Ledger(ledger_uri)
    with pytest.raises(SubmitError, match="nothing to resume"):
        resume(ledger.get(one.handle.run_id), ledger)
    parts = Parts(tmp_path / "answers")
    end = time.monotonic() + 60
    while not parts.done() and time.monotonic() < end:
        time.sleep(0.01)
    launcher.cancel(one.handle)
    assert ended(launcher, one.handle).state == "CANCELED"
    before = {path: path.stat().st_mtime_ns for path in parts.files()}
    assert 0 < len(before) < 20
    (run,) = ledger.runs(kind="batch")
    Watch(ledger).look([run])
    assert job_of(run).out == str(tmp_path / "answers")
    assert main(["resume", run.run_id[:8], "--tracking-uri", ledger_uri]) == 0
    assert ended(launcher, one.handle).state == "SUCCEEDED"
    assert len(pd.read_parquet(tmp_path / "answers")["image"].unique()) == 40
    assert {path: path.stat().st_mtime_ns for path in before} == before
    Watch(ledger).look([ledger.get(run.run_id)])
    with pytest.raises(SubmitError, match="every image has its answer"):
        resume(ledger.get(run.run_id), ledger)
