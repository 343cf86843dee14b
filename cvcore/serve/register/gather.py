"""The facts of a saved model folder, from its run's reports. Torch-free."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cvcore.evaluate.names import PRIMARY
from cvcore.evaluate.report import LATENCY, SUMMARY
from cvcore.serve import artifact
from cvcore.serve.register.facts import Facts, SplitFacts
from cvcore.serve.requirements import recorded

MIB = 2**20
ROBUSTNESS = "robustness.json"


def facts_of(folder: Path, run_id: str = "") -> Facts:
    """Return what is known of a saved model.

    Its reports are those of its run (`report/val`, `report/test` beside the folder), or in the
    folder itself if it has no run. A report of another label space is not this model's.

    Raises:
        ModelError: the folder is not a model.
    """
    described = artifact.read(folder)
    raw = json.loads((folder / artifact.FILE).read_text())["model"]
    reports = report_dir(folder)
    splits = {}
    for name in ("val", "test"):
        found = _split(reports / name)
        if found and found.certificate.get("label_space") == described.labels.hash:
            splits[name] = found
    weights = weights_hash(folder)
    model = described.model
    metric = described.task.metric
    return Facts(
        task=described.task.kind,
        primary=metric if metric != "???" else PRIMARY[described.task.kind],
        classes=described.labels.names,
        label_space=described.labels.hash,
        data_fingerprint=described.fingerprint,
        model={
            "model_type": model.model_type or _model_type(folder),
            "checkpoint": raw.get("checkpoint"),
            "description": model.description,
            "params_m": model.params_m,
            "image_size": list(model.image_size),
            "resize": model.resize,
        },
        licence=model.licence,
        licence_note=model.licence_note,
        score_threshold=described.score_threshold,
        class_thresholds=described.class_thresholds,
        splits=splits,
        size_mib=round(sum(f.stat().st_size for f in folder.iterdir() if f.is_file()) / MIB, 3),
        latency=_measured(reports, [LATENCY, f"test/{LATENCY}", f"val/{LATENCY}"], weights),
        robustness=_measured(reports, [ROBUSTNESS], weights),
        weights=weights,
        run_id=run_id,
        packages=recorded(folder.parent),
    )


def _split(folder: Path) -> SplitFacts | None:
    summary, per_class = _read(folder / SUMMARY), _read(folder / "per_class.json")
    if summary is None:
        return None
    return SplitFacts(summary["metrics"], per_class or {}, summary["certificate"])


def _model_type(folder: Path) -> str | None:
    return (_read(folder / "config.json") or {}).get("model_type")


def weights_hash(folder: Path) -> str:
    """Return 16 hex digits of the sha256 over the weight files of a saved model, in their order."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.safetensors")):
        with file.open("rb") as stream:
            while chunk := stream.read(1 << 22):
                digest.update(chunk)
    return digest.hexdigest()[:16]


def report_dir(folder: Path) -> Path:
    """Return where a saved model's measurements lie: its run's `report`, else its own."""
    return (folder.parent if (folder.parent / "run.json").is_file() else folder) / "report"


def _measured(reports: Path, names: Iterable[str], weights: str) -> dict[str, Any] | None:
    """Return the first measurement of these weights; one that names no weights is taken."""
    for name in names:
        found = _read(reports / name)
        if found and found.get("weights", weights) == weights:
            return found
    return None


def _read(file: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError):
        return None
    return found
