"""The fake keeps the contract, and passes nights in no time."""

import pytest

from launch.base import RunHandle, RunSpec, RunState
from launch.errors import SubmitError
from launch.testing.clock import FakeClock
from launch.testing.contract import LauncherContract
from launch.testing.fake import FakeLauncher, FakePlatform
from launch.testing.payload import MODULE


class TestFakeLauncher(LauncherContract):
    @pytest.fixture
    def clock(self):
        return FakeClock()

    @pytest.fixture
    def launchers(self, clock):
        platform = FakePlatform(clock, num_slots=2)
        return lambda: FakeLauncher(platform)


def spec(run_id: str, *words: str) -> RunSpec:
    return RunSpec(run_id, "/nowhere", MODULE, words)


def test_runs_wait_for_a_slot_in_their_order():
    clock = FakeClock()
    launcher = FakeLauncher(FakePlatform(clock, num_slots=1, queue_s=60.0))
    handles = [launcher.submit(spec(name, "sleep", "3600")) for name in "ab"]

    def states() -> list[RunState]:
        found = launcher.poll(handles)
        return [found[h.run_id].state for h in handles]

    assert states() == [RunState.PENDING, RunState.PENDING]
    clock.advance(60)
    assert states() == [RunState.RUNNING, RunState.QUEUED]
    clock.advance(3600)
    assert states()[0] is RunState.SUCCEEDED
    assert states()[1] is RunState.RUNNING


def test_a_refusing_platform_starts_nothing():
    platform = FakePlatform(refuse="no quota")
    with pytest.raises(SubmitError, match="no quota"):
        FakeLauncher(platform).submit(spec("a", "succeed"))
    assert not platform.jobs


def test_a_lost_run_is_lost():
    launcher = FakeLauncher()
    handle: RunHandle = launcher.submit(spec("a", "sleep", "5"))
    launcher.poll([handle])
    launcher.platform.lose("a")
    assert launcher.poll([handle])["a"].state is RunState.LOST
    assert RunState.LOST.is_final
    assert RunState.LOST.mlflow_status == "FAILED"
