"""The plan of a training: for each machine what fits, how long it takes and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cvcore.config.schema import Config
from launch.plan import advice, duration
from launch.plan.duration import Duration
from launch.plan.hardware import GIB, PRICES_SOURCE, Node
from launch.plan.memory import CONTEXT_BYTES, FRAGMENTATION, STRATEGIES, Memory, estimate
from launch.plan.probe import Probe

WORLD_SIZES = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True)
class Row:
    """One machine.

    Attributes:
        node: the kind of machine.
        choice: what fits on it; None: nothing does.
        duration: of the training with it.
        cost_usd: of the whole time; None without a price.
        note: why nothing fits, or what to know.
    """

    node: Node
    choice: advice.Choice | None
    duration: Duration | None
    cost_usd: float | None
    note: str


@dataclass(frozen=True)
class Plan:
    """What a training takes.

    Attributes:
        config: of the training.
        probe: what was measured.
        num_nodes: machines per run.
        memory: by strategy: of one device, on the machine advised (else of one device alone).
        here: on this machine's own device.
        rows: by machine, the cheapest first.
        assumptions: sentences.
    """

    config: Config
    probe: Probe
    num_nodes: int
    memory: dict[str, Memory]
    here: Duration
    rows: list[Row]
    assumptions: list[str]

    @property
    def best(self) -> Row | None:
        """The machine advised: the cheapest one on which it fits."""
        return next((row for row in self.rows if row.choice is not None), None)

    @property
    def fastest(self) -> Row | None:
        """The machine on which it ends first."""
        fitting = [row for row in self.rows if row.duration is not None]
        return min(
            fitting, key=lambda row: row.duration.total_s if row.duration else 0.0, default=None
        )

    def overrides(self) -> list[str]:
        """Return what to add to the command line for the machine advised."""
        row = self.best
        if row is None or row.choice is None:
            return []
        conf, choice = self.config.trainer, row.choice
        words = [f"deepspeed={choice.strategy}"]
        if choice.batch_size != conf.per_device_train_batch_size:
            words += [
                f"trainer.per_device_train_batch_size={choice.batch_size}",
                f"trainer.gradient_accumulation_steps={choice.accumulation}",
            ]
        return words

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        best = self.best
        return {
            "model": {
                "parameters": self.probe.parameters,
                "trainable": self.probe.trainable,
                "flops_per_image": self.probe.flops_per_image,
            },
            "data": {"num_images": dict(self.probe.num_images), "load_s": self.probe.load_s},
            "memory_bytes": {
                strategy: {**asdict(memory), "total": memory.total}
                for strategy, memory in self.memory.items()
            },
            "deepspeed_estimates_bytes": {n: dict(v) for n, v in self.probe.deepspeed.items()},
            "here": {**asdict(self.here), "machine": dict(self.probe.machine)},
            "nodes": [_row(row) for row in self.rows],
            "suggestion": None
            if best is None or best.choice is None
            else {
                "node_type": best.node.node_type,
                "overrides": self.overrides(),
                "reason": best.choice.reason,
            },
            "assumptions": self.assumptions,
        }


def make(
    config: Config,
    probe: Probe,
    nodes: Sequence[Node],
    *,
    num_nodes: int = 1,
    utilisation: float = duration.UTILISATION,
    dbu_usd_per_hour: float = 0.0,
) -> Plan:
    """Return the plan of a configuration that was probed.

    Args:
        config: the run's.
        probe: of it.
        nodes: machines to look at.
        num_nodes: machines per run.
        utilisation: share of a GPU's peak that is reached.
        dbu_usd_per_hour: the platform's charge per machine and hour, on top of its price.
    """
    conf = config.trainer
    request = advice.Request(
        batch_size=conf.per_device_train_batch_size,
        accumulation=conf.gradient_accumulation_steps,
        precision=conf.precision,
        has_average=conf.ema_decay is not None,
    )
    rows = [
        _planned(config, probe, request, node, num_nodes, utilisation, dbu_usd_per_hour)
        for node in nodes
    ]
    rows.sort(key=lambda row: (row.choice is None, row.cost_usd is None, row.cost_usd or 0.0))
    best = next((row for row in rows if row.choice is not None), None)
    devices = best.node.num_gpus * num_nodes if best is not None else 1
    precision = best.choice.precision if best is not None and best.choice else "fp32"
    return Plan(
        config=config,
        probe=probe,
        num_nodes=num_nodes,
        memory={
            strategy: estimate(
                probe,
                strategy,
                num_devices=devices,
                batch_size=request.batch_size,
                precision=precision,
                has_average=request.has_average,
            )
            for strategy in STRATEGIES
        },
        here=duration.here(config, probe),
        rows=rows,
        assumptions=_assumptions(utilisation, dbu_usd_per_hour),
    )


def _planned(
    config: Config,
    probe: Probe,
    request: advice.Request,
    node: Node,
    num_nodes: int,
    utilisation: float,
    dbu_usd_per_hour: float,
) -> Row:
    choice = advice.choose(probe, request, node, num_nodes)
    if choice is None:
        if advice.precision_on(node, request.precision) == "bf16" and node.gpu in ("T4", "V100"):
            why = f"the {node.gpu} has no bf16: trainer.precision=fp16 or auto"
        else:
            why = "not even one image fits: a smaller model.image_size or model, or a larger GPU"
        return Row(node, None, None, None, why)
    took = duration.on_node(
        config,
        probe,
        node,
        num_nodes=num_nodes,
        strategy=choice.strategy,
        precision=choice.precision,
        utilisation=utilisation,
    )
    cost = None
    if node.usd_per_hour is not None:
        cost = (node.usd_per_hour + dbu_usd_per_hour) * num_nodes * took.total_s / 3600
    notes = []
    if took.limited_by == "input":
        notes.append("waits for images: more trainer.dataloader_num_workers")
    if choice.precision == "fp32" and request.precision == "auto":
        notes.append("no bf16 here: trainer.precision=fp16 is several times faster")
    return Row(node, choice, took, cost, "; ".join(notes))


def _assumptions(utilisation: float, dbu_usd_per_hour: float) -> list[str]:
    factors = ", ".join(f"{key} {value:g}" for key, value in duration.COMMUNICATION.items())
    charge = f"{dbu_usd_per_hour:g} USD per machine and hour" if dbu_usd_per_hour else "none"
    return [
        "Memory: states follow from parameters counted on the real model; activations are measured "
        f"on one and two real images, plus {FRAGMENTATION:.0%} for fragmentation; "
        f"{CONTEXT_BYTES / GIB:.1f} GiB for the CUDA context; {advice.USABLE:.0%} of a GPU is used.",
        f"Time: operations counted on the real model over {utilisation:.0%} of the GPU's dense peak "
        f"(--utilisation), at least {duration.BATCH_FLOOR_S * 1000:.0f} ms per batch; several "
        f"devices cost a factor of {factors}; loading as fast per core as on this machine; "
        "evaluation is a forward pass over val, plus 20 s each for metric and saving; "
        f"{duration.START_S / 60:.0f} minutes from submitting to the first step.",
        f"Prices: {PRICES_SOURCE}; --prices gives yours. Platform charge: {charge} "
        "(--dbu-usd-per-hour).",
    ]


def _row(row: Row) -> dict[str, Any]:
    choice, took = row.choice, row.duration
    return {
        **asdict(row.node),
        "fits": choice is not None,
        "note": row.note,
        "cost_usd": None if row.cost_usd is None else round(row.cost_usd, 4),
        "choice": None
        if choice is None
        else {**asdict(choice), "memory_total_bytes": choice.memory.total},
        "duration": None if took is None else {**asdict(took), "total_s": took.total_s},
    }
