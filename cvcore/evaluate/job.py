"""What an evaluation that is a run of its own reads, and how far it says it is. Torch-free.

evaluation.json   what is asked for (`EvaluationJob`), written by who submits it
progress.json     how far it is (`JobProgress`), written by the run; a tag of its MLflow run has it too
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

FILE = "evaluation.json"
PROGRESS = "progress.json"
PROGRESS_TAG = "lakesight.progress"
"""Of the MLflow run: what `progress.json` says, for those who can't read the run's folder."""
REPORT = "report"
"""The report of a split is in `report/<split>` of the run's folder, as a training's."""


@dataclass(frozen=True)
class EvaluationJob:
    """An evaluation.

    Attributes:
        model: a saved model folder, absolute; "" while it is in MLflow only.
        split: train, val or test.
        overrides: on top of the model's run's own.
        run_id: of the MLflow run; "" if it is not tracked.
        tracking_uri: of its server; one with a password comes from the environment instead.
        device: for torch; "": the GPU where there is one.
        source: id of the MLflow run whose model is brought here first; "": `model` is here.
        title: what the report calls the model; "": its folder.
    """

    model: str
    split: str = "val"
    overrides: tuple[str, ...] = ()
    run_id: str = ""
    tracking_uri: str = ""
    device: str = ""
    source: str = ""
    title: str = ""

    @property
    def called(self) -> str:
        """What people call the model."""
        return self.title or self.model

    def write(self, folder: Path) -> Path:
        """Write it into a run's folder; return the file."""
        path = folder / FILE
        path.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        return path

    @classmethod
    def read(cls, path: Path) -> EvaluationJob:
        """Return what `write` wrote.

        Raises:
            OSError, ValueError: it can't be read.
        """
        values = _known(cls, json.loads(path.read_text(encoding="utf-8")))
        return cls(**{**values, "overrides": tuple(values.get("overrides", ()))})


@dataclass(frozen=True)
class JobProgress:
    """How far an evaluation is.

    Attributes:
        done: images.
        total: images of the split.
        per_s: images per second since the first one.
        eta_s: how long it will still take, seconds; None: not known yet.
    """

    done: int
    total: int
    per_s: float
    eta_s: float | None

    def write(self, folder: Path) -> None:
        """Say it in a run's folder."""
        part = folder / f".{PROGRESS}.part"
        part.write_text(self.text(), encoding="utf-8")
        part.replace(folder / PROGRESS)

    def text(self) -> str:
        """Return it as `parse` reads it."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, folder: Path) -> JobProgress | None:
        """Return what a run's folder says; None: nothing yet."""
        try:
            return cls.parse((folder / PROGRESS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    @classmethod
    def parse(cls, text: str) -> JobProgress | None:
        """Return what a text says; None: it says nothing."""
        try:
            return cls(**_known(cls, json.loads(text)))
        except (ValueError, TypeError, AttributeError):
            return None

    def line(self) -> str:
        """Return it in words."""
        left = "" if self.eta_s is None else f", {self.eta_s:,.0f} s left"
        share = 100 * self.done / max(self.total, 1)
        return f"{self.done:,} of {self.total:,} images ({share:.0f} %), {self.per_s:,.1f} per second{left}"


def _known(cls: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    names = {one.name for one in fields(cls)}
    return {key: value for key, value in values.items() if key in names}
