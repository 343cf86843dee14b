"""Keeps the best model so far as the run's folder `best/`."""

from __future__ import annotations

import filecmp
import logging
import shutil
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from cvcore.serve import artifact
from cvcore.train import distributed
from cvcore.train.checkpoint import cannot_write, former_of, put_in_place

log = logging.getLogger(__name__)


class BestModel:
    """Writes the model that was just evaluated; a half written one is never in its place."""

    def __init__(
        self, folder: Path, durable: Path | None, described: artifact.Artifact, processor: Any
    ) -> None:
        """Take where and what to save; a copy in the durable place is taken if there is none here.

        Args:
            folder: `<run_dir>/best`.
            durable: where it is copied to, or None.
            described: task, model, labels; the metrics are filled in.
            processor: written beside the model.
        """
        self.folder = folder
        self.durable = None if durable is None else durable / folder.name
        self.described = described
        self.processor = processor

    def fetch(self) -> None:
        """Take what there is if the model is not here: the durable copy on another machine.

        Or the former one, where the process was killed while it put the new one in its place.
        """
        former = former_of(self.folder)
        if not self.exists() and (former / artifact.FILE).is_file():
            former.rename(self.folder)
        if self.durable is None or self.exists():
            return
        if (self.durable / artifact.FILE).is_file():
            _copy(self.durable, self.folder)

    def renew_durable(self) -> None:
        """Bring what was written beside the model after its last `save` to the durable copy too."""
        if self.durable is None or not (self.durable / artifact.FILE).is_file():
            return
        try:
            for file in self.folder.iterdir():
                there = self.durable / file.name
                if not there.is_file() or not filecmp.cmp(file, there):
                    part = there.with_name(f".{file.name}.part")
                    shutil.copyfile(file, part)
                    part.replace(there)
        except OSError as error:
            log.warning("the best model could not be copied to %s: %s", self.durable, error)

    def put_aside(self) -> None:
        """Move the best model of an earlier training in this folder aside."""
        if self.exists():
            self.folder.rename(self.folder.with_name(f"best-{time.strftime('%Y%m%d-%H%M%S')}"))

    def exists(self) -> bool:
        """Return whether a model was saved."""
        return (self.folder / artifact.FILE).is_file()

    def save(self, model: Any, metrics: dict[str, float], *, sharded: bool = False) -> None:
        """Write the model with these metrics; every process calls it.

        Args:
            model: the HF model, with the weights that were evaluated.
            metrics: HF's, with the prefix `eval_`.
            sharded: ZeRO-3: its weights are gathered first.

        Raises:
            TrainingError: the disk is full; the former best is still there.
        """
        with _gathered(model) if sharded else nullcontext():
            if distributed.rank() == 0:
                self._write(model, {k.removeprefix("eval_"): v for k, v in metrics.items()})
        distributed.wait_for_all()

    def _write(self, model: Any, metrics: dict[str, float]) -> None:
        part = self.folder.with_name(".best.writing")
        try:
            shutil.rmtree(part, ignore_errors=True)
            artifact.save(part, replace(self.described, metrics=metrics), model, self.processor)
            put_in_place(part, self.folder)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(part, ignore_errors=True)
            raise cannot_write(error, self.folder.parent) from error
        if self.durable is not None:
            try:
                _copy(self.folder, self.durable)
            except OSError as error:
                log.warning("the best model could not be copied to %s: %s", self.durable, error)


def _copy(source: Path, target: Path) -> None:
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(source, part)
    put_in_place(part, target)


def _gathered(model: Any) -> AbstractContextManager[Any]:
    import deepspeed

    context: AbstractContextManager[Any] = deepspeed.zero.GatheredParameters(
        list(model.parameters())
    )
    return context
