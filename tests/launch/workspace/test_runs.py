"""Runs: executed as processes, with the states, outputs and ends of the platform."""

from __future__ import annotations

import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import InvalidParameterValue, ResourceDoesNotExist
from databricks.sdk.service.compute import (
    ClusterLogConf,
    ClusterSpec,
    Library,
    VolumesStorageInfo,
)
from databricks.sdk.service.jobs import (
    PythonWheelTask,
    Run,
    RunResultState,
    SubmitTask,
    TaskDependency,
    TerminationCodeCode,
)

from launch.workspace import FakeWorkspace

Script = Callable[..., SubmitTask]
Ended = Callable[..., Run]
Until = Callable[..., Any]


def result(run: Run) -> RunResultState | None:
    assert run.state
    return run.state.result_state


def code(run: Run) -> TerminationCodeCode | None:
    assert run.status
    assert run.status.termination_details
    return run.status.termination_details.code


def test_a_script_runs_with_its_parameters(
    client: WorkspaceClient, script: Script, ended: Ended
) -> None:
    text = "import sys; print('args', sys.argv[1:]); print('oops', file=sys.stderr)"
    task = script(text, parameters=["{{job.run_id}}", "{{task.run_id}}", "{{no.such}}"])
    run = ended(client.jobs.submit(run_name="one", tasks=[task]).run_id)
    assert (result(run), code(run)) == (RunResultState.SUCCESS, TerminationCodeCode.SUCCESS)
    assert run.tasks
    output = client.jobs.get_run_output(run.tasks[0].run_id or 0)
    assert f"args ['{run.run_id}', '{run.tasks[0].run_id}', '{{{{no.such}}}}']" in (
        output.logs or ""
    )
    assert "oops" in (output.logs or "")


def test_a_failing_script_says_why(client: WorkspaceClient, script: Script, ended: Ended) -> None:
    run = ended(client.jobs.submit(tasks=[script("raise ValueError('boom')")]).run_id)
    assert code(run) == TerminationCodeCode.RUN_EXECUTION_ERROR
    assert run.tasks
    output = client.jobs.get_run_output(run.tasks[0].run_id or 0)
    assert output.error == "ValueError: boom"
    assert "Traceback" in (output.error_trace or "")
    with pytest.raises(ResourceDoesNotExist, match="does not exist"):
        client.jobs.get_run(1)


def _wheel(path: Path, body: str) -> None:
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("tiny/__init__.py", body)
        wheel.writestr("tiny-1.0.dist-info/METADATA", "Name: tiny\nVersion: 1.0\n")
        wheel.writestr("tiny-1.0.dist-info/entry_points.txt", "[console_scripts]\ngo = tiny:go\n")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # What the function returns is not looked at; only an exception fails the task.
        ("import sys\ndef go(): print(sys.argv); return 2\n", RunResultState.SUCCESS),
        ("import sys\ndef go(): sys.exit(2)\n", RunResultState.FAILED),
    ],
)
def test_a_wheel_from_a_volume(
    client: WorkspaceClient,
    ended: Ended,
    volume: Path,
    cluster: ClusterSpec,
    body: str,
    expected: RunResultState,
) -> None:
    _wheel(volume / "tiny-1.0-py3-none-any.whl", body)
    task = SubmitTask(
        task_key="w",
        new_cluster=cluster,
        python_wheel_task=PythonWheelTask("tiny", "go", named_parameters={"rate": "3"}),
        libraries=[Library(whl="/Volumes/main/default/cv/tiny-1.0-py3-none-any.whl")],
    )
    run = ended(client.jobs.submit(tasks=[task]).run_id)
    assert result(run) == expected
    assert run.tasks
    output = client.jobs.get_run_output(run.tasks[0].run_id or 0)
    if expected == RunResultState.SUCCESS:
        assert "['go', '--rate=3']" in (output.logs or "")
    else:
        assert output.error == "SystemExit: 2"


def test_a_missing_wheel_is_a_library_error(
    client: WorkspaceClient, ended: Ended, cluster: ClusterSpec
) -> None:
    task = SubmitTask(
        task_key="w",
        new_cluster=cluster,
        python_wheel_task=PythonWheelTask("tiny", "go"),
        libraries=[Library(whl="/Volumes/main/default/cv/none.whl")],
    )
    run = ended(client.jobs.submit(tasks=[task]).run_id)
    assert code(run) == TerminationCodeCode.LIBRARY_INSTALLATION_ERROR


def test_a_task_writes_to_a_volume_and_is_cancelled(
    ws: FakeWorkspace,
    client: WorkspaceClient,
    script: Script,
    ended: Ended,
    until: Until,
    volume: Path,
    cluster: ClusterSpec,
) -> None:
    text = (
        "import os, time\n"
        "from cvcore.data.places import localise\n"
        "folder = localise('/Volumes/main/default/cv/cancelled')\n"
        "folder.mkdir()\n"
        "(folder / 'pid').write_text(str(os.getpid()))\n"
        "time.sleep(60)\n"
    )
    task = script(text)
    log_conf = ClusterLogConf(volumes=VolumesStorageInfo("/Volumes/main/default/cv/logs"))
    assert task.new_cluster
    task.new_cluster.cluster_log_conf = log_conf
    run_id = client.jobs.submit(tasks=[task]).run_id
    pid = int(until(lambda: _read(volume / "cancelled" / "pid")))
    client.jobs.cancel_run(run_id)
    run = ended(run_id)
    assert (result(run), code(run)) == (RunResultState.CANCELED, TerminationCodeCode.USER_CANCELED)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    # What it wrote is on the Volume, and so is the driver's log.
    assert client.files.download("/Volumes/main/default/cv/cancelled/pid").contents
    assert list((volume / "logs").glob("*/driver/stdout"))


