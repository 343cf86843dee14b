"""One process and two make the same training and the same figures."""

from __future__ import annotations

from pathlib import Path

import pytest
import train_jobs as jobs

STEPS = ["trainer.max_steps=12", "trainer.eval_steps=6", "trainer.precision=fp32"]
# Nothing random in the model, and no statistics over a batch: else the two are only alike.
PLAIN_VIT = {**jobs.VIT, "hidden_dropout_prob": 0.0}
PLAIN_D_FINE = {**jobs.D_FINE, "num_denoising": 0, "freeze_backbone_batch_norms": True}


@pytest.mark.slow
@pytest.mark.parametrize("deepspeed", ["off", "zero1", "zero2", "zero3"])
def test_losses_and_metrics_agree(deepspeed: str, tmp_path: Path) -> None:
    zero = [f"deepspeed={deepspeed}"]
    one = jobs.make_config(tmp_path / "one", [*STEPS, "trainer.per_device_train_batch_size=8"])
    two = jobs.make_config(tmp_path / "two", [*STEPS, *zero])
    one.model.config = two.model.config = dict(PLAIN_VIT)
    assert jobs.run(one) == 0
    assert jobs.run_ranks(two) == [0, 0]
    a, b = jobs.losses(one), jobs.losses(two)
    assert a.keys() == b.keys()
    assert max(abs(a[s] - b[s]) for s in a) <= 1e-5
    # Counts are the same; a calibration error is a sum of probabilities, of weights that differ by rounding.
    found, expected = jobs.evaluations(two), jobs.evaluations(one)
    assert found.keys() == expected.keys()
    for step, figures in expected.items():
        assert found[step] == pytest.approx(figures, rel=0, abs=1e-6)
