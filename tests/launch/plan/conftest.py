from pathlib import Path

import pytest

from cvcore.config.composer import load
from cvcore.config.schema import Config
from launch.plan import probe as probes
from launch.plan.probe import Activations, Probe

MICRO_VIT = [
    "task=classification",
    "model=classification/vit_base",
    "model.checkpoint=null",
    "model.config.hidden_size=64",
    "model.config.num_hidden_layers=2",
    "model.config.num_attention_heads=2",
    "model.config.intermediate_size=128",
    "model.config.patch_size=8",
    "model.image_size=[64,64]",
    "trainer.per_device_train_batch_size=8",
    "data.num_train=64",
    "data.num_val=16",
    "data.num_test=16",
]


@pytest.fixture(scope="session")
def vit(cache_dir: Path) -> Config:
    """A small ViT on digits."""
    return load([*MICRO_VIT, f"data.cache_dir={cache_dir}"])


@pytest.fixture(scope="session")
def probed(vit: Config) -> Probe:
    """The probe of the small ViT, made as the command makes it."""
    return probes.run(vit, [1, 4, 8])


@pytest.fixture
def large() -> Probe:
    """A model of 300 M parameters whose numbers are round."""
    n = 300_000_000
    return Probe(
        parameters=n,
        trainable=n,
        largest_layer=10_000_000,
        buffer_bytes=0,
        optimizer_bytes=8 * n,
        activations={
            "fp32": Activations(0, 2 << 30),
            "bf16": Activations(600_000_000, 1 << 30),
        },
        deepspeed={},
        flops_per_image=10**12,
        train_s=1.0,
        eval_s=0.3,
        load_s=0.01,
        num_images={"train": 10_000, "val": 1000},
        num_classes=10,
        machine={"device": "cpu", "gpus": [], "cpu_cores": 2, "memory_gib": 24.0},
    )
