"""A fake workspace with a Volume, and launchers whose client talks to it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.service.catalog import VolumeType

from launch.databricks.launcher import DatabricksLauncher
from launch.workspace import FakeWorkspace, Timing

VOLUME = "/Volumes/main/default/runs"


@pytest.fixture(scope="session")
def bundle_faults() -> Callable[[Any], list[str]] | None:
    """What is wrong with a bundle by the CLI's own JSON schema; None without it.

    `databricks bundle schema > file` writes it, and DATABRICKS_BUNDLE_SCHEMA=file names it. Its
    licence does not let us keep a copy here. Its patterns are Go's.
    """
    path = os.environ.get("DATABRICKS_BUNDLE_SCHEMA")
    if path is None:
        return None
    import jsonschema

    text = Path(path).read_text()
    text = text.replace(r"[\\p{L}\\p{N}]", "[a-zA-Z0-9]").replace(r"\\p{L}\\p{N}", "a-zA-Z0-9")
    schema = json.loads(text.replace(r"\\p{L}", "a-zA-Z").replace(r"\\p{N}", "0-9"))
    validator = jsonschema.Draft202012Validator(schema)
    return lambda body: [f"{e.json_path}: {e.message}" for e in validator.iter_errors(body)]


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
