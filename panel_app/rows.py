"""What tables of runs show of a run. Pure: no page, no server."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cvcore.metrics.names import IMAGES_PER_S, NUM_DEVICES, TOTAL_STEPS
from launch.base import RunState, RunStatus
from launch.ledger_run import LedgerRun
from launch.plan.hardware import NODES
from launch.tags import KIND, LAUNCHER, OVERRIDES

_GPU_METRICS = ("mem/allocated_gib", "mem/reserved_gib", "system/gpu_memory_used_gib")


@dataclass(frozen=True)
class Row:
    """A run in a table.

    Attributes:
        run_id: of MLflow.
        title: what people call it.
        state: how it is.
        reason: why, in a sentence; "" if there is nothing to say.
        task: e.g. "detection"; "" if not known yet.
        model: option of the group, or the checkpoint.
        metric: name of the metric that counts.
        value: its newest value, or None.
        user: who submitted it.
        experiment: of MLflow.
        launcher: where it runs; "sweep" for the parent of a sweep.
        submitted_at: seconds since 1970 (UTC).
        duration_s: since its submission until now, or its end.
        ran_s: of the last attempt; None if it is not known when it began.
        step: optimizer steps done.
        total_steps: of the whole training; 0 if not known.
        num_gpus: that it used; 0 for none, None if not known.
        usd_per_hour: list price of its machines; None if not known.
        images_per_s: that its training took last; None if it has not told.
        sweep: id of the sweep it belongs to, or "".
        tags: that people gave it.
        kind: what it is if it is no training, e.g. "evaluation"; "" for a training.
    """

    run_id: str
    title: str
    state: RunState
    reason: str
    task: str
    model: str
    metric: str
    value: float | None
    user: str
    experiment: str
    launcher: str
    submitted_at: float
    duration_s: float
    ran_s: float | None = None
    step: int = 0
    total_steps: int = 0
    num_gpus: int | None = None
    usd_per_hour: float | None = None
    images_per_s: float | None = None
    sweep: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    kind: str = ""

    @property
    def has_model(self) -> bool:
        """Whether it has ended with a model that was evaluated at least once."""
        trained = not self.kind and self.launcher != "sweep"
        return trained and self.value is not None and self.state.is_final

    @property
    def progress(self) -> float | None:
        """Share of the training that is done, 0 to 1; None before that is known."""
        if self.total_steps <= 0:
            return None
        return min(self.step / self.total_steps, 1.0)

    @property
    def gpu_hours(self) -> float | None:
        """GPUs times hours of the last attempt; None if not known."""
        if self.ran_s is None or self.num_gpus is None:
            return None
        return self.num_gpus * self.ran_s / 3600

    @property
    def cost_usd(self) -> float | None:
        """Price of its machines for the time of the last attempt; None if not known."""
        if self.ran_s is None or self.usd_per_hour is None:
            return None
        return self.usd_per_hour * self.ran_s / 3600


@dataclass(frozen=True)
class Details:
    """A run as its page shows it."""

    row: Row
    run: LedgerRun
    status: RunStatus


def row(run: LedgerRun, status: RunStatus, now_s: float) -> Row:
    """Return a run's row."""
    chosen = overrides_by_key(run)
    params = run.params
    metric = params.get("task.metric", "")
    key = next(
        (k for k in (f"best/{metric}", f"test/{metric}", f"val/{metric}") if k in run.metrics), ""
    )
    model = chosen.get("model") or params.get("model.checkpoint", "").replace("None", "")
    ended = status.ended_at if status.state.is_final else None
    began = status.started_at if run.is_submitted else run.submitted_at
    return Row(
        run_id=run.run_id,
        title=run.title or run.run_id[:8],
        state=status.state,
        reason=status.reason,
        task=params.get("task.kind") or chosen.get("task", ""),
        model=model or params.get("model.model_type", "").replace("None", ""),
        metric=metric,
        value=run.metrics.get(key) if key else None,
        user=run.user,
        experiment=run.experiment,
        launcher="sweep" if run.is_sweep else run.tags.get(LAUNCHER, ""),
        submitted_at=run.submitted_at,
        duration_s=max(0.0, (ended or now_s) - run.submitted_at),
        ran_s=None if began is None or run.is_sweep else max(0.0, (ended or now_s) - began),
        step=run.step,
        total_steps=_total(run),
        num_gpus=_num_gpus(run),
        usd_per_hour=_price(params),
        images_per_s=run.metrics.get(IMAGES_PER_S),
        sweep=run.parent,
        tags=run.own_tags,
        kind=run.tags.get(KIND, ""),
    )


def matching(rows: Sequence[Row], words: str) -> list[Row]:
    """Return the rows that contain every word, in whatever column and case.

    Example:
        >>> matching([], "detection failed")
        []
    """
    wanted = words.lower().split()
    return [one for one in rows if all(word in _text(one) for word in wanted)]


def duration(seconds: float) -> str:
    """Return a duration as people say it.

    Example:
        >>> duration(42), duration(150), duration(7_500), duration(180_000)
        ('42 s', '2 min 30 s', '2 h 5 min', '2 d 2 h')
    """
    whole = round(seconds)
    minutes, s = divmod(whole, 60)
    hours, m = divmod(minutes, 60)
    days, h = divmod(hours, 24)
    for big, small, unit, lower in (
        (days, h, "d", "h"),
        (hours, m, "h", "min"),
        (minutes, s, "min", "s"),
    ):
        if big:
            return f"{big} {unit} {small} {lower}" if small else f"{big} {unit}"
    return f"{s} s"


def overrides(run: LedgerRun) -> list[str] | None:
    """Return what a run was submitted with, None if that is not known.

    Example:
        >>> overrides(LedgerRun("a", "t", "e", "RUNNING", 0.0, None, {OVERRIDES: '["seed=1"]'}))
        ['seed=1']
    """
    try:
        return [str(word) for word in json.loads(run.tags[OVERRIDES])]
    except (KeyError, ValueError):
        # A tag longer than MLflow keeps is cut.
        return None


def overrides_by_key(run: LedgerRun) -> dict[str, str]:
    """Return a run's overrides as {"model": "detection/rf_detr_nano", ...}."""
    pairs = (word.partition("=") for word in overrides(run) or ())
    return {key: value for key, _, value in pairs}


def _text(one: Row) -> str:
    values = (one.title, one.run_id, one.state, one.task, one.model, one.user, one.experiment)
    tags = (f"{key}={value}" for key, value in one.tags.items())
    return " ".join((*values, one.launcher, one.reason, *tags)).lower()


def _total(run: LedgerRun) -> int:
    for text in (run.tags.get(TOTAL_STEPS), run.params.get("trainer.max_steps")):
        try:
            total = int(text or 0)
        except ValueError:
            continue
        if total > 0:
            return total
    return 0


def _num_gpus(run: LedgerRun) -> int | None:
    if not any(key in run.metrics for key in _GPU_METRICS):
        # A run that logged its memory without a GPU's had none.
        return 0 if "mem/process_gib" in run.metrics else None
    try:
        return int(run.tags.get(NUM_DEVICES) or run.params.get("compute.num_devices") or 0) or None
    except ValueError:
        return None


def _price(params: Mapping[str, str]) -> float | None:
    kind = params.get("compute.node_type_id", "")
    each = next((node.usd_per_hour for node in NODES if node.node_type == kind), None)
    try:
        machines = 1 + int(params.get("compute.num_workers") or 0)
    except ValueError:
        return None
    return None if each is None else each * machines
