"""A run's configuration made small: two steps on a few images, in a folder to throw away."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

from cvcore.config.schema import ComputeConf, Config

STEPS = 2
BATCH = 4
SUFFIX = "_dry_run"


def small(config: Config, folder: Path) -> tuple[Config, list[str]]:
    """Return the configuration to rehearse and what of the run it leaves out, as sentences.

    Args:
        config: the run's.
        folder: where the rehearsal may write.
    """
    made, left_out = deepcopy(config), []
    trainer = made.trainer
    trainer.max_steps = trainer.eval_steps = trainer.save_steps = STEPS
    trainer.logging_steps = 1
    trainer.per_device_train_batch_size = min(trainer.per_device_train_batch_size, BATCH)
    trainer.per_device_eval_batch_size = min(trainer.per_device_eval_batch_size, BATCH)
    trainer.gradient_accumulation_steps = 1
    trainer.dataloader_num_workers = min(trainer.dataloader_num_workers, 1)
    trainer.bootstrap_samples = 0
    trainer.early_stopping_patience = trainer.time_budget_s = None
    if trainer.torch_compile:
        trainer.torch_compile = False
        left_out.append("trainer.torch_compile")
    if made.compute.kind != "local" and trainer.precision in ("bf16", "fp16"):
        left_out.append(f"trainer.precision={trainer.precision} (this is another machine)")
        trainer.precision = "auto"
    if made.compute.num_devices != 1:
        left_out.append("several devices")
    made.compute = ComputeConf(kind="local", num_devices=1)
    made.run.id = made.run.durable_dir = None
    made.run.resume = "never"
    made.run.dir = str(folder)
    made.run.title = f"dry run: {config.run.title or config.task.kind}"
    made.tracking.log_model = False  # the rehearsal does it itself, as a stage of its own
    made.tracking.num_images = min(made.tracking.num_images, 2)
    if made.registry.register_as:
        # A name of its own: a version of the real one could be served before it is deleted.
        made.registry.register_as += SUFFIX
    return made, left_out
