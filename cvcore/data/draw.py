"""Truths and predictions drawn on their image, in the label space's colours. Torch-free.

Small pictures are enlarged by a whole factor so that captions stay legible and pixels countable.
Letters: H, W = height, width of the image; h, w = of the drawing; N = objects or segments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from cvcore.data import boxes, masks
from cvcore.data.labels import LabelSpace
from cvcore.data.records import Rle
from cvcore.data.samples import IGNORE_INDEX, Prediction, Target

MIN_SIDE_PX = 320
"""The longer side of a drawing is at least this."""

FONT_PX = 13
MIN_CAPTION_PX = 20
"""A region thinner than this gets no caption (in pixels of the drawing)."""

MASK_WEIGHT = 0.5
TOP_CLASSES = 3

Color = tuple[int, int, int]


def draw(
    image_HW3: NDArray[np.uint8],
    labels: LabelSpace,
    target: Target | None = None,
    prediction: Prediction | None = None,
    score_threshold: float = 0.3,
    class_thresholds: Mapping[str, float] | None = None,
) -> NDArray[np.uint8]:
    """Return a picture of a truth or of a prediction.

    Args:
        image_HW3: uint8 [H, W, 3], RGB.
        labels: names and colours.
        target: the truth at this image's size; or
        prediction: what a model says, at this image's size.
        score_threshold: predicted objects below are not drawn.
        class_thresholds: by class name, instead of `score_threshold`.

    Returns:
        uint8 [h, w, 3], RGB; h, w are H, W times a whole factor >= 1.
    """
    shown = prediction if target is None else target
    assert shown is not None
    canvas = _Canvas.over(image_HW3)
    if shown.segment_ids_HW is not None:
        _draw_segments(canvas, labels, shown)
    elif shown.semantic_HW is not None:
        _draw_classes(canvas, labels, shown.semantic_HW)
    elif target is not None and target.class_index is not None:
        label = labels.labels[target.class_index]
        canvas.write(label.name, 0, 0, label.color)
    elif prediction is not None and prediction.scores_K is not None:
        for row, i in enumerate(np.argsort(-prediction.scores_K, kind="stable")[:TOP_CLASSES]):
            label = labels.labels[i]
            text = f"{label.name} {prediction.scores_K[i]:.2f}"
            canvas.write(text, 0, row * line_height(), label.color)
    elif target is not None:
        _draw_truths(canvas, labels, target)
    elif prediction is not None:
        _draw_predictions(canvas, labels, prediction, score_threshold, class_thresholds or {})
    return canvas.finish()


@lru_cache(maxsize=8)
def font(size_px: int = FONT_PX) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the font of captions (Pillow's own, so that no system font is needed)."""
    return ImageFont.load_default(size=size_px)


def line_height() -> int:
    """Return the height of a caption, pixels."""
    return FONT_PX + 4


