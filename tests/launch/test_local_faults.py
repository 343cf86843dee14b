"""What a machine does to runs: kills, restarts, a full line, two submitters at once."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from launch.base import RunHandle, RunSpec, RunState
from launch.errors import SubmitError
from launch.local.files import JobFiles, Progress
from launch.local.launcher import LocalLauncher
from launch.local.process import environments, identity, is_alive, of_run, pid_of
from launch.local.queue import Queue
from launch.testing.payload import MODULE, STARTED

WAIT_S = 60.0


def eventually(check: Callable[[], object], what: str = "") -> None:
    end = time.monotonic() + WAIT_S
    while not check():
        assert time.monotonic() < end, what or check
        time.sleep(0.05)


@pytest.fixture
def launcher(state: Path) -> LocalLauncher:
    slots(state, cpu_slots=1)
    return LocalLauncher()


def slots(state: Path, **found: object) -> None:
    state.mkdir(exist_ok=True)
    (state / "machine.json").write_text(json.dumps({"gpus": [], **found}))


@pytest.fixture
def spec(tmp_path: Path) -> Callable[..., RunSpec]:
    def make(*words: str, **more: object) -> RunSpec:
        run_id = uuid.uuid4().hex
        folder = tmp_path / "runs" / run_id
        folder.mkdir(parents=True)
        fields = {"module": MODULE, "use_cpu": True, "cancel_grace_s": 5.0, **more}
        return RunSpec(run_id, str(folder), arguments=words, **fields)

    return make


def state_of(launcher: LocalLauncher, handle: RunHandle) -> RunState:
    return launcher.poll([handle])[handle.run_id].state


def wait(launcher: LocalLauncher, handle: RunHandle, state: RunState | None = None):
    def there() -> bool:
        now = state_of(launcher, handle)
        return now is state if state else now.is_final

    eventually(there, f"{handle.run_id} to be {state or 'over'}")
    return launcher.poll([handle])[handle.run_id]


def watchers(handle: RunHandle) -> list[int]:
    """Return the watchers of a run: exactly those processes that have its folder as a word."""
    found = []
    for pid, _ in environments():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        ours = b"launch.local.supervisor" in words and handle.folder.encode() in words
        if ours and words[0] != b"/bin/sh":
            found.append(pid)
    return found


def trainer(handle: RunHandle) -> str:
    progress = JobFiles(handle.folder).read_progress()
    assert progress is not None
    return progress.process


def kill(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not any(identity(pid) for pid in pids))


def starts(handle: RunHandle) -> int:
    return JobFiles(handle.folder).output.read_text().count(STARTED)


def test_the_order_is_kept(launcher, spec):
    handles = [launcher.submit(spec("sleep", "0.2")) for _ in range(4)]
    ended = []
    for handle in handles:
        ended.append(wait(launcher, handle))
    assert [s.state for s in ended] == [RunState.SUCCEEDED] * 4
    begun = [s.started_at for s in ended]
    assert begun == sorted(begun)
    # One slot: nobody began before the one before it had ended.
    for before, after in itertools.pairwise(ended):
        assert before.ended_at <= after.started_at + 0.05


def test_what_may_hold_a_password_is_for_the_owner_only(launcher, spec):
    handle = launcher.submit(spec("succeed", tracking_uri="", environment={"X": "y"}))
    assert (Path(handle.folder) / "job" / "spec.json").stat().st_mode & 0o077 == 0


def test_a_waiting_run_says_for_what(launcher, spec):
    first, second, third = (launcher.submit(spec("sleep", "600")) for _ in range(3))
    wait(launcher, first, RunState.RUNNING)
    found = launcher.poll([second, third])
    assert "1 CPU slot, it is the next" in found[second.run_id].reason
    assert "1 before it" in found[third.run_id].reason
    # Waiting costs no process each: the first has a watcher, and the next.
    assert len(watchers(first)) == len(watchers(second)) == 1
    assert not watchers(third)
    launcher.cancel(third)
    assert state_of(launcher, third) is RunState.CANCELED
    launcher.cancel(first)
    wait(launcher, second, RunState.RUNNING)
    assert not (Path(third.folder) / "job" / "output.log").exists()


def test_a_wide_run_is_not_overtaken(state, spec):
    slots(state, cpu_slots=2)
    launcher = LocalLauncher()
    one = launcher.submit(spec("sleep", "1"))
    wide = launcher.submit(spec("sleep", "0.2", num_devices=2))
    late = launcher.submit(spec("sleep", "0.2"))
    statuses = [wait(launcher, handle) for handle in (one, wide, late)]
    assert statuses[0].ended_at <= statuses[1].started_at
    assert statuses[1].ended_at <= statuses[2].started_at


def test_gpus_are_shared_out(state, spec, tmp_path):
    slots(state, gpus=["3", "5"])
    launcher = LocalLauncher()
    with pytest.raises(SubmitError, match="this machine has 2 GPUs"):
        launcher.submit(spec("succeed", num_devices=3, use_cpu=False))
    both = [launcher.submit(spec("sleep", "600", use_cpu=False)) for _ in range(2)]
    seen = set()
    for handle in both:
        wait(launcher, handle, RunState.RUNNING)
        words = dict(environments())[of_run(handle.run_id)[0]]
        seen |= {word for word in words if word.startswith(b"CUDA_VISIBLE_DEVICES=")}
    assert seen == {b"CUDA_VISIBLE_DEVICES=3", b"CUDA_VISIBLE_DEVICES=5"}
    # A run on CPUs does not wait for GPUs.
    assert wait(launcher, launcher.submit(spec("succeed"))).state is RunState.SUCCEEDED


SUBMITTER = """
import json, sys
from launch.base import RunSpec
from launch.local.launcher import LocalLauncher
launcher = LocalLauncher()
sys.stdin.readline()
for values in json.loads(sys.argv[1]):
    launcher.submit(RunSpec.from_dict(values))