def test_a_task_that_ignores_sigterm_is_killed(
    client: WorkspaceClient, script: Script, ended: Ended, until: Until, volume: Path
) -> None:
    mark = volume / "stubborn"
    text = (
        "import signal, time, pathlib\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"pathlib.Path({str(mark)!r}).write_text('x')\n"
        "time.sleep(60)\n"
    )
    run_id = client.jobs.submit(tasks=[script(text)]).run_id
    until(mark.exists)
    client.jobs.cancel_run(run_id)
    assert result(ended(run_id, timeout_s=10)) == RunResultState.CANCELED


def test_tasks_wait_for_each_other(client: WorkspaceClient, script: Script, ended: Ended) -> None:
    second = script("print('second')", key="b", depends_on=[TaskDependency("a")])
    run = ended(client.jobs.submit(tasks=[script("raise SystemExit(1)", key="a"), second]).run_id)
    assert run.tasks
    states = {task.task_key: task.state.result_state for task in run.tasks if task.state}
    assert states == {"a": RunResultState.FAILED, "b": RunResultState.UPSTREAM_FAILED}


def test_a_timeout_ends_a_task(client: WorkspaceClient, script: Script, ended: Ended) -> None:
    task = script("import time; time.sleep(60)", timeout_seconds=1)
    assert result(ended(client.jobs.submit(tasks=[task]).run_id)) == RunResultState.TIMEDOUT


def test_a_retry_is_a_new_attempt(
    client: WorkspaceClient, script: Script, ended: Ended, volume: Path
) -> None:
    mark = volume / "second"
    text = f"import pathlib; p = pathlib.Path({str(mark)!r})\n"
    text += "if not p.exists(): p.write_text('x'); raise SystemExit(3)\n"
    run = ended(client.jobs.submit(tasks=[script(text, max_retries=1)]).run_id)
    assert result(run) == RunResultState.SUCCESS
    assert run.tasks
    assert [task.attempt_number for task in run.tasks] == [0, 1]


def test_repair_runs_what_failed(
    client: WorkspaceClient, script: Script, ended: Ended, volume: Path
) -> None:
    mark = volume / "repaired"
    text = f"import pathlib; assert pathlib.Path({str(mark)!r}).exists()"
    tasks = [script("pass", key="good"), script(text, key="bad")]
    run = ended(client.jobs.submit(tasks=tasks).run_id)
    assert result(run) == RunResultState.FAILED
    mark.write_text("x")
    waiter = client.jobs.repair_run(run.run_id or 0, rerun_all_failed_tasks=True)
    repaired = ended(run.run_id or 0)
    assert result(repaired) == RunResultState.SUCCESS
    assert repaired.tasks
    assert [task.task_key for task in repaired.tasks] == ["good", "bad", "bad"]
    assert repaired.repair_history
    assert repaired.repair_history[-1].id == waiter.response.repair_id
    with pytest.raises(InvalidParameterValue, match="latest_repair_id"):
        client.jobs.repair_run(run.run_id or 0, rerun_tasks=["good"])


def test_runs_come_in_pages(client: WorkspaceClient, script: Script, ended: Ended) -> None:
    start = int(time.time() * 1000)
    ids = [client.jobs.submit(tasks=[script("pass")]).run_id for _ in range(7)]
    for run_id in ids:
        ended(run_id)
    runs = list(client.jobs.list_runs(limit=3, start_time_from=start, completed_only=True))
    assert [run.run_id for run in runs] == ids[::-1]
    assert all(run.tasks is None or run.tasks == [] for run in runs)
    whole = next(iter(client.jobs.list_runs(limit=1, expand_tasks=True)))
    assert whole.tasks


def test_the_node_looks_like_a_node(client: WorkspaceClient, script: Script, ended: Ended) -> None:
    text = (
        "import os\n"
        "from databricks.sdk import WorkspaceClient\n"
        "from cvcore.data.places import localise\n"
        "print(os.environ['DATABRICKS_RUNTIME_VERSION'], os.environ['DB_INSTANCE_TYPE'])\n"
        "localise('/local_disk0/x').write_text('fast')\n"
        "print(WorkspaceClient().current_user.me().user_name)\n"
        "assert '__file__' not in globals()\n"
    )
    run = ended(client.jobs.submit(tasks=[script(text)]).run_id)
    assert run.tasks
    logs = client.jobs.get_run_output(run.tasks[0].run_id or 0).logs or ""
    assert result(run) == RunResultState.SUCCESS, logs
    assert logs.split("\n")[:2] == ["17.3 g5.xlarge", "admin@example.com"]


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def test_a_secret_reaches_the_task(client: WorkspaceClient, script: Script, ended: Ended) -> None:
    client.secrets.create_scope("cv")
    client.secrets.put_secret("cv", "key", string_value="s3cret")
    assert [secret.key for secret in client.secrets.list_secrets("cv")] == ["key"]
    good = script("import os; assert os.environ['KEY'] == 's3cret'")
    bad = script("pass")
    assert good.new_cluster
    assert bad.new_cluster
    good.new_cluster.spark_env_vars = {"KEY": "{{secrets/cv/key}}"}
    bad.new_cluster.spark_env_vars = {"KEY": "{{secrets/cv/none}}"}
    assert result(ended(client.jobs.submit(tasks=[good]).run_id)) == RunResultState.SUCCESS
    run = ended(client.jobs.submit(tasks=[bad]).run_id)
    assert code(run) == TerminationCodeCode.INVALID_CLUSTER_REQUEST
