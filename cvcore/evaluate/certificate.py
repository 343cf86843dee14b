"""How an evaluation was made: what a figure must say to be compared with another."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import torch
import torch.distributed as dist

from cvcore.config.schema import Config
from cvcore.data.labels import LabelSpace
from cvcore.evaluate.matching import IOU_THRESHOLDS

_PACKAGES = ("lakesight", "torch", "transformers", "numpy", "pycocotools", "opencv-python-headless")


def certificate(
    config: Config,
    labels: LabelSpace,
    *,
    model_name: str,
    split: str,
    fingerprint: str,
    num_images: int,
    device: torch.device,
    autocast: torch.dtype | None,
    duration_s: float,
) -> dict[str, Any]:
    """Return the certificate of an evaluation, JSON-able.

    Args:
        config: of the run: model input, limits, resamples, seed.
        labels: what was predicted.
        model_name: checkpoint or folder.
        split: that was evaluated.
        fingerprint: of the data set.
        num_images: that count.
        device: that computed.
        autocast: number format of the forward pass; None: fp32.
        duration_s: of the loop.
    """
    objects = config.task.kind in ("detection", "instance_segmentation")
    return {
        "model": model_name,
        "split": split,
        "num_images": num_images,
        "dataset_fingerprint": fingerprint,
        "label_space": labels.hash,
        "num_classes": len(labels),
        "resolution_hw": list(config.model.image_size),
        "resize": config.model.resize,
        "max_detections": config.task.max_detections if objects else None,
        "iou_thresholds": [round(float(t), 2) for t in IOU_THRESHOLDS] if objects else None,
        "score_threshold": None,
        "bootstrap": {"resamples": config.trainer.bootstrap_samples, "seed": config.seed},
        "device": _device_name(device),
        "number_format": "float32" if autocast is None else str(autocast).removeprefix("torch."),
        "processes": dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1,
        "images_per_s": round(num_images / duration_s, 2) if duration_s else None,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "versions": {name: version for name in _PACKAGES if (version := _version(name))},
    }


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({platform.machine()})"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
