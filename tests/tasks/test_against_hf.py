"""Predictions equal those of the HF image processors' own post-processing."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import (
    DetrImageProcessorPil,
    Mask2FormerImageProcessorPil,
    RTDetrImageProcessorPil,
    SegformerImageProcessorPil,
)

from cvcore.data.masks import decode
from cvcore.data.samples import Target, Truth
from cvcore.tasks.detection import Detection
from cvcore.tasks.instance import InstanceSegmentation
from cvcore.tasks.panoptic import PanopticSegmentation
from cvcore.tasks.semantic import SemanticSegmentation

SIZES = [(50, 80), (123, 77)]
TRUTHS = [Truth(i, size, Target()) for i, size in enumerate(SIZES)]
SIDE = 384
"""HF first brings all masks to this size: only there are its masks and ours one question."""


def boxes_inside(generator: torch.Generator, queries: int) -> torch.Tensor:
    """Return cxcywh boxes that lie inside the image: ours are cut at its border, HF's are not."""
    centre = 0.3 + 0.4 * torch.rand(2, queries, 2, generator=generator)
    return torch.cat([centre, 0.05 + 0.4 * torch.rand(2, queries, 2, generator=generator)], -1)


@pytest.mark.parametrize("sigmoid", [True, False])
def test_boxes(sigmoid: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    outputs = SimpleNamespace(
        logits=torch.randn(2, 20, 5, generator=generator), pred_boxes=boxes_inside(generator, 20)
    )
    task = Detection(head="boxes", sigmoid=sigmoid, image_size=(64, 64), max_detections=20)
    processor = RTDetrImageProcessorPil() if sigmoid else DetrImageProcessorPil()
    theirs = processor.post_process_object_detection(outputs, threshold=0.0, target_sizes=SIZES)
    for one, other in zip(task.predict(outputs, TRUTHS), theirs, strict=True):
        order = other["scores"].argsort(descending=True)
        np.testing.assert_allclose(one.scores_N, other["scores"][order], atol=1e-6)
        np.testing.assert_array_equal(one.labels_N, other["labels"][order])
        np.testing.assert_allclose(one.boxes_N4, other["boxes"][order], rtol=1e-6, atol=1e-5)


def test_class_maps() -> None:
    generator = torch.Generator().manual_seed(0)
    outputs = SimpleNamespace(logits=torch.randn(2, 7, 16, 16, generator=generator))
    task = SemanticSegmentation(head="pixels", sigmoid=False, image_size=(64, 64))
    theirs = SegformerImageProcessorPil().post_process_semantic_segmentation(outputs, SIZES)
    for one, other in zip(task.predict(outputs, TRUTHS), theirs, strict=True):
        np.testing.assert_array_equal(one.semantic_HW, other)


def test_class_maps_of_queries() -> None:
    generator = torch.Generator().manual_seed(0)
    outputs = SimpleNamespace(
        class_queries_logits=torch.randn(2, 6, 5, generator=generator),
        masks_queries_logits=torch.randn(2, 6, SIDE, SIDE, generator=generator),
    )
    task = SemanticSegmentation(head="queries", sigmoid=False, image_size=(SIDE, SIDE))
    theirs = Mask2FormerImageProcessorPil().post_process_semantic_segmentation(outputs, SIZES)
    for one, other in zip(task.predict(outputs, TRUTHS), theirs, strict=True):
        np.testing.assert_array_equal(one.semantic_HW, other)


def test_instances() -> None:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(1, 6, 12, 12, generator=generator)
    outputs = SimpleNamespace(
        class_queries_logits=torch.randn(1, 6, 5, generator=generator),
        masks_queries_logits=coarse.repeat_interleave(32, 2).repeat_interleave(32, 3),
    )
    truth = Truth(0, (SIDE, SIDE), Target())
    task = InstanceSegmentation(
        head="queries", sigmoid=False, image_size=(SIDE, SIDE), max_detections=6
    )
    [ours] = task.predict(outputs, [truth])
    [theirs] = Mask2FormerImageProcessorPil().post_process_instance_segmentation(
        outputs, threshold=0.0, target_sizes=[truth.size_hw], return_binary_maps=True
    )
    segments = sorted(theirs["segments_info"], key=lambda info: -info["score"])
    assert ours.scores_N is not None
    assert ours.masks is not None
    assert len(segments) == len(ours.scores_N) > 0
    for n, info in enumerate(segments):
        assert ours.scores_N[n] == pytest.approx(info["score"], abs=2e-6)  # HF rounds to 6 digits
        assert ours.labels_N[n] == info["label_id"]
        np.testing.assert_array_equal(
            decode(ours.masks[n]), theirs["segmentation"][info["id"]].numpy()
        )


def test_segments() -> None:
    generator = torch.Generator().manual_seed(0)
    owner_HW = torch.randint(0, 5, (12, 12), generator=generator)
    owner_HW = owner_HW.repeat_interleave(32, 0).repeat_interleave(32, 1)
    sure = torch.stack([torch.where(owner_HW == query, 9.0, -9.0) for query in range(5)])
    labels = [0, 0, 1, 3, 3]  # two things of a class, one of another, two parts of stuff class 3
    classes = torch.full((5, 5), -6.0)
    classes[range(5), labels] = torch.tensor([6.0, 5.0, 5.5, 4.0, 4.5])
    outputs = SimpleNamespace(class_queries_logits=classes[None], masks_queries_logits=sure[None])
    truth = Truth(0, (SIDE, SIDE), Target())
    task = PanopticSegmentation(head="queries", sigmoid=False, image_size=(SIDE, SIDE))
    task.stuff = frozenset({3})
    [ours] = task.predict(outputs, [truth])
    [theirs] = Mask2FormerImageProcessorPil().post_process_panoptic_segmentation(
        outputs, label_ids_to_fuse={3}, target_sizes=[truth.size_hw]
    )
    infos = theirs["segments_info"]
    # HF lists a fused stuff region once for each part; the segments are the ids in the map.
    label_of = {info["id"]: info["label_id"] for info in infos}
    map_HW = theirs["segmentation"].numpy().astype(np.int64)
    assert ours.segment_ids_HW is not None
    assert ours.segment_ids_N is not None
    assert ours.labels_N is not None
    pairs = set(zip(ours.segment_ids_HW.ravel().tolist(), map_HW.ravel().tolist(), strict=True))
    assert len(pairs) == len(ours.segment_ids_N) == len(np.unique(map_HW)) == 4
    for mine, other in pairs:
        assert ours.labels_N[list(ours.segment_ids_N).index(mine)] == label_of[other]
