"""The whole way of a model on a workspace, by the commands that a person types, for each task.

The workspace is the fake one: jobs, registry, endpoints and MLflow answer as its own clients ask. Spark is
a stub, what runs on its partitions is real.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from databricks.sdk.service.catalog import VolumeType

from cvcore.config.schema.data import TASKS
from launch.workspace import FakeWorkspace, Timing
from tests.launch.batch.spark_code import code_with_spark
from tests.launch.lifecycle.conftest import POLICY, SMALL

pytestmark = pytest.mark.slow
VOLUME = "/Volumes/main/default/runs"


@pytest.fixture
def ws(tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeWorkspace]:
    """A workspace with a Volume that has pictures, and this shell signed in."""
    with FakeWorkspace(tmp_path / "ws", timing=Timing(grace_s=5.0)) as ws:
        ws.client().volumes.create("main", "default", "runs", VolumeType.MANAGED)
        ws.host_models()
        shutil.copytree(pictures, ws.root / VOLUME.strip("/") / "pictures")
        for name, value in ws.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("LAKESIGHT_VOLUME", VOLUME)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "databricks")
        yield ws


KINDS = TASKS if os.environ.get("LAKESIGHT_ALL_TASKS") else ("detection",)
"""What a task does differently is tested locally for each; LAKESIGHT_ALL_TASKS=1 goes here with all five."""


@pytest.mark.parametrize("kind", KINDS)
def test_from_a_configuration_to_an_endpoint(
    kind: str,
    ws: FakeWorkspace,
    say: Callable[..., str],
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = [f"task={kind}", *SMALL, "tracking=databricks", "compute=databricks_cluster"]
    say("submit", "--follow", *asked, "compute.node_type_id=g5.xlarge", "run.title=first")
    assert "SUCCEEDED" in say("runs")
    name = "main.default.parts"
    say("register", "first", "--as", name, "--images", "4", "--no-latency")
    policy = tmp_path / "gate.yaml"
    policy.write_text(POLICY)
    assert f"{name}@champion: version 1" in say("promote", name, "latest", "--policy", str(policy))
    say("deploy", f"{name}@champion", "--to", "databricks")
    files = sorted(pictures.iterdir())
    answers = say("query", "parts", "--on", "databricks", *map(str, files), "--json").splitlines()
    assert [json.loads(answer)["size"] for answer in answers] == [[96, 96]] * len(files)

    monkeypatch.setattr("launch.databricks.code.this_code", code_with_spark)
    where = (f"{VOLUME}/pictures", f"{VOLUME}/answers")
    cluster = ("tracking=databricks", "compute=databricks_cluster", "trainer.use_cpu=true")
    say("batch", name, *where, "--follow", *cluster)
    found = pd.read_parquet(ws.root / VOLUME.strip("/") / "answers/part-0.parquet")
    assert sorted(found["image"]) == [file.name for file in files]
    assert found["error"].isna().all()
    say("endpoints", "delete", "parts", "--on", "databricks", "--yes")
