"""Many callers at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.jobs import Run, SubmitTask

from launch.workspace import FakeWorkspace

Script = Callable[..., SubmitTask]


def test_one_token_from_many_threads_is_one_run(
    ws: FakeWorkspace, client: WorkspaceClient, script: Script
) -> None:
    task = script("pass")
    before = len(ws.core.store.all("run"))

    def submit(_: int) -> int | None:
        return client.jobs.submit(tasks=[task], idempotency_token="shared").run_id

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(submit, range(16)))
    assert len(ids) == 1
    assert len(ws.core.store.all("run")) == before + 1


def test_many_runs_at_once_all_end_well(
    client: WorkspaceClient, script: Script, ended: Callable[..., Run]
) -> None:
    tasks = [script(f"print('run', {number})") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda task: client.jobs.submit(tasks=[task]).run_id, tasks))
    outputs = set()
    for run_id in ids:
        run = ended(run_id)
        assert run.tasks
        outputs.add(client.jobs.get_run_output(run.tasks[0].run_id or 0).logs)
    assert outputs == {f"run {number}\n" for number in range(8)}


def test_ids_are_never_given_twice(ws: FakeWorkspace) -> None:
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda _: ws.core.store.next_id("probe"), range(200)))
    assert sorted(given) == list(range(1, 201))
