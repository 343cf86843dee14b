"""A saved model evaluated on a split, in one process: what `lakesight evaluate` does."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from cvcore.config.schema import Config
from cvcore.data.dataset import VisionDataset
from cvcore.data.normalise import normalise
from cvcore.data.samples import Prediction, Truth
from cvcore.data.transforms import fit_transform
from cvcore.errors import DataError
from cvcore.evaluate.configuration import configuration as configuration
from cvcore.evaluate.configuration import has_own_data
from cvcore.evaluate.open_split import open_split
from cvcore.evaluate.report import Report
from cvcore.evaluate.run import Subject, evaluate
from cvcore.serve import artifact
from cvcore.tasks.registry import get_task
from cvcore.train.arguments import AUTOCAST, precision
from cvcore.train.batches import evaluation_loader
from cvcore.train.frozen import OVERRIDES


def evaluate_saved(
    folder: Path,
    overrides: Sequence[str],
    split: str,
    out_dir: Path | None = None,
    device: str | None = None,
    tell: Callable[[int, int], None] | None = None,
    model_name: str = "",
) -> Report:
    """Evaluate and write a report; return it.

    Args:
        folder: a saved model folder.
        overrides: on top of its run's own.
        split: train, val or test.
        out_dir: of the report; None: the run's `report/<split>`, or with overrides
            `evaluations/<time>-<split>` beside it (in the model's folder if that has no run).
        device: for torch; None: the GPU where there is one.
        tell: told the number of images done and of all, before the first and after each batch.
        model_name: what the report calls the model; "": its folder.

    Raises:
        LakesightError: the folder, the overrides, the device, the data or the place of the report
            can't be used, or the data have classes that the model has not.
    """
    config = configuration(folder, overrides)
    place = _device(device)
    autocast = _number_format(config, place)
    own = has_own_data(overrides)
    labels = artifact.read(folder).labels
    data = open_split(config, split, labels, f"the model {folder}", own)
    out_dir = _writable(out_dir or _out_dir(folder, split, bool(overrides)))
    task = get_task(config.task.kind, config.model, config.task)
    model: Any
    model, _ = task.load(config.model, data.labels)
    model.to(place)

    def to_device(batch: dict[str, Any]) -> dict[str, Any]:
        pixels = batch["pixel_values"].to(place, non_blocking=True)
        return {"pixel_values": normalise(pixels, config.model.image_mean, config.model.image_std)}

    dataset = VisionDataset(
        data.splits[split],
        data.labels,
        task,
        fit_transform(config.model),
        config.data,
        seed=config.seed,
        training=False,
    )
    conf = config.trainer
    loader = evaluation_loader(
        dataset, task.collate, conf.per_device_eval_batch_size, conf.dataloader_num_workers
    )
    subject = Subject(
        model=model,
        model_name=model_name or str(folder),
        task=task,
        config=config,
        labels=data.labels,
        dataset=dataset,
        split=split,
        fingerprint=data.fingerprint,
        prepare=to_device,
        autocast=autocast,
    )
    return evaluate(subject, loader, out_dir, [] if tell is None else [_Count(tell, len(dataset))])


class _Count:
    """An observer that counts images."""

    def __init__(self, tell: Callable[[int, int], None], total: int) -> None:
        self.tell, self.total, self.done = tell, total, 0
        tell(0, total)

    def __call__(
        self,
        outputs: Any,  # noqa: ARG002 (an observer's signature)
        predictions: Sequence[Prediction],
        truths: Sequence[Truth],  # noqa: ARG002
    ) -> None:
        self.done += len(predictions)
        self.tell(self.done, self.total)


def _out_dir(folder: Path, split: str, changed: bool) -> Path:
    """Return where a report goes: into the model's run, or the model's folder if it has none."""
    run_dir = folder.parent if (folder.parent / OVERRIDES).is_file() else folder
    if changed:
        return run_dir / "evaluations" / f"{time.strftime('%Y%m%d-%H%M%S')}-{split}"
    return run_dir / "report" / split


def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".part").touch()
        (folder / ".part").unlink()
    except OSError as error:
        raise DataError(
            f"the report can't be written to {folder}: {error.strerror or error}. Give another "
            "folder with --out."
        ) from error
    return folder


def _number_format(config: Config, device: torch.device) -> torch.dtype | None:
    """Return what the run's own evaluations computed in, as far as the device can."""
    if device.type == "cuda":
        return AUTOCAST[precision(config)]
    return AUTOCAST["bf16"] if config.trainer.precision == "bf16" else None


def _device(name: str | None) -> torch.device:
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        cards = torch.cuda.device_count()
        raise DataError(
            f"--device {name} can't be used here: this machine has the CPU and {cards} CUDA GPUs. "
            "Give cpu, cuda or cuda:1, or leave it out."
        ) from error
    return device
