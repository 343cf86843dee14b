"""What a plan suggests: the least effort that fits, with the reason, priced and timed."""

from dataclasses import replace

import pytest

from cvcore.config.composer import load
from cvcore.errors import ConfigError
from launch.plan import plan as plans
from launch.plan.advice import Request, choose
from launch.plan.duration import steps
from launch.plan.hardware import GIB, GPUS, NODES, nodes
from launch.plan.memory import estimate
from launch.plan.probe import Activations, Probe
from launch.plan.text import text

NODE = {node.node_type: node for node in NODES}


def test_what_fits_is_left_alone(large: Probe) -> None:
    choice = choose(large, Request(8, 1, "auto"), NODE["p4de.24xlarge"])
    assert choice is not None
    assert (choice.strategy, choice.batch_size, choice.precision) == ("off", 8, "bf16")
    assert "fits without DeepSpeed" in choice.reason


def test_states_are_split_before_the_batch_is_cut(large: Probe) -> None:
    heavy = replace(
        large, activations={"fp32": Activations(0, 2 << 29), "bf16": Activations(0, 1 << 29)}
    )
    billion = replace(heavy, parameters=10**9, trainable=10**9, optimizer_bytes=8 * 10**9)
    choice = choose(billion, Request(8, 1, "auto"), NODE["g5.12xlarge"])
    assert choice is not None
    assert choice.strategy == "zero1"
    assert choice.batch_size == 8
    assert "split over 4 GPUs" in choice.reason


@pytest.mark.parametrize(
    ("parameters", "strategy"), [(2, "zero2"), (3, "zero3"), (30, "zero3_offload")]
)
def test_larger_models_need_more_of_it(large: Probe, parameters: int, strategy: str) -> None:
    n = parameters * 10**9
    light = {"fp32": Activations(0, 1 << 26), "bf16": Activations(0, 1 << 25)}
    probe = replace(large, parameters=n, trainable=n, optimizer_bytes=8 * n, activations=light)
    choice = choose(probe, Request(1, 1, "auto"), NODE["g5.12xlarge"])
    assert choice is not None
    assert choice.strategy == strategy


def test_one_gpu_gets_a_smaller_batch_and_the_same_effective_one(large: Probe) -> None:
    choice = choose(large, Request(32, 2, "auto"), NODE["g5.xlarge"])
    assert choice is not None
    assert choice.strategy == "off"
    assert choice.batch_size * choice.accumulation == 64
    assert choice.memory.total <= 0.95 * GPUS["A10G"].memory_gib * GIB
    twice = estimate(
        large, "off", num_devices=1, batch_size=2 * choice.batch_size, precision="bf16"
    )
    assert twice.total > 0.95 * GPUS["A10G"].memory_gib * GIB


def test_an_average_of_weights_rules_out_stage_3(large: Probe) -> None:
    n = 3 * 10**9
    probe = replace(large, parameters=n, trainable=n, optimizer_bytes=8 * n)
    assert choose(probe, Request(1, 1, "auto", has_average=True), NODE["g5.12xlarge"]) is None


def test_bf16_on_a_gpu_without_it_is_a_note_not_a_row(large: Probe) -> None:
    config = load(["task=classification", "trainer.precision=bf16"])
    found = plans.make(config, large, nodes(["g4dn.xlarge", "p4d.24xlarge"], "aws"))
    by_type = {row.node.node_type: row for row in found.rows}
    assert by_type["g4dn.xlarge"].choice is None
    assert "fp16" in by_type["g4dn.xlarge"].note
    assert found.best is by_type["p4d.24xlarge"]


def test_the_cheapest_that_fits_is_suggested_and_prices_can_be_replaced(large: Probe) -> None:
    config = load(["task=classification", "trainer.per_device_train_batch_size=4"])
    cheap = plans.make(config, large, nodes([], "aws"))
    costs = [row.cost_usd for row in cheap.rows if row.cost_usd is not None]
    assert costs == sorted(costs)
    free = plans.make(config, large, nodes([], "aws", {"p5.48xlarge": 0.01}))
    assert free.best is not None
    assert free.best.node.node_type == "p5.48xlarge"


def test_who_is_in_a_hurry_is_told_the_fastest(large: Probe) -> None:
    found = plans.make(load(["task=classification"]), large, nodes([], "aws"))
    times = [row.duration.total_s for row in found.rows if row.duration]
    assert found.fastest is not None
    assert found.fastest.duration is not None
    assert found.fastest.duration.total_s == min(times)
    assert f"soonest: {found.fastest.node.node_type}" in text(found)


def test_cost_is_time_times_price(large: Probe) -> None:
    config = load(["task=classification"])
    found = plans.make(config, large, nodes(["g5.xlarge"], "aws"), dbu_usd_per_hour=1.0)
    row = found.rows[0]
    assert row.duration is not None
    assert row.cost_usd == pytest.approx((1.006 + 1.0) * row.duration.total_s / 3600)


def test_steps_are_those_of_the_training() -> None:
    config = load(["task=classification", "trainer.per_device_train_batch_size=8",
                   "trainer.gradient_accumulation_steps=2", "trainer.num_train_epochs=3"])  # fmt: skip
    assert steps(config, 1000, 4) == (3 * (1000 // 64), 64, 4)
    assert steps(config, 10, 1)[0] == 3
    config.trainer.max_steps = 7
    assert steps(config, 1000, 1)[0] == 7


def test_an_unknown_machine_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"Did you mean 'g5\.xlarge'"):
        nodes(["g5.xlarg"], "aws")


def test_the_text_says_what_is_assumed(large: Probe) -> None:
    shown = text(plans.make(load(["task=classification"]), large, nodes([], "all")))
    for word in ("suggestion:", "assumptions:", "list prices", "300.00 M parameters", "zero3"):
        assert word in shown


def test_every_gpu_of_a_machine_is_known() -> None:
    assert {node.gpu for node in NODES} <= set(GPUS)
    assert len({node.node_type for node in NODES}) == len(NODES)
