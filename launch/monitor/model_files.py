"""The files beside a served model that monitoring needs: its reference, its label space."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from cvcore.data.labels import LabelSpace
from cvcore.errors import ModelError
from cvcore.monitor import reference
from cvcore.monitor.reference import Reference
from cvcore.serve import artifact
from launch.monitor.settings import folder_of
from launch.serving.types import Endpoint, Endpoints


def model_folder(served: Path) -> Path | None:
    """Return the saved model folder within an MLflow model; None if it has none (yet)."""
    return next((file.parent for file in sorted(served.rglob(artifact.FILE))), None)


@lru_cache(maxsize=32)
def labels_hash(served: Path) -> str:
    """Return the hash of a served version's label space; "" if it has none."""
    folder = model_folder(served)
    if folder is None:
        return ""
    try:
        return str(json.loads((folder / artifact.FILE).read_text())["labels"]["hash"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def labels_of(served: Path) -> LabelSpace | None:
    """Return a served version's label space; None if it has none."""
    folder = model_folder(served)
    return None if folder is None else artifact.read(folder).labels


def reference_of(served: Path) -> Reference:
    """Return how things were in the training of a served version.

    Raises:
        ModelError: it does not tell; says why.
    """
    folder = model_folder(served)
    if folder is None:
        raise ModelError(
            f"{served.name} is no model of Lakesight, or is not here yet: drift can't be told."
        )
    return reference.read(folder / reference.FILE)


def main_version(endpoint: Endpoint) -> str:
    """Return the version with the largest share of the traffic; "" if there is none."""
    return max(endpoint.served, key=lambda one: one.share).name if endpoint.served else ""


def models_dir(endpoints: Endpoints, name: str) -> Path:
    """Return the folder of an endpoint's models, by served name; for Databricks what was fetched."""
    here = getattr(endpoints, "models_dir", None)
    return here(name) if here else folder_of(endpoints.place, name) / "models"
