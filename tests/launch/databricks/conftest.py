"""A fake workspace with a Volume, and launchers whose client talks to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.service.catalog import VolumeType

from launch.databricks.launcher import DatabricksLauncher
from launch.workspace import FakeWorkspace, Timing

VOLUME = "/Volumes/main/default/runs"


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeWorkspace]:
    with FakeWorkspace(tmp_path_factory.mktemp("ws"), timing=Timing(grace_s=5.0)) as ws:
        ws.client().volumes.create("main", "default", "runs", VolumeType.MANAGED)
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
def launchers(
    client: WorkspaceClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[], DatabricksLauncher]:
    monkeypatch.setenv("LAKESIGHT_VOLUME", VOLUME)
    return lambda: DatabricksLauncher(client, log_interval_s=0.2)
