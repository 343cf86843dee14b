"""The built-in data set: reader `digits`, drawn once and kept on disk.

The folder it writes is in the standard formats (COCO instances, COCO panoptic, semantic PNGs, one
folder per class), so any other tool and this package's own readers can open it too:

    <cache_dir>/digits-<hash>/
      digits.json                          number and size of the files, written last
      annotations/instances_<split>.json   annotations/panoptic_<split>.json
      images/<split>/000000.png            annotations/panoptic_<split>/000000.png
      masks/<split>/000000.png             (category ids)
    <cache_dir>/digits-<hash>/             for classification
      <split>/<digit>/000000.png

Torch-free.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from cvcore.config.schema import DigitsConf
from cvcore.data.digit_scenes import CATEGORIES, Glyph, Scene, draw_crop, draw_scene, load_glyphs
from cvcore.data.records import (
    SPLITS,
    Annotation,
    ImageRef,
    ListSplit,
    PanopticSegment,
    Record,
    Split,
)
from cvcore.errors import DataError

VERSION = 1
"""Of the drawing code; a change of any pixel raises it, so that an old cache is not used."""

THINGS = tuple(category for category in CATEGORIES if category.isthing)

log = logging.getLogger(__name__)


def open_digits(conf: DigitsConf, kind: str) -> dict[str, Split]:
    """Return the splits train, val and test of digit scenes (of digit crops for classification).

    Semantic and panoptic records have three texture classes beside the ten digits. The first call
    draws the pictures (a few seconds), later ones read `conf.cache_dir`.

    Raises:
        DataError: the cache folder can't be written.
    """
    classification = kind == "classification"
    folder = _cached(conf, _write_crops if classification else _write_scenes)
    if classification:
        return {split: _crops(folder, split) for split in SPLITS}
    whole = kind in ("semantic_segmentation", "panoptic_segmentation")
    categories = CATEGORIES if whole else THINGS
    read = {
        "semantic_segmentation": _semantic_records,
        "panoptic_segmentation": _panoptic_records,
    }.get(kind, _object_records)
    splits: dict[str, Split] = {}
    for split in SPLITS:
        style = "panoptic" if kind == "panoptic_segmentation" else "instances"
        file = folder / "annotations" / f"{style}_{split}.json"
        records = read(folder, split, json.loads(file.read_text()))
        splits[split] = ListSplit(split, categories, records, (file,))
    return splits


def _cached(conf: DigitsConf, write: Callable[[Path, DigitsConf], None]) -> Path:
    """Return the folder of these parameters; draw it first if it is missing or not whole."""
    parameters = [
        write.__name__,
        VERSION,
        [conf.num_train, conf.num_val, conf.num_test],
        [conf.scene_size, conf.max_digits, conf.data_seed],
    ]
    digest = hashlib.sha256(json.dumps(parameters).encode()).hexdigest()[:12]
    cache = Path(conf.cache_dir).expanduser()
    folder = cache / f"digits-{digest}"
    if _is_whole(folder):
        return folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=cache))
        try:
            write(draft, conf)
            (draft / "digits.json").write_text(json.dumps(_inventory(draft)))
            _publish(draft, folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise DataError(
            f"the digit scenes can't be written to {cache}: {error.strerror or error}. Make room "
            "there, or choose another folder with data.cache_dir=."
        ) from error
    return folder


def _publish(draft: Path, folder: Path) -> None:
    """Move a finished draft to its place; another process may have been quicker."""
    try:
        draft.rename(folder)
    except OSError:
        if _is_whole(folder):
            return
        broken = Path(tempfile.mkdtemp(prefix=f".{folder.name}-broken-", dir=folder.parent))
        folder.rename(broken / "was")
        draft.rename(folder)
        shutil.rmtree(broken, ignore_errors=True)


def _inventory(folder: Path) -> dict[str, int]:
    """Return number and total bytes of the files below, the inventory's own file left out."""
    sizes = [
        (Path(parent) / file).stat().st_size
        for parent, _, files in os.walk(folder)
        for file in files
        if file != "digits.json"
    ]
    return {"num_files": len(sizes), "num_bytes": sum(sizes)}


def _is_whole(folder: Path) -> bool:
    try:
        expected = json.loads((folder / "digits.json").read_text())
    except (OSError, ValueError):
        return False
    return bool(expected == _inventory(folder))


def _sizes(conf: DigitsConf) -> dict[str, int]:
    return dict(zip(SPLITS, (conf.num_train, conf.num_val, conf.num_test), strict=True))


def _write_scenes(folder: Path, conf: DigitsConf) -> None:
    glyphs = load_glyphs(conf.data_seed)
    for part, (split, num) in enumerate(_sizes(conf).items()):
        for sub in ("images", "masks", "annotations/panoptic"):
            _split_folder(folder, sub, split).mkdir(parents=True)
        log.info("digits: drawing %d %s scenes", num, split)
        instances, panoptic = _empty_coco(THINGS), _empty_coco(CATEGORIES)
        for index in range(num):
            rng = np.random.default_rng([conf.data_seed, part, index])
            scene = draw_scene(rng, glyphs[split], conf.scene_size, conf.max_digits)
            _write_scene(folder, split, index, scene, instances, panoptic)
        annotations = folder / "annotations"
        (annotations / f"instances_{split}.json").write_text(json.dumps(instances))
        (annotations / f"panoptic_{split}.json").write_text(json.dumps(panoptic))


