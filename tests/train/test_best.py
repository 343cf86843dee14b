"""The best model is that of the evaluation with the best metric, and too many others end the run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import train_jobs as jobs

OVERRIDES = [
    "trainer.max_steps=200",
    "trainer.eval_steps=15",
    "trainer.per_device_train_batch_size=16",
    "optim.lr_scheduler_type=constant",
    "trainer.save_total_limit=1",
    "trainer.early_stopping_patience=2",
    "trainer.ema_decay=0.5",
    "data.num_train=96",
    "data.num_val=60",
]
LAST_GOOD = 45


def weights_are_spoilt() -> None:
    """From step 46 on every step leaves a head that says the same of every image."""
    from cvcore.train.callbacks.state import OwnState

    real = OwnState.on_step_end

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step > LAST_GOOD:
            with torch.no_grad():
                self.trainer.model.classifier[1].weight.zero_()
                self.trainer.model.classifier[1].bias.zero_()
        real(self, args, state, control, **kwargs)

    OwnState.on_step_end = on_step_end


def top1_of(config: jobs.Config, folder: Path) -> float:
    """Return the top-1 accuracy on val of a saved model, in this process."""
    from torch.utils.data import DataLoader

    from cvcore.data.dataset import VisionDataset
    from cvcore.data.normalise import normalise
    from cvcore.data.prepare import prepare
    from cvcore.data.transforms import fit_transform
    from cvcore.serve import artifact
    from cvcore.tasks.registry import get_task

    data = prepare(config)
    task = get_task(config.task.kind, config.model, config.task)
    val = VisionDataset(
        data.splits["val"],
        data.labels,
        task,
        fit_transform(config.model),
        config.data,
        seed=0,
        training=False,
    )
    model, _ = task.load(artifact.read(folder).model, data.labels)
    model.eval()
    right = 0
    for batch in DataLoader(val, batch_size=20, collate_fn=task.collate):
        pixels = normalise(batch["pixel_values"], config.model.image_mean, config.model.image_std)
        with torch.no_grad():
            found = model(pixel_values=pixels).logits.argmax(-1)
        right += int((found == torch.tensor([t.target.class_index for t in batch["truths"]])).sum())
    return right / len(val)


@pytest.mark.slow
def test_best_model_is_the_best_evaluation_and_patience_ends_the_training(tmp_path: Path) -> None:
    config = jobs.make_config(tmp_path, OVERRIDES, "resnet")
    run_dir = Path(config.run.dir or "")
    assert jobs.run(config, prepare=weights_are_spoilt) == 0
    metrics = {s: m["eval_top1"] for s, m in jobs.evaluations(config).items()}
    best = max(metrics, key=lambda s: (metrics[s], -s))
    assert best <= LAST_GOOD
    assert metrics[best] > 2 * metrics[max(metrics)]
    # Two evaluations after the best one none was better, so that was the end, and it was saved.
    assert max(metrics) == best + 30
    result = json.loads((run_dir / "result.json").read_text())
    assert (result["stopped_by"], result["step"]) == ("early_stopping", best + 30)
    assert result["best_metric"] == metrics[best]
    assert top1_of(config, run_dir / "best") == pytest.approx(metrics[best], abs=1e-9)
    assert json.loads((run_dir / "best" / "lakesight.json").read_text())["metrics"][
        "top1"
    ] == pytest.approx(metrics[best])
    kept = {p.name for p in (run_dir / "checkpoints").glob("checkpoint-*")}
    assert kept == {f"checkpoint-{best}", f"checkpoint-{best + 30}"}

    # Started again it does not train on, and says the same.
    assert jobs.run(config) == 0
    assert json.loads((run_dir / "result.json").read_text()) == result
    assert {p.name for p in (run_dir / "checkpoints").glob("checkpoint-*")} == kept
