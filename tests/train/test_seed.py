"""The seed decides everything: equal ones make equal trainings, other ones do not."""

from __future__ import annotations

from pathlib import Path

import pytest
import train_jobs as jobs
from safetensors.numpy import load_file

OVERRIDES = ["trainer.max_steps=6", "trainer.eval_steps=6"]


def weights(config: jobs.Config):
    return load_file(Path(config.run.dir or "") / "checkpoints/checkpoint-6/weights.safetensors")


@pytest.mark.slow
def test_same_seed_same_training_and_another_seed_another(tmp_path: Path) -> None:
    first, same, other = (
        jobs.make_config(tmp_path / name, [*OVERRIDES, f"seed={seed}", *more])
        for name, seed, more in (
            ("first", 7, []),
            # Workers and what only looks on change nothing.
            ("same", 7, ["trainer.dataloader_num_workers=2", "tracking.num_images=0"]),
            ("other", 8, []),
        )
    )
    for config in (first, same, other):
        assert config.data.data_seed == 0  # the images are the same ones
        assert jobs.run(config) == 0
    a, b, c = (jobs.losses(config) for config in (first, same, other))
    assert a == b
    assert jobs.evaluations(first) == jobs.evaluations(same)
    # From the first step on: the random weights and the order of images are others.
    assert all(a[step] != c[step] for step in a)
    one, two, three = (weights(config) for config in (first, same, other))
    assert all((one[k] == two[k]).all() for k in one)
    assert all((one[k] != three[k]).any() for k in one if k.endswith("dense.weight"))
