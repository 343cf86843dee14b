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


@pytest.mark.slow
@pytest.mark.parametrize("deepspeed", ["zero2", "zero3"])
def test_the_saved_model_is_the_trained_one(deepspeed: str, tmp_path: Path) -> None:
    # D-FINE: batch norms, tied heads, and a `linear` with a vector.
    config = jobs.make_config(tmp_path, [*STEPS, f"deepspeed={deepspeed}"], "d_fine")
    assert jobs.run(config) == 0
    run = Path(config.run.dir or "")
    saved = artifact.read(run / "best")
    model, _ = build_model(saved.model, saved.task.kind, saved.labels)
    trained = load_file(run / "checkpoints" / "checkpoint-2" / "weights.safetensors")
    loaded = model.state_dict()
    for name, value in trained.items():
        assert value.dtype in (torch.float32, torch.int64), name
        torch.testing.assert_close(loaded[name], value, rtol=0, atol=1e-6, msg=name)


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
