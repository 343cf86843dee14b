"""One fake workspace per test file, and what most tests need of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.service.catalog import VolumeType
from databricks.sdk.service.compute import ClusterSpec
from databricks.sdk.service.jobs import Run, SparkPythonTask, SubmitTask

from launch.workspace import FakeWorkspace, Timing

SINGLE_NODE: dict[str, Any] = {
    "spark_version": "17.3.x-gpu-ml-scala2.13",
    "node_type_id": "g5.xlarge",
    "num_workers": 0,
    "spark_conf": {"spark.databricks.cluster.profile": "singleNode", "spark.master": "local[*]"},
    "custom_tags": {"ResourceClass": "SingleNode"},
}


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeWorkspace]:
    with FakeWorkspace(tmp_path_factory.mktemp("ws"), timing=Timing(grace_s=0.3)) as ws:
        yield ws


@pytest.fixture(autouse=True)
def _no_faults(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "ws" in request.fixturenames:
        request.getfixturevalue("ws").faults.clear()


@pytest.fixture(scope="module")
def client(ws: FakeWorkspace) -> WorkspaceClient:
    return ws.client()


@pytest.fixture
def cluster() -> ClusterSpec:
    return ClusterSpec.from_dict(SINGLE_NODE)


@pytest.fixture
def script(ws: FakeWorkspace) -> Callable[..., SubmitTask]:
    """Return a task that runs this Python text."""

    def make(text: str, key: str = "main", **task: Any) -> SubmitTask:
        name = f"{time.monotonic_ns()}.py"
        (ws.root / "Workspace" / "Shared" / name).write_text(text)
        parameters = task.pop("parameters", None)
        return SubmitTask(
            task_key=key,
            new_cluster=ClusterSpec.from_dict(SINGLE_NODE),
            spark_python_task=SparkPythonTask(f"/Workspace/Shared/{name}", parameters=parameters),
            **task,
        )

    return make


@pytest.fixture
def ended(client: WorkspaceClient) -> Callable[[int], Run]:
    """Return the run once it has ended."""

    def wait(run_id: int, timeout_s: float = 20) -> Run:
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            run = client.jobs.get_run(run_id, include_history=True)
            if run.status and run.status.termination_details:
                return run
            time.sleep(0.02)
        raise AssertionError(f"run {run_id} did not end: {run.state}")

    return wait


@pytest.fixture
def until() -> Callable[[Callable[[], Any]], Any]:
    """Return the first true value of a function."""

    def wait(look: Callable[[], Any], timeout_s: float = 20) -> Any:
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if found := look():
                return found
            time.sleep(0.02)
        raise AssertionError("it never became true")

    return wait


@pytest.fixture
def volume(ws: FakeWorkspace) -> Path:
    """Return the local folder behind the volume /Volumes/main/default/cv."""
    path = ws.root / "Volumes" / "main" / "default" / "cv"
    if not path.exists():
        ws.client().volumes.create("main", "default", "cv", VolumeType.MANAGED)
    return path
