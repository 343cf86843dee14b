"""Following a run: its log as it comes, its end in words, and leaving without ending it."""

from __future__ import annotations

import io

import pytest

from launch.base import RunSpec, RunState
from launch.cli.follow import follow
from launch.testing.clock import FakeClock
from launch.testing.fake import FakeLauncher, FakePlatform
from launch.testing.payload import MODULE


class Impatient(FakeClock):
    """The reader presses Ctrl-C at the third look."""

    looks = 0

    def sleep(self, seconds: float) -> None:
        self.looks += 1
        if self.looks == 3:
            raise KeyboardInterrupt
        super().sleep(seconds)


def submitted(clock: FakeClock, *words: str):
    launcher = FakeLauncher(FakePlatform(clock))
    return launcher, launcher.submit(RunSpec("abcdef0123456789", "/nowhere", MODULE, words))


@pytest.mark.parametrize(("word", "code"), [("succeed", 0), ("fail", 1)])
def test_the_log_and_the_end_are_shown(word, code, capsys):
    clock, out = FakeClock(), io.StringIO()
    launcher, handle = submitted(clock, word)
    assert follow(launcher, handle, "mine", clock=clock, out=out) == code
    assert f"payload started, attempt 1: {word}" in out.getvalue()
    said = capsys.readouterr().err
    if code:
        assert "mine: FAILED: the training ended with exit code 3" in said
        assert "lakesight resume abcdef01" in said
    else:
        assert "mine: SUCCEEDED" in said


def test_leaving_does_not_cancel(capsys):
    clock = Impatient()
    launcher, handle = submitted(clock, "sleep", "600")
    assert follow(launcher, handle, "mine", clock=clock, out=io.StringIO()) is None
    assert "mine goes on. Watch: lakesight logs -f abcdef01" in capsys.readouterr().err
    assert launcher.poll([handle])[handle.run_id].state is RunState.RUNNING
