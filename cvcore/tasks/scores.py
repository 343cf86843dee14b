"""Class scores of queries to the best (query, class) pairs; no threshold.

Letters: B = batch, Q = queries, K = classes, D = detections kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Best:
    """The D best pairs of each image, best first.

    Attributes:
        scores_BD: float32 [B, D], 0..1.
        labels_BD: int64 [B, D], class.
        queries_BD: int64 [B, D], which query.
    """

    scores_BD: Tensor
    labels_BD: Tensor
    queries_BD: Tensor


def best_pairs(scores_BQK: Tensor, limit: int) -> Best:
    """Return the `limit` best pairs; a query may be there with several classes.

    Source: Deformable DETR, Zhu et al. 2021, and Mask2Former, Cheng et al. 2022 (inference).
    """
    num_classes = scores_BQK.shape[-1]
    flat_BP = scores_BQK.float().flatten(1)
    scores_BD, pairs_BD = flat_BP.topk(min(limit, flat_BP.shape[1]), dim=1)
    return Best(scores_BD, pairs_BD % num_classes, pairs_BD // num_classes)


def best_queries(scores_BQK: Tensor, limit: int) -> Best:
    """Return the `limit` best queries, each with its one best class.

    Source: DETR, Carion et al. 2020 (inference).
    """
    scores_BQ, labels_BQ = scores_BQK.float().max(-1)
    scores_BD, queries_BD = scores_BQ.topk(min(limit, scores_BQ.shape[1]), dim=1)
    return Best(scores_BD, labels_BQ.gather(1, queries_BD), queries_BD)


def best(logits_BQK: Tensor, sigmoid: bool, limit: int) -> Best:
    """Return the best pairs (sigmoid scores) or queries (softmax; last class: no object)."""
    if sigmoid:
        return best_pairs(logits_BQK.float().sigmoid(), limit)
    return best_queries(logits_BQK.float().softmax(-1)[..., :-1], limit)


def of_queries(values_BQ4: Tensor, queries_BD: Tensor) -> Tensor:
    """Return values [B, D, ...] of the chosen queries."""
    return torch.stack([each[chosen] for each, chosen in zip(values_BQ4, queries_BD, strict=True)])
