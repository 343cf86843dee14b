"""Images per second of batch inference against the HF pipeline: same model, batch, photos, machine.

Ours is what `lakesight batch` runs: worker processes, decoding ahead, rows as Parquet parts. The
reference is `transformers.pipeline(...)` over the same files with the same saved folder, its own
image processor, the same batch size, the better of one thread and all cores; its answers are
dropped. Both times are of a stream that is under way: neither counts imports, loading the model, or
the first batches. Photos: the two that scikit-learn ships, cropped differently into 640 x 480 JPEGs.
Rounds alternate; medians.

    python -m benchmarks.batch_inference
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from transformers import AutoImageProcessor, ViTImageProcessor, pipeline
from transformers.utils import logging as hf_logging

from cvcore.batch.job import BatchJob
from cvcore.batch.pool import Pool
from cvcore.batch.progress import BatchProgress
from cvcore.config.composer import load
from cvcore.data.labels import LabelSpace
from cvcore.data.records import Category
from cvcore.serve import artifact
from cvcore.tasks.registry import get_task

BATCH = 16
PHOTOS = 1024
ROUNDS = 3
SHARD = 32
# The pipeline can't take a batch of D-FINE's outputs apart (IndexError), so it gets one at a time.
SUBJECTS = (
    ("classification", "image-classification", "resnet_micro", BATCH),
    ("detection", "object-detection", "d_fine_micro", 1),
    ("instance_segmentation", "image-segmentation", "mask2former_micro", BATCH),
)


def run() -> list[dict[str, Any]]:
    """Return rows of the benchmark table."""
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / "photos"
        _write_photos(photos, PHOTOS)
        return [_row(Path(folder), photos, *subject) for subject in SUBJECTS]


def _row(
    folder: Path, photos: Path, kind: str, hf_task: str, option: str, their_batch: int
) -> dict[str, Any]:
    model = folder / kind
    _save(model, kind)
    ours, alone, together = [], [], []
    cores = os.cpu_count() or 1
    for number in range(ROUNDS):
        ours.append(_ours(model, photos, folder / f"{kind}-{number}"))
        alone.append(_theirs(model, photos, hf_task, their_batch, 1))
        together.append(_theirs(model, photos, hf_task, their_batch, cores))
    # Where others are at work too, threads wait for each other: the better of both is theirs.
    mine = statistics.median(ours)
    other = max(statistics.median(alone), statistics.median(together))
    return {
        "benchmark": f"batch inference, {option}, JPEG 640x480",
        "ours": f"{mine:.1f}",
        "reference": f"{other:.1f}",
        "unit": "images/s",
        "ratio": f"{mine / other:.2f}",
        "note": f"batch {BATCH}, {os.cpu_count()} cores; the HF {hf_task} pipeline has batch "
        f"{their_batch}",
    }


def _ours(model: Path, photos: Path, out: Path) -> float:
    """Return images per second between the first and the last part."""
    points: list[tuple[float, int]] = []

    def tell(progress: BatchProgress) -> None:
        if progress.done and (not points or progress.done != points[-1][1]):
            points.append((time.perf_counter(), progress.done))

    job = BatchJob(str(model), str(photos), str(out), shard_size=SHARD, batch_size=BATCH)
    Pool(job, tell, say_s=0.0).run()
    (first, before), (last, after) = points[0], points[-1]
    return (after - before) / (last - first)


def _theirs(model: Path, photos: Path, hf_task: str, batch: int, threads: int) -> float:
    torch.set_num_threads(threads)
    hf_logging.set_verbosity_error()
    processor = AutoImageProcessor.from_pretrained(model)
    if hf_task == "image-classification":
        # The saved ConvNeXt processor takes no fixed size in the pipeline; ViT's does the same.
        side = load(["task=classification"]).model.image_size
        processor = ViTImageProcessor(size={"height": side[0], "width": side[1]})
    pipe = pipeline(hf_task, str(model), image_processor=processor, device=-1)
    paths = [str(path) for path in sorted(photos.glob("*.jpg"))][: PHOTOS // 4]
    given = {"threshold": 0.3} if hf_task != "image-classification" else {}
    count, started = 0, 0.0
    for _ in pipe((path for path in paths), batch_size=batch, **given):
        count += 1
        if count == BATCH:
            started = time.perf_counter()
    return (count - BATCH) / (time.perf_counter() - started)


def _save(folder: Path, kind: str) -> None:
    torch.manual_seed(0)
    config = load([f"task={kind}"])
    labels = LabelSpace.over([[Category(i, f"class{i}") for i in range(5)]])
    task = get_task(kind, config.model, config.task)
    model, processor = task.load(config.model, labels)
    artifact.save(folder, artifact.of_run(config, labels, "0"), model.eval(), processor)


def _write_photos(folder: Path, num: int) -> None:
    from sklearn.datasets import load_sample_images

    folder.mkdir()
    photos = load_sample_images().images
    rng = np.random.default_rng(0)
    for i in range(num):
        top, left = rng.integers(0, 40, 2)
        part = photos[i % 2][top : top + 380, left : left + 560]
        image = cv2.resize(part, (640, 480), interpolation=cv2.INTER_CUBIC)
        path = folder / f"{i:05d}.jpg"
        cv2.imwrite(str(path), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])


if __name__ == "__main__":
    from benchmarks.__main__ import table

    print(table(run()))
