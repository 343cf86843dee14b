"""Checkpoints of one's own, and what is refused: in one sentence that says what to do."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from shrunk import CONFIGS

from cvcore.config.catalogue import catalogue
from cvcore.config.composer import Composer, load
from cvcore.config.schema import ModelConf
from cvcore.data.labels import LabelSpace
from cvcore.data.records import Category
from cvcore.errors import ModelError
from cvcore.models.build import build_model
from cvcore.tasks.registry import get_task


def labels_of(count: int) -> LabelSpace:
    return LabelSpace.over([[Category(10 * i, f"class {i}") for i in range(count)]])


VIT = ModelConf(model_type="vit", config=CONFIGS["vit"], image_size=[32, 32])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ViT of three classes as HF saves it."""
    model, _ = build_model(VIT, "classification", labels_of(3))
    model.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def refused(match: str, conf: ModelConf, kind: str = "classification") -> str:
    with pytest.raises(ModelError, match=match) as caught:
        get_task(kind, conf).load(conf, labels_of(3))
    message = str(caught.value)
    assert "\n" not in message
    return message


def rewrite(folder: Path, **changes: Any) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_a_local_folder_is_a_checkpoint(folder: Path) -> None:
    config = load(["model=classification/vit_base", f"model.checkpoint={folder}"])
    model, _ = build_model(
        replace(config.model, image_size=[32, 32]), "classification", labels_of(3)
    )
    original, _ = build_model(replace(VIT, checkpoint=str(folder)), "classification", labels_of(3))
    for one, other in zip(model.parameters(), original.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_number_of_classes_comes_from_the_data(folder: Path) -> None:
    conf = replace(VIT, checkpoint=str(folder), config={})
    model, _ = build_model(conf, "classification", labels_of(7))
    assert model.config.num_labels == 7
    assert model.config.id2label == labels_of(7).id2label
    assert model.config.label2id == labels_of(7).label2id


def test_an_architecture_of_ones_own() -> None:
    conf = ModelConf(
        model_type="convnextv2",
        config={"depths": [1, 1, 1, 1], "hidden_sizes": [4, 4, 8, 8]},
        image_size=[32, 32],
    )
    model, _ = build_model(conf, "classification", labels_of(2))
    assert sum(value.numel() for value in model.parameters()) < 10_000


def test_a_model_is_one_file_of_the_users_folder(tmp_path: Path, folder: Path) -> None:
    own = tmp_path / "conf" / "model" / "classification" / "ours.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(f"checkpoint: {folder}\nlicence: MIT\nimage_size: [32, 32]\n")
    config = Composer([tmp_path / "conf"]).load(["model=classification/ours"])
    model, _ = get_task("classification", config.model).load(config.model, labels_of(3))
    assert model.config.model_type == "vit"
    entries = catalogue("classification", [tmp_path / "conf"])
    assert "classification/ours" in [entry.option for entry in entries]


def test_pickled_weights_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    refused("only as a pickle .*safetensors", replace(VIT, checkpoint=str(folder)))


def test_code_of_a_checkpoint_is_not_run(folder: Path) -> None:
    (folder / "evil.py").write_text("raise SystemExit('it ran')")
    rewrite(folder, model_type="evil", auto_map={"AutoConfig": "evil.Config"})
    refused("its own Python code", replace(VIT, checkpoint=str(folder), config={}))


def test_a_torn_file_is_said(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    refused("torn", replace(VIT, checkpoint=str(folder)))


def test_a_hub_id_that_cannot_be_had() -> None:
    conf = ModelConf(checkpoint="nobody/no-such-model")
    assert "model.checkpoint=/path/to/folder" in refused("nobody/no-such-model", conf)


def test_a_folder_that_is_not_there(folder: Path) -> None:
    conf = ModelConf(checkpoint=str(folder.parent / "modal"))
    assert "Did you mean 'model'" in refused("there is no such folder", conf)


def test_a_checkpoint_of_another_task(folder: Path) -> None:
    conf = replace(VIT, checkpoint=str(folder))
    assert "task=classification" in refused("a model for classification", conf, "detection")


def test_a_model_type_that_cannot_be_trained(folder: Path) -> None:
    rewrite(folder, model_type="timm_wrapper")
    conf = ModelConf(checkpoint=str(folder))
    refused("timm_wrapper, which can't be trained here", conf, "panoptic_segmentation")


def test_a_size_that_does_not_fit() -> None:
    assert "[32, 32]" in refused(
        "does not fit vit",
        replace(VIT, config={**VIT.config, "image_size": 32}, image_size=[48, 48]),
    )
    dinov2 = ModelConf(model_type="dinov2", config=CONFIGS["dinov2"], image_size=[30, 32])
    assert "multiples of 8" in refused("does not fit dinov2", dinov2)


@pytest.mark.parametrize(
    ("config", "match"),
    [
        ({"hiden_size": 8}, "Did you mean 'hidden_size'"),
        ({"hidden_size": "many"}, "hidden_size"),
        ({"num_labels": 4}, "classes come from the data"),
        ({"auto_map": {}}, "never run"),
    ],
)
def test_a_wrong_key_of_an_architecture(config: dict[str, Any], match: str) -> None:
    refused(match, replace(VIT, config=config))
