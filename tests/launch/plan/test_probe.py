"""What the probe says against what is counted: a plan's bytes are not a guess."""

from dataclasses import replace

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from cvcore.config.schema import Config
from cvcore.data.dataset import VisionDataset
from cvcore.data.prepare import prepare
from cvcore.data.transforms import train_transform
from cvcore.tasks.registry import get_task
from cvcore.train.probe_step import ProbeStep
from launch.plan import probe as probes
from launch.plan.memory import estimate
from launch.plan.probe import Probe, ProbeError

pytestmark = pytest.mark.usefixtures("warm")


def test_parameters_gradients_and_adam_states_are_exact(vit: Config, probed: Probe) -> None:
    needed = estimate(probed, "off", num_devices=1, batch_size=8, precision="fp32", context_bytes=0)
    step = a_step(vit)
    optimizer = torch.optim.AdamW(step.model.parameters())
    step.step(8, optimizer)
    parameters = list(step.model.parameters())
    moments = [v for s in optimizer.state.values() for v in s.values()]

    def count(tensors) -> int:
        return sum(t.numel() * t.element_size() for t in tensors)

    assert needed.parameters == count(parameters) + count(step.model.buffers())
    assert needed.gradients == count(p.grad for p in parameters)
    assert needed.optimizer == count(moments)
    assert probed.parameters == sum(p.numel() for p in parameters)


@pytest.mark.parametrize("batch_size", [8, 16])
def test_activations_agree_with_the_allocators_peak(
    vit: Config, probed: Probe, batch_size: int
) -> None:
    """The peak of a batch that the probe never ran, as torch's own allocator reports it."""
    step = a_step(vit)
    step.step(4)
    step.model.zero_grad(set_to_none=True)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        loss = step.loss(batch_size)
        loss.backward()
    taken = peak = 0
    for event in profiler.profiler.kineto_results.events():
        if event.name() == "[memory]":
            taken += event.nbytes()
            peak = max(peak, taken)
    kept = probed.activations_of("fp32")
    expected = kept.fixed_bytes + batch_size * kept.bytes_per_image
    # The rest is gradients that come while activations go, and scratch space.
    assert expected <= peak * 1.05
    assert peak <= expected * 1.1 + 4 * probed.trainable


def test_operations_of_a_vit_are_those_of_the_textbook(probed: Probe) -> None:
    """Two per weight and token forward, twice that backward; the picture needs no gradient."""
    tokens = (64 // 8) ** 2 + 1
    body = 2 * (4 * 64 * 64 + 2 * 64 * 128)
    attention = 2 * 2 * tokens * 64
    patches = 2 * (tokens - 1) * 3 * 64 * 64
    forward = 2 * tokens * body + tokens * 2 * attention + patches
    assert probed.flops_per_image == pytest.approx(3 * forward - patches, rel=0.01)


def test_deepspeeds_own_estimate_is_ours_but_for_16_bit_weights(probed: Probe) -> None:
    # One step counter (4 bytes) per tensor is no moment.
    moments = replace(probed, optimizer_bytes=8 * probed.trainable, buffer_bytes=0)
    for devices in (1, 4, 8):
        own = probed.deepspeed[str(devices)]
        # Ours are in 32 bits, the operations alone in 16.
        wider = 2 * moments.parameters + 2 * moments.trainable / devices
        two = estimate(moments, "zero2", num_devices=devices, batch_size=1, precision="bf16")
        assert two.parameters + two.gradients + two.optimizer == pytest.approx(
            own["zero2"] + wider, abs=devices * 4
        )
        three = estimate(moments, "zero3", num_devices=devices, batch_size=1, precision="bf16")
        states = three.parameters + three.gradients + three.optimizer + 4 * moments.largest_layer
        # DeepSpeed leaves out the gradients, which are there until they are reduced.
        left_out = (2 * moments.parameters + 4 * moments.trainable) / devices
        assert states == pytest.approx(own["zero3"] + left_out, abs=devices * 8)


def test_it_counts_the_data_and_times_it(probed: Probe) -> None:
    assert probed.num_images == {"train": 64, "val": 16, "test": 16}
    assert probed.num_classes == 10
    assert 0 < probed.eval_s < 10
    assert 0 < probed.train_s < 10
    assert 0 < probed.load_s < 1


def test_a_model_that_cannot_be_had_is_one_sentence(vit: Config, tmp_path) -> None:
    broken = replace(vit, model=replace(vit.model, checkpoint=str(tmp_path / "gone")))
    with pytest.raises(ProbeError, match="there is no such folder"):
        probes.run(broken, [1])


def a_step(config: Config) -> ProbeStep:
    data = prepare(config)
    task = get_task(config.task.kind, config.model, config.task)
    images = VisionDataset(
        data.splits["train"],
        data.labels,
        task,
        train_transform(config.model, config.augment),
        config.data,
        seed=0,
        training=True,
    )
    model, _ = task.load(config.model, data.labels)
    return ProbeStep(model, task, images, config)
