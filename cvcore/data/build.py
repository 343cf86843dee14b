"""Record + label space + pixels -> sample: the only place where source ids become indices.

Letters: H, W = height, width of the decoded image; N = objects. Torch-free.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from cvcore.data import boxes, masks
from cvcore.data.images import decode_mask, decode_panoptic
from cvcore.data.labels import LabelSpace
from cvcore.data.records import Annotation, ImageRef, PanopticSegment, Record, Rle
from cvcore.data.samples import IGNORE_INDEX, Sample, Target
from cvcore.errors import DataError, did_you_mean


def build_sample(
    record: Record,
    labels: LabelSpace,
    kind: str,
    image_HW3: NDArray[np.uint8],
    size_hw: tuple[int, int] | None = None,
) -> Sample:
    """Return the sample of a record.

    Args:
        record: what the source says.
        labels: the run's label space.
        kind: the task, one of `cvcore.config.schema.TASKS`.
        image_HW3: uint8 [H, W, 3], RGB: the record's decoded image.
        size_hw: (height, width) of the image itself, where `image_HW3` was decoded at reduced
            scale; the target is then scaled to `image_HW3`.

    Raises:
        DataError: the image's size is not the declared one, a category is not in the label space,
            or what the task needs is missing; names file and annotation.
    """
    height, width = image_HW3.shape[:2]
    true_hw = size_hw or (height, width)
    if record.size_hw is not None and record.size_hw != true_hw:
        raise DataError(
            f"image {record.image} is {true_hw[1]} x {true_hw[0]} pixels, its annotations say "
            f"{record.size_hw[1]} x {record.size_hw[0]}. Correct width and height in the "
            "annotation file, or set data.policy=drop (leave it out) or repair (scale them)."
        )
    target = _BUILDERS[kind](record, labels, (height, width), true_hw)
    return Sample(
        image_id=record.image_id,
        image_HW3=image_HW3,
        target=target,
        source=str(record.image),
        size_hw=true_hw,
        metadata=record.metadata,
    )


def _classification(
    record: Record, labels: LabelSpace, _size: tuple[int, int], _true: tuple[int, int]
) -> Target:
    if record.source_category is None:
        raise DataError(f"image {record.image} has no class. Give it one or remove it.")
    return Target(class_index=_index(labels, record.source_category, f"image {record.image}"))


def _detection(
    record: Record, labels: LabelSpace, size_hw: tuple[int, int], true_hw: tuple[int, int]
) -> Target:
    found = [_source_box(a, record, true_hw) for a in record.annotations]
    boxes_N4 = boxes.as_boxes(found)
    given = [np.nan if a.area is None else a.area for a in record.annotations]
    areas_N = np.asarray(given, np.float32)
    areas_N = np.where(np.isnan(areas_N), boxes.area_xywh(boxes_N4), areas_N)
    return _objects(record, labels, boxes_N4, areas_N, size_hw, true_hw)


def _instance(
    record: Record, labels: LabelSpace, size_hw: tuple[int, int], true_hw: tuple[int, int]
) -> Target:
    if record.segments:
        return _panoptic(record, labels, size_hw, true_hw)
    scale_xy = (size_hw[1] / true_hw[1], size_hw[0] / true_hw[0])
    rles = [_source_mask(a, record, size_hw, scale_xy) for a in record.annotations]
    # Boxes and areas of COCO's own kind where it gives them (a crowd's box is not tight).
    back_xy = np.array([1 / scale_xy[0], 1 / scale_xy[1]] * 2)
    found = [
        np.multiply(masks.bbox_xywh(rle), back_xy) if a.bbox_xywh is None else a.bbox_xywh
        for a, rle in zip(record.annotations, rles, strict=True)
    ]
    areas_N = np.asarray(
        [
            masks.area(rle) * back_xy[0] * back_xy[1] if a.area is None else a.area
            for a, rle in zip(record.annotations, rles, strict=True)
        ],
        np.float32,
    )
    target = _objects(record, labels, boxes.as_boxes(found), areas_N, size_hw, true_hw)
    target.masks = rles
    return target


def _objects(
    record: Record,
    labels: LabelSpace,
    boxes_N4: NDArray[np.float32],
    areas_N: NDArray[np.float32],
    size_hw: tuple[int, int],
    true_hw: tuple[int, int],
) -> Target:
    """Return the target of a record's annotations; boxes and areas are in true pixels."""
    if size_hw != true_hw:
        boxes_N4 = boxes.scale_xywh(boxes_N4, true_hw, size_hw)
        areas_N = areas_N * np.float32(size_hw[0] * size_hw[1] / (true_hw[0] * true_hw[1]))
    annotations = record.annotations
    indices = [_index(labels, a.source_category, _where(a, record)) for a in annotations]
    return Target(
        boxes_N4=boxes_N4,
        labels_N=np.asarray(indices, np.int64),
        areas_N=areas_N,
        iscrowd_N=np.asarray([a.iscrowd for a in annotations], np.bool_),
        annotation_ids=tuple(a.annotation_id for a in annotations),
    )


