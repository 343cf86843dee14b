"""What a reader yields: one `Record` per image, in the source's own ids and units, without pixels.

Torch-free. Pixels are decoded later by `cvcore.data.images`; source ids become contiguous
indices in `cvcore.data.samples`, through the one `LabelSpace`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypedDict

SPLITS = ("train", "val", "test")


class Rle(TypedDict):
    """COCO run-length mask. Source: pycocotools `maskApi`; column-major runs, background first.

    Attributes:
        size: [height, width], pixels.
        counts: compressed (str, bytes), or plain runs, pixels.
    """

    size: list[int]
    counts: str | bytes | list[int]


@dataclass(frozen=True, slots=True)
class ImageRef:
    """Where an image's encoded bytes are: a file, or bytes of the table row called `name`.

    Attributes:
        path: of the file; None: `data` has them.
        data: the encoded bytes (JPEG, PNG ...); None: they are in the file.
        name: what messages call bytes that have no path.
    """

    path: Path | None = None
    data: bytes | None = None
    name: str = "<bytes>"

    def read(self) -> bytes:
        """Return the encoded bytes. Raises OSError when the file can't be read."""
        if self.data is not None:
            return self.data
        assert self.path is not None
        return self.path.read_bytes()

    def __str__(self) -> str:
        return str(self.path) if self.path is not None else self.name


@dataclass(frozen=True, slots=True)
class Category:
    """A class as its source declares it.

    Attributes:
        source_id: what annotations call it; unique in the data set.
        name: for people.
        isthing: whether its objects can be counted (COCO panoptic); else it is stuff.
        color: RGB, each 0..255; None: it declares none.
    """

    source_id: int | str
    name: str
    isthing: bool = True
    color: tuple[int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Annotation:
    """One object in source units.

    Attributes:
        annotation_id: the source's id, for messages.
        source_category: the source's category id.
        bbox_xywh: left, top, width, height in absolute pixels (COCO), or None.
        segmentation: polygons [[x1, y1, ...], ...] or an `Rle`, or None.
        area: pixels, as the source says (COCO's size ranges use it), or None.
        iscrowd: COCO's crowd flag; such objects are ignored by the metric, never trained on.
    """

    annotation_id: int | str
    source_category: int | str
    bbox_xywh: tuple[float, float, float, float] | None = None
    segmentation: list[list[float]] | Rle | None = None
    area: float | None = None
    iscrowd: bool = False


@dataclass(frozen=True, slots=True)
class PanopticSegment:
    """One segment of a panoptic PNG. Source: COCO panoptic.

    Attributes:
        segment_id: R + 256 G + 256^2 B of its pixels; unique in its image.
        source_category: the source's category id.
        iscrowd: COCO's crowd flag; such segments are ignored by the metric.
        area: pixels, as the source says, or None.
    """

    segment_id: int
    source_category: int | str
    iscrowd: bool = False
    area: float | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One image and everything its source says about it; only the task's fields are set.

    Attributes:
        image_id: unique in its split.
        image: where the encoded image is.
        size_hw: (height, width) in pixels as the source declares it, or None if it does not.
        annotations: objects (detection, instance segmentation).
        source_category: the image's class (classification).
        mask: a PNG of source category ids (semantic) or segment ids (panoptic).
        segments: the panoptic PNG's segments.
        ignore_value: the value of unlabelled pixels in a semantic `mask`, or None.
        metadata: further columns of the source, for slices.
    """

    image_id: int | str
    image: ImageRef
    size_hw: tuple[int, int] | None = None
    annotations: tuple[Annotation, ...] = ()
    source_category: int | str | None = None
    mask: ImageRef | None = None
    segments: tuple[PanopticSegment, ...] = ()
    ignore_value: int | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


class Split(Protocol):
    """One split of a data set: indexed lazily, cheap to pickle to workers."""

    @property
    def name(self) -> str:
        """One of train, val, test."""
        ...

    @property
    def categories(self) -> Sequence[Category]:
        """What this split's source declares; it may be fewer than another split's."""
        ...

    @property
    def files(self) -> Sequence[Path]:
        """Annotation files read, for the fingerprint."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Record: ...


@dataclass(frozen=True)
class ListSplit:
    """A split held in memory: what most readers return."""

    name: str
    categories: Sequence[Category]
    records: Sequence[Record]
    files: Sequence[Path] = ()

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Record:
        return self.records[index]
