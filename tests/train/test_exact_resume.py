"""A killed and resumed training is the uninterrupted one: losses, metrics, average, best model."""

from __future__ import annotations

from pathlib import Path

import pytest
import train_jobs as jobs
from safetensors.numpy import load_file

EXACT = 1e-6
COMMON = ["trainer.max_steps=20", "trainer.eval_steps=6", "trainer.save_steps=4"]
CASES = {
    # Mid-epoch (12 steps per epoch), log window of 3 across the checkpoint, average, dropout.
    "plain": ("vit", ["trainer.logging_steps=3", "trainer.ema_decay=0.9"], 11),
    # Accumulation: 4 steps per epoch, killed in the first step after a save; denoising, batch norm.
    "accumulated": (
        "d_fine",
        ["trainer.gradient_accumulation_steps=3", "trainer.per_device_train_batch_size=2"],
        9,
    ),
    "workers": ("vit", ["trainer.dataloader_num_workers=2", "trainer.save_steps=5"], 13),
    "zero1": ("vit", ["deepspeed=zero1", "trainer.ema_decay=0.9"], 14),
    "zero2": ("d_fine", ["deepspeed=zero2"], 10),
    "zero3": ("vit", ["deepspeed=zero3"], 15),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_resumed_losses_are_the_uninterrupted_ones(case: str, tmp_path: Path) -> None:
    model, overrides, killed_after = CASES[case]
    whole = jobs.make_config(tmp_path / "whole", [*COMMON, *overrides], model)
    torn = jobs.make_config(tmp_path / "torn", [*COMMON, *overrides], model)
    assert jobs.run(whole) == 0
    assert jobs.run(torn, at_step={killed_after: "SIGKILL"}) == -9
    assert jobs.run(torn) == 0

    expected, got = jobs.losses(whole), jobs.losses(torn)
    assert got.keys() == expected.keys()
    assert max(abs(got[s] - expected[s]) for s in expected) <= EXACT
    assert jobs.evaluations(torn) == jobs.evaluations(whole)
    for name in ("best/model.safetensors", *_averages(whole)):
        one, two = (load_file(Path(c.run.dir or "") / name) for c in (whole, torn))
        assert one.keys() == two.keys()
        assert max(abs(one[k] - two[k]).max() for k in one if one[k].size) <= EXACT


def _averages(config: jobs.Config) -> list[str]:
    if config.trainer.ema_decay is None:
        return []
    return ["checkpoints/checkpoint-20/ema.safetensors"]