def _semantic(
    record: Record, labels: LabelSpace, size_hw: tuple[int, int], true_hw: tuple[int, int]
) -> Target:
    if len(labels) > IGNORE_INDEX:
        raise DataError(
            f"the data set has {len(labels)} classes; semantic segmentation takes at most "
            f"{IGNORE_INDEX}, because {IGNORE_INDEX} marks unlabelled pixels. Merge rare classes."
        )
    mask = _require_mask(record)
    if record.segments:
        ids_HW = _sized(decode_panoptic(mask), mask, size_hw, true_hw)
        semantic_HW = np.full(size_hw, IGNORE_INDEX, np.uint8)
        for segment in record.segments:
            semantic_HW[ids_HW == segment.segment_id] = _segment_index(segment, labels, record)
        return Target(semantic_HW=semantic_HW)
    values_HW = _sized(decode_mask(mask), mask, size_hw, true_hw)
    table = np.full(int(values_HW.max()) + 1, -1, np.int16)
    for label in labels.labels:
        if isinstance(label.source_id, int) and 0 <= label.source_id < len(table):
            table[label.source_id] = label.index
    if record.ignore_value is not None and record.ignore_value < len(table):
        table[record.ignore_value] = IGNORE_INDEX
    indices_HW = table[values_HW]
    if (indices_HW < 0).any():
        value = int(values_HW[indices_HW < 0][0])
        raise DataError(
            f"mask {mask} has pixels of value {value}, which is no class and not the ignore value "
            f"{record.ignore_value}. Classes are {_some(labels.index_of)}. Add the class to the "
            "class list, or set data.ignore_value."
        )
    return Target(semantic_HW=indices_HW.astype(np.uint8))


def _panoptic(
    record: Record, labels: LabelSpace, size_hw: tuple[int, int], true_hw: tuple[int, int]
) -> Target:
    """Return masks, boxes and areas made from the PNG; a listed segment without pixels is left out.

    Pixels of a segment that is not listed are unlabelled (0), as in panopticapi.
    """
    mask = _require_mask(record)
    source_HW = _sized(decode_panoptic(mask), mask, size_hw, true_hw)
    ids_HW = np.zeros_like(source_HW)
    segments: list[PanopticSegment] = []
    rles: list[Rle] = []
    for segment in record.segments:
        mask_HW = source_HW == segment.segment_id
        if segment.segment_id != 0 and mask_HW.any():
            ids_HW[mask_HW] = segment.segment_id
            segments.append(segment)
            rles.append(masks.encode(mask_HW))
    return Target(
        boxes_N4=boxes.as_boxes([masks.bbox_xywh(rle) for rle in rles]),
        labels_N=np.asarray([_segment_index(s, labels, record) for s in segments], np.int64),
        areas_N=np.asarray([masks.area(rle) for rle in rles], np.float32),
        iscrowd_N=np.asarray([s.iscrowd for s in segments], np.bool_),
        masks=rles,
        segment_ids_HW=ids_HW,
        segment_ids_N=np.asarray([s.segment_id for s in segments], np.int64),
        annotation_ids=tuple(s.segment_id for s in segments),
    )


_Builder = Callable[[Record, LabelSpace, tuple[int, int], tuple[int, int]], Target]
_BUILDERS: dict[str, _Builder] = {
    "classification": _classification,
    "detection": _detection,
    "semantic_segmentation": _semantic,
    "instance_segmentation": _instance,
    "panoptic_segmentation": _panoptic,
}


def _index(labels: LabelSpace, source_id: int | str, where: str) -> int:
    index = labels.index_of.get(source_id)
    if index is None:
        raise DataError(
            f"{where} has category {source_id!r}, which the data set does not declare. Categories "
            f"are {_some(labels.index_of)}. Add it to the categories or correct the annotation."
            + did_you_mean(str(source_id), map(str, labels.index_of))
        )
    return index


def _segment_index(segment: PanopticSegment, labels: LabelSpace, record: Record) -> int:
    where = f"segment {segment.segment_id} of {record.mask}"
    return _index(labels, segment.source_category, where)


def _source_box(
    annotation: Annotation, record: Record, true_hw: tuple[int, int]
) -> tuple[float, float, float, float]:
    if annotation.bbox_xywh is not None:
        return annotation.bbox_xywh
    if annotation.segmentation:
        return masks.bbox_xywh(_source_mask(annotation, record, true_hw, (1.0, 1.0)))
    raise DataError(
        f"{_where(annotation, record)} has no box. Add bbox [left, top, width, height] "
        "or remove it."
    )


def _source_mask(
    annotation: Annotation,
    record: Record,
    size_hw: tuple[int, int],
    scale_xy: tuple[float, float],
) -> Rle:
    if not annotation.segmentation:
        raise DataError(
            f"{_where(annotation, record)} has no segmentation, which instance segmentation "
            "needs. Add polygons or a run-length mask, or use task=detection."
        )
    try:
        return masks.to_rle(annotation.segmentation, size_hw, scale_xy)
    except DataError as error:
        raise DataError(f"{_where(annotation, record)}: {error}") from error


def _where(annotation: Annotation, record: Record) -> str:
    return f"annotation {annotation.annotation_id!r} of image {record.image}"


def _require_mask(record: Record) -> ImageRef:
    if record.mask is None:
        raise DataError(f"image {record.image} has no mask. Add one or remove the image.")
    return record.mask


def _sized(
    values_HW: NDArray[np.int32], mask: ImageRef, size_hw: tuple[int, int], true_hw: tuple[int, int]
) -> NDArray[np.int32]:
    """Return a mask at the decoded image's size, nearest neighbour."""
    if values_HW.shape != true_hw:
        raise DataError(
            f"mask {mask} is {values_HW.shape[1]} x {values_HW.shape[0]} pixels, its image "
            f"{true_hw[1]} x {true_hw[0]}. Make the mask again at the image's size."
        )
    if size_hw == true_hw:
        return values_HW
    rows = (np.arange(size_hw[0]) + 0.5) * (true_hw[0] / size_hw[0])
    columns = (np.arange(size_hw[1]) + 0.5) * (true_hw[1] / size_hw[1])
    return values_HW[rows.astype(np.intp)[:, None], columns.astype(np.intp)]


def _some(values: Sequence[int | str] | dict[int | str, int]) -> str:
    shown = [repr(v) for v in values]
    return ", ".join(shown[:10]) + (f" ... ({len(shown)} in all)" if len(shown) > 10 else "")
