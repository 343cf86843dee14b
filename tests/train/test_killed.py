"""Processes that die at the worst moments, and machines that are replaced: nothing is different after."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import train_jobs as jobs
from mlflow import MlflowClient
from safetensors.numpy import load_file

from cvcore.metrics.mlflow_run import identity_of
from cvcore.train.checkpoint import MARKER, fault_of

EXACT = 1e-6
STEPS = 26
OVERRIDES = [
    f"trainer.max_steps={STEPS}",
    "trainer.eval_steps=6",
    "trainer.save_steps=4",
    "trainer.logging_steps=2",
    "trainer.early_stopping_patience=9",
    "trainer.per_device_train_batch_size=8",
    # Of a model that has hardly begun to learn: there are several best ones in 26 steps.
    "task.metric=top5",
    "data.num_val=60",
]
RANDOM_STEPS = sorted(random.Random(2026).sample(range(1, STEPS), 3))


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dies_before_the_marker() -> None:
    """Killed when every file of checkpoint 12 or later is written, but not its marker."""
    from cvcore.train import checkpoint

    real = checkpoint._mark

    def mark(path, manifest):
        if int(path.name.rpartition("-")[2]) >= 12:
            die()
        real(path, manifest)

    checkpoint._mark = mark


def dies_before_the_checkpoint_is_in_place() -> None:
    """Killed when a checkpoint has its marker, but not its name."""
    from cvcore.train import checkpoint

    checkpoint.put_in_place = lambda new, path: die()


def dies_in_an_evaluation() -> None:
    """Killed when the first batch of an evaluation at step 12 or later is done."""
    from cvcore.train.trainer import LakesightTrainer

    real = LakesightTrainer.evaluate

    def evaluate(self, *args, **kwargs):
        if self.state.global_step >= 12:
            self.observers.append(lambda *_: die())
        return real(self, *args, **kwargs)

    LakesightTrainer.evaluate = evaluate


def dies_between_two_best_models() -> None:
    """Killed when the former best model is out of its place and the new one not yet in it."""
    from cvcore.train.best import BestModel

    real = BestModel._write

    def write(self, *args):
        if self.exists():
            rename = Path.rename

            def last_rename(path, target):
                rename(path, target)
                die()

            Path.rename = last_rename
        real(self, *args)

    BestModel._write = write


def saves_wait_for_their_copies() -> None:
    """Each checkpoint is in the durable place before the next step: no race in the test."""
    from cvcore.train.checkpoint import CheckpointStore

    real = CheckpointStore.commit

    def commit(self, *args):
        path = real(self, *args)
        self.wait()
        return path

    CheckpointStore.commit = commit


def delivers_nothing() -> None:
    """Its machine is lost before anything came to the tracking server."""
    from cvcore.metrics.delivery import Delivery

    Delivery.step = lambda self: 0
    saves_wait_for_their_copies()


DEATHS: dict[str, Callable[[], None]] = {
    "before the marker": dies_before_the_marker,
    "before the checkpoint is in place": dies_before_the_checkpoint_is_in_place,
    "in an evaluation": dies_in_an_evaluation,
    "between two best models": dies_between_two_best_models,
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> jobs.Config:
    """A training that nothing happened to."""
    config = jobs.make_config(tmp_path_factory.mktemp("whole"), OVERRIDES)
    assert jobs.run(config) == 0
    assert jobs.state(config)["best_global_step"] >= 12, "else not every death is met"
    return config


def require_equal(got: jobs.Config, expected: jobs.Config) -> None:
    """Compare losses, evaluations, counters and both models."""
    a, b = jobs.losses(got), jobs.losses(expected)
    assert a.keys() == b.keys()
    assert max(abs(a[s] - b[s]) for s in b) <= EXACT
    assert jobs.evaluations(got) == jobs.evaluations(expected)
    one, two = jobs.state(got), jobs.state(expected)
    for key in ("best_metric", "best_global_step", "stateful_callbacks"):
        assert one[key] == two[key], key
    for name in ("best/model.safetensors", f"checkpoints/checkpoint-{STEPS}/weights.safetensors"):
        left, right = (load_file(Path(c.run.dir or "") / name) for c in (got, expected))
        assert left.keys() == right.keys()
        assert max(abs(left[k] - right[k]).max() for k in right if right[k].size) <= EXACT


@pytest.mark.slow
def test_killed_again_and_again_at_random_steps(tmp_path: Path, whole: jobs.Config) -> None:
    config = jobs.make_config(tmp_path, OVERRIDES)
    for step in RANDOM_STEPS:
        assert jobs.run(config, at_step={step: "SIGKILL"}) == -9
    assert jobs.run(config) == 0
    require_equal(config, whole)


@pytest.mark.slow
def test_killed_at_the_worst_moments(tmp_path: Path, whole: jobs.Config) -> None:
    config = jobs.make_config(tmp_path, OVERRIDES)
    for moment, prepare in DEATHS.items():
        assert jobs.run(config, prepare=prepare) == -9, moment
        for path in (Path(config.run.dir or "") / "checkpoints").glob("checkpoint-*"):
            assert fault_of(path) is None, moment
    assert jobs.run(config) == 0
    require_equal(config, whole)
    assert {p.name for p in Path(config.run.dir or "").glob("best*")} == {"best"}


@pytest.mark.slow
@pytest.mark.parametrize("delivery", [saves_wait_for_their_copies, delivers_nothing])
def test_another_machine_goes_on_from_the_durable_place(
    delivery: Callable[[], None], tmp_path: Path, whole: jobs.Config
) -> None:
    overrides = [*OVERRIDES, f"run.durable_dir={tmp_path / 'durable'}"]
    config = jobs.make_config(tmp_path, overrides)
    assert jobs.run(config, at_step={11: "SIGKILL"}, prepare=delivery) == -9
    first = identity_of(Path(config.run.dir or ""))
    assert first is not None
    shutil.rmtree(config.run.dir or "")
    shutil.rmtree(tmp_path / "cache")
    # The newest copy was cut off, too: the one before is taken.
    (tmp_path / "durable" / "checkpoints" / "checkpoint-8" / MARKER).unlink()
    assert jobs.run(config, prepare=saves_wait_for_their_copies) == 0
    require_equal(config, whole)
    # What is written beside the best model after its last save is there too: thresholds, reference.
    best, copy = Path(config.run.dir or "") / "best", tmp_path / "durable" / "best"
    assert (best / "reference.json").is_file()
    assert {f.name: f.read_bytes() for f in best.iterdir()} == {
        f.name: f.read_bytes() for f in copy.iterdir()
    }
    # And it is the same run in MLflow, with one curve.
    assert identity_of(Path(config.run.dir or "")) == first
    client = MlflowClient(first.uri)
    assert client.get_run(first.run_id).info.status == "FINISHED"
    for key, expected in (
        ("train/loss", jobs.losses(whole)),
        ("val/top1", jobs.evaluations(whole)),
    ):
        points = client.get_metric_history(first.run_id, key)
        assert [p.step for p in points] == sorted(expected), key


@pytest.mark.slow
@pytest.mark.parametrize("step", [12, STEPS])
def test_evaluation_that_a_signal_put_off_is_made_up_for(
    step: int, tmp_path: Path, whole: jobs.Config
) -> None:
    # 12 is a step to evaluate and to save; 26 is the last one, with the training's last evaluation.
    config = jobs.make_config(tmp_path, OVERRIDES)
    assert jobs.run(config, at_step={step - 1: "SIGTERM"}) == 143
    assert step not in jobs.evaluations(config)
    assert jobs.run(config) == 0
    if step < STEPS:
        require_equal(config, whole)
        return
    for name in ("val/top1", "best/top1"):
        one, two = (_curve(c, name) for c in (config, whole))
        assert one == two


def _curve(config: jobs.Config, key: str) -> list[tuple[int, float]]:
    run = identity_of(Path(config.run.dir or ""))
    assert run is not None
    points = MlflowClient(run.uri).get_metric_history(run.run_id, key)
    return [(p.step, p.value) for p in points]


@pytest.mark.slow
def test_signal_after_the_last_step_leaves_the_rest_to_the_next_start(tmp_path: Path) -> None:
    config = jobs.make_config(tmp_path, ["trainer.max_steps=6", "trainer.eval_steps=6"])
    run_dir = Path(config.run.dir or "")
    assert jobs.run(config, at_step={6: "SIGTERM"}) == 143
    assert 6 in jobs.evaluations(config)
    assert not (run_dir / "report").exists()
    assert json.loads((run_dir / "result.json").read_text())["status"] == "KILLED"
    assert jobs.run(config) == 0
    assert json.loads((run_dir / "result.json").read_text())["stopped_by"] == "steps"
    assert (run_dir / "report" / "test").is_dir()


@pytest.mark.slow
def test_last_weights_are_the_model_when_no_evaluation_came_first(tmp_path: Path) -> None:
    overrides = ["trainer.max_steps=6", "trainer.eval_steps=6"]
    config = jobs.make_config(tmp_path / "stopped", overrides)
    other = jobs.make_config(tmp_path / "whole", overrides)
    assert jobs.run(other) == 0
    assert jobs.run(config, at_step={5: "SIGTERM"}) == 143
    assert not (Path(config.run.dir or "") / "best").exists()
    assert jobs.run(config) == 0
    left, right = (
        load_file(Path(c.run.dir or "") / "best/model.safetensors") for c in (config, other)
    )
    assert all((left[k] == right[k]).all() for k in right)


@pytest.mark.slow
def test_resume_never_puts_earlier_ones_aside_and_must_wants_one(tmp_path: Path) -> None:
    short = ["trainer.max_steps=4", "trainer.eval_steps=4"]
    must = jobs.make_config(tmp_path, [*short, "run.resume=must"])
    run_dir = Path(must.run.dir or "")
    assert jobs.run(must) == 2
    assert "there is no whole checkpoint in" in (run_dir / "error.txt").read_text()
    anew = jobs.make_config(tmp_path, [*short, "run.resume=never"])
    assert jobs.run(anew) == 0
    first = identity_of(run_dir)
    assert jobs.run(anew) == 0
    assert identity_of(run_dir) != first
    assert len(list(run_dir.glob("checkpoints/earlier-*/checkpoint-4"))) == 1
    assert len(list(run_dir.glob("best-*/lakesight.json"))) == 1
    assert fault_of(run_dir / "checkpoints" / "checkpoint-4") is None
