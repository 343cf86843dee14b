"""The small files beside a model that Model Serving serves: its label space, and how its training was.

`python -m launch.monitor.served_files <models:/name/version> <folder> <profile>` brings them, in a process of
its own: MLflow's way to Unity Catalog goes by process-wide settings.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from cvcore.cli.exit import exit_code
from cvcore.metrics import server
from cvcore.monitor import reference
from cvcore.serve import artifact
from launch.errors import LaunchError
from launch.registry import child
from launch.serving.types import Served

_TIMEOUT_S = 300.0


def fetch(served: Served, target: Path, profile: str | None = None) -> None:
    """Bring a registered version's files here, unless they are; its weights stay where they are.

    Args:
        served: the version.
        target: folder; whole or not there.
        profile: of the workspace's credentials.

    Raises:
        LaunchError: they can't be had.
    """
    if any(target.rglob(artifact.FILE)):
        return
    uri = f"models:/{served.model}/{served.version}"
    words = ["launch.monitor.served_files", uri, str(target), profile or ""]
    child.run(words, f"fetching what lies beside {uri}", timeout_s=_TIMEOUT_S)


def bring(uri: str, target: Path, profile: str) -> list[str]:
    """Download the files; return their names.

    Raises:
        LaunchError: they can't be had.
    """
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    suffix = f"://{profile}" if profile else ""
    names: list[str] = []
    try:
        import mlflow
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        mlflow.set_tracking_uri(f"databricks{suffix}")
        mlflow.set_registry_uri(f"databricks-uc{suffix}")
        repository = get_artifact_repository(uri)
        for path in _files(repository):
            name = Path(path).name
            if name in (artifact.FILE, reference.FILE):
                repository.download_artifacts(path, str(part))
                names.append(name)
    except Exception as error:
        raise LaunchError(
            f"the files of {uri} can't be read, so drift can't be told: {server.in_words(error)}. It needs "
            "EXECUTE on the model, USE SCHEMA and USE CATALOG."
        ) from error
    shutil.rmtree(target, ignore_errors=True)
    part.replace(target)
    return names


def _files(repository: Any) -> list[str]:
    """Return the paths of a model's files."""
    found: list[str] = []
    folders = [""]
    while folders:
        for one in repository.list_artifacts(folders.pop() or None):
            (folders if one.is_dir else found).append(one.path)
    return found


def main(words: list[str]) -> int:
    """Bring them; the last line is what came, as JSON."""

    def run() -> int:
        uri, target, profile = words
        sys.stdout.write(json.dumps({"files": bring(uri, Path(target), profile)}) + "\n")
        return 0

    return exit_code(run)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
