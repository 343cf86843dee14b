"""Images per second and core from a JPEG file to a training batch, against the HF examples' way.

Photos: the two that scikit-learn ships, cropped differently into 640 x 480 JPEGs (quality 90),
with boxes in COCO format. Ours is `VisionDataset` with `augment=standard` (mirror, zoom, shift,
colours) and the task's own collate, as in a worker of ours: a uint8 batch, normalised on the
device. The reference does what the Hugging Face object-detection and image-classification examples
do per image: decode with PIL, augment with albumentations, the model's image processor
(`do_rescale`, `do_normalize`), stack. One process with one thread each; rounds of ours and of the
reference alternate; medians.

    python -m benchmarks.input_pipeline
"""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import albumentations
import cv2
import numpy as np
import torch
from PIL import Image

from cvcore.config.schema import AugmentConf, DataConf, ModelConf
from cvcore.data.dataset import VisionDataset, one_thread_per_worker
from cvcore.data.labels import LabelSpace
from cvcore.data.normalise import normalise
from cvcore.data.records import Annotation, Category, ImageRef, ListSplit, Record
from cvcore.data.transforms import train_transform
from cvcore.tasks.registry import get_task

BATCH = 16
ROUNDS = 7
REPEATS = 3
HEIGHT, WIDTH = 480, 640
CATEGORIES = [Category(i, f"class{i}") for i in range(5)]
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
DETECTION = ModelConf(model_type="rt_detr_v2", image_size=[640, 640])
CLASSIFICATION = ModelConf(model_type="vit", image_size=[224, 224])

Batches = Callable[[], Any]


def run() -> list[dict[str, Any]]:
    """Return rows of the benchmark table."""
    with tempfile.TemporaryDirectory() as folder:
        _records(Path(folder))
        return [
            *_rows("detection, JPEG 640x480 to 640x640", folder, "detection"),
            *_rows("classification, JPEG to 224x224", folder, "classification"),
        ]


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


def _rows(title: str, folder: str, kind: str) -> list[dict[str, Any]]:
    rates = _rates(folder, kind)
    rows = []
    for name, side in (
        (title, "ours"),
        (f"{title}, normalised on the same core too", "ours_normalised"),
    ):
        rows.append(
            {
                "benchmark": f"input pipeline: {name}",
                "ours": round(rates[side]),
                "reference": round(rates["reference"]),
                "unit": "images/s per core",
                "ratio": round(rates[side] / rates["reference"], 1),
                "note": "HF example's way: PIL, albumentations, image processor",
            }
        )
    return rows


def _rates(folder: str, kind: str) -> dict[str, float]:
    """Return images per second of each side: one process each, rounds of all sides alternate."""
    seconds: dict[str, list[float]] = {"ours": [], "ours_normalised": [], "reference": []}
    context = multiprocessing.get_context("spawn")
    workers = {side: ProcessPoolExecutor(1, context) for side in seconds}
    try:
        for i in range(ROUNDS + 1):
            for side, worker in workers.items():
                taken = worker.submit(_round, side, folder, kind).result()
                if i:  # the first one warms up
                    seconds[side].append(taken)
    finally:
        for worker in workers.values():
            worker.shutdown()
    return {side: REPEATS * BATCH / statistics.median(taken) for side, taken in seconds.items()}


def _round(side: str, folder: str, kind: str) -> float:
    """Return seconds of REPEATS batches; runs in the side's own process."""
    batch = _side(side, folder, kind)
    batch()
    start = time.perf_counter()
    for _ in range(REPEATS):
        batch()
    return time.perf_counter() - start


@cache
def _side(side: str, folder: str, kind: str) -> Batches:
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    records = _records(Path(folder))
    model = DETECTION if kind == "detection" else CLASSIFICATION
    if side == "reference":
        return _reference(records, kind, model)
    one_thread_per_worker(0)
    ours = _ours(records, kind, model)
    if side == "ours":
        return ours
    return lambda: normalise(ours()["pixel_values"], MEAN, STD)


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


def _reference(records: list[Record], kind: str, model: ModelConf) -> Batches:
    """Return the HF example's way."""
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
    change = _reference_change()
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

    return batch


def _reference_change() -> Callable[..., Any]:
    """Return the example's own augmentation."""
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

    return change


if __name__ == "__main__":
    for row in run():
        print(row)
