"""Time per step of our Trainer against a bare torch loop: same model, batch, data and optimizer.

A small ViT on one repeated batch of digit images, fp32, on the CPU, one thread. Both sides
normalise, compute the loss, clip gradients, step AdamW and the schedule. Ours is the
training without MLflow: it logs every 10 steps; evaluation and saving at the end are not counted.
Rounds alternate, and who is first; medians.

    python -m benchmarks.trainer_overhead
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader
from transformers import TrainerCallback

from cvcore.config.composer import load
from cvcore.config.schema import Config
from cvcore.data.normalise import normalise
from cvcore.train.optimizer import build_optimizer, parameter_groups
from cvcore.train.schedule import Schedule
from cvcore.train.signals import StopRequest
from cvcore.train.story import Story

STEPS = 60
WARM = 10
ROUNDS = 4
BATCH = 16
VIT = {
    "hidden_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 3,
    "intermediate_size": 384,
    "image_size": 64,
    "patch_size": 8,
}


class Clock(TrainerCallback):
    """Notes when each step ends."""

    def __init__(self) -> None:
        """Nothing is noted yet."""
        self.ends: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Note the time."""
        self.ends.append(time.perf_counter())


def run() -> list[dict[str, Any]]:
    """Return rows of the benchmark table."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    ours: list[float] = []
    bare: list[float] = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            for i in range(ROUNDS):
                story = _story(Path(folder), i)
                for side, measure in ((bare, _bare), (ours, _ours))[:: 1 if i % 2 else -1]:
                    side.append(measure(story))
    finally:
        torch.set_num_threads(threads)
    mine, theirs = (1000 * statistics.median(side) for side in (ours, bare))
    return [
        {
            "benchmark": f"Trainer, one step of a small ViT, batch {BATCH}, CPU",
            "ours": round(mine, 1),
            "reference": round(theirs, 1),
            "unit": "ms per step",
            "ratio": round(theirs / mine, 2),
            "note": "bare torch loop; a fixed cost per step, so the ratio nears 1 for larger models",
        }
    ]


def _config(folder: Path, round_: int) -> Config:
    config = load(
        [
            "task=classification",
            "model.model_type=vit",
            "model.image_size=[64,64]",
            "data.num_train=64",
            "data.num_val=16",
            "data.num_test=16",
            f"data.cache_dir={folder / 'cache'}",
            f"run.dir={folder / str(round_)}",
            f"trainer.max_steps={STEPS}",
            f"trainer.eval_steps={10 * STEPS}",
            f"trainer.per_device_train_batch_size={BATCH}",
            "trainer.dataloader_num_workers=0",
            "trainer.auto_find_batch_size=false",
            "trainer.ema_decay=null",
            "trainer.use_cpu=true",
            "trainer.precision=fp32",
            "tracking.num_images=0",
        ]
    )
    config.model.config = dict(VIT)
    return config


def _story(folder: Path, round_: int) -> Story:
    config = _config(folder, round_)
    run_dir = Path(config.run.dir or "")
    run_dir.mkdir(parents=True)
    story = Story(config, run_dir, None, StopRequest())
    story.join(BATCH, 1)
    story.read_data()
    story.build_model()
    story.find_checkpoint()
    return story


def _batch(story: Story) -> dict[str, Any]:
    return dict(story.task.collate([story.train_set[i] for i in range(BATCH)]))


def _ours(story: Story) -> float:
    """Return seconds per step of our Trainer over one repeated batch."""
    story.build_trainer(BATCH, 1)
    batch, clock, trainer = _batch(story), Clock(), story.trainer
    loader = DataLoader(range(BATCH * STEPS), BATCH, collate_fn=lambda _: dict(batch))
    trainer.get_train_dataloader = lambda: loader
    trainer.add_callback(clock)
    trainer.train()
    taken = [b - a for a, b in zip(clock.ends[WARM:], clock.ends[WARM + 1 :], strict=False)]
    return statistics.median(taken)


def _bare(story: Story) -> float:
    """Return seconds per step of a loop that does only what is needed."""
    config, model = story.config, story.model
    batch = _batch(story)
    pixels = batch.pop("pixel_values")
    optimizer = build_optimizer(parameter_groups(model, config.optim), config.optim)
    schedule = LambdaLR(optimizer, Schedule.of(config.optim, STEPS))
    model.train()
    taken = []
    for _ in range(STEPS):
        start = time.perf_counter()
        inputs = normalise(pixels, config.model.image_mean, config.model.image_std)
        model(pixel_values=inputs, **batch)["loss"].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.trainer.max_grad_norm)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[WARM:])


if __name__ == "__main__":
    for row in run():
        sys.stdout.write(f"{json.dumps(row)}\n")
