"""A saved model into MLflow: package, facts and card; a version where a name is given."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cvcore.serve import card as cards
from cvcore.serve import pyfunc
from cvcore.serve.register.facts import FILE, LAST_TAG, Facts
from cvcore.serve.register.gather import facts_of

TAG = "lakesight_{}"
"""Tags of a version; Unity Catalog takes no dot in a key."""
WEIGHTS = "weights"
"""Key of the MLflow model's metadata: the hash of the weights."""


@dataclass(frozen=True)
class Published:
    """A logged model.

    Attributes:
        uri: of the model in MLflow.
        version: of the registered model; "" without one.
        completed: whether an earlier registration that was killed had left the version half made.
    """

    uri: str
    version: str = ""
    completed: bool = False


def folder_of(model: str, version: str) -> str:
    """Return where the run's artifacts hold what belongs to a version: facts, card, gate reports."""
    return f"registry/{model}/{version}"


def publish(
    folder: Path,
    uri: str,
    run_id: str,
    register_as: str | None = None,
    facts: Facts | None = None,
    tags: Mapping[str, str] | None = None,
) -> Published:
    """Log a saved model folder to an MLflow run, whose status stays; register it if asked.

    A version of the same weights that a killed registration left half made is completed instead.

    Args:
        folder: what `artifact.save` wrote.
        uri: MLflow tracking URI.
        run_id: of an existing run.
        register_as: name of the registered model.
        facts: what is known of it; None: read from the folder's run.
        tags: of the version, beside ours.
    """
    facts = facts or facts_of(folder, run_id)
    half = _half_made(uri, run_id, register_as, facts) if register_as else None
    with tempfile.TemporaryDirectory(prefix="lakesight-model-") as temporary:
        card_file, facts_file = Path(temporary, cards.FILE), Path(temporary, FILE)
        card_file.write_text(cards.card(facts, register_as or ""), encoding="utf-8")
        facts_file.write_text(facts.to_json(), encoding="utf-8")
        extra = {"card": str(card_file), "facts": str(facts_file)}
        if half is not None:
            published = half
        else:
            about = {WEIGHTS: facts.weights}
            info = pyfunc.log(folder, uri, run_id, register_as, extra, facts.packages, about)
            published = Published(str(info.model_uri), str(info.registered_model_version or ""))
        if register_as:
            import mlflow

            client = mlflow.MlflowClient(uri)
            into = folder_of(register_as, published.version)
            client.log_artifact(run_id, str(facts_file), into)
            client.log_artifact(run_id, str(card_file), into)
            _describe(client, register_as, published, facts, tags or {})
    return published


def _half_made(uri: str, run_id: str, model: str, facts: Facts) -> Published | None:
    """Return a version of the run, of the same weights, that nobody described to the end."""
    import mlflow

    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient(uri)
    # A registry that does not tell (there is no such model yet) has none.
    with contextlib.suppress(mlflow.MlflowException, OSError):
        for found in client.search_model_versions(f"name='{model}'"):
            if found.run_id != run_id or found.status != "READY":
                continue
            # Unity Catalog's search leaves tags out.
            version = client.get_model_version(model, found.version)
            if LAST_TAG not in version.tags:
                about = mlflow.models.get_model_info(version.source).metadata or {}
                if about.get(WEIGHTS) == facts.weights:
                    return Published(version.source, str(version.version), completed=True)
    return None


def _describe(
    client: Any, model: str, published: Published, facts: Facts, tags: Mapping[str, str]
) -> None:
    split = facts.judged_on()
    value = facts.splits[split].value(facts.primary) if split else None
    ours = {
        "labels": facts.label_space,
        "data": facts.data_fingerprint,
        "run": facts.run_id,
        "weights": facts.weights,
        "licence": facts.licence,
        "figure": "" if value is None else f"{facts.primary} {value:.4f} on {split}",
    }
    for key, text in ours.items():
        if text:
            client.set_model_version_tag(model, published.version, TAG.format(key), text[:1000])
    for key, text in tags.items():
        client.set_model_version_tag(model, published.version, key, text)
    client.update_model_version(model, published.version, cards.summary(facts)[:5000])
    client.set_model_version_tag(model, published.version, LAST_TAG, facts.task)
