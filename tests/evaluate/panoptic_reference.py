"""Random panoptic images, and PQ written straight from the paper's definition."""

from __future__ import annotations

import numpy as np

from cvcore.data.labels import LabelSpace
from cvcore.data.records import Category
from cvcore.data.samples import Prediction, Target, Truth


def label_space(num: int = 6) -> LabelSpace:
    return LabelSpace.over([[Category(i * 2 + 1, f"c{i}", isthing=i % 2 == 0) for i in range(num)]])


def panoptic_image(
    rng: np.random.Generator, image_id: int, num_labels: int = 6, size_hw=(40, 50)
) -> tuple[Prediction, Truth]:
    truth_map, ids, labels = _random_map(rng, size_hw, num_labels, void=0.2)
    iscrowd = np.zeros(len(ids), bool)
    for k in range(0, num_labels, 2):  # at most one crowd per class
        of_class = np.flatnonzero(labels == k)
        if len(of_class) and rng.random() < 0.3:
            iscrowd[rng.choice(of_class)] = True
    found_map = np.roll(truth_map, rng.integers(-3, 4, 2), (0, 1)).copy()
    found_ids, found_labels = ids.copy(), labels.copy()
    wrong = rng.random(len(labels)) < 0.2
    found_labels[wrong] = rng.integers(0, num_labels, int(wrong.sum()))
    if rng.random() < 0.7:  # something that is not there, over part of everything
        y, x = rng.integers(0, 30, 2)
        found_map[y : y + 15, x : x + 15] = 7001
    present = np.isin(found_ids, found_map)
    found_ids, found_labels = found_ids[present], found_labels[present]
    if (found_map == 7001).any():
        found_ids = np.append(found_ids, 7001)
        found_labels = np.append(found_labels, rng.integers(0, num_labels))
    return (
        Prediction(
            image_id,
            segment_ids_HW=found_map,
            segment_ids_N=found_ids,
            labels_N=found_labels,
        ),
        Truth(
            image_id,
            size_hw,
            Target(segment_ids_HW=truth_map, segment_ids_N=ids, labels_N=labels, iscrowd_N=iscrowd),
        ),
    )


def _random_map(rng, size_hw, num_labels, void):
    pixels = np.zeros(size_hw, np.int32)
    ids, labels = [], []
    for _ in range(int(rng.integers(1, 9))):
        y, x = (int(rng.integers(0, n - 5)) for n in size_hw)
        h, w = (int(v) for v in rng.integers(4, 25, 2))
        segment = 0 if rng.random() < void else int(rng.integers(1, 2**24))
        pixels[y : y + h, x : x + w] = segment
        if segment:
            ids.append(segment)
            labels.append(int(rng.integers(0, num_labels)))
    ids, labels = np.array(ids, np.int64), np.array(labels, np.int64)
    present = np.isin(ids, pixels)
    return pixels, ids[present], labels[present]


def panoptic_quality(pairs, num_labels: int) -> dict[int, tuple[float, float, float]]:
    """Return (PQ, SQ, RQ) of each class that occurs, with boolean masks and double loops."""
    iou_sum = np.zeros(num_labels)
    tp, fp, fn = (np.zeros(num_labels) for _ in range(3))
    for prediction, truth in pairs:
        target = truth.target
        void = target.segment_ids_HW == 0
        true = [
            (target.segment_ids_HW == s, k, bool(crowd))
            for s, k, crowd in zip(
                target.segment_ids_N, target.labels_N, target.iscrowd_N, strict=True
            )
        ]
        found = [
            (prediction.segment_ids_HW == s, k)
            for s, k in zip(prediction.segment_ids_N, prediction.labels_N, strict=True)
        ]
        matched = set()
        for mask, k, crowd in true:
            if crowd:
                continue
            hits = []
            for j, (other, other_k) in enumerate(found):
                if other_k != k:
                    continue
                union = (mask | (other & ~void)).sum()  # void pixels are taken out
                iou = (mask & other).sum() / union
                if iou > 0.5:
                    hits.append((j, iou))
            assert len(hits) <= 1  # the paper's theorem
            if hits:
                matched.add(hits[0][0])
                tp[k] += 1
                iou_sum[k] += hits[0][1]
            else:
                fn[k] += 1
        for j, (mask, k) in enumerate(found):
            if j in matched:
                continue
            excused = void.copy()
            for other, other_k, crowd in true:
                if crowd and other_k == k:
                    excused |= other
            if (mask & excused).sum() / mask.sum() <= 0.5:
                fp[k] += 1
    result = {}
    for k in range(num_labels):
        if tp[k] + fp[k] + fn[k]:
            sq = iou_sum[k] / tp[k] if tp[k] else 0.0
            rq = tp[k] / (tp[k] + fp[k] / 2 + fn[k] / 2)
            result[k] = (sq * rq, sq, rq)
    return result
