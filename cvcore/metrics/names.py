"""Names of metrics: what each means, and how Hugging Face's log keys become ours. Torch-free.

A name carries its unit: `*_s` seconds, `*_gib` GiB, `*_pct` percent, `*_per_s` per second. `val/*` are
the task's own metrics on the validation split, `test/*` and `best/*` those of the final evaluation.
"""

from __future__ import annotations

import re

MEANINGS: dict[str, str] = {
    "train/loss": "mean loss since the last log, over all devices",
    "train/grad_norm": "norm of the gradient before clipping",
    "train/learning_rate": "of the first parameter group at the last step",
    "train/epoch": "passes over the train split done",
    "val/num_images": "images evaluated",
    "time/eval_s": "duration of the evaluation, s",
    "time/step_s": "mean duration of an optimizer step since the last log, s",
    "time/data_wait_pct": "share of the training time spent waiting for data, percent",
    "images_per_s": "training images per second, over all devices",
    "mem/process_gib": "resident memory of the first process, GiB",
    "mem/allocated_gib": "peak memory of tensors on the device, GiB",
    "mem/reserved_gib": "peak memory reserved on the device, GiB",
    "system/cpu_pct": "use of all cores, percent",
    "system/memory_used_gib": "used memory of the machine, GiB",
    "system/disk_free_gib": "free space where the run's folder is, GiB",
    "system/gpu_memory_used_gib": "used memory of the run's device, GiB",
    "system/gpu_pct": "use of the run's device, percent",
}

IMAGES_PER_S = "images_per_s"

TOTAL_STEPS = "lakesight.total_steps"
NUM_DEVICES = "lakesight.num_devices"
"""Tags of a training that has begun: optimizer steps it will do, processes (one per device)."""

_OF_HF = {
    "loss": "train/loss",
    "grad_norm": "train/grad_norm",
    "learning_rate": "train/learning_rate",
    "epoch": "train/epoch",
    "eval_runtime": "time/eval_s",
    "eval_num_images": "val/num_images",
}
_FORBIDDEN = re.compile(r"[^\w\-. :/]")


def of_hf(key: str) -> str | None:
    """Return our name of a key of HF Trainer's log; None for what is not worth a curve.

    Example:
        >>> of_hf("eval_AP"), of_hf("loss"), of_hf("total_flos")
        ('val/AP', 'train/loss', None)
    """
    if key in _OF_HF:
        return _OF_HF[key]
    if key in MEANINGS:
        return key
    if key.startswith("eval_"):
        return clean(f"val/{key[len('eval_') :]}")
    return None


def clean(key: str) -> str:
    """Return a name that MLflow takes: other characters become `_`, at most 250 of them."""
    return _FORBIDDEN.sub("_", key)[:250]
