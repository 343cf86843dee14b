"""OneFormer is told its task: by the checkpoint's tokenizer once, by the saved ids ever after."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from shrunk import CONFIGS

from cvcore.config.schema import ModelConf
from cvcore.data.labels import LabelSpace
from cvcore.data.records import Category
from cvcore.errors import ModelError
from cvcore.models.build import build_model
from cvcore.models.task_token import KEY

LABELS = LabelSpace.over([[Category(0, "cell"), Category(1, "wall")]])
RANDOM = ModelConf(model_type="oneformer", config=CONFIGS["oneformer"], image_size=[64, 64])


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A OneFormer as the hub has it: weights, and a tokenizer with five words."""
    folder = tmp_path_factory.mktemp("oneformer")
    model, _ = build_model(RANDOM, "panoptic_segmentation", LABELS)
    delattr(model.config, KEY)
    model.save_pretrained(folder)
    words = ["<|startoftext|>", "<|endoftext|>", "a</w>", "e</w>", "t", "h", "e", "th", "the</w>"]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\nt h\nth e</w>\n")
    return folder


def test_the_checkpoints_tokenizer_makes_the_ids(checkpoint: Path, tmp_path: Path) -> None:
    conf = replace(RANDOM, checkpoint=str(checkpoint), config={})
    model, _ = build_model(conf, "panoptic_segmentation", LABELS)
    ids = getattr(model.config, KEY)
    assert len(ids) == 77
    assert ids[:2] == [0, 8]  # start, "the"
    assert ids[-1] == 0  # padded with zeros, whatever the tokenizer pads with

    model.save_pretrained(tmp_path)  # without a tokenizer
    again, _ = build_model(replace(conf, checkpoint=str(tmp_path)), "panoptic_segmentation", LABELS)
    assert getattr(again.config, KEY) == ids
    pixels = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        ours, theirs = model.eval()(pixel_values=pixels), again.eval()(pixel_values=pixels)
        told = model(pixel_values=pixels, task_inputs=torch.tensor([ids, ids]))
        other = model(pixel_values=pixels, task_inputs=torch.full((2, 77), 5))
    torch.testing.assert_close(ours.class_queries_logits, theirs.class_queries_logits)
    torch.testing.assert_close(ours.class_queries_logits, told.class_queries_logits)
    assert not torch.equal(ours.class_queries_logits, other.class_queries_logits)


def test_a_checkpoint_without_a_tokenizer(checkpoint: Path, tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((checkpoint / name).read_bytes())
    conf = replace(RANDOM, checkpoint=str(tmp_path), config={})
    with pytest.raises(ModelError, match="has no tokenizer"):
        build_model(conf, "panoptic_segmentation", LABELS)
