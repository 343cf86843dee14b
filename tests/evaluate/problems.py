"""Small problems of every task: a function that makes a fresh metric, and answers with truths."""

from __future__ import annotations

import numpy as np
from coco_reference import label_space, problem
from panoptic_reference import label_space as panoptic_labels
from panoptic_reference import panoptic_image

from cvcore.data.samples import Prediction, Target, Truth
from cvcore.evaluate.classify import ClassificationMetric
from cvcore.evaluate.coco import CocoMetric
from cvcore.evaluate.panoptic import PanopticMetric
from cvcore.evaluate.semantic import SemanticMetric


def detection(num=14):
    pairs = zip(*problem(3, num), strict=True)
    return lambda: CocoMetric(label_space(4)), list(pairs)


def instances(num=14):
    pairs = zip(*problem(2, num, with_masks=True), strict=True)
    return lambda: CocoMetric(label_space(4), ("segm", "bbox")), list(pairs)


def panoptic(num=14):
    rng = np.random.default_rng(4)
    return lambda: PanopticMetric(panoptic_labels()), [panoptic_image(rng, i) for i in range(num)]


def semantic(num=14):
    rng = np.random.default_rng(5)
    maps = rng.integers(0, 4, (num, 2, 9, 7)).astype(np.uint8)
    pairs = [
        (Prediction(i, semantic_HW=a), Truth(i, (9, 7), Target(semantic_HW=np.minimum(a, b))))
        for i, (a, b) in enumerate(maps)
    ]
    return lambda: SemanticMetric(label_space(4)), pairs


def classification(num=30):
    rng = np.random.default_rng(6)
    scores = rng.dirichlet(np.ones(7), num).astype(np.float32)
    pairs = [
        (Prediction(i, scores_K=s), Truth(i, (1, 1), Target(class_index=int(rng.integers(0, 7)))))
        for i, s in enumerate(scores)
    ]
    return lambda: ClassificationMetric(label_space(7)), pairs


TASKS = {x.__name__: x for x in (classification, detection, instances, semantic, panoptic)}


def evaluated(make, pairs):
    metric = make()
    metric.update([p for p, _ in pairs], [t for _, t in pairs])
    return metric