def _write_scene(
    folder: Path,
    split: str,
    index: int,
    scene: Scene,
    instances: dict[str, Any],
    panoptic: dict[str, Any],
) -> None:
    """Write one scene's three PNGs and add its annotations to both COCO files."""
    height, width = scene.stuff_HW.shape
    file = f"{index:06}.png"
    image = {"id": index, "file_name": file, "height": height, "width": width}
    instances["images"].append(image)
    panoptic["images"].append(image)
    semantic_HW = scene.stuff_HW.copy()
    segments_HW = scene.stuff_HW.astype(np.int32)
    for i, (digit, mask_HW) in enumerate(zip(scene.digits, scene.masks_HW, strict=True)):
        rle = coco_mask.encode(np.asfortranarray(mask_HW.astype(np.uint8)))
        instances["annotations"].append(
            {
                "id": len(instances["annotations"]) + 1,
                "image_id": index,
                "category_id": digit,
                "bbox": [float(x) for x in coco_mask.toBbox(rle)],
                "area": float(mask_HW.sum()),
                "segmentation": {"size": rle["size"], "counts": rle["counts"].decode()},
                "iscrowd": 0,
            }
        )
        semantic_HW[mask_HW] = digit
        segments_HW[mask_HW] = 100 + i
    categories = dict(enumerate(scene.digits, start=100))
    segments = [
        {"id": int(x), "category_id": categories.get(int(x), int(x)), "area": int(n), "iscrowd": 0}
        for x, n in zip(*np.unique(segments_HW, return_counts=True), strict=True)
    ]
    panoptic["annotations"].append(
        {"image_id": index, "file_name": file, "segments_info": segments}
    )
    rgb_HW3 = np.zeros((height, width, 3), np.uint8)
    rgb_HW3[..., 0] = segments_HW  # ids stay below 256, so green and blue are 0
    _write_png(_split_folder(folder, "images", split) / file, scene.image_HW3)
    _write_png(_split_folder(folder, "masks", split) / file, semantic_HW)
    _write_png(_split_folder(folder, "annotations/panoptic", split) / file, rgb_HW3)


def _write_crops(folder: Path, conf: DigitsConf) -> None:
    glyphs = load_glyphs(conf.data_seed)
    for part, (split, num) in enumerate(_sizes(conf).items()):
        for digit in range(10):
            (folder / split / str(digit)).mkdir(parents=True)
        log.info("digits: drawing %d %s crops", num, split)
        for index in range(num):
            rng = np.random.default_rng([conf.data_seed, part, index])
            glyph: Glyph = glyphs[split][int(rng.integers(len(glyphs[split])))]
            image_HW3 = draw_crop(rng, glyph, conf.scene_size)
            _write_png(folder / split / str(glyph.digit) / f"{index:06}.png", image_HW3)


def _empty_coco(categories: tuple[Any, ...]) -> dict[str, Any]:
    rows = [{"id": c.source_id, "name": c.name, "isthing": int(c.isthing)} for c in categories]
    return {"images": [], "annotations": [], "categories": rows}


def _split_folder(folder: Path, sub: str, split: str) -> Path:
    return folder / (f"{sub}_{split}" if sub.startswith("annotations") else f"{sub}/{split}")


def _write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Write uint8 [H, W] or RGB [H, W, 3]; fast compression, the pictures are small."""
    if image.ndim == 3:
        image = np.ascontiguousarray(image[..., ::-1])
    _, data = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    path.write_bytes(data.tobytes())


def _object_records(folder: Path, split: str, coco: dict[str, Any]) -> list[Record]:
    objects: dict[int, list[Annotation]] = {image["id"]: [] for image in coco["images"]}
    for row in coco["annotations"]:
        objects[row["image_id"]].append(
            Annotation(
                row["id"],
                row["category_id"],
                tuple(row["bbox"]),
                row["segmentation"],
                row["area"],
            )
        )
    return [
        Record(
            image["id"],
            _image(folder, split, image),
            (image["height"], image["width"]),
            annotations=tuple(objects[image["id"]]),
        )
        for image in coco["images"]
    ]


def _semantic_records(folder: Path, split: str, coco: dict[str, Any]) -> list[Record]:
    return [
        Record(
            image["id"],
            _image(folder, split, image),
            (image["height"], image["width"]),
            mask=ImageRef(_split_folder(folder, "masks", split) / image["file_name"]),
        )
        for image in coco["images"]
    ]


def _panoptic_records(folder: Path, split: str, coco: dict[str, Any]) -> list[Record]:
    masks = _split_folder(folder, "annotations/panoptic", split)
    return [
        Record(
            image["id"],
            _image(folder, split, image),
            (image["height"], image["width"]),
            mask=ImageRef(masks / row["file_name"]),
            segments=tuple(
                PanopticSegment(x["id"], x["category_id"], area=x["area"])
                for x in row["segments_info"]
            ),
        )
        for image, row in zip(coco["images"], coco["annotations"], strict=True)
    ]


def _image(folder: Path, split: str, image: dict[str, Any]) -> ImageRef:
    return ImageRef(_split_folder(folder, "images", split) / image["file_name"])


def _crops(folder: Path, split: str) -> Split:
    files = sorted((folder / split).glob("*/*.png"), key=lambda file: file.name)
    records = [
        Record(int(file.stem), ImageRef(file), source_category=int(file.parent.name))
        for file in files
    ]
    return ListSplit(split, THINGS, records)
