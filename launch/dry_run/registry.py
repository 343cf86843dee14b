"""The registered version of a dry run: looked at, then taken away again."""

from __future__ import annotations

import contextlib
from typing import Any

from cvcore.errors import ConfigError
from cvcore.metrics import server


def version_of(client: Any, name: str, run_id: str) -> str:
    """Return the version of a registered model that a run made.

    Raises:
        ConfigError: there is none, or the registry does not answer.
    """
    try:
        found = client.search_model_versions(f"name='{name}'")
    except Exception as error:
        raise ConfigError(
            f"the model registry can't be read ({server.in_words(error)}). Check registry.register_as "
            "and your rights there."
        ) from error
    for version in found:
        if version.run_id == run_id:
            return str(version.version)
    raise ConfigError(
        f"no version of {name!r} was registered by the dry run. Check registry.register_as."
    )


def take_away(client: Any, run_id: str, name: str | None) -> None:
    """Delete the dry run's MLflow run, model, registered version and files, as far as it may."""
    places: list[str] = []
    with contextlib.suppress(Exception):
        info = client.get_run(run_id).info
        places.append(info.artifact_uri)
        models = client.search_logged_models(
            [info.experiment_id], filter_string=f"source_run_id='{run_id}'"
        )
        for model in models:
            places.append(model.artifact_location)
            client.delete_logged_model(model.model_id)
    if name is not None:
        with contextlib.suppress(Exception):
            client.delete_registered_model(name)
    with contextlib.suppress(Exception):
        client.delete_run(run_id)
    for place in places:
        # Deleting a run leaves its files, which for a model are several MB.
        with contextlib.suppress(Exception):
            _delete_files(place)


def _delete_files(uri: str) -> None:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    get_artifact_repository(uri).delete_artifacts()
