"""A search on a fake platform: Optuna chooses, the ledger remembers, the driver may die at any time."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from cvcore.train import frozen
from launch import tags
from launch.base import RunHandle, RunSpec, RunState, RunStatus
from launch.errors import LaunchError, SubmitError
from launch.ledger import Ledger
from launch.ledger_run import LedgerRun
from launch.search.driver import Driver
from launch.search.start import begin, held
from launch.search.trials import TRIAL, VALUE
from launch.submit import Submitter
from launch.testing.clock import FakeClock
from launch.testing.fake import FakeLauncher, FakePlatform
from launch.watch import Watch

pytest.importorskip("optuna")
SMALL = ["task=classification", "model=classification/resnet_micro", "trainer.max_steps=2"]
RATE = "optim.learning_rate=tag(log,interval(1e-6,1e-1))"


class Scored(FakeLauncher):
    """Each run's metric is best at a learning rate of 1e-3; it is logged when the run is taken."""

    def submit(self, spec: RunSpec) -> RunHandle:
        handle = super().submit(spec)
        rate = frozen.load(Path(spec.folder) / "config.yaml").optim.learning_rate
        value = -abs(math.log10(rate) + 3)
        MlflowClient(spec.tracking_uri).log_metric(spec.run_id, "best/top1", value)
        return handle


@pytest.fixture
def platform() -> FakePlatform:
    return FakePlatform(FakeClock(), num_slots=9)


@pytest.fixture
def ledger(ledger_uri: str) -> Ledger:
    return Ledger(ledger_uri)


@pytest.fixture
def started(platform: FakePlatform, ledger: Ledger) -> Callable[..., LedgerRun]:
    def start(*overrides: str, trials: int = 4, parallel: int = 1) -> LedgerRun:
        submitter = Submitter(lambda _: Scored(platform), platform.clock, user="ada")
        return begin(submitter, [*SMALL, *overrides], trials, parallel)[1]

    return start


def driver(ledger: Ledger, run: LedgerRun, platform: FakePlatform, said=None) -> Driver:
    tell = said.append if said is not None else lambda _: None
    return Driver(ledger, run.run_id, lambda _: Scored(platform), platform.clock, tell)


def trials(ledger: Ledger, parent: LedgerRun) -> list[LedgerRun]:
    return [run for run in reversed(ledger.runs()) if run.parent == parent.run_id]


def test_it_finds_what_is_best_and_says_so(started, ledger, platform) -> None:
    parent = started(RATE, "run.title=rates", trials=12)
    said: list[str] = []
    status = driver(ledger, parent, platform, said).run()
    assert status.state is RunState.SUCCEEDED
    runs = trials(ledger, parent)
    values = [float(run.tags[VALUE]) for run in runs]
    assert len(runs) == 12
    best = runs[values.index(max(values))]
    assert f"{best.title}, best/top1" in status.reason
    # It learns: what it chooses later is better than what it chose at random.
    assert sum(values[6:]) / 6 > sum(values[:3]) / 3
    assert max(values) > -0.3
    parent = ledger.get(parent.run_id)
    assert (parent.mlflow_status, parent.tags[tags.REASON]) == ("FINISHED", status.reason)
    assert json.loads(best.tags[tags.OVERRIDES])[-3].startswith("optim.learning_rate=")
    assert said[-1] == f"train it again, longer: lakesight rerun {best.run_id[:8]} ..."
    rerun = Submitter(lambda _: Scored(platform), platform.clock).rerun(best, ["seed=3"])
    assert frozen.load(Path(rerun.handle.folder) / "config.yaml").seed == 3


def test_another_process_goes_on_with_the_same_choices(started, ledger, platform) -> None:
    whole = started(RATE, "optim=adamw,sgd", "run.title=a", trials=4)
    driver(ledger, whole, platform).run()
    broken = started(RATE, "optim=adamw,sgd", "run.title=b", trials=4)
    for _ in range(2):
        driver(ledger, broken, platform).step()
    assert 0 < len(trials(ledger, broken)) < 4
    assert driver(ledger, broken, platform).run().state is RunState.SUCCEEDED
    chosen = [
        [json.loads(r.tags[TRIAL])["values"] for r in trials(ledger, p)] for p in (whole, broken)
    ]
    assert chosen[0] == chosen[1]


