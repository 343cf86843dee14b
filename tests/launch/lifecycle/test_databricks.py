"""The whole way of a model on a workspace, by the commands that a person types, for each task.

The workspace is the fake one: jobs, registry, endpoints, their log and MLflow answer as its own clients ask.
Spark is a stub, what runs on its partitions is real. Every process is a real one, forked from a Python that
has imported torch already.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from databricks.sdk.service.catalog import VolumeType

from cvcore.config.schema.data import TASKS
from cvcore.evaluate.job import PROGRESS_TAG, JobProgress
from launch.evaluation.submit import EVALUATION, SOURCE
from launch.ledger import Ledger
from launch.workspace import FakeWorkspace, Timing
from tests.launch.batch.spark_code import code_with_spark
from tests.launch.lifecycle.conftest import POLICY, SMALL

pytestmark = pytest.mark.slow
VOLUME = "/Volumes/main/default/runs"


@pytest.fixture(scope="module")
def workspace(
    warm: None, tmp_path_factory: pytest.TempPathFactory, pictures: Path
) -> Iterator[FakeWorkspace]:
    """A workspace with a Volume that has pictures, whose nodes and servers start warm."""
    with FakeWorkspace(tmp_path_factory.mktemp("workspace"), timing=Timing(grace_s=5.0)) as ws:
        ws.client().volumes.create("main", "default", "runs", VolumeType.MANAGED)
        ws.host_models()
        shutil.copytree(pictures, ws.root / VOLUME.strip("/") / "pictures")
        yield ws


@pytest.fixture
def ws(workspace: FakeWorkspace, monkeypatch: pytest.MonkeyPatch) -> FakeWorkspace:
    """The workspace, with this shell signed in."""
    for name, value in workspace.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LAKESIGHT_VOLUME", VOLUME)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "databricks")
    return workspace


@pytest.mark.parametrize("kind", TASKS)
def test_from_a_configuration_to_a_watched_endpoint(
    kind: str,
    ws: FakeWorkspace,
    say: Callable[..., str],
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = ["tracking=databricks", "compute=databricks_cluster"]
    asked = [f"task={kind}", *SMALL, *cluster, "compute.node_type_id=g5.xlarge"]
    asked.append("trainer.bootstrap_samples=20")
    assert f"kind: {kind}" in say("compose", *asked)
    assert "16" in say("data", "inspect", f"task={kind}", *SMALL)
    say("submit", "--follow", *asked, f"run.title={kind}")
    assert "SUCCEEDED" in say("runs")

    say("submit-evaluation", kind, "--split", "test", "--follow", *cluster)
    ledger = Ledger("databricks")
    trained, (evaluation, *_) = ledger.find(kind), ledger.runs(kind=EVALUATION)
    assert (evaluation.tags[SOURCE], evaluation.mlflow_status) == (trained.run_id, "FINISHED")
    progress = JobProgress.parse(evaluation.tags[PROGRESS_TAG])
    assert progress is not None
    assert (progress.done, progress.total) == (10, 10)
    report = ledger.client.list_artifacts(evaluation.run_id, "report/test")
    assert {"report/test/report.json", "report/test/state.npz"} <= {one.path for one in report}
    figures = {key for key in trained.metrics if key.startswith("test/")}
    assert figures
    for key in figures & evaluation.metrics.keys():
        assert evaluation.metrics[key] == pytest.approx(trained.metrics[key], abs=1e-6)

    endpoint = kind.replace("_", "-")
    name = f"main.default.{kind}"
    say("register", kind, "--as", name, "--images", "2", "--no-latency")
    policy = tmp_path / "gate.yaml"
    policy.write_text(POLICY)
    assert f"{name}@champion: version 1" in say("promote", name, "latest", "--policy", str(policy))
    logged = "serving.inference_table=main.default"
    there = ("--on", "databricks")
    say("deploy", f"{name}@champion", "--to", "databricks", "--name", endpoint, logged)
    files = sorted(pictures.iterdir())
    answers = say("query", endpoint, *there, *map(str, files), "--json").splitlines()
    assert [json.loads(answer)["size"] for answer in answers] == [[96, 96]] * len(files)

    monkeypatch.setattr("launch.databricks.code.this_code", code_with_spark)
    out = f"answers/{kind}"
    where = (f"{VOLUME}/pictures", f"{VOLUME}/{out}")
    say("batch", name, *where, "--follow", *cluster, "trainer.use_cpu=true")
    found = pd.read_parquet(ws.root / VOLUME.strip("/") / out / "part-0.parquet")
    assert sorted(found["image"]) == [file.name for file in files]
    assert found["error"].isna().all()

    watched = say("monitor", endpoint, *there)
    assert f"{endpoint} (databricks) is READY" in watched
    asked_for = len(files) + 1  # deploy has asked once
    assert f"last hour: {asked_for} requests, 0 refused, 0 failed; latency p50" in watched, watched
    assert f"drift of {kind}-1, {asked_for} images: " in watched, watched
    assert "brightness" in watched, watched  # compared with the reference, fetched with the model
    say("endpoints", "delete", endpoint, *there, "--yes")