"""


def test_two_submitters_at_once_start_each_run_once(launcher, spec):
    specs = [spec("sleep", "0.1") for _ in range(4)]
    words = [sys.executable, "-c", SUBMITTER, json.dumps([s.to_dict() for s in specs])]
    both = [subprocess.Popen(words, stdin=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        time.sleep(0.5)
        for process in both:
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [process.wait(WAIT_S) for process in both] == [0, 0]
    finally:
        for process in both:
            process.kill()
            process.stdin.close()
            process.wait()
    handles = [launcher.submit(one) for one in specs]
    assert {wait(launcher, h).state for h in handles} == {RunState.SUCCEEDED}
    assert [starts(h) for h in handles] == [1, 1, 1, 1]


def test_a_killed_watcher_is_replaced_and_the_training_goes_on(launcher, spec):
    handle = launcher.submit(spec("sleep", "2"))
    wait(launcher, handle, RunState.RUNNING)
    running = trainer(handle)
    kill(*watchers(handle))
    assert is_alive(running)
    assert state_of(launcher, handle) is RunState.RUNNING
    eventually(lambda: len(watchers(handle)) == 1)
    assert trainer(handle) == running
    status = wait(launcher, handle)
    assert (status.state, status.exit_code, status.attempt) == (RunState.SUCCEEDED, 0, 1)
    assert starts(handle) == 1


def test_a_killed_watcher_is_noticed_by_the_next_in_line(launcher, spec):
    """Nobody polls: the watcher of the run that waits sees to it."""
    first, second = launcher.submit(spec("sleep", "1.5")), launcher.submit(spec("succeed"))
    eventually(lambda: watchers(second))
    wait(launcher, first, RunState.RUNNING)
    kill(*watchers(first))
    ended = JobFiles(second.folder)
    eventually(lambda: ended.read_progress().status.state is RunState.SUCCEEDED)
    assert JobFiles(first.folder).read_progress().status.state is RunState.SUCCEEDED


def test_an_exit_nobody_saw_is_known(launcher, spec):
    """The watcher is killed, then the training ends: its exit code is in the folder."""
    handle = launcher.submit(spec("sleep", "0.5"))
    wait(launcher, handle, RunState.RUNNING)
    kill(*watchers(handle))
    running = trainer(handle)
    eventually(lambda: not is_alive(running))
    assert wait(launcher, handle).state is RunState.SUCCEEDED
    assert starts(handle) == 1


def test_a_machine_that_restarts_is_a_crash_with_a_retry(launcher, spec):
    handle = launcher.submit(spec("sleep", "600", max_retries=1))
    waiting = launcher.submit(spec("succeed"))
    wait(launcher, handle, RunState.RUNNING)
    eventually(lambda: watchers(waiting))
    everything = [*watchers(handle), *watchers(waiting)]
    kill(*everything, *of_run(handle.run_id))
    assert not watchers(handle)
    # Any command moves the line on.
    eventually(lambda: launcher.poll([waiting, handle])[handle.run_id].attempt == 2)
    wait(launcher, handle, RunState.RUNNING)
    assert state_of(launcher, waiting) is RunState.QUEUED
    launcher.cancel(handle)
    assert wait(launcher, waiting).state is RunState.SUCCEEDED


def test_a_run_that_is_gone_without_a_trace_is_lost_with_its_reason(launcher, spec):
    handle = launcher.submit(spec("sleep", "600"))
    wait(launcher, handle, RunState.RUNNING)
    kill(*watchers(handle), *of_run(handle.run_id))
    status = wait(launcher, handle)
    assert status.state is RunState.LOST
    assert "without an exit code" in status.reason


def test_a_recycled_number_is_not_taken_for_ours(launcher, spec):
    handle = launcher.submit(spec("sleep", "600"))
    wait(launcher, handle, RunState.RUNNING)
    kill(*watchers(handle), *of_run(handle.run_id))
    # The system gave the number to another process: here, to this one.
    pid, started, boot = identity(os.getpid()).split(":")
    files = JobFiles(handle.folder)
    now = files.read_progress()
    files.write_progress(Progress(now.status, f"{pid}:{int(started) - 1}:{boot}"))
    assert wait(launcher, handle).state is RunState.LOST


def test_a_killed_training_is_tried_again(launcher, spec):
    handle = launcher.submit(spec("sleep", "600", max_retries=1))
    wait(launcher, handle, RunState.RUNNING)
    eventually(lambda: starts(handle) == 1)
    child = next(pid for pid in of_run(handle.run_id) if pid != pid_of(trainer(handle)))
    kill(child)
    eventually(lambda: launcher.poll([handle])[handle.run_id].attempt == 2)
    wait(launcher, handle, RunState.RUNNING)
    assert "ended by SIGKILL (often: out of memory)" in launcher.logs(handle)[0]
    eventually(lambda: starts(handle) == 2)
    kill(*(pid for pid in of_run(handle.run_id) if pid != pid_of(trainer(handle))))
    status = wait(launcher, handle)
    assert (status.state, status.exit_code) == (RunState.FAILED, 137)
    assert "SIGKILL" in status.reason


def test_cancel_kills_what_does_not_listen(launcher, spec):
    handle = launcher.submit(spec("stubborn", "600", cancel_grace_s=0.5, max_retries=2))
    wait(launcher, handle, RunState.RUNNING)
    eventually(lambda: launcher.logs(handle)[0])
    launcher.cancel(handle)
    assert wait(launcher, handle).state is RunState.CANCELED
    assert of_run(handle.run_id) == []


def test_cancel_while_the_watcher_is_dead(launcher, spec):
    handle = launcher.submit(spec("sleep", "600"))
    wait(launcher, handle, RunState.RUNNING)
    kill(*watchers(handle))
    launcher.cancel(handle)
    assert wait(launcher, handle).state is RunState.CANCELED
    assert of_run(handle.run_id) == []


def test_a_run_that_takes_too_long_is_stopped_and_not_tried_again(launcher, spec):
    handle = launcher.submit(spec("sleep", "600", timeout_s=0.5, max_retries=2))
    status = wait(launcher, handle)
    assert (status.state, status.attempt) == (RunState.FAILED, 1)
    assert "longer than compute.timeout_s=0.5" in status.reason


def test_the_machine_goes_down_and_the_run_goes_on_after(launcher, spec):
    handle = launcher.submit(spec("sleep", "600"))
    wait(launcher, handle, RunState.RUNNING)
    (watcher,) = watchers(handle)
    os.kill(watcher, signal.SIGTERM)
    eventually(lambda: not identity(watcher))
    assert of_run(handle.run_id) == []
    progress = JobFiles(handle.folder).read_progress()
    assert progress.status.state is RunState.QUEUED
    assert "goes on with the next lakesight command" in progress.status.reason
    wait(launcher, handle, RunState.RUNNING)
    # It was not the run's fault: its retries (none) are not used up.
    assert launcher.poll([handle])[handle.run_id].attempt == 2
    launcher.cancel(handle)
    wait(launcher, handle)


def test_deleting_the_queue_loses_and_doubles_nothing(state, launcher, spec):
    running, waiting = launcher.submit(spec("sleep", "2")), launcher.submit(spec("succeed"))
    wait(launcher, running, RunState.RUNNING)
    before = trainer(running)
    while state.exists():  # the watchers write into it meanwhile
        shutil.rmtree(state, ignore_errors=True)
    slots(state, cpu_slots=1)
    again = LocalLauncher()
    assert state_of(again, waiting) is RunState.QUEUED
    assert wait(again, running).state is RunState.SUCCEEDED
    assert wait(again, waiting).state is RunState.SUCCEEDED
    assert not is_alive(before)
    assert starts(running) == starts(waiting) == 1
    assert not Queue().tickets()


def test_a_folder_that_is_deleted_ends_its_run(launcher, spec):
    handle = launcher.submit(spec("sleep", "600"))
    wait(launcher, handle, RunState.RUNNING)
    ours = of_run(handle.run_id)
    shutil.rmtree(handle.folder)
    assert state_of(launcher, handle) is RunState.LOST
    eventually(lambda: not any(identity(pid) for pid in ours))
    # The line goes on.
    assert wait(launcher, launcher.submit(spec("succeed"))).state is RunState.SUCCEEDED


def test_a_folder_belongs_to_one_run_at_a_time(launcher, spec):
    one = spec("sleep", "600")
    launcher.submit(one)
    other = RunSpec.from_dict({**one.to_dict(), "run_id": "other"})
    with pytest.raises(SubmitError, match="is used by the run"):
        launcher.submit(other)
    with pytest.raises(SubmitError, match="can't be a run's id"):
        launcher.submit(RunSpec.from_dict({**one.to_dict(), "run_id": "../x"}))


def test_what_cannot_be_started_fails_with_its_reason(launcher, spec, tmp_path):
    status = wait(launcher, launcher.submit(spec("succeed", workdir=str(tmp_path / "gone"))))
    assert status.state is RunState.FAILED
    assert "can't be started" in status.reason
