"""COCO's box and mask AP and AR, streaming: each image is matched when it arrives.

Letters: K = classes, T = IoU thresholds, I = images, B = sets of image weights.
Equal to pycocotools (the tests compare to 1e-6): its overlap code, its matching, its order of
equal scores, no score threshold. What is kept of a detection is 29 bytes, whatever its pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from cvcore.data.labels import LabelSpace
from cvcore.data.samples import Prediction, Truth
from cvcore.errors import ConfigError
from cvcore.evaluate.coco_image import DETECTION, OBJECT, read_image
from cvcore.evaluate.matching import AREA_RANGES
from cvcore.evaluate.overlap import IouType
from cvcore.evaluate.precision import mean_defined
from cvcore.evaluate.ranking import Ranked, rank_classes
from cvcore.evaluate.table import ImageId, ImageTable

PREFIX: dict[IouType, str] = {"bbox": "", "segm": "mask_"}
"""What stands before the names of figures."""

_IOU_OF = {"AP": slice(None), "AP50": slice(0, 1), "AP75": slice(5, 6)}
"""Positions in `matching.IOU_THRESHOLDS` that a figure is the mean of."""


class CocoMetric:
    """AP and AR of detection (`bbox`), instance segmentation (`segm`), or both.

    Args:
        labels: the classes.
        iou_types: what overlaps are measured on; figures of `segm` begin with `mask_`.
        max_detections: most detections per image and class, the best ones (COCO: 100).

    Raises:
        ConfigError: an unknown IoU type, or a limit below 1.
    """

    def __init__(
        self,
        labels: LabelSpace,
        iou_types: Sequence[str] = ("bbox",),
        max_detections: int = 100,
    ) -> None:
        if not iou_types or set(iou_types) - set(PREFIX):
            raise ConfigError(f"iou_types is {list(iou_types)}; allowed are 'bbox' and 'segm'.")
        if max_detections < 1:
            raise ConfigError(f"max_detections is {max_detections}; it must be at least 1.")
        self.labels = labels
        self.iou_types = cast(tuple[IouType, ...], tuple(iou_types))
        self.max_detections = max_detections
        self.tables = {
            kind: ImageTable({"detections": DETECTION, "objects": OBJECT})
            for kind in self.iou_types
        }

    @property
    def limits(self) -> tuple[int, ...]:
        """Numbers of detections per image and class at which recall is given."""
        return tuple(
            sorted({n for n in (1, 10) if n < self.max_detections} | {self.max_detections})
        )

    @property
    def image_ids(self) -> list[ImageId]:
        """Ids of the images seen, in order."""
        return self.tables[self.iou_types[0]].ids()

    @property
    def nbytes(self) -> int:
        """Memory of what is kept, bytes."""
        return sum(table.nbytes for table in self.tables.values())

    def update(self, predictions: Sequence[Prediction], truths: Sequence[Truth]) -> None:
        """Take one batch; an image seen before is left out."""
        for prediction, truth in zip(predictions, truths, strict=True):
            for kind, table in self.tables.items():
                if truth.image_id not in table:
                    detections, objects = read_image(
                        prediction, truth, kind, len(self.labels), self.max_detections
                    )
                    table.add(truth.image_id, detections=detections, objects=objects)

    def state(self) -> dict[str, Any]:
        """Return everything `merge` needs."""
        return {kind: table.state() for kind, table in self.tables.items()}

    def merge(self, state: dict[str, Any]) -> None:
        """Take in another process's `state()`."""
        for kind, table in self.tables.items():
            table.merge(state[kind])

    def compute(self) -> dict[str, float]:
        """Return COCO's twelve figures of each IoU type; NaN where there is no such object."""
        return {
            f"{PREFIX[kind]}{key}": float(mean_defined(values_KT.ravel()[:, None])[0])
            for kind in self.iou_types
            for key, values_KT in self._figures(kind).items()
        }

    def per_class(self) -> dict[str, dict[str, float]]:
        """Return the same figures of each class, and its number of objects."""
        rows: dict[str, dict[str, float]] = {name: {} for name in self.labels.names}
        for kind in self.iou_types:
            for key, values_KT in self._figures(kind).items():
                for row, value in zip(rows.values(), mean_defined(values_KT.T), strict=True):
                    row[f"{PREFIX[kind]}{key}"] = float(value)
        for row, ranked in zip(rows.values(), self.ranked(self.iou_types[0]), strict=True):
            row["num_objects"] = float(ranked.num_objects())
        return rows

    def resampled(self, weights_BI: NDArray[np.integer[Any]]) -> dict[str, NDArray[np.float64]]:
        """Return AP, AP50 and AP75 for sets of image weights (see `bootstrap`).

        Args:
            weights_BI: int [B, I], how often each image of `image_ids` counts.

        Returns:
            float64 [B] by key.
        """
        figures: dict[str, NDArray[np.float64]] = {}
        for kind in self.iou_types:
            ap_KTB = np.stack([ranked.precisions(0, weights_BI) for ranked in self.ranked(kind)])
            for key, at in _IOU_OF.items():
                of_sets_XB = ap_KTB[:, at].reshape(-1, len(weights_BI))
                figures[f"{PREFIX[kind]}{key}"] = mean_defined(of_sets_XB)
        return figures

    def ranked(self, kind: IouType) -> list[Ranked]:
        """Return each class's detections over all images, ranked by score, in label order."""
        return list(rank_classes(self.tables[kind], len(self.labels)))

    def _figures(self, kind: IouType) -> dict[str, NDArray[np.float64]]:
        """Return each figure at each class and IoU threshold, float64 [K, T], in COCO's order."""
        once_1I = np.ones((1, len(self.tables[kind])), np.int64)
        sizes = list(enumerate(AREA_RANGES))[1:]
        figures: dict[str, list[NDArray[np.float64]]] = {}
        for ranked in rank_classes(self.tables[kind], len(self.labels)):
            ap_T = ranked.precisions(0, once_1I)[:, 0]
            row = {key: ap_T[at] for key, at in _IOU_OF.items()}
            row |= {f"AP_{size}": ranked.precisions(area, once_1I)[:, 0] for area, size in sizes}
            row |= {f"AR_{limit}": ranked.recalls(0, limit) for limit in self.limits}
            row |= {f"AR_{size}": ranked.recalls(a, self.max_detections) for a, size in sizes}
            for key, values_T in row.items():
                figures.setdefault(key, []).append(values_T)
        return {key: np.stack(values_KT) for key, values_KT in figures.items()}
