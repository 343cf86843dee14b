"""The saved model folder: HF's own files plus `lakesight.json`, all that prediction needs.

Plain HF code loads the folder too (`AutoModel...from_pretrained`). Torch-free: model and processor
are written through their own `save_pretrained`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cvcore.config.schema import Config, ModelConf, RecipeConf, TaskConf
from cvcore.data.labels import LabelSpace
from cvcore.errors import ModelError
from cvcore.metrics.tracker import finite

FILE = "lakesight.json"
FORMAT = 1


@dataclass(frozen=True)
class Artifact:
    """What `lakesight.json` says.

    Attributes:
        task: kind, metric and most detections.
        model: the model's configuration; its `checkpoint` is the folder once read.
        labels: the label space it predicts.
        score_threshold: predictions below are not shown, unless their class has its own.
        class_thresholds: thresholds by class name.
        fingerprint: of the training data.
        metrics: of the evaluation that chose this model; undefined ones (NaN) are not written.
    """

    task: TaskConf
    model: ModelConf
    labels: LabelSpace
    score_threshold: float = 0.3
    class_thresholds: dict[str, float] = field(default_factory=dict)
    fingerprint: str = ""
    metrics: dict[str, float] = field(default_factory=dict)


def of_run(
    config: Config, labels: LabelSpace, fingerprint: str, metrics: dict[str, float] | None = None
) -> Artifact:
    """Return the artifact of a training with this configuration."""
    return Artifact(
        task=config.task,
        model=config.model,
        labels=labels,
        score_threshold=config.serving.score_threshold,
        fingerprint=fingerprint,
        metrics=dict(metrics or {}),
    )


def save(folder: Path, artifact: Artifact, model: Any, processor: Any) -> None:
    """Write model, processor and `lakesight.json`; the last one last, so a torn folder has none.

    Args:
        folder: created if it is not there.
        artifact: what to say of it.
        model: an HF model; written as safetensors.
        processor: an HF image processor.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).unlink(missing_ok=True)
    model.save_pretrained(folder, state_dict=_weights(model), safe_serialization=True)
    processor.save_pretrained(folder)
    write(folder, artifact)


def _weights(model: Any) -> dict[str, Any]:
    """Return a model's weights by name, each in memory of its own; a tied one stays tied.

    DeepSpeed makes all of them views of one buffer. HF takes what shares a buffer for tied, and
    leaves out all names that may be: the whole head of a RT-DETR or D-FINE.
    """
    copies: dict[int, Any] = {}
    named = model.state_dict(keep_vars=True)
    return {
        name: copies.setdefault(id(value), value.detach().cpu().clone())
        for name, value in named.items()
    }


def write(folder: Path, artifact: Artifact) -> None:
    """Write `lakesight.json` alone."""
    content = {
        "format": FORMAT,
        "task": asdict(artifact.task),
        "model": asdict(artifact.model),
        "labels": artifact.labels.to_dict(),
        "score_threshold": artifact.score_threshold,
        "class_thresholds": artifact.class_thresholds,
        "fingerprint": artifact.fingerprint,
        "metrics": finite(artifact.metrics),
    }
    _replace(folder / FILE, content)


def set_class_thresholds(folder: Path, thresholds: Mapping[str, float]) -> None:
    """Change the thresholds by class name in a written `lakesight.json`; the rest stays."""
    content = json.loads((folder / FILE).read_text())
    _replace(folder / FILE, {**content, "class_thresholds": finite(thresholds)})


def _replace(file: Path, content: dict[str, Any]) -> None:
    part = file.with_name(f"{FILE}.part")
    part.write_text(json.dumps(content, indent=1, allow_nan=False))
    part.replace(file)


def read(folder: Path) -> Artifact:
    """Read `lakesight.json`; the model's checkpoint becomes the folder itself.

    Raises:
        ModelError: the folder is not a Lakesight model, or of a newer format.
    """
    file = folder / FILE
    if not file.is_file():
        raise ModelError(
            f"{folder} is not a Lakesight model: it has no {FILE}. Give the folder 'best' of a "
            "run (runs/<time>-<task>/best), or train one with 'lakesight train'."
        )
    try:
        content = json.loads(file.read_text())
        if content["format"] > FORMAT:
            raise ModelError(
                f"{file} has format {content['format']}, this Lakesight reads up to {FORMAT}: "
                "upgrade Lakesight."
            )
        model = content["model"]
        model["recipe"] = RecipeConf(**model["recipe"])
        model["checkpoint"] = str(folder)
        return Artifact(
            task=TaskConf(**content["task"]),
            model=ModelConf(**model),
            labels=LabelSpace.from_dict(content["labels"]),
            score_threshold=content["score_threshold"],
            class_thresholds=content["class_thresholds"],
            fingerprint=content["fingerprint"],
            metrics=content["metrics"],
        )
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ModelError(
            f"{file} can't be read ({error!r}): the folder is torn or was edited. Copy it again "
            "from its run."
        ) from error
