"""Images per second and core from a JPEG file to a training batch, against the HF examples' way.

Photos: the two that scikit-learn ships, cropped differently into 640 x 480 JPEGs (quality 90),
with boxes in COCO format. Ours is `VisionDataset` with `augment=standard` (mirror, zoom, shift,
colours) and the task's own collate: a uint8 batch, normalised on the device. The reference does
what the Hugging Face object-detection and image-classification examples do per image: decode with
PIL, augment, the model's image processor (`do_rescale`, `do_normalize`), stack; with albumentations
where it is installed, otherwise only a mirror, which flatters it. One process, one thread;
ours and the reference alternate; medians.

    python -m benchmarks.input_pipeline
"""

from __future__ import annotations

import importlib.util
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from cvcore.config.schema import AugmentConf, DataConf, ModelConf
from cvcore.data.dataset import VisionDataset
from cvcore.data.labels import LabelSpace
from cvcore.data.normalise import normalise
from cvcore.data.records import Annotation, Category, ImageRef, ListSplit, Record
from cvcore.data.transforms import train_transform
from cvcore.tasks.registry import get_task

BATCH = 16
ROUNDS = 9
HEIGHT, WIDTH = 480, 640
CATEGORIES = [Category(i, f"class{i}") for i in range(5)]
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
DETECTION = ModelConf(model_type="rt_detr_v2", image_size=[640, 640])
CLASSIFICATION = ModelConf(model_type="vit", image_size=[224, 224])

Batches = Callable[[], Any]


def run() -> list[dict[str, Any]]:
    """Return rows of the benchmark table."""
    threads = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            records = _records(Path(folder))
            return [
                *_rows("detection, JPEG 640x480 to 640x640", records, "detection", DETECTION),
                *_rows(
                    "classification, JPEG to 224x224", records, "classification", CLASSIFICATION
                ),
            ]
    finally:
        cv2.setNumThreads(threads[0])
        torch.set_num_threads(threads[1])


def _records(folder: Path) -> list[Record]:
    """Write JPEGs of real photos; return their records, each with seven boxes and a class."""
    from sklearn.datasets import load_sample_images

    photos = load_sample_images().images
    rng = np.random.default_rng(0)
    records = []
    for i in range(BATCH):
        photo = photos[i % 2]
        top, left = rng.integers(0, 40, 2)
        part = photo[top : top + 380, left : left + 560]
        image = cv2.resize(part, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        path = folder / f"{i}.jpg"
        cv2.imwrite(str(path), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
        boxes = rng.uniform([0, 0, 40, 40], [400, 300, 200, 150], (7, 4))
        objects = tuple(
            Annotation(j, int(rng.integers(5)), tuple(box)) for j, box in enumerate(boxes.tolist())
        )
        records.append(Record(i, ImageRef(path), (HEIGHT, WIDTH), objects, source_category=i % 5))
    return records


def _rows(title: str, records: list[Record], kind: str, model: ModelConf) -> list[dict[str, Any]]:
    ours = _ours(records, kind, model)
    reference, how = _reference(records, kind, model)

    def ours_normalised() -> torch.Tensor:
        return normalise(ours()["pixel_values"], MEAN, STD)

    measured = _alternate([ours, ours_normalised, reference])
    rows = []
    for name, rate in (
        (title, measured[0]),
        (f"{title}, normalised on the same core too", measured[1]),
    ):
        rows.append(
            {
                "benchmark": f"input pipeline: {name}",
                "ours": round(rate),
                "reference": round(measured[2]),
                "unit": "images/s per core",
                "ratio": round(rate / measured[2], 1),
                "note": how,
            }
        )
    return rows


def _alternate(sides: list[Batches]) -> list[float]:
    """Return the median images per second of each side; rounds of all sides alternate."""
    seconds: list[list[float]] = [[] for _ in sides]
    for side in sides:
        side()
    for _ in range(ROUNDS):
        for side, taken in zip(sides, seconds, strict=True):
            start = time.perf_counter()
            side()
            taken.append(time.perf_counter() - start)
    return [BATCH / statistics.median(taken) for taken in seconds]


def _ours(records: list[Record], kind: str, model: ModelConf) -> Batches:
    labels = LabelSpace.over([CATEGORIES])
    task = get_task(kind, model)
    dataset = VisionDataset(
        ListSplit("train", CATEGORIES, records),
        labels,
        task,
        train_transform(model, AugmentConf()),
        DataConf(reader="coco"),
        seed=0,
        training=True,
    )
    return lambda: task.collate([dataset[i] for i in range(len(dataset))])


def _reference(records: list[Record], kind: str, model: ModelConf) -> tuple[Batches, str]:
    """Return the HF example's way and what it is made of."""
    from transformers import RTDetrImageProcessorPil, ViTImageProcessorPil

    height, width = model.image_size
    detection = kind == "detection"
    kind_of_processor = RTDetrImageProcessorPil if detection else ViTImageProcessorPil
    processor = kind_of_processor(
        size={"height": height, "width": width},
        do_normalize=True,
        image_mean=MEAN,
        image_std=STD,
    )
    change, how = _reference_change()
    rng = np.random.default_rng(0)

    def one(record: Record) -> Any:
        with Image.open(str(record.image.path)) as file:
            pixels = np.array(file.convert("RGB"))
        pixels, boxes = change(rng, pixels, [a.bbox_xywh for a in record.annotations])
        if not detection:
            return processor(images=pixels, return_tensors="pt")
        objects = [
            {"image_id": 0, "category_id": a.source_category, "iscrowd": 0, "bbox": box, "area": 1}
            for a, box in zip(record.annotations, boxes, strict=True)
        ]
        return processor(
            images=pixels,
            annotations={"image_id": 0, "annotations": objects},
            return_tensors="pt",
        )

    def batch() -> torch.Tensor:
        return torch.stack([one(record)["pixel_values"][0] for record in records])

    return batch, f"{how}, {kind_of_processor.__name__}"


def _reference_change() -> tuple[Callable[..., Any], str]:
    if importlib.util.find_spec("albumentations") is None:

        def mirror(rng: np.random.Generator, pixels: Any, boxes: list[Any]) -> Any:
            if rng.random() < 0.5:
                return pixels, boxes
            moved = [(WIDTH - x - w, y, w, h) for x, y, w, h in boxes]
            return np.ascontiguousarray(pixels[:, ::-1]), moved

        return mirror, "HF example's way: PIL, mirror only (no albumentations here)"
    import albumentations

    compose = albumentations.Compose(
        [
            albumentations.Perspective(p=0.1),
            albumentations.HorizontalFlip(p=0.5),
            albumentations.RandomBrightnessContrast(p=0.5),
            albumentations.HueSaturationValue(p=0.1),
        ],
        bbox_params=albumentations.BboxParams(format="coco", label_fields=["row"], clip=True),
    )

    def change(_rng: np.random.Generator, pixels: Any, boxes: list[Any]) -> Any:
        found = compose(image=pixels, bboxes=boxes, row=list(range(len(boxes))))
        kept = dict(zip(found["row"], found["bboxes"], strict=True))
        return found["image"], [tuple(kept.get(i, box)) for i, box in enumerate(boxes)]

    return change, "HF example's way: PIL, albumentations"


if __name__ == "__main__":
    for row in run():
        print(row)