@dataclass
class _Canvas:
    """A drawing in progress; captions are written last, so that nothing covers them."""

    pixels_hw3: NDArray[np.uint8]
    factor: int
    captions: list[tuple[str, float, float, Color]] = field(default_factory=list)

    @classmethod
    def over(cls, image_HW3: NDArray[np.uint8]) -> _Canvas:
        factor = max(1, -(-MIN_SIDE_PX // max(image_HW3.shape[:2])))
        return cls(image_HW3.repeat(factor, axis=0).repeat(factor, axis=1), factor)

    def enlarge(self, map_HW: NDArray[Any]) -> NDArray[Any]:
        return map_HW.repeat(self.factor, axis=0).repeat(self.factor, axis=1)

    def region(self, mask_HW: NDArray[Any], color: Color) -> None:
        """Tint a mask's pixels and draw its outline."""
        mask_hw = self.enlarge(mask_HW).astype(bool)
        tinted = (1 - MASK_WEIGHT) * self.pixels_hw3[mask_hw] + MASK_WEIGHT * np.array(color)
        self.pixels_hw3[mask_hw] = tinted.astype(np.uint8)
        outlines, _ = cv2.findContours(
            mask_hw.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE
        )
        cv2.drawContours(self.pixels_hw3, outlines, -1, color, 1)

    def box(self, xyxy: NDArray[np.floating], color: Color) -> None:
        left, top, right, bottom = (round(float(v) * self.factor) for v in xyxy)
        corners = (left, top), (max(right - 1, left), max(bottom - 1, top))
        cv2.rectangle(self.pixels_hw3, *corners, color, 2)

    def write(self, text: str, left: float, top: float, color: Color) -> None:
        """Remember a caption whose left top corner is wanted here (drawing pixels)."""
        self.captions.append((text, left, top, color))

    def write_inside(self, text: str, mask_HW: NDArray[Any], color: Color) -> None:
        """Remember a caption at the innermost point of a region; none if the region is thin."""
        padded = np.pad(self.enlarge(mask_HW).astype(np.uint8), 1)
        depth_hw = cv2.distanceTransform(padded, cv2.DIST_L2, 3)
        _, depth, _, (x, y) = cv2.minMaxLoc(depth_hw)
        if 2 * depth >= MIN_CAPTION_PX:
            self.write(text, x - font().getlength(text) / 2, y - line_height() / 2, color)

    def finish(self) -> NDArray[np.uint8]:
        picture = Image.fromarray(self.pixels_hw3)
        pen = ImageDraw.Draw(picture)
        for text, left, top, color in self.captions:
            width, height = font().getlength(text) + 4, line_height()
            x = min(max(left, 0), max(0, picture.width - width))
            y = min(max(top, 0), picture.height - height)
            pen.rectangle((x, y, x + width, y + height - 1), fill=color)
            red, green, blue = color
            light = 0.299 * red + 0.587 * green + 0.114 * blue > 140
            pen.text((x + 2, y), text, font=font(), fill="black" if light else "white")
        return np.array(picture)


def _draw_truths(canvas: _Canvas, labels: LabelSpace, target: Target) -> None:
    assert target.boxes_N4 is not None
    assert target.labels_N is not None
    names = [labels.labels[i].name for i in target.labels_N]
    if target.iscrowd_N is not None:
        names = [
            f"{name} (crowd)" if crowd else name
            for name, crowd in zip(names, target.iscrowd_N, strict=True)
        ]
    boxes_N4 = boxes.xywh_to_xyxy(target.boxes_N4)
    _draw_objects(canvas, labels, names, target.labels_N, boxes_N4, target.masks)


def _draw_predictions(
    canvas: _Canvas,
    labels: LabelSpace,
    prediction: Prediction,
    threshold: float,
    class_thresholds: Mapping[str, float],
) -> None:
    assert prediction.boxes_N4 is not None
    assert prediction.labels_N is not None
    assert prediction.scores_N is not None
    order = np.argsort(prediction.scores_N, kind="stable")  # the best on top
    called_N = [labels.labels[label].name for label in prediction.labels_N]
    rows = [
        int(i)
        for i in order
        if prediction.scores_N[i] >= class_thresholds.get(called_N[i], threshold)
    ]
    names = [f"{called_N[i]} {prediction.scores_N[i]:.2f}" for i in rows]
    shown_masks = None if prediction.masks is None else [prediction.masks[i] for i in rows]
    _draw_objects(
        canvas, labels, names, prediction.labels_N[rows], prediction.boxes_N4[rows], shown_masks
    )


def _draw_objects(
    canvas: _Canvas,
    labels: LabelSpace,
    names: list[str],
    labels_N: NDArray[np.int64],
    boxes_N4: NDArray[np.float32],
    rles: list[Rle] | None,
) -> None:
    """Draw masks, then boxes and captions above them; boxes are xyxy."""
    colors = [labels.labels[i].color for i in labels_N]
    for rle, color in zip(rles or [], colors, strict=False):
        canvas.region(masks.decode(rle), color)
    for name, box, color in zip(names, boxes_N4, colors, strict=True):
        canvas.box(box, color)
        canvas.write(
            name, box[0] * canvas.factor, box[1] * canvas.factor - line_height() + 1, color
        )


def _draw_segments(canvas: _Canvas, labels: LabelSpace, shown: Target | Prediction) -> None:
    assert shown.segment_ids_HW is not None
    assert shown.segment_ids_N is not None
    assert shown.labels_N is not None
    scores_N = getattr(shown, "scores_N", None)
    for row, (segment_id, index) in enumerate(
        zip(shown.segment_ids_N, shown.labels_N, strict=True)
    ):
        label = labels.labels[index]
        mask_HW = shown.segment_ids_HW == segment_id
        canvas.region(mask_HW, label.color)
        text = label.name if scores_N is None else f"{label.name} {scores_N[row]:.2f}"
        if label.isthing and mask_HW.any():
            top, left = np.argwhere(mask_HW).min(0) * canvas.factor
            canvas.write(text, left, top - line_height(), label.color)
        else:
            canvas.write_inside(text, mask_HW, label.color)
    _darken(canvas, shown.segment_ids_HW == 0)


def _draw_classes(
    canvas: _Canvas, labels: LabelSpace, semantic_HW: NDArray[np.integer[Any]]
) -> None:
    for index in np.unique(semantic_HW):
        if index != IGNORE_INDEX:
            label = labels.labels[index]
            canvas.region(semantic_HW == index, label.color)
            canvas.write_inside(label.name, semantic_HW == index, label.color)
    _darken(canvas, semantic_HW == IGNORE_INDEX)


def _darken(canvas: _Canvas, unlabelled_HW: NDArray[np.bool_]) -> None:
    """Show unlabelled pixels darker, without a tint."""
    canvas.pixels_hw3[canvas.enlarge(unlabelled_HW)] //= 3
