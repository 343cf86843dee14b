"""The contract of a launcher as tests: subclass it, give a fixture, and every rule is checked.

After Hydra's LauncherTestSuite. Runs are `launch.testing.payload`: cheap processes, or none.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from launch.base import Launcher, RunHandle, RunSpec, RunState, RunStatus
from launch.clock import Clock, SystemClock
from launch.errors import UnknownRun
from launch.testing.payload import MODULE, STARTED

Launchers = Callable[[], Launcher]


class LauncherContract:
    """What every launcher keeps to. Override the fixtures `launchers` and, for another time, `clock`."""

    wait_s = 60.0
    """How long a state may take, seconds of the clock."""

    poll_s = 0.1

    @pytest.fixture
    def launchers(self, tmp_path: Path) -> Launchers:
        """Return what makes a launcher; a second call makes one as after a restart.

        At least one run at a time, and runs beyond the first may wait.
        """
        raise NotImplementedError("give the fixture `launchers`")

    @pytest.fixture
    def clock(self) -> Clock:
        """Return the launchers' clock."""
        return SystemClock()

    @pytest.fixture
    def launcher(self, launchers: Launchers) -> Launcher:
        """Return a launcher."""
        return launchers()

    @pytest.fixture
    def spec(self, tmp_path: Path) -> Callable[..., RunSpec]:
        """Return what makes a spec of a payload's words."""

        def make(*words: str, **more: Any) -> RunSpec:
            run_id = uuid.uuid4().hex
            folder = tmp_path / "runs" / run_id
            folder.mkdir(parents=True)
            fields = {"cancel_grace_s": 5.0, "use_cpu": True, **more}
            return RunSpec(run_id, str(folder), module=MODULE, arguments=words, **fields)

        return make

    @pytest.fixture
    def until(self, clock: Clock) -> Callable[..., RunStatus]:
        """Return what polls until a run is in one of the given states, or any final one."""

        def poll(launcher: Launcher, handle: RunHandle, *states: RunState) -> RunStatus:
            end = clock.now() + self.wait_s
            while True:
                status = launcher.poll([handle])[handle.run_id]
                if status.state in states or (not states and status.state.is_final):
                    return status
                assert not (status.state.is_final and states), status
                assert clock.now() < end, f"still {status}"
                clock.sleep(self.poll_s)

        return poll

    def test_submit_gives_a_handle_that_survives_json(self, launcher, spec, until) -> None:
        one = spec("succeed", title="first of all")
        handle = launcher.submit(one)
        assert handle.launcher == launcher.kind
        assert handle.run_id == one.run_id
        assert handle.folder == one.folder
        again = RunHandle.from_dict(json.loads(json.dumps(handle.to_dict())))
        assert again == handle
        assert until(launcher, again).state is RunState.SUCCEEDED

    def test_spec_survives_json(self, spec) -> None:
        one = spec("sleep", "1", max_retries=2, environment={"A": "b"}, compute={"kind": "x"})
        assert RunSpec.from_dict(json.loads(json.dumps(one.to_dict()))) == one

    def test_success_is_told_with_its_times(self, launcher, spec, until) -> None:
        status = until(launcher, launcher.submit(spec("succeed")))
        assert status.state is RunState.SUCCEEDED
        assert status.reason == ""
        assert status.external_id
        assert (status.exit_code, status.attempt) == (0, 1)
        assert status.submitted_at <= status.started_at <= status.ended_at

    def test_failure_has_a_reason(self, launcher, spec, until) -> None:
        status = until(launcher, launcher.submit(spec("fail")))
        assert status.state is RunState.FAILED
        assert "3" in status.reason
        assert status.ended_at is not None

    def test_a_final_state_stays(self, launcher, spec, until) -> None:
        handle = launcher.submit(spec("fail"))
        final = until(launcher, handle)
        launcher.cancel(handle)
        assert launcher.poll([handle])[handle.run_id] == final

    def test_the_same_run_is_started_once(self, launcher, launchers, spec, until) -> None:
        one = spec("succeed")
        handle = launcher.submit(one)
        assert launcher.submit(one) == handle
        until(launcher, handle)
        assert launchers().submit(one) == handle
        assert until(launcher, handle).attempt == 1
        assert everything(launcher, handle).count(STARTED) == 1

    def test_the_same_run_from_many_threads_is_started_once(
        self, launcher, launchers, spec, until
    ) -> None:
        one = spec("succeed")
        with ThreadPoolExecutor(8) as pool:
            handles = set(pool.map(lambda _: launchers().submit(one), range(8)))
        assert len(handles) == 1
        until(launcher, *handles)
        assert everything(launcher, *handles).count(STARTED) == 1

    def test_a_resumed_run_starts_anew_once_per_generation(self, launcher, spec, until) -> None:
        one = spec("fail")
        handle = launcher.submit(one)
        until(launcher, handle)
        for generation in (0, 1, 1):
            again = RunSpec.from_dict(
                {**one.to_dict(), "generation": generation, "arguments": ["succeed"]}
            )
            assert launcher.submit(again).run_id == handle.run_id
            status = until(launcher, handle)
            assert (status.state is RunState.SUCCEEDED) == (generation == 1)
        assert everything(launcher, handle).count(STARTED) == 2

    def test_a_running_run_is_not_started_anew(self, launcher, spec, until) -> None:
        one = spec("sleep", "30")
        handle = launcher.submit(one)
        until(launcher, handle, RunState.RUNNING)
        launcher.submit(RunSpec.from_dict({**one.to_dict(), "generation": 1}))
        assert until(launcher, handle, RunState.RUNNING).attempt == 1
        launcher.cancel(handle)
        until(launcher, handle)
        assert everything(launcher, handle).count(STARTED) <= 1

    def test_a_crash_is_retried(self, launcher, spec, until) -> None:
        handle = launcher.submit(spec("succeed-at", "2", max_retries=2))
        status = until(launcher, handle)
        assert (status.state, status.attempt) == (RunState.SUCCEEDED, 2)
        log = everything(launcher, handle)
        assert f"{STARTED}1" in log
        assert f"{STARTED}2" in log

    def test_retries_have_an_end(self, launcher, spec, until) -> None:
        status = until(launcher, launcher.submit(spec("fail", max_retries=1)))
        assert (status.state, status.attempt) == (RunState.FAILED, 2)

    def test_a_fault_of_the_user_is_not_retried(self, launcher, spec, until) -> None:
        status = until(launcher, launcher.submit(spec("refuse", max_retries=3)))
        assert (status.state, status.attempt) == (RunState.FAILED, 1)

    def test_cancel_ends_a_running_run(self, launcher, spec, until) -> None:
        handle = launcher.submit(spec("sleep", "600", max_retries=3))
        until(launcher, handle, RunState.RUNNING)
        launcher.cancel(handle)
        launcher.cancel(handle)
        status = until(launcher, handle)
        assert (status.state, status.attempt) == (RunState.CANCELED, 1)
        assert status.reason

    def test_cancel_right_after_submit(self, launcher, spec, until) -> None:
        handle = launcher.submit(spec("sleep", "600"))
        launcher.cancel(handle)
        assert until(launcher, handle).state is RunState.CANCELED

    def test_many_runs_all_end(self, launcher, spec, until) -> None:
        handles = [launcher.submit(spec("succeed")) for _ in range(3)]
        assert {until(launcher, h).state for h in handles} == {RunState.SUCCEEDED}
        assert set(launcher.poll(handles)) == {h.run_id for h in handles}

    def test_poll_of_nothing(self, launcher) -> None:
        assert dict(launcher.poll([])) == {}

    def test_a_run_nobody_knows_is_lost_and_does_not_disturb_the_others(
        self, launcher, spec, until, tmp_path
    ) -> None:
        handle = launcher.submit(spec("succeed"))
        until(launcher, handle)
        unknown = RunHandle(launcher.kind, uuid.uuid4().hex, "1", str(tmp_path / "nowhere"))
        found = launcher.poll([unknown, handle])
        assert found[unknown.run_id].state is RunState.LOST
        assert found[unknown.run_id].reason
        assert found[handle.run_id].state is RunState.SUCCEEDED
        with pytest.raises(UnknownRun):
            launcher.cancel(unknown)
        with pytest.raises(UnknownRun):
            launcher.logs(unknown)

    def test_logs_come_in_parts_that_fit(self, launcher, spec, until) -> None:
        handle = launcher.submit(spec("succeed"))
        until(launcher, handle)
        text, cursor = launcher.logs(handle)
        assert STARTED in text
        assert "Größe 1 µm, 日本語 ✓" in everything(launcher, handle)
        while True:
            more, after = launcher.logs(handle, cursor)
            if not more:
                break
            cursor = after
        assert launcher.logs(handle, cursor) == ("", cursor)
        assert launcher.logs(handle, cursor + 1000) == ("", cursor + 1000)

    def test_everything_is_known_after_a_restart(self, launchers, spec, until) -> None:
        running, done = launchers(), launchers()
        first = done.submit(spec("succeed"))
        status = until(done, first)
        second = running.submit(spec("sleep", "600"))
        later = launchers()
        assert later.poll([first])[first.run_id] == status
        assert everything(later, first) == everything(done, first)
        until(later, second, RunState.RUNNING)
        later.cancel(second)
        assert until(running, second).state is RunState.CANCELED


def everything(launcher: Launcher, handle: RunHandle) -> str:
    """Return a run's whole log, read part by part."""
    parts: list[str] = []
    cursor = 0
    while True:
        text, cursor = launcher.logs(handle, cursor)
        if not text:
            return "".join(parts)
        parts.append(text)
