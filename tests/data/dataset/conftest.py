"""Digits small enough to draw in a moment, and a data set over them."""

from __future__ import annotations

import pytest

from cvcore.config.composer import load
from cvcore.data.dataset import VisionDataset
from cvcore.data.prepare import prepare
from cvcore.data.transforms import fit_transform, train_transform
from cvcore.tasks.registry import get_task

SMALL = ["data=digits", "data.num_train=16", "data.num_val=10", "data.num_test=10"]


@pytest.fixture(scope="session")
def digits_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("digits")


@pytest.fixture
def config(digits_cache):
    def make(task="detection", *overrides):
        return load([f"task={task}", *SMALL, f"data.cache_dir={digits_cache}", *overrides])

    return make


@pytest.fixture
def dataset(config):
    def make(task="detection", training=True, *overrides):
        conf = config(task, "augment=digits", *overrides)
        data = prepare(conf)
        transform = (
            train_transform(conf.model, conf.augment) if training else fit_transform(conf.model)
        )
        return VisionDataset(
            data.splits["train" if training else "val"],
            data.labels,
            get_task(task, conf.model, conf.task),
            transform,
            conf.data,
            seed=conf.seed,
            training=training,
        )

    return make
