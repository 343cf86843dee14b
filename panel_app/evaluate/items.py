"""What a grid and a large view show of an image: truth and prediction, each box by what it is. Blocking."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

import cv2
import numpy as np

from cvcore.data import masks
from cvcore.data.samples import Prediction, Target, Truth
from cvcore.errors import DataError
from cvcore.evaluate.coco_image import read_image
from cvcore.evaluate.error_types import ErrorType
from cvcore.evaluate.errors import ERROR_NAMES, MEANINGS
from panel_app.evaluate.pictures import Pictures
from panel_app.evaluate.study import Study

STATES: tuple[tuple[str, tuple[int, int, int]], ...] = (
    ("found (prediction)", (34, 160, 76)),
    ("wrong class", (214, 64, 160)),
    ("wrong place", (235, 140, 20)),
    ("wrong class and place", (160, 90, 40)),
    ("duplicate", (120, 110, 230)),
    ("on background", (215, 50, 45)),
    ("missed (truth)", (20, 120, 220)),
    ("truth, found", (150, 160, 165)),
)
"""What a box is: name and colour."""

_MISSED, _TRUE = 6, 7
_STATE_OF = {
    ErrorType.CORRECT: 0,
    ErrorType.CLASSIFICATION: 1,
    ErrorType.LOCALISATION: 2,
    ErrorType.BOTH: 3,
    ErrorType.DUPLICATE: 4,
    ErrorType.BACKGROUND: 5,
}
_AGREEMENT = [{"name": "right", "color": [34, 160, 76]}, {"name": "wrong", "color": [215, 50, 45]}]


class Items:
    """Makes the items of one evaluation."""

    def __init__(self, pictures: Pictures, study: Study, thresholds: Sequence[float] = ()) -> None:
        """Take it.

        Args:
            pictures: makes addresses.
            study: the evaluation.
            thresholds: of the scores, by class; none: those of best F1.
        """
        self.pictures, self.study = pictures, study
        self.thresholds = list(thresholds)
        self.mode = "mistakes"

    def labels(self) -> list[dict[str, Any]]:
        """Return names and colours for the legend: of states, or of classes."""
        if self.study.coco is not None:
            return [{"name": name, "color": list(color)} for name, color in STATES]
        if "segmentation" in self.study.task and self.mode == "mistakes":
            return _AGREEMENT
        return [{"name": x.name, "color": list(x.color)} for x in self.study.labels.labels]

    def small(self, places: Sequence[int]) -> list[dict[str, Any]]:
        """Return what the grid shows of some images."""
        return [self._item(place, small=True) for place in places]

    def large(self, place: int) -> dict[str, Any]:
        """Return one image with all that is known of it."""
        return self._item(place, small=False)

    def _item(self, place: int, *, small: bool) -> dict[str, Any]:
        study = self.study
        image_id = study.image_ids[place]
        truth = study.truth(image_id)
        source = str(truth["source"])
        item: dict[str, Any] = {
            "row": place,
            "file": PurePath(source).name or str(image_id),
            "size": truth["size_hw"],
            "url": self.pictures.url(study, place, small=small),
            "facts": [
                ["Image id", str(image_id)],
                ["Size", f"{truth['size_hw'][1]:,} x {truth['size_hw'][0]:,} pixels"],
                ["File", source],
                *([str(k), str(v)[:120]] for k, v in list(truth["metadata"].items())[:12]),
            ],
        }
        if study.coco is not None:
            self._objects(item, truth)
        elif study.task == "classification":
            self._answer(item, truth)
        else:
            self._pixels(item, place, truth, small=small)
        return item

    def _answer(self, item: dict[str, Any], truth: dict[str, Any]) -> None:
        names, index_of = self.study.labels.names, self.study.labels.index_of
        true = index_of[truth["answers"][0]["category_id"]]
        (row,) = self.study.predicted.of(truth["image_id"])
        predicted = index_of[row["category_id"]]
        # JSON's keys are texts.
        scores = {
            names[index_of.get(key, index_of.get(_number(key), 0))]: score
            for key, score in row["scores"].items()
        }
        item["class"] = predicted
        right = true == predicted
        item["said"] = "right" if right else f"true: {names[true]}"
        if not right:
            item["faults"] = 1
        item["facts"] = [
            ["Truth", names[true]],
            ["Prediction", names[predicted]],
            *([f"Score of {name}", f"{score:.3f}"] for name, score in scores.items()),
            *item["facts"],
        ]

    def _pixels(
        self, item: dict[str, Any], place: int, truth: dict[str, Any], *, small: bool
    ) -> None:
        study = self.study
        item["mask"] = self.pictures.mask_url(study, place, self.mode, small=small)
        item["parts"] = [-1, *range(len(self.labels()))]
        found = study.predicted.of(truth["image_id"])
        if study.task == "panoptic_segmentation":
            item["said"] = f"{len(truth['answers'])} true, {len(found)} predicted"
        else:
            item["said"] = f"{len(truth['answers'])} classes"
        names, index_of = study.labels.names, study.labels.index_of
        for title, rows in (("Truth", truth["answers"]), ("Prediction", found)):
            listed = dict.fromkeys(names[index_of[row["category_id"]]] for row in rows)
            item["facts"].insert(0, [title, ", ".join(listed) or "nothing"])

    def _objects(self, item: dict[str, Any], truth: dict[str, Any]) -> None:
        study = self.study
        assert study.coco is not None
        names, index_of = study.labels.names, study.labels.index_of
        found = study.predicted.of(truth["image_id"])
        prediction, target = _prediction(found, index_of), _target(truth, index_of)
        whole = Truth(truth["image_id"], (truth["size_hw"][0], truth["size_hw"][1]), target)
        rows, objects = read_image(
            prediction, whole, study.kind, len(names), study.coco.max_detections
        )
        # The rows are by class and falling score: the same order brings box and row together.
        assert prediction.labels_N is not None
        assert prediction.scores_N is not None
        order = np.lexsort((-prediction.scores_N, prediction.labels_N))
        kept_order = _cut(prediction.labels_N[order], order, study.coco.max_detections)
        thresholds = np.asarray(self.thresholds or study.thresholds)
        boxes: list[list[float]] = []
        polygons: list[list[list[float]]] = []
        listed: list[dict[str, Any]] = []
        is_found = np.zeros(len(objects), bool)
        for at, row in zip(kept_order, rows, strict=True):
            if row["score"] < thresholds[row["label"]]:
                continue
            error = ErrorType(int(row["error"]))
            if error is ErrorType.CORRECT:
                is_found[row["object"]] = True
            if error not in _STATE_OF:
                continue
            state = _STATE_OF[error]
            x, y, w, h = found[at]["bbox"]
            boxes.append([state, round(x, 2), round(y, 2), round(w, 2), round(h, 2), 0])
            polygons.append(_polygons(found[at]))
            name = ERROR_NAMES.get(error, "")
            listed.append(
                {
                    "class": state,
                    "label": f"{names[row['label']]} {row['score']:.2f}",
                    "where": "finds an object" if not name else f"{name}: {MEANINGS[name]}",
                    "faults": [],
                }
            )
        for at, answer in enumerate(truth["answers"]):
            state = _TRUE if is_found[at] or answer.get("iscrowd") else _MISSED
            boxes.append([state, *(round(v, 2) for v in answer["bbox"]), answer.get("iscrowd", 0)])
            polygons.append(_polygons(answer))
            crowd = ", crowd" if answer.get("iscrowd") else ""
            listed.append(
                {
                    "class": state,
                    "label": f"{names[index_of[answer['category_id']]]} (truth)",
                    "where": ("missed" if state == _MISSED else "found") + crowd,
                    "faults": [],
                }
            )
        item["boxes"], item["objects"] = boxes, listed
        item["texts"] = [one["label"] for one in listed]
        if any(polygons):
            item["polygons"] = polygons
        wrong = sum(1 for box in boxes if 0 < box[0] < _MISSED)
        missed = sum(1 for box in boxes if box[0] == _MISSED)
        item["said"] = f"{int(is_found.sum())} found, {wrong} wrong, {missed} missed"


def _cut(labels_N: Any, order_N: Any, limit: int) -> Any:
    """Return the order without what is beyond the best `limit` of a class, as the metric does."""
    if len(order_N) <= limit:
        return order_N
    rank_N = np.arange(len(order_N)) - np.searchsorted(labels_N, labels_N)
    return order_N[rank_N < limit]


def _prediction(rows: Sequence[dict[str, Any]], index_of: Any) -> Prediction:
    xywh_N4 = np.array([row["bbox"] for row in rows], np.float64).reshape(-1, 4)
    xywh_N4[:, 2:] += xywh_N4[:, :2]
    return Prediction(
        0,
        boxes_N4=xywh_N4.astype(np.float32),
        labels_N=np.array([index_of[row["category_id"]] for row in rows], np.int64),
        scores_N=np.array([row["score"] for row in rows], np.float32),
        masks=[row["segmentation"] for row in rows] if rows and "segmentation" in rows[0] else [],
    )


def _target(truth: dict[str, Any], index_of: Any) -> Target:
    rows = truth["answers"]
    areas = [row.get("area") for row in rows]
    return Target(
        boxes_N4=np.array([row["bbox"] for row in rows], np.float32).reshape(-1, 4),
        labels_N=np.array([index_of[row["category_id"]] for row in rows], np.int64),
        iscrowd_N=np.array([bool(row["iscrowd"]) for row in rows], bool),
        areas_N=None if None in areas else np.array(areas, np.float32),
        masks=[row["segmentation"] for row in rows if "segmentation" in row],
    )


def _polygons(row: dict[str, Any]) -> list[list[float]]:
    if "segmentation" not in row:
        return []
    try:
        mask_HW = masks.decode(row["segmentation"])
    except (DataError, ValueError):
        return []
    contours, _ = cv2.findContours(mask_HW, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    return [(contour.reshape(-1, 2) + 0.5).ravel().tolist() for contour in contours]


def _number(text: str) -> int | str:
    return int(text) if text.lstrip("-").isdecimal() else text
