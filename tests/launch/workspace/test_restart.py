"""A restart of the server loses nothing; the command line serves as the library does."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from databricks.sdk import WorkspaceClient
from databricks.sdk.config import Config
from databricks.sdk.service.catalog import VolumeType
from databricks.sdk.service.compute import ClusterSpec
from databricks.sdk.service.jobs import SparkPythonTask, SubmitTask

from launch.workspace import FakeWorkspace
from tests.launch.workspace.conftest import SINGLE_NODE

TEXT = """
import pathlib, time
pathlib.Path("started").write_text("x")
until = time.monotonic() + 20
while time.monotonic() < until and not pathlib.Path({gate!r}).exists():
    time.sleep(0.02)
print("went on")
"""


def submit(ws: FakeWorkspace, gate: Path, token: str) -> int:
    (ws.root / "Workspace" / "Shared" / "s.py").write_text(TEXT.format(gate=str(gate)))
    task = SubmitTask(
        task_key="main",
        new_cluster=ClusterSpec.from_dict(SINGLE_NODE),
        spark_python_task=SparkPythonTask("/Workspace/Shared/s.py"),
    )
    run_id = ws.client().jobs.submit(tasks=[task], idempotency_token=token).run_id
    assert run_id
    return int(run_id)


def wait_for(client: WorkspaceClient, run_id: int, state: str) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        found = client.jobs.get_run(run_id).status
        if found and found.state and found.state.value == state:
            return
        time.sleep(0.02)
    raise AssertionError(f"run {run_id} never was {state}")


def test_jobs_tokens_and_a_running_task_survive(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with FakeWorkspace(tmp_path / "ws") as other:
        token = other.add_user("ada@example.com")
        other.client().volumes.create("main", "default", "kept", VolumeType.MANAGED)
    first = FakeWorkspace(tmp_path / "ws")
    first.start()
    run_id = submit(first, gate, "t")
    wait_for(first.client(), run_id, "RUNNING")
    first.stop(keep_tasks=True)
    with FakeWorkspace(tmp_path / "ws") as second:
        client = second.client()
        assert second.client(token).current_user.me().user_name == "ada@example.com"
        assert client.volumes.read("main.default.kept").name == "kept"
        # The token still names the run, and the process has gone on.
        assert submit(second, gate, "t") == run_id
        wait_for(client, run_id, "RUNNING")
        gate.write_text("open")
        wait_for(client, run_id, "TERMINATED")
        run = client.jobs.get_run(run_id)
        assert run.state
        assert run.state.result_state
        assert run.state.result_state.value == "SUCCESS"
        assert run.tasks
        assert len(run.tasks) == 1
        logs = client.jobs.get_run_output(run.tasks[0].run_id or 0).logs
        assert logs == "went on\n"


def test_a_stop_ends_every_process(tmp_path: Path) -> None:
    with FakeWorkspace(tmp_path / "ws") as ws:
        run_id = submit(ws, tmp_path / "never", "t")
        wait_for(ws.client(), run_id, "RUNNING")
    # A killed process is gone when the kernel has taken it down, a moment later.
    until = time.monotonic() + 10
    while (alive := tasks_alive(tmp_path / "ws")) and time.monotonic() < until:
        time.sleep(0.1)
    assert alive == []


def tasks_alive(root: Path) -> list[str]:
    """Return the process ids of a workspace's tasks."""
    mark = str(root).encode()
    alive: list[str] = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if b"LAKESIGHT_FAKE_TASK=" in (text := (entry / "environ").read_bytes()):
                alive += [entry.name] if mark in text else []
        except OSError:
            continue
    return alive


def test_the_command_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "launch.workspace", "--root", str(tmp_path / "ws")]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        lines = [server.stdout.readline().strip() for _ in range(2)]
        told = dict(line.split("=", 1) for line in lines)
        config = Config(
            host=told["DATABRICKS_HOST"], token=told["DATABRICKS_TOKEN"], auth_type="pat"
        )
        assert WorkspaceClient(config=config).current_user.me().user_name == "admin@example.com"
        server.send_signal(signal.SIGTERM)
        assert server.wait(15) == 0
    finally:
        server.kill()
        server.wait()
