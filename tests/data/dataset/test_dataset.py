"""What reaches the model: the same whatever the workers, whole truths in evaluation."""

from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from cvcore.config.schema import TASKS
from cvcore.data.dataset import one_thread_per_worker
from cvcore.data.images import decode
from cvcore.data.load import Loader
from cvcore.data.normalise import normalise
from cvcore.data.prepare import prepare
from cvcore.data.records import ImageRef, Record
from cvcore.data.transforms import NO_CHANGES, fit_transform
from cvcore.errors import DataError


def pixels(items) -> list[bytes]:
    return [item.pixel_values_3HW.tobytes() for item in items]


def loaded(dataset, workers: int, **options) -> DataLoader:
    return DataLoader(
        dataset,
        batch_size=4,
        collate_fn=list,
        num_workers=workers,
        worker_init_fn=one_thread_per_worker,
        multiprocessing_context="fork" if workers else None,
        **options,
    )


@pytest.mark.parametrize("task", TASKS)
def test_every_task_makes_a_batch_and_keeps_whole_truths(dataset, task):
    training, evaluation = dataset(task, True), dataset(task, False)
    height, width = training.transform.image_size
    batch = training.task.collate([training[i] for i in range(3)])
    assert batch["pixel_values"].shape == (3, 3, height, width)
    assert batch["pixel_values"].dtype == torch.uint8
    assert "truths" not in batch
    truth = evaluation.task.collate([evaluation[0]])["truths"][0]
    record = evaluation.split[0]
    assert truth.image_id == record.image_id
    assert truth.size_hw == decode(record.image).shape[:2]
    assert Path(truth.source) == record.image.path


def test_items_do_not_depend_on_workers_but_on_the_epoch(dataset):
    data = dataset()
    alone = pixels(data[i] for i in range(len(data)))
    with_workers = pixels(item for batch in loaded(data, 2) for item in batch)
    assert with_workers == alone
    data.set_epoch(1)
    assert all(a != b for a, b in zip(alone, pixels(data[i] for i in range(16)), strict=True))
    data.set_epoch(0)
    assert pixels(data[i] for i in range(16)) == alone


def test_the_epoch_reaches_workers_that_are_already_running(dataset):
    data = dataset()
    loader = loaded(data, 2, persistent_workers=True)
    epochs = []
    for epoch in (0, 1):
        data.set_epoch(epoch)
        epochs.append(pixels(item for batch in loader for item in batch))
    assert epochs[0] != epochs[1]
    assert epochs[1] == pixels(data[i] for i in range(len(data)))


def test_a_pickled_copy_gives_the_same_items(dataset):
    data = dataset()
    data.set_epoch(3)
    copy = pickle.loads(pickle.dumps(data))
    assert copy.epoch == 3
    assert pixels([copy[5]]) == pixels([data[5]])


def test_evaluation_changes_nothing_at_random(dataset):
    data = dataset("detection", False)
    first = pixels(data[i] for i in range(5))
    data.set_epoch(7)
    assert pixels(data[i] for i in range(5)) == first


def test_a_damaged_image_is_named(dataset, digits_cache):
    data = dataset("classification", True, "data.data_seed=5", "data.policy=strict")
    path = data.split[2].image.path
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[:40])
        with pytest.raises(DataError, match=path.name):
            data[2]
    finally:
        path.write_bytes(whole)


def test_a_large_jpeg_decoded_smaller_trains_on_the_same_boxes(config, tmp_path):
    """A COCO folder of one 8x enlarged scene: reduced and full decoding agree."""
    conf = config("instance_segmentation", "augment=none")
    data = prepare(conf)
    record = data.splits["train"][0]
    loader = Loader(data.labels, "instance_segmentation", 10**9)
    small = loader.whole(record)
    big = np.kron(small.image_HW3, np.ones((8, 8, 1), np.uint8))
    path = tmp_path / "big.jpg"
    cv2.imwrite(str(path), big[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])
    enlarged = Record(
        1,
        ImageRef(path),
        big.shape[:2],
        annotations=tuple(
            type(a)(
                a.annotation_id,
                a.source_category,
                tuple(8 * v for v in a.bbox_xywh),
                [[8 * v for v in _outline(a.bbox_xywh)]],
            )
            for a in record.annotations
        ),
    )
    transform = fit_transform(conf.model)
    reduced = loader.changed(enlarged, transform, NO_CHANGES)
    full = transform(loader.whole(enlarged))
    assert reduced.image_HW3.shape == full.image_HW3.shape == (*transform.image_size, 3)
    assert np.abs(reduced.target.boxes_N4 - full.target.boxes_N4).max() <= 1
    assert reduced.target.labels_N.tolist() == full.target.labels_N.tolist()
    assert reduced.size_hw == full.size_hw == big.shape[:2]
    difference = reduced.image_HW3.astype(int) - full.image_HW3
    assert np.abs(difference).mean() < 3


def _outline(xywh) -> list[float]:
    x, y, w, h = xywh
    return [x, y, x + w, y, x + w, y + h, x, y + h]


def test_prepare_sees_the_same_classes_in_every_split(config):
    data = prepare(config("panoptic_segmentation"))
    assert set(data.splits) == {"train", "val", "test"}
    assert len(data.labels) == 13
    assert data.fingerprint
    assert prepare(config("panoptic_segmentation")).fingerprint == data.fingerprint


def test_normalise_is_the_usual_formula_in_any_memory_format():
    pixels_B3HW = torch.randint(0, 256, (2, 3, 5, 7), dtype=torch.uint8)
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    wanted = (pixels_B3HW / 255 - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(
        3, 1, 1
    )
    assert torch.allclose(normalise(pixels_B3HW, mean, std), wanted, atol=1e-6)
    last = pixels_B3HW.to(memory_format=torch.channels_last)
    result = normalise(last, mean, std, torch.bfloat16)
    assert result.dtype == torch.bfloat16
    assert result.is_contiguous()
    assert torch.allclose(normalise(last, mean, std), wanted, atol=1e-6)
    assert pixels_B3HW.dtype == torch.uint8
