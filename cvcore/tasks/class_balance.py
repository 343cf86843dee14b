"""Cross-entropy of class maps in which rare classes count more.

Letters: B = batch, K = classes, h, w = size of the model's maps, H, W = size of the labels.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from cvcore.data.samples import IGNORE_INDEX


def balanced_cross_entropy(logits_BKhw: Tensor, labels_BHW: Tensor, power: float) -> Tensor:
    """Return the mean over images of each image's weighted cross-entropy.

    A pixel of a class with the share p of its image's pixels has the weight p ** -power, divided by
    the image's mean weight. The weights are those of one image, so that the loss depends neither on
    how images are put into batches nor on the number of processes.

    Args:
        logits_BKhw: float, upsampled bilinearly to the labels' size.
        labels_BHW: int64, class index or IGNORE_INDEX.
        power: 0: every pixel counts the same; 1: every class of an image does.

    Returns:
        float32 scalar; 0 for a batch without a labelled pixel.
    """
    size_hw = labels_BHW.shape[-2:]
    logits_BKHW = functional.interpolate(
        logits_BKhw.float(), size=size_hw, mode="bilinear", align_corners=False
    )
    losses_BHW = functional.cross_entropy(
        logits_BKHW, labels_BHW, ignore_index=IGNORE_INDEX, reduction="none"
    )
    weights_BHW = torch.stack(
        [_weights(labels_HW, logits_BKhw.shape[1], power) for labels_HW in labels_BHW]
    )
    totals_B = weights_BHW.flatten(1).sum(1).clamp(min=torch.finfo(torch.float32).tiny)
    return ((losses_BHW * weights_BHW).flatten(1).sum(1) / totals_B).mean()


def _weights(labels_HW: Tensor, num_classes: int, power: float) -> Tensor:
    """Return each pixel's weight, float32 [H, W]; 0 where it is not labelled."""
    labelled_HW = labels_HW != IGNORE_INDEX
    counts_K = torch.bincount(labels_HW[labelled_HW], minlength=num_classes).float()
    share_K = counts_K / counts_K.sum().clamp(min=1)
    weights_K = torch.where(counts_K > 0, share_K.clamp(min=1e-12) ** -power, 0.0)
    return torch.where(labelled_HW, weights_K[labels_HW.masked_fill(~labelled_HW, 0)], 0.0)
