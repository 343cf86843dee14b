"""Makes a detection loss that of the whole effective batch.

These losses are sums over objects divided by a number of boxes, but not by the same one everywhere:
RT-DETR's relatives divide by the boxes of one process's batch, the others by the mean over all
processes; none knows of accumulation. Weighting each batch by its share of the boxes gives sum /
number over the effective batch: the same loss for 1 process with batch 16, 2 with 8, or 4 times 4.

Losses with a term of another kind (the softmax classes of DETR and YOLOS, the classes of mask
classification) keep their own mean per batch.
"""

from __future__ import annotations

from typing import Any

from cvcore.train import distributed

# Source: `num_boxes` in transformers/loss/loss_*.py.
_OWN_BOXES = {"rt_detr", "rt_detr_v2", "d_fine", "deimv2"}
_MEAN_BOXES = {"deformable_detr", "conditional_detr", "dab-detr", "lw_detr", "rf_detr"}


def box_share(model_type: str, batches: list[dict[str, Any]]) -> list[float]:
    """Return the weight of each batch of one optimizer step; empty: they all count the same.

    Args:
        model_type: HF's `config.model_type`.
        batches: this process's batches of the step.
    """
    own = model_type in _OWN_BOXES
    many = distributed.world_size() > 1
    if not (own and many) and not (len(batches) > 1 and (own or model_type in _MEAN_BOXES)):
        return []
    boxes = [float(sum(len(t["class_labels"]) for t in batch["labels"])) for batch in batches]
    world = distributed.world_size()
    if own:
        divisors = [max(n, 1.0) for n in boxes]
        mean = sum(distributed.total(*divisors)) / (world * len(batches))
    else:
        divisors = [max(n / world, 1.0) for n in distributed.total(*boxes)]
        mean = sum(divisors) / len(batches)
    return [n / mean for n in divisors]
