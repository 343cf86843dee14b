"""A plan as text for a terminal."""

from __future__ import annotations

from dataclasses import fields

from launch.plan.hardware import GIB, GPUS
from launch.plan.memory import Memory
from launch.plan.plan import Plan, Row

_MIB = float(1 << 20)


def text(plan: Plan) -> str:
    """Return the plan: model, memory, machines, suggestion, assumptions."""
    parts = [_model(plan), _memory(plan), _nodes(plan), _suggestion(plan)]
    parts.append("assumptions:\n" + "\n".join(f"  - {line}" for line in plan.assumptions))
    return "\n\n".join(parts)


def _model(plan: Plan) -> str:
    probe, here = plan.probe, plan.here
    counts = ", ".join(f"{count:,} {split}" for split, count in probe.num_images.items())
    machine = probe.machine
    where = ", ".join(machine["gpus"]) or f"{machine['cpu_cores']} CPU cores"
    return "\n".join(
        (
            f"model   {probe.parameters / 1e6:.2f} M parameters, {probe.trainable / 1e6:.2f} M trained, "
            f"{probe.flops_per_image / 1e9:.1f} GFLOP per image (forward and backward)",
            f"data    {counts}; {probe.num_classes} classes",
            f"steps   {here.num_steps:,} and {here.num_evaluations} evaluations on one machine with "
            f"{max(plan.config.compute.num_devices, 1)} device",
            f"here    {probe.train_s * 1000:.0f} ms per image on {where}: "
            f"{hours(here.total_s)} in all",
        )
    )


def _memory(plan: Plan) -> str:
    best = plan.best
    devices = best.node.num_gpus * plan.num_nodes if best else 1
    precision = best.choice.precision if best and best.choice else "fp32"
    batch = plan.config.trainer.per_device_train_batch_size
    names = [item.name for item in fields(Memory)]
    lines = [
        f"memory of one of {devices} devices, {precision}, batch {batch}:",
        "  " + f"{'':14}" + "".join(f"{strategy:>14}" for strategy in plan.memory),
    ]
    for name in names:
        values = [getattr(memory, name) for memory in plan.memory.values()]
        if any(values):
            lines.append(f"  {name:14}" + "".join(f"{size(value):>14}" for value in values))
    totals = [memory.total for memory in plan.memory.values()]
    lines.append(f"  {'total':14}" + "".join(f"{size(value):>14}" for value in totals))
    own = plan.probe.deepspeed.get(str(devices), {})
    if own:
        said = ", ".join(f"{key} {size(value)}" for key, value in own.items())
        lines.append(
            f"  DeepSpeed's own estimate of weights, gradients, optimizer (16 bit): {said}"
        )
    return "\n".join(lines)


def _nodes(plan: Plan) -> str:
    header = ("machine", "GPUs", "deepspeed", "batch", "memory", "images/s", "time", "USD", "")
    rows = [_cells(row) for row in plan.rows]
    widths = [max(len(line[i]) for line in (header, *rows)) for i in range(len(header))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip()
             for line in (header, *rows)]  # fmt: skip
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    node, choice, took = row.node, row.choice, row.duration
    gpus = f"{node.num_gpus} x {node.gpu}"
    if choice is None or took is None:
        return (node.node_type, gpus, "-", "-", "-", "-", "-", "-", row.note)
    batch = str(choice.batch_size)
    if choice.accumulation > 1:
        batch += f" x {choice.accumulation}"
    used = f"{choice.memory.total / GIB:.1f} of {GPUS[node.gpu].memory_gib:.0f} GiB"
    cost = "?" if row.cost_usd is None else f"{row.cost_usd:.2f}"
    return (
        node.node_type,
        gpus,
        choice.strategy,
        batch,
        used,
        f"{took.images_per_s:.0f}",
        hours(took.total_s),
        cost,
        row.note,
    )


def _suggestion(plan: Plan) -> str:
    row = plan.best
    if row is None or row.choice is None:
        return "suggestion: none of these machines can hold it; the notes above say what to change."
    choice, fastest = row.choice, plan.fastest
    sooner = ""
    if fastest is not None and fastest is not row and fastest.duration and row.duration:
        cost = "an unknown price" if fastest.cost_usd is None else f"{fastest.cost_usd:.2f} USD"
        sooner = (
            f"\n  soonest: {fastest.node.node_type}, {hours(fastest.duration.total_s)} instead of "
            f"{hours(row.duration.total_s)}, for {cost}"
        )
    return (
        f"suggestion: {row.node.node_type}, {' '.join(plan.overrides())}\n"
        f"  because {choice.reason}; it is the cheapest of these machines. "
        f"Batches of up to {choice.largest_batch} images would fit.{sooner}"
    )


def size(num_bytes: float) -> str:
    """Return bytes as MiB or GiB."""
    return f"{num_bytes / GIB:.2f} GiB" if num_bytes >= GIB else f"{num_bytes / _MIB:.1f} MiB"


def hours(seconds: float) -> str:
    """Return a time as "45 s", "12 min" or "3 h 05 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
