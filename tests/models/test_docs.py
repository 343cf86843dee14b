"""docs/models.md and the catalogue name the same models."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cvcore.config.catalogue import Entry, catalogue
from cvcore.config.composer import Composer

PAGE = Path(__file__).parents[2] / "docs" / "models.md"
ROW = re.compile(r"^\| `(\w+/\w+)` \| (\d+) \| ([\d.]+) M \| ", re.MULTILINE)
PERMISSIVE = ("Apache-2.0", "MIT", "BSD-3-Clause")


def entries() -> list[Entry]:
    return catalogue(search_path=[])


def test_every_model_is_on_the_page_and_nothing_else() -> None:
    rows = {
        option: (int(size), float(params)) for option, size, params in ROW.findall(PAGE.read_text())
    }
    assert rows == {entry.option: (entry.image_size[0], entry.params_m) for entry in entries()}


def test_the_advice_names_models_there_are() -> None:
    names = {entry.option.partition("/")[2] for entry in entries()}
    for line in PAGE.read_text().splitlines():
        if line.startswith("Start with"):
            assert set(re.findall(r"`(\w+)`", line)) <= names


def test_the_catalogue_is_wide_and_whole() -> None:
    pretrained = [entry for entry in entries() if entry.checkpoint]
    assert len(pretrained) >= 25
    assert {entry.task for entry in pretrained} == {entry.task for entry in entries()}
    for entry in pretrained:
        assert entry.params_m, entry.option
        assert entry.description, entry.option


def test_what_is_not_permissive_says_so() -> None:
    for entry in entries():
        assert entry.licence != "unknown", entry.option
        if entry.licence not in PERMISSIVE:
            assert entry.licence_note, entry.option


@pytest.mark.slow
def test_a_recipe_reaches_the_optimizer_and_the_trainer() -> None:
    for entry in entries():
        config = Composer([]).load([f"model={entry.option}"])
        recipe = config.model.recipe
        assert config.optim.learning_rate == recipe.learning_rate
        assert config.optim.layer_decay == recipe.layer_decay
        assert config.optim.lr_scheduler_type == recipe.lr_scheduler_type
        assert config.trainer.ema_decay == recipe.ema_decay
        assert config.trainer.per_device_train_batch_size == recipe.per_device_train_batch_size
