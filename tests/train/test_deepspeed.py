"""Under DeepSpeed too: bf16 as `trainer.precision` says, and a saved model that has all its weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import train_jobs as jobs
from safetensors.torch import load_file

from cvcore.models.build import build_model
from cvcore.serve import artifact
from cvcore.train import arguments

STEPS = ["trainer.max_steps=2", "trainer.eval_steps=2", "trainer.precision=bf16"]


def all_weights_are_in_the_saved_model(run: Path) -> None:
    saved = artifact.read(run / "best")
    model, _ = build_model(saved.model, saved.task.kind, saved.labels)
    trained = load_file(run / "checkpoints" / "checkpoint-2" / "weights.safetensors")
    loaded = model.state_dict()
    for name, value in trained.items():
        assert value.dtype in (torch.float32, torch.int64), name
        torch.testing.assert_close(loaded[name], value, rtol=0, atol=1e-6, msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("deepspeed", ["zero2", "zero3"])
def test_the_saved_model_is_the_trained_one(deepspeed: str, tmp_path: Path) -> None:
    # D-FINE: batch norms, tied heads, and a `linear` with a vector.
    zero = [*STEPS, f"deepspeed={deepspeed}"]
    config = jobs.make_config(tmp_path, zero, "d_fine")
    assert jobs.run(config) == 0
    run = Path(config.run.dir or "")
    all_weights_are_in_the_saved_model(run)

    further = [*zero, f"model.checkpoint={run / 'best'}", "trainer.max_steps=1"]
    config = jobs.make_config(tmp_path / "further", further, "d_fine")
    assert jobs.run(config) == 0
    log = (Path(config.run.dir or "") / "log.txt").read_text()
    assert "weights loaded; new, random" not in log


def test_the_number_format_is_that_of_the_trainer() -> None:
    from cvcore.config.composer import load

    for precision, expected in (
        ("bf16", {"enabled": True, "dtype": "bfloat16"}),
        ("fp32", {"enabled": False, "dtype": "bfloat16"}),
    ):
        config = load(["deepspeed=zero1", f"trainer.precision={precision}", "trainer.use_cpu=true"])
        settings = arguments.deepspeed_dict(config)
        assert settings is not None
        assert settings["torch_autocast"] == expected
        assert config.deepspeed.config is not None
        assert config.deepspeed.config["torch_autocast"]["enabled"] == "auto"
