"""What a training does by the clock: checkpoints by time, and a budget that outlives a kill."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import train_jobs as jobs

from cvcore.train.checkpoint import step_of

# Nothing is due by steps.
BY_TIME = ["trainer.max_steps=1000", "trainer.eval_steps=500", "trainer.save_steps=500"]
BUDGET = ["trainer.time_budget_s=1000", "trainer.save_interval_s=250"]


def a_step_takes_100_s() -> None:
    """The training's clock goes on by 100 s with each step, and by nothing else."""
    from cvcore.train.callbacks import decisions

    clock = SimpleNamespace(now=1e6)
    real = decisions.Decisions.on_step_end

    def on_step_end(self, *args, **kwargs):
        clock.now += 100.0
        return real(self, *args, **kwargs)

    decisions.Decisions.on_step_end = on_step_end
    decisions.time = SimpleNamespace(monotonic=lambda: clock.now)


def result(config: jobs.Config) -> dict:
    return json.loads((Path(config.run.dir or "") / "result.json").read_text())


def saved(config: jobs.Config) -> list[int]:
    paths = (Path(config.run.dir or "") / "checkpoints").glob("checkpoint-*")
    return sorted(step_of(p) for p in paths)


@pytest.mark.slow
def test_budget_evaluates_saves_stops_and_counts_the_time_before_a_kill(tmp_path: Path) -> None:
    overrides = [*BY_TIME, *BUDGET, "trainer.save_total_limit=9"]
    config = jobs.make_config(tmp_path, overrides)
    clock = {"prepare": a_step_takes_100_s}
    assert jobs.run(config, at_step={8: "SIGKILL"}, **clock) == -9
    assert saved(config) == [3, 6]
    assert jobs.run(config, **clock) == 0
    # 600 s were spent up to checkpoint 6; the interval of saving starts anew with each save.
    assert saved(config) == [3, 6, 9, 10]
    assert sorted(jobs.evaluations(config)) == [10]
    first = result(config)
    assert (first["stopped_by"], first["step"], first["status"]) == ("time_budget", 10, "FINISHED")
    assert first["metrics"]["best/top1"] == jobs.evaluations(config)[10]["eval_top1"]

    assert jobs.run(config, **clock) == 0
    assert result(config) == first
    assert saved(config) == [3, 6, 9, 10]

    more = jobs.make_config(tmp_path, [*overrides, "trainer.time_budget_s=1200"])
    assert jobs.run(more, **clock) == 0
    assert (result(more)["stopped_by"], result(more)["step"]) == ("time_budget", 12)


@pytest.mark.slow
def test_budget_is_in_seconds(tmp_path: Path) -> None:
    config = jobs.make_config(tmp_path, [*BY_TIME, "trainer.time_budget_s=1"])
    config.trainer.max_steps = 100_000
    start = time.monotonic()
    assert jobs.run(config) == 0
    assert time.monotonic() - start < 60
    assert result(config)["stopped_by"] == "time_budget"
    state = json.loads((_newest(config) / "lakesight_state.json").read_text())
    assert 1.0 <= state["spent_s"] < 10.0


def _newest(config: jobs.Config) -> Path:
    return Path(config.run.dir or "") / "checkpoints" / f"checkpoint-{saved(config)[-1]}"
