"""Somebody is killed at a random moment: the run comes to the result it would have had anyway.

LAKESIGHT_CHAOS_ROUNDS says how many moments are tried per victim; 10 is the whole test. If it is not
set: one each, and no rank, because trainings in two processes take as long as all the others.
LAKESIGHT_CHAOS_SEED makes the moments other ones.
"""

from __future__ import annotations

import logging
import os
import random
import shutil
import signal
import time
from pathlib import Path

import chaos_runs as chaos
import pytest
from tracking_server import Server

from launch.base import RunState
from launch.local.process import identity, of_run

VICTIMS = ["trainer", "watcher", "server"]
if "LAKESIGHT_CHAOS_ROUNDS" in os.environ:
    VICTIMS.append("rank")
ROUNDS = int(os.environ.get("LAKESIGHT_CHAOS_ROUNDS", "1"))
SEED = int(os.environ.get("LAKESIGHT_CHAOS_SEED", "0"))
_STARTING = 0.3
"""So many of the moments are before the first step; it takes most of such a small run's time."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def dice(victim: str, number: int) -> random.Random:
    return random.Random(f"{SEED} {victim} {number}")


def wait_for_moment(run: chaos.Run, whole: chaos.Outcome, chance: random.Random) -> str:
    """Wait for a random moment of the run and return it in words; skips if the run has ended."""
    share, pause_s = chance.random(), chance.uniform(0.0, 0.15)
    if share < _STARTING:
        pause_s = share / _STARTING * whole.starting_s
        until = run.submitted_at + pause_s
        # This one may start faster than the undisturbed one did.
        there = run.wait(lambda: time.monotonic() > until or run.step() > 0)
        text = f"{time.monotonic() - run.submitted_at:.2f} s after submission"
    else:
        step = 1 + int((share - _STARTING) / (1 - _STARTING) * chaos.STEPS)
        there = run.wait(lambda: run.step() >= step)
        time.sleep(pause_s)
        text = f"{pause_s:.2f} s after step {step}"
    if not there or run.status().state.is_final:
        pytest.skip(f"the run was over before the moment came ({text})")
    return text


def kill_one(run: chaos.Run, find, chance: random.Random) -> None:
    """SIGKILL one of the processes that `find` gives, as soon as there is one."""
    if not run.wait(find):
        pytest.skip("the run was over before the moment came")
    found = find()
    if not found:
        pytest.skip("the process ended by itself in the moment it was to be killed")
    victim = identity(chance.choice(found))
    os.kill(int(victim.partition(":")[0]), signal.SIGKILL)


def check(run: chaos.Run, whole: chaos.Outcome, attempts: int) -> None:
    """Assert that the run ends as the uninterrupted one, and nothing of it is left."""
    status = run.follow()
    assert status.state is RunState.SUCCEEDED, status
    assert status.attempt == attempts
    assert len(run.trainings) == attempts, "started more often than its attempts"
    found = run.outcome()
    assert found.metrics == whole.metrics
    assert found.curves == whole.curves
    assert sorted(found.curves["train/loss"]) == list(range(1, chaos.STEPS + 1))
    assert found.weights == whole.weights
    end = time.monotonic() + 20.0
    while left := [*of_run(run.handle.run_id), *run.watchers()]:
        assert time.monotonic() < end, f"processes {left} are left"
        time.sleep(0.05)
    # Looking once more, as any later command does, starts nothing.
    assert run.status() == status
    assert not run.watchers()
    assert not run.trainers()
    assert not list((Path(os.environ["LAKESIGHT_STATE_DIR"])).rglob(f"{run.handle.run_id}*"))


@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("number", range(ROUNDS))
def test_the_result_is_the_same_whoever_is_killed(
    victim: str, number: int, place, reference, empty_database, cache_dir, tmp_path
) -> None:
    num_devices = 2 if victim == "rank" else 1
    whole, chance = reference(num_devices), dice(victim, number)
    server = Server(tmp_path)
    with place(tmp_path / "round") as uri:
        try:
            if victim == "server":
                shutil.copy(empty_database, tmp_path / "server.db")
                server.start()
                uri = server.uri
            run = chaos.Run(tmp_path / "round", uri, cache_dir, num_devices)
            moment = wait_for_moment(run, whole, chance)
            if victim == "server":
                server.kill()
                time.sleep(chance.uniform(0.0, 4.0))
                server.start()
            else:
                find = {"trainer": run.trainers, "rank": run.ranks, "watcher": run.watchers}[victim]
                kill_one(run, find, chance)
            logging.getLogger("chaos").warning("killed the %s %s", victim, moment)
            # The training goes on without its watcher or its server.
            check(run, whole, attempts=2 if victim in ("trainer", "rank") else 1)
        finally:
            server.kill()
