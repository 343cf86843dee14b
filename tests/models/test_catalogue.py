"""Every model of the catalogue, built small: trains a step, is saved, loaded again, predicts."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from shrunk import OPTIONS, small
from torch.utils.data import DataLoader

from cvcore.config.schema import Config
from cvcore.data.dataset import VisionDataset
from cvcore.data.labels import LabelSpace
from cvcore.data.masks import decode
from cvcore.data.normalise import normalise
from cvcore.data.prepare import Prepared, prepare
from cvcore.data.samples import Prediction, Truth
from cvcore.data.transforms import fit_transform, train_transform
from cvcore.models.parts import parts_of
from cvcore.serve import artifact
from cvcore.tasks.base import Task
from cvcore.tasks.registry import get_task


def batch_of(config: Config, task: Task, prepared: Prepared, *, training: bool) -> dict[str, Any]:
    """Return the first batch of the train or val split as the model takes it."""
    dataset = VisionDataset(
        prepared.splits["train" if training else "val"],
        prepared.labels,
        task,
        train_transform(config.model, config.augment) if training else fit_transform(config.model),
        config.data,
        seed=0,
        training=training,
    )
    batch: dict[str, Any] = next(iter(DataLoader(dataset, batch_size=4, collate_fn=task.collate)))
    mean, std = config.model.image_mean, config.model.image_std
    return {**batch, "pixel_values": normalise(batch["pixel_values"], mean, std)}


@torch.inference_mode()
def predictions_of(model: Any, task: Task, batch: dict[str, Any]) -> list[Prediction]:
    outputs = model.eval()(pixel_values=batch["pixel_values"])
    return task.predict(outputs, batch["truths"])


@pytest.mark.parametrize("option", OPTIONS)
def test_trains_saves_loads_and_predicts(option: str, cache_dir: Path, tmp_path: Path) -> None:
    config = small(option, cache_dir)
    prepared = prepare(config)
    labels = prepared.labels
    torch.manual_seed(0)
    task = get_task(config.task.kind, config.model, config.task)
    model, processor = task.load(config.model, labels)
    assert model.config.id2label == labels.id2label
    assert model.config.num_labels == len(labels)

    changed = _step(model, batch_of(config, task, prepared, training=True))
    parts = parts_of(model)
    assert parts.num_layers > 0, (
        "no body is recognised: freezing and rates by layer would do nothing"
    )
    head = {name for name, depth in parts.depths.items() if depth is None}
    assert head & changed, "no parameter of the head changed"
    assert changed - head, "no parameter of the body changed"

    _share_one_buffer(model)
    artifact.save(tmp_path, artifact.of_run(config, labels, "f"), model, processor)
    assert list(tmp_path.glob("*.safetensors"))
    saved = artifact.read(tmp_path)
    again = get_task(saved.task.kind, saved.model, saved.task)
    loaded, _ = again.load(saved.model, saved.labels)

    batch = batch_of(config, task, prepared, training=False)
    predictions = predictions_of(model, task, batch)
    for ours, theirs in zip(predictions, predictions_of(loaded, again, batch), strict=True):
        _assert_equal(ours, theirs)
    for prediction, truth in zip(predictions, batch["truths"], strict=True):
        _assert_well_formed(prediction, truth, labels, config.task.kind)


def _step(model: Any, batch: dict[str, Any]) -> set[str]:
    """Take one step; return the names of the parameters that changed."""
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    loss = model.train()(**batch).loss
    assert math.isfinite(loss.item())
    loss.backward()
    optimizer.step()
    return {
        name for name, value in model.named_parameters() if not torch.equal(value, before[name])
    }


def _share_one_buffer(model: Any) -> None:
    """Make all parameters views of one buffer, as DeepSpeed's ZeRO does."""
    parameters = list(model.parameters())
    assert all(p.dim() for p in parameters), "DeepSpeed can't send a number without a dimension"
    flat = torch.cat([p.detach().reshape(-1) for p in parameters])
    for p, part in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
        p.data = part.view_as(p)


def _assert_equal(one: Prediction, other: Prediction) -> None:
    for field in Prediction.__slots__:
        mine, theirs = getattr(one, field), getattr(other, field)
        if isinstance(mine, np.ndarray):
            np.testing.assert_allclose(mine, theirs, atol=1e-5, err_msg=field)
        else:
            assert mine == theirs, field


def _assert_well_formed(
    prediction: Prediction, truth: Truth, labels: LabelSpace, kind: str
) -> None:
    assert prediction.image_id == truth.image_id
    height, width = truth.size_hw
    if kind == "classification":
        assert prediction.scores_K is not None
        assert prediction.scores_K.shape == (len(labels),)
        assert prediction.scores_K.sum() == pytest.approx(1, abs=1e-5)
        return
    if kind == "semantic_segmentation":
        assert prediction.semantic_HW is not None
        assert prediction.semantic_HW.shape == (height, width)
        assert prediction.semantic_HW.max() < len(labels)
        return
    assert prediction.labels_N is not None
    assert prediction.scores_N is not None
    assert np.all((prediction.labels_N >= 0) & (prediction.labels_N < len(labels)))
    assert np.all((prediction.scores_N >= 0) & (prediction.scores_N <= 1))
    if kind == "panoptic_segmentation":
        assert prediction.segment_ids_HW is not None
        assert prediction.segment_ids_N is not None
        assert prediction.segment_ids_HW.shape == (height, width)
        assert set(np.unique(prediction.segment_ids_HW)) - {0} == set(prediction.segment_ids_N)
        return
    # After one step no mask of an instance model need be above one half anywhere.
    assert len(prediction.scores_N) > 0 or kind == "instance_segmentation"
    assert np.all(np.diff(prediction.scores_N) <= 0), "best first"
    boxes_N4 = prediction.boxes_N4
    assert boxes_N4 is not None
    assert boxes_N4.shape == (len(prediction.scores_N), 4)
    assert np.all(boxes_N4[:, :2] <= boxes_N4[:, 2:])
    assert np.all((boxes_N4 >= 0) & (boxes_N4 <= [width, height, width, height]))
    if kind == "instance_segmentation":
        assert prediction.masks is not None
        assert len(prediction.masks) == len(boxes_N4)
        assert all(decode(mask).shape == (height, width) for mask in prediction.masks)
