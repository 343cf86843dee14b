"""Labels of mask-classification models (Mask2Former, MaskFormer, EoMT)."""

from __future__ import annotations

from typing import Any

import torch


def query_labels(labels: list[dict[str, Any]]) -> dict[str, Any]:
    """Return `mask_labels` (per image float32 [N, H, W]) and `class_labels` (int64 [N])."""
    return {
        "mask_labels": [torch.from_numpy(each["masks"]).float() for each in labels],
        "class_labels": [torch.from_numpy(each["class_labels"]) for each in labels],
    }
