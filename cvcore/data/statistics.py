"""What a data set is like: classes, image sizes, objects, boxes, copies. Torch-free.

Made from the facts of a check (`cvcore.data.contract.check`) and one more walk over the records,
without pixels. COCO's size ranges: small below 32^2, medium below 96^2 square pixels, large from
there on. Source: cocodataset.org/#detection-eval.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cvcore.data.contract.report import ContractReport, SplitFacts
from cvcore.data.duplicates import CopyGroup, Picture, find_copies, leaks
from cvcore.data.labels import LabelSpace
from cvcore.data.records import Record, Split
from cvcore.errors import DataError

_SMALL, _MEDIUM = 32**2, 96**2
_MOST_SIZES = 5


@dataclass(frozen=True, slots=True)
class Spread:
    """How a number is spread: smallest, 5th, 50th and 95th percentile, largest, mean."""

    least: float
    p5: float
    median: float
    p95: float
    most: float
    mean: float

    @classmethod
    def of(cls, values: ArrayLike) -> Spread | None:
        """Return the spread of numbers, NaN left out; None where there is none."""
        found = np.asarray(values, np.float64).ravel()
        found = found[np.isfinite(found)]
        if not len(found):
            return None
        least, p5, median, p95, most = np.percentile(found, [0, 5, 50, 95, 100]).tolist()
        return cls(least, p5, median, p95, most, float(found.mean()))


@dataclass(frozen=True, slots=True)
class ClassCount:
    """One class in one split.

    Attributes:
        label: its name.
        images: images that have it.
        objects: objects, segments or images of it.
        pixels: its pixels, of semantic masks that were decoded; else None.
    """

    label: str
    images: int
    objects: int
    pixels: int | None = None


@dataclass(frozen=True, slots=True)
class SplitStatistics:
    """One split.

    Attributes:
        num_images: its images.
        num_without: images without any object.
        classes: in the order of the label space.
        width: of images, pixels.
        height: of images, pixels.
        aspect: width / height.
        sizes: the most frequent (width, height) and their images.
        objects_per_image: objects or segments.
        box_side: square root of a box's area, pixels.
        box_share: square root of a box's share of its image's area, 0..1.
        boxes_by_size: COCO's small, medium, large.
        brightness: mean grey value of images, 0..255.
        contrast: standard deviation of grey values.
    """

    num_images: int
    num_without: int
    classes: tuple[ClassCount, ...]
    width: Spread | None
    height: Spread | None
    aspect: Spread | None
    sizes: tuple[tuple[int, int, int], ...]
    objects_per_image: Spread | None
    box_side: Spread | None
    box_share: Spread | None
    boxes_by_size: Mapping[str, int]
    brightness: Spread | None
    contrast: Spread | None


@dataclass(frozen=True, slots=True)
class Statistics:
    """A data set.

    Attributes:
        splits: by name.
        copies: groups of exact and near duplicates, leaks first.
        leaks: (split, split it has copies of) -> images of the first.
    """

    splits: Mapping[str, SplitStatistics]
    copies: tuple[CopyGroup, ...]
    leaks: Mapping[tuple[str, str], int]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able form."""
        return {
            "splits": {name: asdict(found) for name, found in self.splits.items()},
            "copies": [group.to_dict() for group in self.copies],
            "leaks": [
                {"split": split, "copies_of": other, "images": number}
                for (split, other), number in self.leaks.items()
            ],
        }


def statistics(
    splits: Mapping[str, Split], report: ContractReport, labels: LabelSpace
) -> Statistics:
    """Return the statistics of splits that were checked with all images decoded.

    Args:
        splits: those that were checked.
        report: of `check(..., decode_images=True)`; else brightness, copies and the pixels of
            classes cover the decoded images only.
        labels: the label space over all splits.
    """
    pictures: list[Picture] = []
    found: dict[str, SplitStatistics] = {}
    for name, split in splits.items():
        facts = report.facts[name]
        found[name] = _of_split(split, facts, labels, pictures)
    copies = tuple(find_copies(pictures))
    return Statistics(found, copies, leaks(copies))


def _of_split(
    split: Split, facts: SplitFacts, labels: LabelSpace, pictures: list[Picture]
) -> SplitStatistics:
    images: Counter[int | str] = Counter()
    objects: Counter[int | str] = Counter()
    per_image: list[int] = []
    box_areas: list[float] = []
    box_shares: list[float] = []
    for index in range(len(split)):
        try:
            record = split[index]
        except DataError:
            continue  # the contract reports it
        digest = facts.digests[index]
        if digest is not None:
            file = str(record.image)
            signature = facts.signatures[index]
            pictures.append(Picture(split.name, record.image_id, file, digest, signature))
        categories = _categories(record)
        objects.update(categories)
        images.update(set(categories))
        per_image.append(len(categories))
        height, width = facts.sizes_N2[index].tolist()
        for annotation in record.annotations:
            box = annotation.bbox_xywh
            if box is not None and not annotation.iscrowd and box[2] > 0 and box[3] > 0:
                box_areas.append(box[2] * box[3])
                if height and width:
                    box_shares.append(box[2] * box[3] / (height * width))
    sizes_N2 = facts.sizes_N2[facts.sizes_N2.all(axis=1)]
    sizes = Counter(map(tuple, sizes_N2.tolist())).most_common(_MOST_SIZES)
    masks: dict[int | str, tuple[int, int, int]] = {}
    if not objects:  # a label mask has no objects: its pixels are counted
        masks = {value: (n, 0, pixels) for value, (n, pixels) in facts.mask_values.items()}
    areas = np.asarray(box_areas)
    return SplitStatistics(
        num_images=len(split),
        num_without=0 if masks else per_image.count(0),
        classes=tuple(
            ClassCount(label.name, *masks.get(label.source_id, (0, 0, 0)))
            if masks
            else ClassCount(label.name, images[label.source_id], objects[label.source_id])
            for label in labels.labels
        ),
        width=Spread.of(sizes_N2[:, 1]),
        height=Spread.of(sizes_N2[:, 0]),
        aspect=Spread.of(sizes_N2[:, 1] / sizes_N2[:, 0]),
        sizes=tuple((width, height, number) for (height, width), number in sizes),
        objects_per_image=Spread.of(per_image) if objects else None,
        box_side=Spread.of(np.sqrt(areas)),
        box_share=Spread.of(np.sqrt(box_shares)),
        boxes_by_size={
            "small": int((areas < _SMALL).sum()),
            "medium": int(((areas >= _SMALL) & (areas < _MEDIUM)).sum()),
            "large": int((areas >= _MEDIUM).sum()),
        },
        brightness=Spread.of(facts.brightness_N),
        contrast=Spread.of(facts.contrast_N),
    )


def _categories(record: Record) -> Sequence[int | str]:
    """Return the category of each object or segment, or of the image."""
    if record.source_category is not None:
        return [record.source_category]
    items = record.annotations or record.segments
    return [item.source_category for item in items if not item.iscrowd]
