"""Writes digit scenes and crops in the standard format of each task. Torch-free.

instances  images/<split>/000000.png  instances_<split>.json                  COCO
panoptic   images/<split>/000000.png  panoptic_<split>.json  panoptic/<split>/  COCO panoptic
semantic   images/<split>/000000.png  masks/<split>/000000.png  classes.json
crops      <split>/<digit>/000000.png
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from cvcore.config.schema import DigitsConf
from cvcore.data import masks
from cvcore.data.digit_scenes import CATEGORIES, Glyph, Scene, draw_crop, draw_scene, load_glyphs
from cvcore.data.records import SPLITS, Category

THINGS = tuple(category for category in CATEGORIES if category.isthing)
FIRST_THING_ID = 100
"""Panoptic segment id of a scene's first digit; a texture's segment id is its category id."""

log = logging.getLogger(__name__)

Draw = tuple[int, np.random.Generator, list[Glyph]]


def write_crops(folder: Path, conf: DigitsConf) -> None:
    """Write one folder of pictures per digit and split."""
    for split, draws in _splits(conf):
        for digit in range(10):
            (folder / split / str(digit)).mkdir(parents=True)
        for index, rng, glyphs in draws:
            glyph = glyphs[int(rng.integers(len(glyphs)))]
            image_HW3 = draw_crop(rng, glyph, conf.scene_size)
            _write_png(folder / split / str(glyph.digit) / f"{index:06}.png", image_HW3)


def write_instances(folder: Path, conf: DigitsConf) -> None:
    """Write scenes and COCO instances (boxes and masks of the digits)."""
    for split, draws in _splits(conf):
        coco = _empty_coco(THINGS)
        for index, scene in _scenes(folder, split, conf, draws):
            coco["images"].append(_image_row(index, scene))
            for digit, mask_HW in zip(scene.digits, scene.masks_HW, strict=True):
                rle = masks.encode(mask_HW)
                coco["annotations"].append(
                    {
                        "id": len(coco["annotations"]) + 1,
                        "image_id": index,
                        "category_id": digit,
                        "bbox": masks.bbox_xywh(rle),
                        "area": masks.area(rle),
                        "segmentation": rle,
                        "iscrowd": 0,
                    }
                )
        (folder / f"instances_{split}.json").write_text(json.dumps(coco))


def write_panoptic(folder: Path, conf: DigitsConf) -> None:
    """Write scenes and COCO panoptic (digits and textures)."""
    for split, draws in _splits(conf):
        pngs = _new(folder / "panoptic" / split)
        coco = _empty_coco(CATEGORIES)
        for index, scene in _scenes(folder, split, conf, draws):
            ids_HW = scene.stuff_HW.copy()
            for i, mask_HW in enumerate(scene.masks_HW):
                ids_HW[mask_HW] = FIRST_THING_ID + i
            things = dict(enumerate(scene.digits, start=FIRST_THING_ID))
            segments = [
                {"id": int(i), "category_id": things.get(int(i), int(i)), "area": int(area)}
                for i, area in zip(*np.unique(ids_HW, return_counts=True), strict=True)
            ]
            file = f"{index:06}.png"
            coco["images"].append(_image_row(index, scene))
            coco["annotations"].append(
                {"image_id": index, "file_name": file, "segments_info": segments}
            )
            rgb_HW3 = np.zeros((*ids_HW.shape, 3), np.uint8)
            rgb_HW3[..., 0] = ids_HW  # ids stay below 256, so green and blue are 0
            _write_png(pngs / file, rgb_HW3)
        (folder / f"panoptic_{split}.json").write_text(json.dumps(coco))


def write_semantic(folder: Path, conf: DigitsConf) -> None:
    """Write scenes and masks of category ids (digits and textures)."""
    names = {category.source_id: category.name for category in CATEGORIES}
    (folder / "classes.json").write_text(json.dumps(names))
    for split, draws in _splits(conf):
        pngs = _new(folder / "masks" / split)
        for index, scene in _scenes(folder, split, conf, draws):
            classes_HW = scene.stuff_HW.copy()
            for digit, mask_HW in zip(scene.digits, scene.masks_HW, strict=True):
                classes_HW[mask_HW] = digit
            _write_png(pngs / f"{index:06}.png", classes_HW)


WRITERS: dict[str, Callable[[Path, DigitsConf], None]] = {
    "classification": write_crops,
    "detection": write_instances,
    "instance_segmentation": write_instances,
    "semantic_segmentation": write_semantic,
    "panoptic_segmentation": write_panoptic,
}


def _splits(conf: DigitsConf) -> Iterator[tuple[str, Iterator[Draw]]]:
    """Yield each split and its draws; draw i is the same whatever the number of images."""
    glyphs = load_glyphs(conf.data_seed)
    for part, num in enumerate((conf.num_train, conf.num_val, conf.num_test)):
        split = SPLITS[part]
        log.info("drawing %d %s images of digits", num, split)
        bar = tqdm(range(num), desc=f"drawing {split} digits", disable=None, leave=False)
        yield (
            split,
            ((i, np.random.default_rng([conf.data_seed, part, i]), glyphs[split]) for i in bar),
        )


def _scenes(
    folder: Path, split: str, conf: DigitsConf, draws: Iterator[Draw]
) -> Iterator[tuple[int, Scene]]:
    """Yield each scene of a split, its picture written."""
    images = _new(folder / "images" / split)
    for index, rng, glyphs in draws:
        scene = draw_scene(rng, glyphs, conf.scene_size, conf.max_digits)
        _write_png(images / f"{index:06}.png", scene.image_HW3)
        yield index, scene


def _empty_coco(categories: tuple[Category, ...]) -> dict[str, Any]:
    rows = [{"id": c.source_id, "name": c.name, "isthing": int(c.isthing)} for c in categories]
    return {"images": [], "annotations": [], "categories": rows}


def _image_row(index: int, scene: Scene) -> dict[str, Any]:
    height, width = scene.stuff_HW.shape
    return {"id": index, "file_name": f"{index:06}.png", "height": height, "width": width}


def _new(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Write uint8 [H, W] or RGB [H, W, 3]; fast compression, the pictures are small."""
    if image.ndim == 3:
        image = np.ascontiguousarray(image[..., ::-1])
    _, data = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    path.write_bytes(data.tobytes())
