"""Small clean data sets in each layout, written to disk, to be broken by the tests."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cvcore.config.schema import (
    CocoConf,
    CocoPanopticConf,
    DataConf,
    ImageFolderConf,
    SemanticMasksConf,
)

HEIGHT, WIDTH = 48, 64
CONF: dict[str, type[DataConf]] = {
    "detection": CocoConf,
    "instance_segmentation": CocoConf,
    "panoptic_segmentation": CocoPanopticConf,
    "semantic_segmentation": SemanticMasksConf,
    "classification": ImageFolderConf,
}


def picture(seed: int) -> Image.Image:
    """A picture like no other: a few random rectangles."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (6, 8, 3)).astype(np.uint8)
    return Image.fromarray(pixels).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)


@dataclass
class DataSet:
    """A data set on disk; `content` is what the JSON files get when `save` is called."""

    root: Path
    kind: str
    content: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    def annotation(self, annotation_id: int) -> dict[str, Any]:
        rows = [a for split in self.content.values() for a in split["annotations"]]
        return next(row for row in rows if row["id"] == annotation_id)

    def image(self, image_id: int) -> dict[str, Any]:
        rows = [i for split in self.content.values() for i in split["images"]]
        return next(row for row in rows if row["id"] == image_id)

    def save(self) -> DataConf:
        prefix = "panoptic" if self.kind == "panoptic_segmentation" else "instances"
        for split, content in self.content.items():
            path = self.root / f"annotations/{prefix}_{split}.json"
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(content))
        return self.config()

    def config(self, **more: Any) -> DataConf:
        return CONF[self.kind](root=str(self.root), **self.settings, **more)

    def digest(self) -> str:
        found = hashlib.sha256()
        for path in sorted(p for p in self.root.rglob("*") if p.is_file()):
            found.update(str(path.relative_to(self.root)).encode() + path.read_bytes())
        return found.hexdigest()


SPLIT_IDS = {"train": (1, 2, 3), "val": (4, 5)}


def coco(root: Path, kind: str) -> DataSet:
    """Five images with two objects each: annotations 11 and 12 of image 1, and so on."""
    content = {}
    for split, ids in SPLIT_IDS.items():
        (root / split).mkdir(parents=True)
        annotations = []
        for i in ids:
            picture(i).save(root / split / f"{i}.png")
            for number, (left, top, width, height) in enumerate([(5, 5, 20, 15), (30, 20, 20, 20)]):
                right, bottom = left + width, top + height
                annotations.append(
                    {
                        "id": 10 * i + number + 1,
                        "image_id": i,
                        "category_id": number + 1,
                        "bbox": [left, top, width, height],
                        "area": width * height,
                        "iscrowd": 0,
                        "segmentation": [[left, top, right, top, right, bottom, left, bottom]],
                    }
                )
        content[split] = {
            "images": [
                {"id": i, "file_name": f"{i}.png", "width": WIDTH, "height": HEIGHT} for i in ids
            ],
            "annotations": annotations,
            "categories": [{"id": 1, "name": "cell"}, {"id": 2, "name": "grain"}],
        }
    return DataSet(root, kind, content)


def panoptic(root: Path, kind: str) -> DataSet:
    """Five images; segment 1 is a thing in the middle, segment 2 the stuff around it."""
    ids_HW = np.full((HEIGHT, WIDTH), 2, np.uint8)
    ids_HW[10:30, 10:40] = 1
    content = {}
    for split, ids in SPLIT_IDS.items():
        (root / split).mkdir(parents=True)
        pngs = root / f"annotations/panoptic_{split}"
        pngs.mkdir(parents=True)
        for i in ids:
            picture(i).save(root / split / f"{i}.png")
            write_segments(pngs / f"{i}.png", ids_HW)
        content[split] = {
            "images": [
                {"id": i, "file_name": f"{i}.png", "width": WIDTH, "height": HEIGHT} for i in ids
            ],
            "annotations": [
                {
                    "image_id": i,
                    "file_name": f"{i}.png",
                    "segments_info": [
                        {"id": 1, "category_id": 1, "area": 600, "iscrowd": 0},
                        {"id": 2, "category_id": 2, "area": HEIGHT * WIDTH - 600, "iscrowd": 0},
                    ],
                }
                for i in ids
            ],
            "categories": [
                {"id": 1, "name": "cell", "isthing": 1},
                {"id": 2, "name": "glass", "isthing": 0},
            ],
        }
    return DataSet(root, kind, content)


def write_segments(path: Path, ids_HW: np.ndarray) -> None:
    rgb_HW3 = np.zeros((*ids_HW.shape, 3), np.uint8)
    rgb_HW3[..., 0] = ids_HW
    Image.fromarray(rgb_HW3).save(path)


def semantic(root: Path, kind: str) -> DataSet:
    """Five images; half of each mask is class 0, half class 1."""
    mask_HW = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask_HW[:, WIDTH // 2 :] = 1
    for split, ids in SPLIT_IDS.items():
        for i in ids:
            for part, image in (("images", picture(i)), ("masks", Image.fromarray(mask_HW))):
                (root / part / split).mkdir(parents=True, exist_ok=True)
                image.save(root / part / split / f"{i}.png")
    (root / "classes.json").write_text(json.dumps({"0": "road", "1": "sky"}))
    return DataSet(root, kind)


def folders(root: Path, kind: str) -> DataSet:
    """Three training and two validation images of each of two classes."""
    for split, ids in SPLIT_IDS.items():
        for number, name in enumerate(("cat", "dog")):
            (root / split / name).mkdir(parents=True)
            for i in ids:
                picture(10 * i + number).save(root / split / name / f"{i}.png")
    return DataSet(root, kind)


_MAKERS = {
    "detection": coco,
    "instance_segmentation": coco,
    "panoptic_segmentation": panoptic,
    "semantic_segmentation": semantic,
    "classification": folders,
}


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str], DataSet]:
    """Return a maker of clean data sets of a task, in the test's folder."""

    def make_one(kind: str, folder: str = "data") -> DataSet:
        return _MAKERS[kind](tmp_path / folder, kind)

    return make_one