def test_so_many_at_once_and_no_two_the_same(started, ledger, platform) -> None:
    platform.num_slots = 0  # nothing ends
    parent = started(RATE, trials=6, parallel=4)
    one = driver(ledger, parent, platform)
    one.step()
    one.step()
    runs = trials(ledger, parent)
    assert len(runs) == 4
    assert len({run.tags[TRIAL] for run in runs}) == 4
    platform.num_slots = 9
    assert one.run().state is RunState.SUCCEEDED
    assert len(trials(ledger, parent)) == 6


def test_a_search_without_hope_ends_with_the_reason(started, ledger, platform) -> None:
    platform.refuse = "the quota is used up"
    parent = started(RATE, trials=20)
    status = driver(ledger, parent, platform).run()
    assert status.state is RunState.FAILED
    assert "none of the first 3 trials" in status.reason
    assert "quota is used up" in status.reason
    assert len(trials(ledger, parent)) == 3


def test_one_that_fails_does_not_stop_the_others(started, ledger, platform) -> None:
    parent = started(RATE, trials=4)
    one = driver(ledger, parent, platform)
    platform.words = ("refuse",)
    one.step()
    one.step()
    platform.words = ("succeed",)
    assert one.run().state is RunState.SUCCEEDED
    states = [ledger.get(run.run_id).status.state for run in trials(ledger, parent)]
    assert states.count(RunState.FAILED) in (1, 2)
    assert len(states) == 4


def test_canceled_it_submits_no_more_and_resumed_it_goes_on(started, ledger, platform) -> None:
    platform.num_slots = 0
    parent = started(RATE, trials=4)
    one = driver(ledger, parent, platform)
    one.step()
    (run,) = trials(ledger, parent)
    ledger.settle(parent.run_id, RunStatus(RunState.CANCELED, "canceled by a person"))
    Scored(platform).cancel(run.handle)
    assert one.run().state is RunState.CANCELED
    platform.num_slots = 9
    ledger.reopen(parent.run_id, 1)
    assert driver(ledger, parent, platform).run().state is RunState.SUCCEEDED
    # The canceled one does not count.
    assert len(trials(ledger, parent)) == 5


def test_a_driver_that_is_gone_is_told_by_who_looks(started, ledger, platform) -> None:
    parent = started(RATE, trials=4)
    driver(ledger, parent, platform).step()
    watch = Watch(ledger, lambda _: Scored(platform), platform.clock)
    assert watch.look(ledger.runs())[parent.run_id].state is RunState.RUNNING
    platform.clock.advance(3600)
    found = watch.look(ledger.runs())[parent.run_id]
    assert found.state is RunState.FAILED
    assert (
        f"after 1 of 4 trials; go on with it: lakesight resume {parent.run_id[:8]}" in found.reason
    )


def test_an_outage_of_the_ledger_is_waited_for(started, ledger, platform, monkeypatch) -> None:
    parent = started(RATE, trials=2)
    one = driver(ledger, parent, platform)
    real, failures = one.step, iter([True, True, False, False, False, False])

    def stumbling():
        if next(failures, False):
            raise LaunchError("away")
        return real()

    monkeypatch.setattr(one, "step", stumbling)
    assert one.run().state is RunState.SUCCEEDED
    assert len(trials(ledger, parent)) == 2


def test_a_metric_that_no_run_has_is_told_after_the_first(started, ledger, platform) -> None:
    submitter = Submitter(lambda _: Scored(platform), platform.clock)
    _, parent = begin(submitter, [*SMALL, RATE], 9, metric="best/top2")
    status = driver(ledger, parent, platform).run()
    assert status.state is RunState.FAILED
    assert "Did you mean 'best/top1'" in status.reason
    assert len(trials(ledger, parent)) == 1


def test_one_process_at_a_time(started) -> None:
    parent = started(RATE)
    with held(parent) as mine, held(parent) as second:
        assert (mine, second) == (True, False)
    with held(parent) as again:
        assert again


def test_what_cannot_be_searched_is_refused_before_anything_exists(started, ledger) -> None:
    with pytest.raises(Exception, match="learning_rate"):
        started("optim.learning_rate=interval(0.1,50)")
    with pytest.raises(Exception, match="--parallel"):
        started(RATE, trials=2, parallel=3)
    assert ledger.runs() == []


def test_without_optuna_it_says_what_to_install(started, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(LaunchError, match=r"pip install 'lakesight\[search\]'"):
        started(RATE)


def test_a_folder_of_another_search_is_refused(started, tmp_path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "search.log").touch()
    with pytest.raises(SubmitError, match="belongs to another search"):
        started(RATE, f"run.dir={tmp_path}/mine")
