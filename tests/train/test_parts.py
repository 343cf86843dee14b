"""Schedules, batch finder, learning rates by depth, freezing, average, number formats."""

from __future__ import annotations

import math
from functools import cached_property
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import (
    ResNetConfig,
    ResNetForImageClassification,
    Trainer,
    TrainingArguments,
    ViTConfig,
    ViTForImageClassification,
)

from cvcore.config.composer import load
from cvcore.config.schema import OptimConf
from cvcore.errors import ConfigError, TrainingError
from cvcore.train import arguments
from cvcore.train.batch_size import fit, is_out_of_memory
from cvcore.train.ema import Ema
from cvcore.train.optimizer import Frozen, build_optimizer, parameter_groups
from cvcore.train.schedule import Schedule

TOTAL = 100
FORMULAS = {
    "constant": lambda done, step: 1.0,
    "constant_with_warmup": lambda done, step: 1.0,
    "linear": lambda done, step: 1.0 - done,
    "cosine": lambda done, step: (1 + math.cos(math.pi * done)) / 2,
    "polynomial": lambda done, step: (1 - done) ** 0.9,
    "step": lambda done, step: 0.1 ** (step // 33),
}


def vit() -> ViTForImageClassification:
    torch.manual_seed(0)
    return ViTForImageClassification(
        ViTConfig(
            hidden_size=16,
            num_hidden_layers=3,
            num_attention_heads=2,
            intermediate_size=16,
            image_size=16,
            patch_size=8,
            num_labels=3,
        )
    )


@pytest.mark.parametrize("kind", FORMULAS)
def test_schedule_is_its_formula(kind: str) -> None:
    conf = OptimConf(lr_scheduler_type=kind, warmup_ratio=0.1, step_size=0.33, step_gamma=0.1)
    schedule = Schedule.of(conf, TOTAL)
    warmup = 0 if kind == "constant" else 10
    for step in range(warmup):
        assert schedule(step) == pytest.approx((step + 1) / (warmup + 1))
    for step in range(warmup, TOTAL + 1):
        done = (step - warmup) / (TOTAL - warmup)
        assert schedule(step) == pytest.approx(FORMULAS[kind](done, step), abs=1e-12)


def test_batch_finder_keeps_the_effective_batch() -> None:
    tried: list[int] = []

    def fits(size: int) -> bool:
        tried.append(size)
        return size <= 5

    assert fit(24, 2, fits) == (3, 16)
    assert tried == [24, 12, 6, 3]


def test_batch_finder_says_when_nothing_fits() -> None:
    with pytest.raises(TrainingError, match="a single image does not fit"):
        fit(8, 1, lambda size: False)


def test_only_running_out_of_memory_counts_as_such() -> None:
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert not is_out_of_memory(RuntimeError("shape mismatch"))


def test_learning_rates_fall_with_depth_and_vectors_do_not_decay() -> None:
    model = vit()
    conf = OptimConf(learning_rate=1.0, weight_decay=0.1, layer_decay=0.5)
    groups = parameter_groups(model, conf)
    rate = {id(p): g["lr"] for g in groups for p in g["params"]}
    decay = {id(p): g["weight_decay"] for g in groups for p in g["params"]}
    named = dict(model.named_parameters())
    assert rate.keys() == {id(p) for p in named.values()}
    assert rate[id(named["classifier.weight"])] == 1.0
    layers = [
        next(rate[id(p)] for n, p in named.items() if f"layers.{i}." in n or f"layer.{i}." in n)
        for i in range(3)
    ]
    assert layers[1] / layers[0] == layers[2] / layers[1] == 2.0
    assert all(decay[id(p)] == 0.0 for p in named.values() if p.ndim == 1)
    assert decay[id(named["classifier.weight"])] == 0.1


def test_frozen_backbone_does_not_move() -> None:
    model = vit()
    Frozen(model, "backbone")
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    conf = OptimConf(optim="sgd", learning_rate=0.1)
    optimizer = build_optimizer(parameter_groups(model, conf), conf)
    model(pixel_values=torch.rand(2, 3, 16, 16), labels=torch.tensor([0, 1])).loss.backward()
    optimizer.step()
    moved = {n for n, p in model.named_parameters() if not torch.equal(p, before[n])}
    assert moved == {"classifier.weight", "classifier.bias"}


def test_average_is_its_formula_and_the_weights_come_back() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    ema = Ema(model, 0.5)
    expected = 0.0
    for step in range(1, 8):
        nn.init.constant_(model.weight, step)
        ema.update(model, step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    with ema.applied(model):
        assert model.weight.item() == pytest.approx(expected)
    assert model.weight.item() == 7.0


def test_fp16_on_the_cpu_is_refused_in_words() -> None:
    config = load(["trainer.precision=fp16", "trainer.use_cpu=true"])
    with pytest.raises(ConfigError, match=r"fp16 needs a GPU.*Allowed here: fp32, bf16"):
        arguments.check(config)


def test_bf16_is_refused_where_the_gpu_lacks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Old GPU")
    with pytest.raises(ConfigError, match=r"bf16 is not supported by this GPU \(Old GPU\)"):
        arguments.check(load(["trainer.precision=bf16"]))
    assert arguments.precision(load(["trainer.precision=auto"])) == "fp32"


def test_average_under_zero3_is_refused_in_words() -> None:
    config = load(["deepspeed=zero3", "trainer.ema_decay=0.9"])
    with pytest.raises(ConfigError, match="does not go with ZeRO stage 3"):
        arguments.check(config)


def test_several_visible_devices_are_no_data_parallel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    set_up = TrainingArguments.__dict__["_setup_devices"].func

    def four_devices(self: TrainingArguments) -> torch.device:
        device = set_up(self)
        self._n_gpu = 4  # what HF sets in one process that sees four GPUs
        return device

    devices = cached_property(four_devices)
    devices.__set_name__(TrainingArguments, "_setup_devices")
    monkeypatch.setattr(TrainingArguments, "_setup_devices", devices)
    assert TrainingArguments(output_dir=str(tmp_path)).n_gpu == 4, "else this proves nothing"
    config = load(["trainer.per_device_train_batch_size=8"])
    args = arguments.training_arguments(config, tmp_path, 8, 1)
    assert args.n_gpu == 1
    assert args.train_batch_size == 8
    assert "4 GPUs are visible to this one process" in caplog.text
    wrapped = Trainer(vit(), args, eval_dataset=[{}])._wrap_model(vit())
    assert not isinstance(wrapped, nn.DataParallel)


def test_frozen_batch_norms_keep_their_statistics_and_the_head_its_rate() -> None:
    torch.manual_seed(0)
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 8], depths=[1, 1], num_labels=3)
    model = ResNetForImageClassification(config)
    rates = OptimConf(learning_rate=1.0, backbone_lr_multiplier=0.1)
    named = {id(p): n for n, p in model.named_parameters()}
    rate = {named[id(p)]: g["lr"] for g in parameter_groups(model, rates) for p in g["params"]}
    assert all(v == (1.0 if n.startswith("classifier") else 0.1) for n, v in rate.items())

    frozen = Frozen(model, "backbone")
    before = {n: b.clone() for n, b in model.named_buffers()}
    model.train()
    frozen.keep_statistics()
    model(pixel_values=torch.rand(2, 3, 32, 32), labels=torch.tensor([0, 1])).loss.backward()
    assert all(torch.equal(b, before[n]) for n, b in model.named_buffers())
    model.train()
    model(pixel_values=torch.rand(2, 3, 32, 32))
    assert not all(torch.equal(b, before[n]) for n, b in model.named_buffers())
