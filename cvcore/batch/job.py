"""What a batch inference is to do, and what makes two of them the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from cvcore.data.places import localise
from cvcore.errors import ConfigError, LakesightError, did_you_mean
from cvcore.serve import artifact
from cvcore.serve.mask_forms import check_masks

FORMATS = ("parquet", "delta", "coco")
COCO_KINDS = ("detection", "instance_segmentation")
STATE = "_lakesight"
"""Folder in the output with what the batch keeps; readers of tables pass over it."""


class BatchError(LakesightError):
    """A batch inference that can't be done."""


class BatchInterrupted(BatchError):  # noqa: N818 (the name reads as the message does)
    """One that was ended from outside: the same command goes on with it."""

    exit_code = 75


@dataclass(frozen=True)
class BatchJob:
    """A batch inference.

    Attributes:
        model: a saved model folder, or a folder with an MLflow model of ours.
        source: a folder of images, a Delta table's folder, a Parquet file or folder of them.
        out: the output folder; a Delta table that is there is appended to.
        format: parquet, delta or coco.
        image_column: of a table: bytes, a path, or a struct of both.
        id_column: of a table: what names a row in the output; None: its number.
        score_threshold: objects from this score on; None: the model's own thresholds.
        masks: rle, polygon or none.
        batch_size: images that go through the model at once.
        shard_size: images of a part; what is lost at most, per worker, when it is killed.
        workers: processes; 0: one per GPU, or as many as the processor and memory allow.
    """

    model: str
    source: str
    out: str
    format: str = "parquet"
    image_column: str = "image"
    id_column: str | None = None
    score_threshold: float | None = None
    masks: str = "rle"
    batch_size: int = 16
    shard_size: int = 128
    workers: int = 0

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ConfigError: one can't be; says what can.
        """
        if self.format not in FORMATS:
            raise ConfigError(
                f"format {self.format!r} is none of: {', '.join(FORMATS)}."
                f"{did_you_mean(self.format, FORMATS)}"
            )
        check_masks(self.masks)
        for key, least, most in (
            ("batch_size", 1, 4096),
            ("shard_size", 1, 1_000_000),
            ("workers", 0, 256),
        ):
            if not least <= (value := getattr(self, key)) <= most:
                raise ConfigError(f"{key} {value} is out of bounds: {least} to {most}.")
        if self.score_threshold is not None and not 0 <= self.score_threshold <= 1:
            raise ConfigError(f"the threshold {self.score_threshold} is no score: 0 to 1.")

    @property
    def folder(self) -> Path:
        """The output folder as this machine opens it."""
        return localise(self.out).absolute()

    @property
    def state(self) -> Path:
        """Where the batch keeps what it needs to go on."""
        return self.folder / STATE

    def what(self) -> dict[str, Any]:
        """Return what the output depends on; how many workers make it, it does not."""
        values = asdict(self)
        for key in ("out", "workers", "batch_size"):
            values.pop(key)
        values["source"] = str(localise(self.source).absolute())
        values["model"] = f"{localise(self.model).absolute()} {model_digest(self.model)}"
        return values

    @property
    def id(self) -> str:
        """What two batches of the same output have in common."""
        return hashlib.sha256(json.dumps(self.what(), sort_keys=True).encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> BatchJob:
        """Return what `to_dict` gave; keys of a newer version are left out."""
        known = {item.name for item in fields(cls)}
        return cls(**{key: value for key, value in values.items() if key in known})


def saved_model(model: str) -> Path:
    """Return the saved model folder of a job's model.

    Raises:
        ModelError: there is none.
    """
    folder = localise(model)
    inside = folder / "artifacts"  # of an MLflow model
    found = (p for p in sorted(inside.glob("*")) if (p / artifact.FILE).is_file())
    return next(found, folder)


def model_digest(model: str) -> str:
    """Return what changes when the model does."""
    folder = saved_model(model)
    artifact.read(folder)  # says what is missing
    text = (folder / artifact.FILE).read_text()
    sizes = [(path.name, path.stat().st_size) for path in sorted(folder.glob("*.safetensors"))]
    return hashlib.sha256(f"{text}{sizes}".encode()).hexdigest()[:12]
