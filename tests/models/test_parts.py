"""Body and head of every catalogue model: what freezing and rates by layer act on."""

from __future__ import annotations

from pathlib import Path

import pytest
from shrunk import OPTIONS, small

from cvcore.data.labels import LabelSpace
from cvcore.data.records import Category
from cvcore.models.build import build_model
from cvcore.models.parts import parts_of

LABELS = LabelSpace.over([[Category(0, "bolt"), Category(1, "nut")]])
NEW = ("class", "classifier", "query", "bbox", "mask_head", "head.", "decoder")


@pytest.mark.parametrize("option", [option for option in OPTIONS if "micro" not in option])
def test_body_is_deep_and_the_rest_is_head(option: str, cache_dir: Path) -> None:
    config = small(option, cache_dir)
    model, _ = build_model(config.model, config.task.kind, LABELS)
    parts = parts_of(model)
    depths = [depth for depth in parts.depths.values() if depth is not None]
    assert set(range(1, parts.num_layers + 1)) <= set(depths) <= set(range(parts.num_layers + 1))
    head = [name for name, depth in parts.depths.items() if depth is None]
    assert any(part in name for name in head for part in NEW)
    frozen = {name for name, value in model.named_parameters() if not value.requires_grad}
    assert not [name for name in frozen if parts.depths[name] is not None]


def test_the_last_norm_of_a_plain_transformer_is_late(cache_dir: Path) -> None:
    config = small("panoptic_segmentation/eomt_base", cache_dir)
    model, _ = build_model(config.model, config.task.kind, LABELS)
    parts = parts_of(model)
    assert parts.depths["layernorm.weight"] == parts.num_layers
    assert parts.depths["embeddings.cls_token"] == 0
    assert parts.depths["query.weight"] is None
