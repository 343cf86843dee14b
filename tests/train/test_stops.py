"""Real trainings that are stopped: signals, a loss that is not a number, a full disk, a budget."""

from __future__ import annotations

from pathlib import Path

import pytest
import train_jobs as jobs
from mlflow import MlflowClient

from cvcore.config.schema import Config
from cvcore.metrics.mlflow_run import identity_of
from cvcore.train.checkpoint import fault_of

STEPS = ["trainer.max_steps=12", "trainer.eval_steps=6", "trainer.save_steps=4"]


def mlflow_run(config: Config):
    identity = identity_of(Path(config.run.dir or ""))
    assert identity is not None
    return MlflowClient(identity.uri).get_run(identity.run_id)


def checkpoints(config: Config) -> set[str]:
    folder = Path(config.run.dir or "") / "checkpoints"
    return {p.name for p in folder.glob("checkpoint-*") if fault_of(p) is None}


def error_of(config: Config) -> str:
    return (Path(config.run.dir or "") / "error.txt").read_text()


def loss_is_nan() -> None:
    """The loss of step 6 and after is NaN."""
    from cvcore.train.trainer import LakesightTrainer

    real = LakesightTrainer.compute_loss

    def compute_loss(self, *args, **kwargs):
        loss = real(self, *args, **kwargs)
        return loss * float("nan") if self.state.global_step >= 5 else loss

    LakesightTrainer.compute_loss = compute_loss


def disk_is_full() -> None:
    """The second checkpoint does not fit."""
    from cvcore.train import weights

    real = weights.write

    def write(values, path):
        if "checkpoint-8" in str(path):
            raise OSError(28, "No space left on device", str(path))
        real(values, path)

    weights.write = write


def memory_is_small() -> None:
    """A batch of more than two images does not fit."""
    import torch
    from transformers import ViTForImageClassification

    real = ViTForImageClassification.forward

    def forward(self, pixel_values=None, *args, **kwargs):
        if self.training and len(pixel_values) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, pixel_values, *args, **kwargs)

    ViTForImageClassification.forward = forward


@pytest.mark.slow
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_signal_saves_stops_and_resumes_as_if_never_stopped(
    name: str, code: int, tmp_path: Path
) -> None:
    config = jobs.make_config(tmp_path / "stopped", STEPS)
    assert jobs.run(config, at_step={6: name}) == code
    assert "checkpoint-7" in checkpoints(config)
    assert mlflow_run(config).info.status == "KILLED"
    assert mlflow_run(config).data.tags["lakesight.reason"] == "signal"
    first = identity_of(Path(config.run.dir or ""))
    assert jobs.run(config) == 0
    assert identity_of(Path(config.run.dir or "")) == first
    assert mlflow_run(config).info.status == "FINISHED"
    whole = jobs.make_config(tmp_path / "whole", STEPS)
    assert jobs.run(whole) == 0
    expected, got = jobs.losses(whole), jobs.losses(config)
    assert got.keys() == expected.keys()
    assert max(abs(got[s] - expected[s]) for s in expected) <= 1e-6
    # Curves: no step twice, none missing, over both processes.
    client = MlflowClient(first.uri)
    points = client.get_metric_history(first.run_id, "train/loss")
    assert [p.step for p in points] == list(range(1, 13))


@pytest.mark.slow
def test_loss_that_is_not_a_number_stops_with_its_reason(tmp_path: Path) -> None:
    config = jobs.make_config(tmp_path, STEPS)
    assert jobs.run(config, prepare=loss_is_nan) == 2
    assert "the loss is not a finite number at step 6" in error_of(config)
    assert mlflow_run(config).info.status == "FAILED"
    assert "not a finite number" in mlflow_run(config).data.tags["lakesight.reason"]
    assert checkpoints(config) == {"checkpoint-4"}


@pytest.mark.slow
def test_full_disk_is_one_sentence_and_the_run_goes_on_later(tmp_path: Path) -> None:
    config = jobs.make_config(tmp_path, STEPS)
    assert jobs.run(config, prepare=disk_is_full) == 2
    assert "No space left on device" in error_of(config)
    assert "start the same command again" in error_of(config)
    assert checkpoints(config) == {"checkpoint-4"}
    assert mlflow_run(config).info.status == "FAILED"
    assert jobs.run(config) == 0
    assert "checkpoint-12" in checkpoints(config)


@pytest.mark.slow
def test_small_memory_keeps_the_effective_batch(tmp_path: Path) -> None:
    still = {**jobs.VIT, "hidden_dropout_prob": 0.0}
    small = jobs.make_config(tmp_path / "small", STEPS)
    large = jobs.make_config(tmp_path / "large", STEPS)
    small.model.config, large.model.config = dict(still), dict(still)
    assert jobs.run(small, prepare=memory_is_small) == 0
    assert jobs.run(large) == 0
    expected, got = jobs.losses(large), jobs.losses(small)
    assert max(abs(got[s] - expected[s]) for s in expected) <= 1e-5
