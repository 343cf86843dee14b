"""From which checkpoint a training goes on, and whether it is one of this training."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from transformers.trainer import TRAINER_STATE_NAME

from cvcore.config.schema import Config
from cvcore.data.labels import LabelSpace
from cvcore.errors import ConfigError, ModelError
from cvcore.train import distributed, nodes
from cvcore.train.arguments import zero_stage
from cvcore.train.callbacks.early_stopping import EarlyStopping
from cvcore.train.checkpoint import CheckpointStore
from cvcore.train.trainer import STATE

log = logging.getLogger(__name__)


def choose(store: CheckpointStore, mode: str) -> Path | None:
    """Return the checkpoint to go on from, the same on every process; None: from the start.

    Args:
        store: where the run's checkpoints are.
        mode: `run.resume`: auto, never (earlier ones are put aside), must.

    Raises:
        ConfigError: `must`, and there is no whole checkpoint.
    """
    path: Path | None = None
    if distributed.rank() == 0:
        if mode == "never":
            store.put_aside()
        else:
            path = store.newest()
    path = distributed.from_first(path)
    if path is not None:
        path = store.folder / path.name
        nodes.spread(path)
    if path is None and mode == "must":
        raise ConfigError(
            f"run.resume=must, but there is no whole checkpoint in {store.folder}"
            f"{f' or {store.durable}' if store.durable else ''}. Give the folder of the run with "
            "run.dir=, or start anew with run.resume=auto."
        )
    return path


def identity(
    config: Config, labels: LabelSpace, model_type: str, fingerprint: str
) -> dict[str, Any]:
    """Return what a checkpoint says of its training; `require_same` compares it."""
    return {
        "task": config.task.kind,
        "model_type": model_type,
        "labels": labels.to_dict(),
        "fingerprint": fingerprint,
        "seed": config.seed,
        "num_processes": distributed.world_size(),
        "zero_stage": zero_stage(config),
    }


def state_of(checkpoint: Path) -> dict[str, Any]:
    """Return what a checkpoint says of its training."""
    return dict(json.loads((checkpoint / STATE).read_text()))


def require_same(checkpoint: Path, mine: dict[str, Any]) -> None:
    """Refuse a checkpoint of another training; warn of what makes the resumed one differ.

    Raises:
        ModelError: another label space, task or kind of model, or DeepSpeed states that can't be read
            by this number of processes.
    """
    state = state_of(checkpoint)
    what = f"the checkpoint {checkpoint}"
    advice = "Give another run.dir, or put these checkpoints aside with run.resume=never."
    for key, word in (("task", "task"), ("model_type", "model type")):
        if state[key] != mine[key]:
            raise ModelError(
                f"{what} is of {word} {state[key]!r}, this training is of {mine[key]!r}. {advice}"
            )
    LabelSpace.from_dict(mine["labels"]).require_same(LabelSpace.from_dict(state["labels"]), what)
    if state["zero_stage"] != mine["zero_stage"] or (
        mine["zero_stage"] and state["num_processes"] != mine["num_processes"]
    ):
        raise ModelError(
            f"{what} was written with ZeRO stage {state['zero_stage']} by {state['num_processes']} "
            f"process(es), this training has stage {mine['zero_stage']} and "
            f"{mine['num_processes']}: optimizer states are split otherwise. Use the same "
            f"deepspeed= and compute.num_devices=. {advice}"
        )
    for key, word in (("fingerprint", "data"), ("seed", "seed"), ("num_processes", "processes")):
        if state[key] != mine[key]:
            log.warning(
                "%s was written with another %s (%s, now %s): the training goes on, but is not "
                "exactly the one that was interrupted.",
                what,
                word,
                state[key],
                mine[key],
            )


def batch_of(checkpoint: Path, batch_size: int, accumulation: int) -> tuple[int, int]:
    """Return the batch and accumulation to go on with.

    The checkpoint's, where its training had to take smaller batches for the same effective batch.
    """
    state = state_of(checkpoint)
    found = int(state["batch_size"]), int(state["accumulation"])
    if found[0] * found[1] == batch_size * accumulation:
        return found
    log.warning(
        "the checkpoint was written with an effective batch of %d images per device, now it is %d: "
        "the training goes on, but is not exactly the one that was interrupted.",
        found[0] * found[1],
        batch_size * accumulation,
    )
    return batch_size, accumulation


def spent_s(checkpoint: Path | None) -> float:
    """Return the training time up to a checkpoint, seconds; 0 without one."""
    return 0.0 if checkpoint is None else float(state_of(checkpoint)["spent_s"])


def evaluations_without_gain(checkpoint: Path) -> int:
    """Return the early stopping's counter in a checkpoint; 0 if it had none."""
    kept = json.loads((checkpoint / TRAINER_STATE_NAME).read_text())["stateful_callbacks"]
    counter = kept.get(EarlyStopping.__name__, {}).get("attributes", {})
    return int(counter.get("early_stopping_patience_counter", 0))


def evaluation_due(checkpoint: Path) -> bool:
    """Return whether a signal put off the evaluation of the checkpoint's own step."""
    return bool(state_of(checkpoint)["evaluation_due"])
