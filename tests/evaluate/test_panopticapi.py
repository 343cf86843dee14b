"""PQ equals panopticapi's own, from the files it reads."""

from __future__ import annotations

import numpy as np
import panopticapi_evaluation
import pytest
from panoptic_reference import label_space, panoptic_image
from PIL import Image

from cvcore.evaluate.panoptic import PanopticMetric


def annotation(folder, image_id, source_ids, pixels, ids, labels, iscrowd=None):
    """Write a map as panopticapi's PNG (an id in base 256) and return its annotation."""
    name = f"{image_id}.png"
    rgb = np.stack([pixels >> shift & 255 for shift in (0, 8, 16)], axis=-1).astype(np.uint8)
    Image.fromarray(rgb).save(folder / name)
    crowds = np.zeros(len(ids), bool) if iscrowd is None else iscrowd
    segments = [
        {
            "id": int(segment),
            "category_id": source_ids[k],
            "iscrowd": int(crowd),
            "area": int((pixels == segment).sum()),
        }
        for segment, k, crowd in zip(ids, labels, crowds, strict=True)
    ]
    return {"image_id": image_id, "file_name": name, "segments_info": segments}


@pytest.mark.parametrize("seed", range(6))
def test_equals_panopticapi(seed, tmp_path):
    rng = np.random.default_rng(100 + seed)
    labels = label_space()
    source_ids = [label.source_id for label in labels.labels]
    pairs = [panoptic_image(rng, i) for i in range(10)]
    metric = PanopticMetric(labels)
    metric.update(*zip(*pairs, strict=True))

    truths, found = tmp_path / "truth", tmp_path / "found"
    truths.mkdir()
    found.mkdir()
    matched = []
    for p, t in pairs:
        of = t.target
        matched.append(
            (
                annotation(
                    truths, t.image_id, source_ids,
                    of.segment_ids_HW, of.segment_ids_N, of.labels_N, of.iscrowd_N,
                ),
                annotation(
                    found, t.image_id, source_ids,
                    p.segment_ids_HW, p.segment_ids_N, p.labels_N,
                ),
            )
        )  # fmt: skip
    categories = {x.source_id: {"isthing": int(x.isthing)} for x in labels.labels}
    stat = panopticapi_evaluation.pq_compute_single_core(
        0, matched, str(truths), str(found), categories
    )

    figures = metric.compute()
    for suffix, isthing in (("", None), ("_things", True), ("_stuff", False)):
        reference, of_classes = stat.pq_average(categories, isthing)
        for key in ("pq", "sq", "rq"):
            assert figures[key.upper() + suffix] == pytest.approx(reference[key], abs=1e-6)
        if isthing is None:
            rows = metric.per_class()
            for label in labels.labels:
                expected = of_classes[label.source_id]
                for key in ("pq", "sq", "rq"):
                    # panopticapi writes 0 for a class that is nowhere, and leaves it out of means.
                    value = np.nan_to_num(rows[label.name][key.upper()])
                    assert value == pytest.approx(expected[key], abs=1e-6)
